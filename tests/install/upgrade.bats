# What a machine that has the worker goes through: the same file, newer ones, broken ones, and back.
load machine
bats_require_minimum_version 1.5.0

setup() {
  new_machine installed
  ONE=$(release_of_file one)
}

@test "the same file again changes nothing" {
  before=$(picture)
  run -0 install_sh --watch 1 /root/one
  [ "$output" = "whatsapp-worker 1.0.0 (release $ONE) is installed already: nothing to do." ]
  [ "$(picture)" = "$before" ]
  run ! grep -v 'systemctl show' "$MACHINE/fake/log"
}

@test "the configuration is never written again" {
  echo "# mine" >>"$CONFIG"
  before=$(stat -c '%Y %i' "$CONFIG" && cat "$CONFIG")
  worker two 1.1.0
  printf 'amqp://other\n' >"$MACHINE/root/url"
  run -0 install_sh LOG_LEVEL=debug --watch 1 --rabbitmq-url-file /root/url /root/two
  [[ $output = *"--rabbitmq-url-file is not used"* ]]
  [ "$(stat -c '%Y %i' "$CONFIG" && cat "$CONFIG")" = "$before" ]
}

@test "a newer file is put to use, and the one before is kept" {
  UNIT_OF=two worker two 1.1.0
  run -0 install_sh --watch 1 /root/two
  [ "$(current)" = "$(release_of_file two)" ]
  [ "$(previous)" = "$ONE" ]
  grep -qx '# unit of two' "$MACHINE/etc/systemd/system/worker.service"
  grep -qx 'systemctl daemon-reload' "$MACHINE/fake/log"
  [ "$(service)" = started ]
  [ ! -e "$OPT/start-pending" ]
  [ ! -L "$OPT/trial" ]
}

@test "a release that crashes is rolled back by itself, with its unit, and the journal is shown" {
  UNIT_OF=two worker two 1.1.0 crashing
  run -70 install_sh --watch 3 /root/two
  [[ $output = *"what the worker logged"* ]]
  [[ $output = *"Rolled back to release $ONE. Release $(release_of_file two): it ended and was restarted"* ]]
  [ "$(current)" = "$ONE" ]
  [ ! -L "$OPT/previous" ]
  [ ! -L "$OPT/trial" ]
  [ "$(service)" = started ]
  [ "$(cat "$MACHINE/fake/behaviour")" = ready ]
  [ ! -e "$OPT/start-pending" ]
  grep -qx '# unit of all' "$MACHINE/etc/systemd/system/worker.service"
}

@test "a rollback by itself goes to the release before, also when there is an older previous one" {
  worker two 1.1.0
  worker three 1.2.0 refusing
  install_sh --watch 1 /root/two
  run -70 install_sh --watch 1 /root/three
  [[ $output = *"it failed (exit-code, exit code 78)"* ]]
  [ "$(current)" = "$(release_of_file two)" ]
  [ "$(previous)" = "$ONE" ]
}

@test "one that comes up and then falls is rolled back, too" {
  worker two 1.1.0 flaky
  run -70 install_sh --watch 5 /root/two
  [ "$(current)" = "$ONE" ]
}

@test "one that waits for the broker until the time is over is rolled back, and its words are shown" {
  worker two 1.1.0 waiting
  run -70 install_sh --watch 1 /root/two
  [[ $output = *"it was not ready within 1 s (waiting for the broker: connection refused)"* ]]
  [ "$(current)" = "$ONE" ]
}

@test "one whose check fails never gets to run" {
  worker two 1.1.0 ready 78
  run -78 install_sh --watch 1 /root/two
  [[ $output = *"was not put to use"* ]]
  [ "$(current)" = "$ONE" ]
  run ! grep -q 'systemctl stop' "$MACHINE/fake/log"
}

@test "the database is copied before, and told when the older release cannot read the newer one" {
  echo database >"$MACHINE/var/lib/whatsapp-worker/worker.db"
  chown 990:990 "$MACHINE/var/lib/whatsapp-worker/worker.db"
  worker two 1.1.0 crashing
  touch "$MACHINE/fake/schema"
  run -70 install_sh --watch 1 /root/two
  [ "$(cat "$MACHINE/var/lib/whatsapp-worker/before-upgrade/worker.db")" = database ]
  [[ $output = *"does not become ready either: it failed (exit-code, exit code 73)"*"before-upgrade/worker.db*"* ]]
}

@test "a service that was stopped by hand is not started" {
  echo inactive >"$MACHINE/fake/state"
  worker two 1.1.0
  run -0 install_sh --watch 1 /root/two
  [[ $output = *"The service was stopped and is left so."* ]]
  [ "$(service)" = inactive ]
  [ "$(current)" = "$(release_of_file two)" ]
}

@test "--no-start puts the release in place and leaves the service alone" {
  worker two 1.1.0
  run -0 install_sh --no-start /root/two
  [ "$(current)" = "$(release_of_file two)" ]
  run ! grep -Eq 'systemctl (stop|start)' "$MACHINE/fake/log"
}

@test "a unit that was edited by hand is left as it is, which is told" {
  echo "Nice=5" >>"$MACHINE/etc/systemd/system/worker.service"
  UNIT_OF=two worker two 1.1.0
  run -0 install_sh --watch 1 /root/two
  [[ $output = *"was edited by hand and is left as it is"* ]]
  grep -qx 'Nice=5' "$MACHINE/etc/systemd/system/worker.service"
}

@test "three releases are kept" {
  touch -d "@1700000001" "$OPT/releases/$ONE"
  for n in 2 3 4 5; do
    worker "file$n" "1.$n.0"
    install_sh --watch 1 "/root/file$n" >/dev/null
    touch -d "@$((1700000000 + n))" "$OPT/releases/$(release_of_file "file$n")"
  done
  run -0 ls "$OPT/releases"
  [ "${#lines[@]}" -eq 3 ]
  [ ! -e "$OPT/releases/$ONE" ]
  [ -d "$OPT/releases/$(previous)" ]
  [ -d "$OPT/releases/$(current)" ]
}

@test "releases that were not taken do not pile up" {
  for n in 2 3 4 5; do
    worker "file$n" "1.$n.0" crashing $((n % 2 * 78))
    install_sh --watch 1 "/root/file$n" >/dev/null 2>&1 || :
  done
  run -0 ls "$OPT/releases"
  [ "${#lines[@]}" -le 3 ]
  [ "$(current)" = "$ONE" ]
}

@test "no room for a copy of the database: nothing is upgraded" {
  echo database >"$MACHINE/var/lib/whatsapp-worker/worker.db"
  chmod 000 "$MACHINE/var/lib/whatsapp-worker/worker.db"
  worker two 1.1.0
  run -70 install_sh --watch 1 /root/two
  [[ $output = *"there is no room for a copy of the database"* ]]
  [ "$(current)" = "$ONE" ]
  [ "$(service)" = started ]
  [ ! -e "$MACHINE/var/lib/whatsapp-worker/before-upgrade" ]
}

@test "--rollback goes to the release before, and again back" {
  worker two 1.1.0
  install_sh --watch 1 /root/two
  run -0 install_sh --rollback --watch 1
  [ "$(current)" = "$ONE" ]
  [ "$(previous)" = "$(release_of_file two)" ]
  run -0 install_sh --rollback --watch 1
  [ "$(current)" = "$(release_of_file two)" ]
  [ "$(previous)" = "$ONE" ]
}

@test "--rollback without a release to go to says so" {
  run -66 install_sh --rollback
  [ "$(service)" = started ]
}

@test "after a kill -9 at any point the next run makes it good" {
  worker two 1.1.0
  # Every program that install.sh calls is a point; the n-th one kills it instead.
  mkdir "$MACHINE/killing"
  for program in "$MACHINE"/usr/bin/*; do
    name=${program##*/}
    cat >"$MACHINE/killing/$name" <<KILLER
#!/usr/bin/sh
count=\$((\$(/usr/bin/cat /fake/count) + 1))
echo "\$count" >/fake/count
if [ "\$count" -eq "\$(/usr/bin/cat /fake/kill_at)" ]; then kill -9 \$INSTALLER; exit 1; fi
exec /usr/bin/$name "\$@"
KILLER
  done
  chmod +x "$MACHINE"/killing/*
  cp "$MACHINE/root/install.sh" "$BATS_TEST_TMPDIR/install.sh"
  base=$MACHINE
  for at in $(seq 1 11 400); do
    MACHINE=$BATS_TEST_TMPDIR/killed-$at
    copy_machine "$base" "$MACHINE"
    OPT=$MACHINE/opt/whatsapp-worker
    echo 0 >"$MACHINE/fake/count"
    echo "$at" >"$MACHINE/fake/kill_at"
    status=0
    env -i PATH=/killing:/usr/bin:/usr/sbin /usr/sbin/chroot "$MACHINE" /usr/bin/sh -c \
      'export INSTALLER=$$; exec /usr/bin/sh /root/install.sh --watch 1 /root/two' </dev/null >/dev/null 2>&1 || status=$?
    [ "$status" -ne 0 ] || break
    [ -x "$OPT/current/worker" ]
    run -0 install_sh --watch 1 /root/two
    [ "$(current)" = "$(release_of_file two)" ]
    [ "$(previous)" = "$ONE" ]
    [ "$(service)" = started ]
    [ -z "$(find "$MACHINE/opt" "$MACHINE/etc" -name '*.new' -o -name '.incoming' -o -name '.outgoing' -o -name trial \
      -o -name start-pending)" ]
    rm -r "$MACHINE"
  done
  [ "$status" -eq 0 ]
}

@test "an interrupted trial of a bad release does not make it the one to go back to" {
  worker two 1.1.0 crashing
  ln -s "releases/$ONE" "$OPT/trial"
  cp -r "$OPT/releases/$ONE" "$OPT/releases/$(release_of_file two)"
  cp "$MACHINE/root/two" "$OPT/releases/$(release_of_file two)/worker"
  ln -sfn "releases/$(release_of_file two)" "$OPT/current"
  touch "$OPT/start-pending"
  echo inactive >"$MACHINE/fake/state"
  run -70 install_sh --watch 1 /root/two
  [ "$(current)" = "$ONE" ]
  [ "$(service)" = started ]
}

@test "a connection that ends while the service is down does not leave it so" {
  worker two 1.1.0
  echo HUP >"$MACHINE/fake/signal"
  run -0 install_sh --watch 1 /root/two
  [ "$(current)" = "$(release_of_file two)" ]
  [ "$(service)" = started ]
}

@test "Ctrl-C while the service is down goes back to the release before" {
  worker two 1.1.0
  echo INT >"$MACHINE/fake/signal"
  run -70 install_sh --watch 1 /root/two
  [[ $output = *"it was interrupted"* ]]
  [ "$(current)" = "$ONE" ]
  [ "$(service)" = started ]
}

@test "a full disk leaves the release that runs as it is" {
  mkdir "$BATS_TEST_TMPDIR/opt"
  mv "$OPT" "$BATS_TEST_TMPDIR/opt/"
  mount -t tmpfs -o size=300k tmpfs "$MACHINE/opt" || {
    mv "$BATS_TEST_TMPDIR/opt/whatsapp-worker" "$MACHINE/opt/"
    skip "takes root that may mount"
  }
  cp -a "$BATS_TEST_TMPDIR/opt/whatsapp-worker" "$MACHINE/opt/"
  worker two 1.1.0
  head -c 300000 /dev/urandom >>"$MACHINE/root/two"
  status=0
  output=$(install_sh --watch 1 /root/two 2>&1) || status=$?
  now=$(current) there=$(ls -A "$OPT/releases")
  umount "$MACHINE/opt"
  [ "$status" -eq 73 ]
  [[ $output = *"What was installed before is as it was"* ]]
  [ "$now" = "$ONE" ]
  [ "$there" = "$ONE" ]
  [ "$(service)" = started ]
}

@test "a damaged release is unpacked anew" {
  echo "damage" >>"$OPT/current/worker"
  run -0 install_sh --watch 1 /root/one
  cmp "$MACHINE/root/one" "$OPT/current/worker"
}

@test "a release that lost what was unpacked, or has it damaged, is unpacked anew" {
  for damage in "rm -r" "truncate -s 5" "sh -c 'printf x | dd conv=notrunc status=none of=\$0'"; do
    eval "$damage $OPT/current/unpacked/1.0.0/app.mjs"
    run -0 install_sh --watch 1 /root/one
    [[ $output = *"- unpack /root/one as"* ]]
    [ "$(stat -c %s "$OPT/current/unpacked/1.0.0/app.mjs")" -eq 100000 ]
    cmp "$OPT/current/unpacked/1.0.0/app.mjs" /dev/zero -n 100000
    run -0 install_sh --watch 1 /root/one
    [[ $output = *"nothing to do." ]]
  done
}

@test "a current release that is gone is not gone back to" {
  worker two 1.1.0 crash
  ln -sfn releases/0123456789abcdef "$OPT/current"
  run -70 install_sh --watch 1 /root/two
  [[ $output = *"The service did not become ready"* ]]
  [ "$(current)" = "$(release_of_file two)" ]
  [ ! -e "$OPT/previous" ] && [ ! -L "$OPT/previous" ]
  run -0 install_sh --watch 1 /root/one
  [ "$(current)" = "$ONE" ]
}

@test "--status tells release, previous and service" {
  worker two 1.1.0
  install_sh --watch 1 /root/two
  run -0 install_sh --status
  [[ $output = *"whatsapp-worker 1.1.0"*"$(current)"*"$ONE"*"active (x), enabled"*"0 numbers, 0 connected"* ]]
}
