# Into a folder, for images.
load machine
bats_require_minimum_version 1.5.0

setup() {
  ROOT=$BATS_TEST_TMPDIR/image
  mkdir -p "$ROOT/etc"
  FILE=$BATS_TEST_TMPDIR/worker
  worker_text 1.0.0 ready 0 >"$FILE"
  chmod +x "$FILE"
  # Whatever would touch this machine fails the test.
  mkdir "$BATS_TEST_TMPDIR/bin"
  for program in systemctl useradd groupadd userdel runuser; do
    printf '#!/bin/sh\necho "%s $*" >>"%s"\nexit 1\n' "$program" "$BATS_TEST_TMPDIR/touched" \
      >"$BATS_TEST_TMPDIR/bin/$program"
  done
  chmod +x "$BATS_TEST_TMPDIR"/bin/*
}

into_image() {
  env -i PATH="$BATS_TEST_TMPDIR/bin:$PATH" RABBITMQ_URL=amqp://user:secret@broker \
    "$REPOSITORY/install.sh" --root "$ROOT" "$@" </dev/null
}

@test "everything goes into the folder, with links that hold inside it, and nothing of this machine is touched" {
  run -0 into_image "$FILE"
  hash=$(sha256sum <"$FILE" | cut -c 1-16)
  [ "$(readlink "$ROOT/opt/whatsapp-worker/current")" = "releases/$hash" ]
  [ "$(readlink "$ROOT/usr/local/bin/whatsapp-worker")" = /opt/whatsapp-worker/current/worker ]
  grep -qx RABBITMQ_URL=amqp://user:secret@broker "$ROOT/etc/whatsapp-worker/worker.env"
  [ "$(stat -c %a "$ROOT/etc/whatsapp-worker/worker.env")" = 640 ]
  [ -f "$ROOT/etc/systemd/system/worker.service" ]
  [ ! -e "$BATS_TEST_TMPDIR/touched" ]
}

@test "the image's own user owns what is theirs" {
  [ "$(id -u)" -eq 0 ] || skip "takes root"
  echo "whatsapp-worker:x:991:992::/:/bin/false" >"$ROOT/etc/passwd"
  run -0 into_image "$FILE"
  [ "$(stat -c %u:%g "$ROOT/var/lib/whatsapp-worker")" = 991:992 ]
  [ "$(stat -c %u:%g "$ROOT/etc/whatsapp-worker/worker.env")" = 0:992 ]
}

@test "again, newer, back, and out of it again" {
  into_image "$FILE"
  run -0 into_image "$FILE"
  [[ $output = *"nothing to do."* ]]
  first=$(readlink "$ROOT/opt/whatsapp-worker/current")
  worker_text 1.1.0 ready 0 >"$FILE"
  run -0 into_image "$FILE"
  [ "$(readlink "$ROOT/opt/whatsapp-worker/previous")" = "$first" ]
  run -0 into_image --rollback
  [ "$(readlink "$ROOT/opt/whatsapp-worker/current")" = "$first" ]
  run -0 into_image --status
  [[ $output = *"whatsapp-worker 1.0.0"* ]]
  run -0 into_image --purge --yes
  [ -z "$(find "$ROOT" -name '*worker*' -not -path '*/run/*')" ]
  [ ! -e "$BATS_TEST_TMPDIR/touched" ]
}
