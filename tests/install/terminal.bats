# What is asked on a terminal, and how it is answered there.
load machine
bats_require_minimum_version 1.5.0

setup() {
  ROOT=$BATS_TEST_TMPDIR/image
  mkdir -p "$ROOT/etc"
  worker_text 1.0.0 ready 0 >"$BATS_TEST_TMPDIR/worker"
  chmod +x "$BATS_TEST_TMPDIR/worker"
}

# on_terminal "OPTIONS" QUESTION KEYS…: waits for each question before it presses the keys, as printf's %b has them.
on_terminal() {
  local command="trap : INT; $REPOSITORY/install.sh --root $ROOT $1; code=\$?; stty -a; exit \$code"
  local seen="$BATS_TEST_TMPDIR/seen" question
  shift
  rm -f "$BATS_TEST_TMPDIR/keys"
  mkfifo "$BATS_TEST_TMPDIR/keys"
  : >"$seen"
  env -u RABBITMQ_URL -u WORKER_ID timeout 20 script -qefc "$command" "$seen" <"$BATS_TEST_TMPDIR/keys" >/dev/null &
  exec 7>"$BATS_TEST_TMPDIR/keys"
  while [ $# -gt 0 ]; do
    question=$1
    until_so grep -q "$question" "$seen"
    printf %b "$2" >&7
    shift 2
  done
  status=0
  wait $! || status=$?
  exec 7>&-
  output=$(cat "$seen")
}

@test "the URL is asked for and not shown, the name has a default" {
  on_terminal "$BATS_TEST_TMPDIR/worker" RABBITMQ_URL 'amqp://user:hush@broker\n' WORKER_ID '\n'
  [ "$status" -eq 0 ]
  [[ $output != *hush* ]]
  grep -qx RABBITMQ_URL=amqp://user:hush@broker "$ROOT/etc/whatsapp-worker/worker.env"
  grep -qx WORKER_ID=worker-1 "$ROOT/etc/whatsapp-worker/worker.env"
}

@test "Ctrl-C at the question leaves a terminal that shows what is typed" {
  on_terminal "$BATS_TEST_TMPDIR/worker" RABBITMQ_URL '\003'
  [ "$status" -eq 130 ]
  [[ $output = *" echo "* ]]
  [ ! -e "$ROOT/opt" ]
}

@test "--yes asks nothing" {
  on_terminal "--yes $BATS_TEST_TMPDIR/worker"
  [ "$status" -eq 0 ]
  grep -q CHANGE_ME "$ROOT/etc/whatsapp-worker/worker.env"
}

@test "--purge goes on after the word alone" {
  "$REPOSITORY/install.sh" --root "$ROOT" "$BATS_TEST_TMPDIR/worker" </dev/null
  on_terminal --purge 'Type "purge"' 'y\n'
  [ "$status" -eq 75 ]
  [ -f "$ROOT/etc/whatsapp-worker/worker.env" ]
  on_terminal --purge 'Type "purge"' 'purge\n'
  [ "$status" -eq 0 ]
  [ ! -e "$ROOT/etc/whatsapp-worker" ]
}
