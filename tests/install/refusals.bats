# What install.sh does not do, and how it says so.
load machine
bats_require_minimum_version 1.5.0

setup() { INSTALL=$REPOSITORY/install.sh; }

@test "a script that was cut off anywhere does nothing" {
  new_machine
  worker worker 1.0.0
  before=$(picture)
  size=$(stat -c %s "$INSTALL")
  # Every 97th byte, and every one of the end, where main is called.
  cuts="$(seq 1 97 $((size - 3))) $(seq $((size - 40)) $((size - 3)))"
  RABBITMQ_URL=amqp://user:secret@broker chroot "$MACHINE" sh <<CUT
for cut in $(tr '\n' ' ' <<<"$cuts"); do
  head -c "\$cut" /root/install.sh >/root/cut.sh
  sh /root/cut.sh --watch 1 >/root/said 2>&1 || :
done
CUT
  [ ! -e "$MACHINE/fake/log" ]
  [ "$(picture | grep -v /root)" = "$(grep -v /root <<<"$before")" ]
}

@test "unknown, doubled and incomplete options are refused by name" {
  run -64 "$INSTALL" --frobnicate=hush
  [[ $output = *"--frobnicate is not known"* ]]
  [[ $output != *hush* ]]
  run -64 "$INSTALL" --rollback --purge
  run -64 "$INSTALL" --watch
  run -64 "$INSTALL" --watch 0
  run -64 "$INSTALL" --watch=1h
  run -64 "$INSTALL" --root /nowhere/at/all
  run -64 "$INSTALL" one two
  run -64 "$INSTALL" --status one
}

@test "a URL on the command line is refused, and not repeated" {
  for arguments in "--rabbitmq-url amqp://user:hush@broker" --rabbitmq-url=amqp://user:hush@broker amqps://user:hush@broker; do
    # shellcheck disable=SC2086
    run -64 "$INSTALL" $arguments
    [[ $output = *"use --rabbitmq-url-file FILE"* ]]
    [[ $output != *hush* ]]
  done
}

@test "--help tells every option and exit code" {
  run -0 "$INSTALL" --help
  for word in --rollback --uninstall --purge --status --rabbitmq-url-file --watch --no-start --dry-run --root --yes \
    64 65 66 69 70 73 75 77 78; do
    [[ $output = *"$word"* ]]
  done
  # Each code that is used is told.
  for code in $(grep -o 'fail [0-9][0-9]' "$INSTALL" | cut -d' ' -f2 | sort -u); do
    [[ $output = *"$code "* ]]
  done
}

@test "another user than root is told to be root" {
  new_machine
  # They may not be let into the folder of the clone.
  cd /
  run -77 setpriv --reuid 65534 --clear-groups sh -s -- --uninstall <"$INSTALL"
  [[ $output = *"sudo ./install.sh"* ]]
}

@test "another machine, another system and another C library are refused" {
  new_machine
  worker one 1.0.0
  before=$(picture)
  for answer in "Linux aarch64" "Darwin x86_64"; do
    rm "$MACHINE/usr/bin/uname"
    printf '#!/bin/sh\ncase $1 in -s) echo %s ;; -m) echo %s ;; esac\n' $answer >"$MACHINE/usr/bin/uname"
    chmod +x "$MACHINE/usr/bin/uname"
    run -69 install_sh /root/one
  done
  printf '#!/bin/sh\ncase $1 in -s) echo Linux ;; -m) echo x86_64 ;; esac\n' >"$MACHINE/usr/bin/uname"
  rm "$MACHINE/usr/bin/getconf"
  run -69 install_sh /root/one
  [[ $output = *"needs glibc"* ]]
  [ ! -e "$OPT" ]
}

@test "a machine without getent or flock is refused before anything is touched" {
  new_machine
  worker one 1.0.0
  for program in getent flock; do
    rm "${MACHINE:?}/usr/bin/$program"
    run -69 install_sh --no-start /root/one
    [ "$output" = "There is no $program here: this is not for such a machine." ]
  done
  [ ! -e "$OPT" ]
}

@test "half a file, a changed one, one that is no worker and none at all are refused before anything is touched" {
  new_machine
  worker one 1.0.0
  echo "$(release_of_file one)00  one" >"$MACHINE/root/one.sha256"
  head -c 60 "$MACHINE/root/one" >"$MACHINE/root/half"
  printf '#!/bin/sh\necho nginx version 1.2\n' >"$MACHINE/root/other"
  printf '\177ELF' >"$MACHINE/root/elf"
  chmod +x "$MACHINE"/root/*
  worker plain 1.0.0
  chmod -x "$MACHINE/root/plain"
  before=$(picture)
  run -65 install_sh /root/one
  [[ $output = *one.sha256* ]]
  run -65 install_sh /root/half
  run -65 install_sh /root/other
  [[ $output = *"is not a WhatsApp worker"* ]]
  run -65 install_sh /root/elf
  run -65 install_sh /root/plain
  [[ $output = *"chmod +x /root/plain"* ]]
  run -66 install_sh /root/none
  run -66 install_sh
  [ "$(picture)" = "$before" ]
}

@test "a file is taken with the sha256 that lies beside it" {
  new_machine
  worker one 1.0.0
  (cd "$MACHINE/root" && sha256sum one >one.sha256)
  run -0 install_sh RABBITMQ_URL=amqp://user:secret@broker --watch 1 /root/one
}

@test "without FILE it is ./worker beside the script, else the newest in dist" {
  new_machine
  mkdir "$MACHINE/root/dist"
  worker dist/worker-1.0.0-linux-x86_64 1.0.0
  worker dist/worker-1.1.0-linux-x86_64 1.1.0
  touch -d "2020-01-01" "$MACHINE/root/dist/worker-1.0.0-linux-x86_64"
  run -0 install_sh RABBITMQ_URL=amqp://user:secret@broker --no-start
  [[ $output = *"whatsapp-worker 1.1.0 (release"* ]]
  worker worker 1.2.0
  run -0 install_sh --no-start
  [[ $output = *"(whatsapp-worker 1.2.0)"* ]]
}

@test "CDPATH leads it nowhere else" {
  new_machine
  worker worker 1.0.0
  run -0 env -i PATH=/usr/bin:/usr/sbin RABBITMQ_URL=amqp://user:secret@broker CDPATH=/ \
    chroot "$MACHINE" sh root/install.sh --no-start </dev/null
  [[ $output = *"- unpack /root/worker as "* ]]
}

@test "in a clone without a built file it builds, where there is npx, and else says what to install" {
  new_machine
  touch "$MACHINE/root/deno.json"
  run -66 install_sh
  [[ $output = *"apt-get install nodejs npm"* ]]
  worker prepared 1.3.0
  printf '#!/bin/sh\necho "$*" >/fake/npx && cp /root/prepared ./worker\n' >"$MACHINE/usr/bin/npx"
  chmod +x "$MACHINE/usr/bin/npx"
  run -0 install_sh RABBITMQ_URL=amqp://user:secret@broker --no-start
  [ "$(cat "$MACHINE/fake/npx")" = "--yes deno@2.9.6 task build" ]
  [ "$(current)" = "$(release_of_file worker)" ]
}

@test "two at once: the second says who is at work" {
  new_machine installed
  worker two 1.1.0
  worker slow 1.2.0
  mkfifo "$MACHINE/root/gate"
  sed -i 's|  --unpack)|  --unpack) read -r _ </root/gate;|' "$MACHINE/root/slow"
  install_sh --watch 1 /root/slow >/dev/null &
  first=$!
  until_so [ -e "$OPT/releases/.incoming/worker" ]
  run -75 install_sh --watch 1 /root/two
  [[ $output = *"at work (process "*", since "* ]]
  echo >"$MACHINE/root/gate"
  wait "$first"
  [ "$(current)" = "$(release_of_file slow)" ]
}

@test "a dry run does nothing, and tells what the real one does" {
  for kind in bare installed; do
    for arguments in "--watch 1 /root/two" --uninstall "--purge --yes"; do
      rm -rf "$BATS_TEST_TMPDIR/machine"
      new_machine "$kind"
      UNIT_OF=two worker two 1.1.0
      before=$(picture)
      # shellcheck disable=SC2086
      told=$(install_sh RABBITMQ_URL=amqp://user:secret@broker $arguments --dry-run)
      [ "$(picture)" = "$before" ]
      # shellcheck disable=SC2086
      done=$(install_sh RABBITMQ_URL=amqp://user:secret@broker $arguments)
      [ "$(sed -n 's/^would //p' <<<"$told")" = "$(sed -n 's/^- //p' <<<"$done")" ]
    done
  done
}
