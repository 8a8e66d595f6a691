# The first installation.
load machine
bats_require_minimum_version 1.5.0

setup() { new_machine; }

@test "a bare machine gets user, release, configuration, unit and a running service" {
  worker one 1.0.0
  run -0 install_sh RABBITMQ_URL=amqp://user:secret@broker:5672 WORKER_NAME="Réception (nord)" --watch 1 /root/one
  [[ $output = *"whatsapp-worker 1.0.0 (release $(release_of_file one)) is installed and runs."* ]]
  [ "$(current)" = "$(release_of_file one)" ]
  [ "$(service)" = started ]
  [ -e "$MACHINE/fake/enabled" ]
  [ "$(stat -c '%a %u:%g' "$CONFIG")" = "640 0:990" ]
  [ "$(stat -c '%a %u:%g' "${CONFIG%/*}")" = "750 0:990" ]
  [ "$(stat -c '%a %u:%g' "$MACHINE/var/lib/whatsapp-worker")" = "700 990:990" ]
  [ "$(stat -c '%a %u:%g' "$MACHINE/var/cache/whatsapp-worker")" = "700 990:990" ]
  grep -qx 'RABBITMQ_URL=amqp://user:secret@broker:5672' "$CONFIG"
  grep -qx "WORKER_NAME='Réception (nord)'" "$CONFIG"
  grep -qx 'SESSION_DIR=/var/lib/whatsapp-worker' "$CONFIG"
  chroot "$MACHINE" /usr/local/bin/whatsapp-worker --version
  [ -d "$OPT/current/unpacked" ]
  grep -q '# unit of all' "$MACHINE/etc/systemd/system/worker.service"
}

@test "the check runs as the service's user, on the file alone" {
  worker one 1.0.0
  run -0 install_sh RABBITMQ_URL=amqp://user:secret@broker:5672 --watch 1 /root/one
  [[ $output = *"checked as 990 with /etc/whatsapp-worker/worker.env, RABBITMQ_URL unset"* ]]
}

@test "a check that fails leaves the service stopped, with its reasons and exit code; the next run goes on from there" {
  worker one 1.0.0 ready 69
  run -69 install_sh RABBITMQ_URL=amqp://user:secret@broker:5672 --watch 1 /root/one
  [[ $output = *"is installed and not started"* ]]
  [ "$(service)" = inactive ]
  [ ! -e "$MACHINE/fake/enabled" ]
  sed -i 's/exit 69/exit 0/' "$OPT/current/worker" # the broker is there now
  worker two 1.0.1
  run -0 install_sh --watch 1 /root/two
  [ "$(service)" = started ]
}

@test "without a URL the configuration keeps its CHANGE_ME, which is told, and nothing is started" {
  worker one 1.0.0
  run -78 install_sh --watch 1 /root/one
  [[ $output = *"still has a CHANGE_ME"* ]]
  [ "$(service)" = inactive ]
  sed -i 's/CHANGE_ME/secret/' "$CONFIG"
  run -0 install_sh --watch 1 /root/one
  [ "$(service)" = started ]
}

@test "the URL is taken from the one line of a file" {
  worker one 1.0.0
  printf 'amqp://user:from%%20file@broker\n' >"$MACHINE/root/url"
  run -0 install_sh --watch 1 --rabbitmq-url-file /root/url /root/one
  grep -qx 'RABBITMQ_URL=amqp://user:from%20file@broker' "$CONFIG"
}

@test "a URL file of two lines, an empty one or none is refused before anything is done" {
  worker one 1.0.0
  printf 'amqp://a\nb\n' >"$MACHINE/root/two-lines"
  : >"$MACHINE/root/empty"
  before=$(picture)
  run -78 install_sh --rabbitmq-url-file /root/two-lines /root/one
  run -78 install_sh --rabbitmq-url-file /root/empty /root/one
  run -66 install_sh --rabbitmq-url-file /root/none /root/one
  [ "$(picture)" = "$before" ]
}

@test "a secret file that is given stands instead of the secret" {
  worker one 1.0.0
  sed -i 's|^# RABBITMQ_CA_FILE=|# RABBITMQ_URL_FILE=/none\n&|' "$MACHINE/root/one"
  run -0 install_sh RABBITMQ_URL_FILE=/etc/whatsapp-worker/url --watch 1 /root/one
  grep -qx 'RABBITMQ_URL_FILE=/etc/whatsapp-worker/url' "$CONFIG"
  run ! grep -q '^RABBITMQ_URL=' "$CONFIG"
}

@test "a value that no quotes can hold is refused by its name alone" {
  worker one 1.0.0
  run -78 install_sh BACKEND_API_KEY="it's \"hush\"" /root/one
  [[ $output = *BACKEND_API_KEY* && $output != *hush* ]]
  [ ! -e "$OPT" ]
}

@test "no secret is in the output, nor an argument of any program" {
  worker one 1.0.0
  # Every program's arguments are written down on its way.
  mkdir "$MACHINE/watched"
  for program in "$MACHINE"/usr/bin/*; do
    name=${program##*/}
    printf '#!/bin/sh\nprintf "%%s\\n" "%s $*" >>/fake/arguments\nexec /usr/bin/%s "$@"\n' "$name" "$name" \
      >"$MACHINE/watched/$name"
  done
  chmod +x "$MACHINE"/watched/*
  export RABBITMQ_URL=amqp://user:hush@broker BACKEND_API_KEY=hush-hush HTTP_TOKEN=hush-hush-hush-hush-hush
  run -0 env PATH=/watched:/usr/bin "$(command -v chroot)" "$MACHINE" /usr/bin/sh /root/install.sh --watch 1 /root/one \
    </dev/null
  [[ $output != *hush* ]]
  grep -q 'sha256sum' "$MACHINE/fake/arguments"
  run ! grep hush "$MACHINE/fake/arguments"
  [ "$(grep -c hush "$CONFIG")" -eq 3 ]
}

@test "without systemd it installs, checks, and says how to run it" {
  rm -r "$MACHINE/run/systemd"
  worker one 1.0.0
  run -0 install_sh RABBITMQ_URL=amqp://user:secret@broker /root/one
  [[ $output = *"There is no systemd here; to run it: runuser -u whatsapp-worker --"* ]]
  run ! grep -q systemctl "$MACHINE/fake/log"
}

@test "--no-start starts nothing, and the next run without it does" {
  worker one 1.0.0
  run -0 install_sh RABBITMQ_URL=amqp://user:secret@broker --no-start /root/one
  [ "$(service)" = inactive ]
  run -0 install_sh --watch 1 /root/one
  [ "$(service)" = started ]
}

@test "a service that does not become ready is told, with the journal" {
  worker one 1.0.0 crashing
  run -70 install_sh RABBITMQ_URL=amqp://user:secret@broker --watch 1 /root/one
  [[ $output = *"what the worker logged"*"did not become ready: it ended and was restarted."* ]]
}

@test "a link of another's in /usr/local/bin is left as it is" {
  ln -s /bin/true "$MACHINE/usr/local/bin/whatsapp-worker"
  worker one 1.0.0
  run -0 install_sh RABBITMQ_URL=amqp://user:secret@broker --watch 1 /root/one
  [[ $output = *"is something else and is left as it is"* ]]
  [ "$(readlink "$MACHINE/usr/local/bin/whatsapp-worker")" = /bin/true ]
}

@test "secrets that systemd hands to the service are handed to the check" {
  mkdir -p "$MACHINE"/etc/systemd/system/worker.service.d "$MACHINE/run/credentials/check"
  cat >"$MACHINE/etc/systemd/system/worker.service.d/secrets.conf" <<'DROP_IN'
[Service]
LoadCredential=rabbitmq-url:/etc/secret
Environment=RABBITMQ_URL_FILE=%d/rabbitmq-url
DROP_IN
  worker one 1.0.0
  run -0 install_sh RABBITMQ_URL=amqp://user:secret@broker --watch 1 /root/one
  [[ $output = *"RABBITMQ_URL unset, its file /run/credentials/check/rabbitmq-url"* ]]
  grep -q 'systemd-run .* -p LoadCredential=rabbitmq-url:/etc/secret ' "$MACHINE/fake/log"
}

@test "a worker.service of something else is not touched" {
  printf '[Service]\nExecStart=/usr/bin/celery\n' >"$MACHINE/etc/systemd/system/worker.service"
  worker one 1.0.0
  before=$(picture)
  run -73 install_sh RABBITMQ_URL=amqp://user:secret@broker /root/one
  [[ $output = *"belongs to something else"* ]]
  run -0 install_sh --purge --yes
  [ "$(picture)" = "$before" ]
  [ ! -e "$MACHINE/fake/log" ]
}
