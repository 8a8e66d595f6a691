# A machine to install on: a folder with the programs that a bare Debian has, where install.sh runs by chroot as root and
# cannot reach this machine. Service manager and users are played by the scripts in fakes/, all else is real.

REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PROGRAMS="cat chmod chown cmp cp cut dirname env find flock getconf getent grep head id install ln ls mkdir mktemp
  mv readlink rm sed setpriv sh sha256sum stat stty tail timeout touch tr uname wc"

may_chroot() { [ "$(id -u)" -eq 0 ] && chroot / true 2>/dev/null; }

build_machine() {
  local machine="$1" program path
  mkdir -p "$machine"/{usr/bin,etc,opt,var/{lib,cache,tmp},usr/local/bin,tmp,run/systemd/system,dev,root,fake}
  mkdir -p "$machine/etc/systemd/system"
  for path in bin sbin lib lib64; do ln -s "usr/$path" "$machine/$path"; done
  ln -s bin "$machine/usr/sbin"
  cp -a /dev/null /dev/zero "$machine/dev/"
  echo 1700000000 >"$machine/fake/clock"
  printf 'root:x:0:0:root:/root:/bin/sh\n' >"$machine/etc/passwd"
  printf 'root:x:0:\n' >"$machine/etc/group"
  for program in $PROGRAMS; do
    path=$(readlink -f "$(command -v "$program")")
    cp "$path" "$machine/usr/bin/$program"
    libraries_of "$path" | while read -r path; do
      mkdir -p "$machine/usr${path%/*}"
      [ -e "$machine/usr$path" ] || cp -L "$path" "$machine/usr$path"
    done
  done
  cp "$REPOSITORY/tests/install/fakes/"* "$machine/usr/bin/"
  cp "$REPOSITORY/install.sh" "$machine/root/"
}

# install_once MACHINE: version 1.0.0 from /root/one, which runs.
install_once() {
  MACHINE=$1
  worker one 1.0.0
  install_sh RABBITMQ_URL=amqp://user:secret@broker:5672 --watch 1 /root/one >/dev/null
  rm "$MACHINE/fake/log"
}

# With the first /usr taken off: the machine has merged ones, and ldd shows either.
libraries_of() { ldd "$1" | sed -n 's|.*[[:space:]]\(/[^ ]*\) (.*|\1|p' | sed 's|^/usr||'; }

# new_machine [KIND]: gives the test a machine of its own, "bare" or "installed", with install.sh on it; skips the test where
# that cannot be.
new_machine() {
  may_chroot || skip "takes root that may chroot"
  MACHINE=$BATS_TEST_TMPDIR/machine
  copy_machine "$BATS_RUN_TMPDIR/${1:-bare}" "$MACHINE"
  OPT=$MACHINE/opt/whatsapp-worker
  # shellcheck disable=SC2034 # the tests read it
  CONFIG=$MACHINE/etc/whatsapp-worker/worker.env
}

# Programs are shared, nobody writes to them.
copy_machine() {
  mkdir "$2"
  tar -C "$1" --exclude=./usr -c . | tar -C "$2" -xp
  cp -al "$1/usr" "$2/usr"
}

# worker NAME VERSION [BEHAVIOUR] [CHECK_CODE]: a built file /root/NAME. What it does as a service, fakes/systemctl reads.
worker() {
  local file="$MACHINE/root/$1"
  worker_text "$2" "${3:-ready}" "${4:-0}" >"$file"
  chmod +x "$file"
}

worker_text() {
  cat <<WORKER
#!/bin/sh
# behaves: $2
case "\$1" in
  --version) printf 'whatsapp-worker %s\nbuild fake\n' $1 ;;
  --unpack) mkdir -p "\${0%/*}/unpacked/$1" && head -c 100000 /dev/zero >"\${0%/*}/unpacked/$1/app.mjs" ;;
  --check)
    printf 'checked as %s with %s, ' "\$(id -u)" "\$3"
    printf 'RABBITMQ_URL %s, its file %s\n' "\${RABBITMQ_URL-unset}" "\${RABBITMQ_URL_FILE-unset}"
    cat "\$3" >/dev/null || exit 78
    exit $3
    ;;
  print)
    case "\$2" in
      worker.service) cat <<'UNIT'
# unit of ${UNIT_OF:-all}
[Service]
ExecStart=/opt/whatsapp-worker/current/worker --env-file /etc/whatsapp-worker/worker.env
UNIT
        ;;
      .env.example) cat <<'EXAMPLE'
$(cat "$REPOSITORY/.env.example")
EXAMPLE
        ;;
    esac
    ;;
esac
exit
WORKER
}

# Runs install.sh on the machine, with nothing of this environment but the settings given as KEY=value before --.
install_sh() {
  local settings=()
  while [[ ${1-} = [A-Z]*=* ]]; do
    settings+=("$1")
    shift
  done
  env -i PATH=/usr/bin:/usr/sbin "${settings[@]}" chroot "$MACHINE" sh /root/install.sh "$@" </dev/null
}

# until_so COMMAND [ARGUMENT…]: waits until it succeeds, for 20 s at most.
until_so() {
  local tries=400
  until "$@" 2>/dev/null; do
    ((tries--)) || return 1
    sleep 0.05
  done
}

release_of_file() { sha256sum <"$MACHINE/root/$1" | cut -c 1-16; }
current() { basename "$(readlink "$OPT/current")"; }
previous() { basename "$(readlink "$OPT/previous")"; }
service() { cat "$MACHINE/fake/state" 2>/dev/null || echo inactive; }

# Everything on the machine with times, modes and owners, to be compared. The lock is a file in /run.
picture() { (cd "$MACHINE" && find . -path ./run -prune -o -path ./fake -prune -o -path ./var/tmp -prune -o \
  -printf '%p %m %U:%G %T@ %l\n' | sort); }

# What the last `run` said, when a test fails.
teardown() { [ -n "${BATS_TEST_COMPLETED-}" ] || printf '%s\n' "${output-}"; }
