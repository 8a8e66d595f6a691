# Leaving again.
load machine
bats_require_minimum_version 1.5.0

setup() {
  new_machine installed
  STATE=$MACHINE/var/lib/whatsapp-worker
  echo credentials >"$STATE/worker.db"
}

@test "--uninstall removes service and program, and keeps state, configuration and user" {
  run -0 install_sh --uninstall
  [ "$(service)" = inactive ]
  [ ! -e "$MACHINE/fake/enabled" ]
  [ ! -e "$OPT" ]
  [ ! -e "$MACHINE/etc/systemd/system/worker.service" ]
  [ ! -L "$MACHINE/usr/local/bin/whatsapp-worker" ]
  [ -f "$STATE/worker.db" ]
  [ -f "$CONFIG" ]
  grep -q whatsapp-worker "$MACHINE/etc/passwd"
  [[ $output = *"kept: /var/lib/whatsapp-worker"* ]]
}

@test "installed anew after --uninstall, it has its state and its configuration again" {
  before=$(cat "$CONFIG" "$STATE/worker.db")
  install_sh --uninstall
  run -0 install_sh --watch 1 /root/one
  [ "$(service)" = started ]
  [ "$(cat "$CONFIG" "$STATE/worker.db")" = "$before" ]
}

@test "--uninstall keeps a unit that was edited by hand" {
  echo "Nice=5" >>"$MACHINE/etc/systemd/system/worker.service"
  run -0 install_sh --uninstall
  grep -qx Nice=5 "$MACHINE/etc/whatsapp-worker/worker.service"
}

@test "--purge without a terminal takes --yes" {
  before=$(picture)
  run -64 install_sh --purge
  [ "$(picture)" = "$before" ]
  [ "$(service)" = started ]
}

@test "--purge --yes leaves nothing" {
  run -0 install_sh --purge --yes
  run -1 grep -r whatsapp-worker "$MACHINE/etc"
  [ -z "$(find "$MACHINE" -name '*whatsapp-worker*' -not -path '*/run/*' -not -path '*/root/*')" ]
}

@test "--uninstall twice: the second has nothing to do" {
  install_sh --uninstall
  run -0 install_sh --uninstall
  [[ $output = "Nothing is installed."* ]]
}
