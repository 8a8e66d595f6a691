#!/bin/sh
# Installs, upgrades, rolls back and removes the WhatsApp worker on Debian and Ubuntu: see usage() or --help.
#
# POSIX sh, so that `sudo sh install.sh` does the same on every host. All of it is functions, and the last lines call
# main(): of a script that was cut off on its way nothing runs.
#
# A secret is never an argument of a program, where `ps` would show it: only built-ins and files see one.
#
# `local` is not in POSIX, but Debian's policy has every /bin/sh know it.
# shellcheck disable=SC3043
set -eu

usage() {
  cat <<'EOF'
Installs the WhatsApp worker as a service, and looks after it.

Usage: sudo ./install.sh [options] [FILE]

FILE is the built worker: ./worker beside this script unless given, else the newest dist/worker-*-linux-x86_64; in a
clone without either it is built first. A newer FILE upgrades: the service is watched and goes back to the release
before by itself when it does not become ready. The same FILE again changes nothing.

  --rollback                go back to the previous release
  --uninstall               remove service and program; state and configuration stay
  --purge                   remove everything, the credentials of every number, too; asks first
  --status                  what is installed, and how it is
  --rabbitmq-url-file FILE  first installation: take RABBITMQ_URL from the one line of FILE
  --watch SECONDS           how long a service that was started is watched (default: 60)
  --no-start                start, stop and restart nothing
  --dry-run                 print every action, do none
  --root DIR                install into DIR, for images: neither users nor services of this machine are touched
  --yes                     ask nothing
  --help                    print this

The first installation writes /etc/whatsapp-worker/worker.env. Every setting of .env.example that is in the environment
goes there (sudo --preserve-env=RABBITMQ_URL,WORKER_ID ./install.sh); on a terminal, RABBITMQ_URL and WORKER_ID are
asked for. The file is never written again.

Exit codes: 0 done, or nothing to do; 64 wrong usage; 65 FILE is damaged or no worker; 66 there is no FILE, or nothing
is installed; 69 not for this machine, or the check cannot reach the broker or WhatsApp; 70 the service did not become
ready (an upgrade was rolled back); 73 no room or not writable; 75 another install.sh is at work; 77 not root;
78 configuration wrong. With 69, 73 and 78 from the check, the service is left as it was.
EOF
}

readonly NAME=whatsapp-worker
readonly SERVICE=worker.service
readonly RELEASES_KEPT=3
# All that --check looks at but `service`, which is not yet as this script is about to make it.
readonly CHECKED=configuration,state,broker,whatsapp,backend,clock,http,machine
# On disk, as what is unpacked there is large; of all that install into one folder or another.
readonly SCRATCHES=/var/tmp

main() {
  export LC_ALL=C
  # Debian's su leaves out the folders that useradd is in.
  PATH=$PATH:/usr/sbin:/sbin
  umask 022
  parse_options "$@"
  set_paths
  case $ACTION in
    help | status) ;;
    *)
      [ -n "$ROOT" ] || [ "$(id -u)" -eq 0 ] || fail 77 "This takes root: sudo ./install.sh"
      require_programs
      take_lock
      # dash ends by a signal without minding the trap of EXIT.
      trap 'exit 129' HUP
      trap 'exit 130' INT
      trap 'exit 143' TERM
      trap clean_up EXIT
      remove_leftovers
      ;;
  esac
  case $ACTION in
    install) install_file ;;
    rollback) roll_back ;;
    uninstall) uninstall ;;
    purge) purge ;;
    status) status ;;
    help) usage ;;
  esac
}

# --- Options ---

parse_options() {
  ACTION=install FILE='' ROOT='' URL_FILE='' WATCH=60 START=yes DRY_RUN='' YES='' ECHO_OFF='' INTERRUPTED=''
  SCRATCH='' REASON='' STARTED_AT='' VERSION='' CHANGES=0
  while [ $# -gt 0 ]; do
    case $1 in
      --rollback | --uninstall | --purge | --status | --help)
        [ "$ACTION" = install ] || wrong_usage "Options --$ACTION and $1 do not go together"
        ACTION=${1#--}
        ;;
      --no-start) START='' ;;
      --dry-run) DRY_RUN=yes ;;
      --yes) YES=yes ;;
      --root | --watch | --rabbitmq-url-file)
        [ $# -gt 1 ] || wrong_usage "Option $1 needs a value"
        take_value "$1" "$2"
        shift
        ;;
      --root=* | --watch=* | --rabbitmq-url-file=*) take_value "${1%%=*}" "${1#*=}" ;;
      --rabbitmq-url | --rabbitmq-url=* | amqp*://*)
        wrong_usage "ps shows a URL on the command line to every user: use --rabbitmq-url-file FILE"
        ;;
      # Only its name: what follows the = may be a secret.
      -*) wrong_usage "Option ${1%%=*} is not known" ;;
      *)
        [ -z "$FILE" ] || wrong_usage "There can be only one FILE"
        [ -n "$1" ] || wrong_usage "The name of FILE is empty"
        FILE=$1
        ;;
    esac
    shift
  done
  [ "$ACTION" = install ] || [ -z "$FILE$URL_FILE" ] ||
    wrong_usage "FILE and --rabbitmq-url-file are for installing alone"
}

take_value() {
  [ -n "$2" ] || wrong_usage "Option $1 needs a value"
  case $1 in
    --root) ROOT=$2 ;;
    --rabbitmq-url-file) URL_FILE=$2 ;;
    --watch)
      case $2 in
        *[!0-9]* | 0* | ?????*) wrong_usage "--watch takes seconds, from 1 to 9999" ;;
      esac
      WATCH=$2
      ;;
  esac
}

set_paths() {
  # Were it set, cd would look there first, and print what it found.
  unset CDPATH
  HERE=$(cd "$(dirname "$0")" && pwd)
  if [ -n "$ROOT" ]; then
    ROOT=$(cd "$ROOT" 2>/dev/null && pwd) || wrong_usage "The folder of --root is not there"
    ROOT=${ROOT%/}
  fi
  FILE=$(absolute "$FILE")
  URL_FILE=$(absolute "$URL_FILE")
  # The service's user, whom the check runs as, may not be let into the folder this was called from.
  cd /

  BASE=$ROOT/opt/$NAME
  RELEASES=$BASE/releases
  COMMAND=$ROOT/usr/local/bin/$NAME
  STATE=$ROOT/var/lib/$NAME
  CACHE=$ROOT/var/cache/$NAME
  CONFIG_FOLDER=$ROOT/etc/$NAME
  CONFIG=$CONFIG_FOLDER/worker.env
  UNIT=$ROOT/etc/systemd/system/$SERVICE
  LOCK=$ROOT/run/$NAME-install.lock
  # Link to the release to go back to, as long as `current` has not proved itself. A rename makes it `previous`, or
  # `current` again: neither takes room on a full disk.
  TRIAL=$BASE/trial
  # There from before the service is stopped, or is to be started for the first time, until it is up: the run after one
  # that was killed knows that it has to start it.
  PENDING=$BASE/start-pending
}

absolute() {
  case $1 in
    '' | /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$PWD/$1" ;;
  esac
}

# --- What is said, and what is done ---

# A terminal that is gone, because the connection broke, must not end an upgrade half-way.
say() { printf '%s\n' "$*" 2>/dev/null || :; }
warn() { printf '%s\n' "$*" >&2 2>/dev/null || :; }

fail() {
  local code="$1"
  shift
  warn "$@"
  exit "$code"
}

wrong_usage() { fail 64 "$1. Try --help."; }

# Everything that changes the machine goes through here, so that --dry-run cannot tell another story than what is done.
act() {
  local sentence="$1"
  shift
  CHANGES=$((CHANGES + 1))
  if [ -n "$DRY_RUN" ]; then
    say "would $sentence"
  else
    say "- $sentence"
    "$@"
  fi
}

# What was reached in the end, which is not so in a dry run.
conclude() { [ -n "$DRY_RUN" ] || say "$@"; }

# Only what this run has made: it is set once the lock is had.
clean_up() {
  [ -z "$ECHO_OFF" ] || stty echo
  [ -z "$SCRATCH" ] || rm -rf "$SCRATCH"
  [ -n "$DRY_RUN" ] || rm -rf "$RELEASES/.incoming" "$CONFIG.new"
}

take_lock() {
  [ -z "$DRY_RUN" ] || return 0
  mkdir -p "${LOCK%/*}"
  exec 9<>"$LOCK"
  flock -n 9 || fail 75 "Another install.sh is at work ($(cat "$LOCK")). Try again when it has ended."
  printf 'process %s, since %s\n' "$$" "$(date '+%F %T')" >"$LOCK"
}

# Of a run that was killed. Under the lock nobody else is at work with them.
remove_leftovers() {
  local leftover
  for leftover in "$RELEASES/.incoming" "$RELEASES/.outgoing" "$BASE/current.new" "$TRIAL.new" "$CONFIG.new" \
    "$UNIT.new" "$COMMAND.new" $(find "$SCRATCHES" -maxdepth 1 -name "$NAME-install.*" -user "$(id -u)" -mmin +60); do
    exists "$leftover" || continue
    act "remove $leftover, left by a run that was interrupted" rm -rf "$leftover"
  done
}

# --- Files ---

# Also true of a link that leads nowhere.
exists() { [ -e "$1" ] || [ -L "$1" ]; }

digest_of() {
  local line
  line=$(sha256sum <"$1") || return
  printf '%s\n' "${line%% *}"
}

# A link is swapped by a rename, so that there is one at every moment.
put_link() { ln -sfn "$1" "$2.new" && mv -fT "$2.new" "$2"; }

put_file() { cp "$1" "$2.new" && chmod "$3" "$2.new" && sync "$2.new" && mv -fT "$2.new" "$2"; }

# The release a link leads to, empty when there is none.
release_of() {
  local target
  if target=$(readlink "$1"); then printf '%s\n' "${target##*/}"; fi
}

current() { release_of "$BASE/current"; }

# Runs a worker without this environment, in which settings may be that would go over those in the file. What it unpacks
# and compiles goes away with this run.
clean() {
  env -i PATH="$PATH" HOME="$SCRATCH" WORKER_CACHE_DIR="$SCRATCH" NO_COLOR=1 "$@" </dev/null
}

# The same as the service's user, with the cache that the unit gives it.
as_service() {
  runuser -u "$NAME" -- env -i PATH="$PATH" HOME="$STATE" DENO_DIR="$CACHE" NO_COLOR=1 "$@"
}

# --- The file to install ---

# Every Debian and Ubuntu has them. Without the one a lock seems taken, without the other there seems to be no user.
require_programs() {
  local program
  for program in flock getent; do
    command -v "$program" >/dev/null || fail 69 "There is no $program here: this is not for such a machine."
  done
}

require_platform() {
  local kernel machine
  kernel=$(uname -s) machine=$(uname -m)
  [ "$kernel $machine" = "Linux x86_64" ] ||
    fail 69 "The worker runs on Linux on x86_64; this is $kernel on $machine."
  getconf GNU_LIBC_VERSION >/dev/null 2>&1 ||
    fail 69 "The worker needs glibc, as Debian and Ubuntu have it; this system has another C library."
}

find_file() {
  [ -z "$FILE" ] || return 0
  FILE=$HERE/worker
  [ ! -f "$FILE" ] || return 0
  FILE=$(newest_built)
  [ -z "$FILE" ] || return 0
  [ -f "$HERE/deno.json" ] || fail 66 "There is no worker to install: sudo ./install.sh FILE"
  command -v npx >/dev/null || [ -n "$DRY_RUN" ] ||
    fail 66 "There is no built worker here, and no Node.js to build it with: apt-get install nodejs npm"
  act "build the worker (npx --yes deno@2.9.6 task build)" build || fail 70 "The build failed: nothing is installed."
  FILE=$HERE/worker
}

newest_built() {
  # The names are the build's own, without blanks or line ends.
  # shellcheck disable=SC2012
  ls -1t "$HERE"/dist/worker-*-linux-x86_64 2>/dev/null | head -n 1
}

# As the owner of the clone: root's files in it would be in their way, and no package need run as root, nor see secrets.
build() (
  cd "$HERE"
  set -- env -u RABBITMQ_URL -u BACKEND_API_KEY -u HTTP_TOKEN npx --yes deno@2.9.6 task build
  owner=$(stat -c %U "$HERE")
  if [ "$owner" != root ] && [ "$(id -u)" -eq 0 ]; then
    home=$(getent passwd "$owner" | cut -d: -f6)
    set -- runuser -u "$owner" -- env HOME="$home" "$@"
  fi
  "$@"
)

# Before anything is touched: a file that was cut off, changed, or is something else is not installed.
verify_file() {
  local listed answer
  if [ -n "$DRY_RUN" ] && [ "$FILE" = "$HERE/worker" ] && [ ! -f "$FILE" ]; then
    say "What follows depends on what is built."
    exit 0
  fi
  [ -f "$FILE" ] || fail 66 "There is no file $FILE."
  [ -x "$FILE" ] || fail 65 "$FILE cannot be run: chmod +x $FILE"
  DIGEST=$(digest_of "$FILE") || fail 66 "$FILE cannot be read."
  HASH=$(printf '%.16s' "$DIGEST")
  if [ -f "$FILE.sha256" ]; then
    read -r listed _ <"$FILE.sha256" || :
    [ "$listed" = "$DIGEST" ] || fail 65 "$FILE is not the file that $FILE.sha256 is about: get both once more."
  fi
  SCRATCH=$(mktemp -d "$SCRATCHES/$NAME-install.XXXXXX") || fail 73 "There is no room in $SCRATCHES."
  # One that is installed need not be unpacked to be asked.
  if is_installed; then WORKER=$RELEASES/$HASH/worker; else WORKER=$FILE; fi
  answer=$(clean timeout 60 "$WORKER" --version 2>/dev/null) ||
    fail 65 "$FILE does not answer to --version: it is damaged, or not for this machine."
  VERSION=$(printf '%s\n' "$answer" | head -n 1)
  case $VERSION in
    "$NAME "[0-9]*) ;;
    *) fail 65 "$FILE is not a WhatsApp worker." ;;
  esac
}

# With all that was unpacked, as the service cannot unpack it again: it may write nowhere that programs can be run from.
is_installed() {
  [ -x "$RELEASES/$HASH/worker" ] && [ "$(digest_of "$RELEASES/$HASH/worker")" = "$DIGEST" ] &&
    (cd "$RELEASES/$HASH" && sha256sum --status -c contents.sha256 2>/dev/null)
}

# --- Installing ---

install_file() {
  local installed previous
  require_platform
  ! unit_is_foreign || fail 73 "$UNIT belongs to something else, and there can be only one unit of that name."
  find_file
  verify_file
  gather_settings
  ensure_user
  ensure_folders
  stage_release
  ensure_configuration
  forget_pending_start
  installed=$(good_release)
  previous=$(release_of "$BASE/previous")
  if [ -z "$installed" ] || { [ "$installed" = "$HASH" ] && exists "$PENDING" && ! exists "$TRIAL"; }; then
    start_first
  elif [ "$installed" != "$HASH" ] || exists "$TRIAL"; then
    switch "$installed" "$HASH"
    previous=$installed
  else
    ensure_files "$HASH" || fail 73 "There is no room, or it is not writable."
  fi
  remove_old_releases "$HASH" "$previous"
  if [ "$CHANGES" -eq 0 ]; then say "$VERSION (release $HASH) is installed already: nothing to do."; fi
}

# The release that is known to work: not one whose trial was interrupted, nor one that somebody has removed by hand.
good_release() {
  if exists "$TRIAL"; then release_of "$TRIAL"; elif [ -x "$BASE/current/worker" ]; then current; fi
}

# Started by hand after its first check had failed: it has proved itself.
forget_pending_start() {
  if exists "$PENDING" && ! exists "$TRIAL" && have_systemd && [ "$(service_state)" = active ]; then
    act "note that the service is up" rm -f "$PENDING"
  fi
}

ensure_user() {
  # With --root it is the image's own, if it is there: users of this machine mean nothing in it.
  OWNER=$(service_ids)
  [ -z "$OWNER$ROOT" ] || return 0
  getent group "$NAME" >/dev/null || act "create the system group $NAME" groupadd --system "$NAME"
  act "create the system user $NAME" useradd --system --gid "$NAME" --home-dir "$STATE" --no-create-home \
    --shell /usr/sbin/nologin "$NAME"
  OWNER=$(service_ids)
}

# "UID:GID" of the service's user, empty when there is none.
service_ids() {
  local name uid gid
  { if [ -z "$ROOT" ]; then getent passwd "$NAME"; else cat "$ROOT/etc/passwd" 2>/dev/null; fi || :; } |
    while IFS=: read -r name _ uid gid _; do
      [ "$name" != "$NAME" ] || printf '%s:%s\n' "$uid" "$gid"
    done
}

ensure_folders() {
  local own="${OWNER:-0:0}" folder
  ensure_folder "$BASE" 755 0:0
  ensure_folder "$RELEASES" 755 0:0
  ensure_folder "$STATE" 700 "$own"
  ensure_folder "$CACHE" 700 "$own"
  ensure_folder "$CONFIG_FOLDER" 750 "0:${own#*:}"
  for folder in "${UNIT%/*}" "${COMMAND%/*}"; do
    [ -d "$folder" ] || act "make the folder $folder" mkdir -p "$folder"
  done
}

ensure_folder() {
  local folder="$1" mode="$2" owner="$3"
  # Into an image everything goes as whoever makes it, who may not be root.
  [ "$(id -u)" -eq 0 ] || owner="$(id -u):$(id -g)"
  if [ -d "$folder" ] && [ "$(stat -c '%a %u:%g' "$folder")" = "$mode $owner" ]; then return; fi
  act "make the folder $folder ($mode)" install -d -m "$mode" -o "${owner%:*}" -g "${owner#*:}" "$folder" ||
    fail 73 "$folder cannot be made."
}

stage_release() {
  ! is_installed || return 0
  act "unpack $FILE as $RELEASES/$HASH" copy_release ||
    fail 73 "The release could not be written (no room?): df -h $BASE. What was installed before is as it was."
}

# Under another name until it is whole.
copy_release() {
  local new="$RELEASES/.incoming" sums
  mkdir "$new" &&
    cp "$FILE" "$new/worker" &&
    chmod 755 "$new/worker" &&
    [ "$(digest_of "$new/worker")" = "$DIGEST" ] &&
    clean "$new/worker" --unpack >/dev/null &&
    sums=$(cd "$new" && find . -type f -exec sha256sum {} +) &&
    printf '%s\n' "$sums" >"$new/contents.sha256" &&
    clean "$new/worker" print "$SERVICE" >"$new/$SERVICE" &&
    sync -f "$new" || return
  if exists "$RELEASES/$HASH"; then mv -T "$RELEASES/$HASH" "$RELEASES/.outgoing"; fi
  mv -T "$new" "$RELEASES/$HASH" && sync -f "$RELEASES" && rm -rf "$RELEASES/.outgoing"
}

ensure_command() {
  local target="/opt/$NAME/current/worker"
  if [ "$(readlink "$COMMAND")" = "$target" ]; then return; fi
  if exists "$COMMAND"; then
    warn "$COMMAND is something else and is left as it is."
    return
  fi
  act "link $COMMAND" put_link "$target" "$COMMAND"
}

# The newest are kept, and of whatever age $1, the current one, and $2, the previous one.
remove_old_releases() {
  local release kept=1
  [ -d "$RELEASES" ] || return 0
  [ -z "$2" ] || kept=2
  # The names are hexadecimal digits.
  # shellcheck disable=SC2012
  ls -1t "$RELEASES" | while read -r release; do
    if [ "$release" = "$1" ] || [ "$release" = "$2" ]; then continue; fi
    kept=$((kept + 1))
    [ "$kept" -le "$RELEASES_KEPT" ] || act "remove the old release $release" remove_release "$release"
  done
}

remove_release() { mv -T "$RELEASES/$1" "$RELEASES/.outgoing" && rm -rf "$RELEASES/.outgoing"; }

# --- Configuration ---

# Asks before anything is done, so that nobody waits for a question.
gather_settings() {
  local key value
  GIVEN=''
  if exists "$CONFIG"; then
    [ -z "$URL_FILE" ] || warn "$CONFIG is there and never written again: --rabbitmq-url-file is not used."
    return
  fi
  [ -z "$URL_FILE" ] || read_url_file
  if [ -t 0 ] && [ -z "$YES$DRY_RUN" ]; then ask_settings; fi
  # The unit lets the worker write nowhere else. Read by its name, like the others.
  # shellcheck disable=SC2034
  SESSION_DIR=/var/lib/$NAME
  for key in $(clean "$WORKER" print .env.example | sed -n 's/^\(# \)\{0,1\}\([A-Z][A-Z0-9_]*\)=.*/\2/p'); do
    eval "value=\${$key-} ; [ -n \"\${$key+given}\" ]" || continue
    quote "$value" || fail 78 "The value of $key cannot be written so that all read it alike: it has a line end, or" \
      "both kinds of quotes, or a quote and a backslash."
    GIVEN="$GIVEN $key"
  done
}

read_url_file() {
  local more=''
  [ -r "$URL_FILE" ] || fail 66 "$URL_FILE cannot be read."
  {
    IFS= read -r RABBITMQ_URL || :
    IFS= read -r more || :
  } <"$URL_FILE"
  if [ -z "$RABBITMQ_URL" ] || [ -n "$more" ]; then fail 78 "$URL_FILE must have one line, the URL."; fi
}

ask_settings() {
  local answer
  if [ -z "${RABBITMQ_URL-}${RABBITMQ_URL_FILE-}" ]; then
    # Before the question: who has the answer ready is quicker than a program.
    ECHO_OFF=yes
    stty -echo
    printf 'RABBITMQ_URL, as amqp://user:password@host:port/vhost (not shown): ' >&2
    IFS= read -r RABBITMQ_URL || :
    stty echo
    ECHO_OFF=''
    echo >&2
    [ -n "$RABBITMQ_URL" ] || unset RABBITMQ_URL
  fi
  if [ -z "${WORKER_ID-}" ]; then
    printf 'WORKER_ID, unique among your workers [worker-1]: ' >&2
    IFS= read -r answer || :
    WORKER_ID=${answer:-worker-1}
  fi
}

# Puts a value into QUOTED as the worker's strict reader takes it.
quote() {
  case $1 in
    *[[:cntrl:]]*) return 1 ;;
    *[!A-Za-z0-9._:/@%+,=\&?~-]*) ;;
    *)
      QUOTED=$1
      return
      ;;
  esac
  case $1 in
    *\'* | *\\) ;;
    *)
      QUOTED="'$1'"
      return
      ;;
  esac
  case $1 in
    *\"* | *\\*) return 1 ;;
    *) QUOTED="\"$1\"" ;;
  esac
}

ensure_configuration() {
  if exists "$CONFIG"; then return; fi
  act "write $CONFIG with$GIVEN" write_configuration || fail 73 "$CONFIG could not be written."
}

# Closed to everybody until it has its owner: it holds the broker's password.
write_configuration() (
  umask 077
  clean "$RELEASES/$HASH/worker" print .env.example | fill_in >"$CONFIG.new" &&
    [ -s "$CONFIG.new" ] &&
    { [ "$(id -u)" -ne 0 ] || chown "0:$(stat -c %g "$CONFIG_FOLDER")" "$CONFIG.new"; } &&
    chmod 640 "$CONFIG.new" &&
    sync "$CONFIG.new" &&
    mv -fT "$CONFIG.new" "$CONFIG"
)

# The lines of .env.example, with the settings that were given in their places.
fill_in() {
  local line key value
  while IFS= read -r line; do
    key=${line%%=*}
    key=${key#\# }
    case "$GIVEN " in
      *" $key "*)
        eval "value=\${$key}"
        quote "$value"
        printf '%s=%s\n' "$key" "$QUOTED"
        ;;
      # A secret counts from one place only: the file it is in was given.
      *" ${key}_FILE "*) printf '# %s\n' "$line" ;;
      *) printf '%s\n' "$line" ;;
    esac
  done
}

# --- The service ---

# With --root the service manager that runs here is not the one of the image.
have_systemd() { [ -z "$ROOT" ] && [ -d /run/systemd/system ]; }

service_state() { systemctl show --value -p ActiveState "$SERVICE"; }

unit_is_foreign() { [ -f "$UNIT" ] && ! grep -q "/opt/$NAME/" "$UNIT"; }

# Each release has the unit it was installed with, so what equals none of them was edited by hand.
unit_is_edited() {
  local own
  exists "$UNIT" || return 1
  for own in "$RELEASES"/*/"$SERVICE"; do
    if [ ! -L "$UNIT" ] && cmp -s "$own" "$UNIT"; then return 1; fi
  done
}

unit_of() {
  if [ -d "$RELEASES/$1" ]; then cat "$RELEASES/$1/$SERVICE"; else clean "$WORKER" print "$SERVICE"; fi
}

ensure_unit() {
  local own="$RELEASES/$1/$SERVICE"
  if [ ! -L "$UNIT" ] && unit_of "$1" | cmp -s - "$UNIT"; then return; fi
  if unit_is_edited; then
    warn "$UNIT was edited by hand and is left as it is; this release's is $own. Put the changes into a" \
      "drop-in (systemctl edit $SERVICE), remove the file and run install.sh again."
    return
  fi
  act "write $UNIT" put_file "$own" "$UNIT" 644 || return
  if have_systemd; then act "let systemd read it" systemctl daemon-reload; fi
}

# What outside of its folder belongs to a release.
ensure_files() { ensure_unit "$1" && ensure_command; }

# The check of a release, as the service's user; its exit code says what is wrong.
check() {
  local lines
  if grep -q '^[A-Z_]*=.*CHANGE_ME' "$CONFIG"; then
    warn "$CONFIG still has a CHANGE_ME: put your own values there."
    return 78
  fi
  set -- "$RELEASES/$1/worker" --check --env-file "$CONFIG" --only "$CHECKED"
  lines=$(credential_lines)
  if [ -n "$lines" ]; then with_credentials "$lines" "$@"; else as_service "$@" </dev/null; fi
}

# What the unit and its drop-ins say about secrets that systemd hands over, with the folder as a shell writes it.
credential_lines() {
  have_systemd || return 0
  # shellcheck disable=SC2016 # the shell of with_credentials reads it
  systemctl cat "$SERVICE" 2>/dev/null |
    sed -n -e '/^LoadCredential[A-Za-z]*=./p' \
      -e 's|^Environment=\([A-Z_]*_FILE\)=%d/\([A-Za-z0-9._-]*\)$|Environment=\1=$CREDENTIALS_DIRECTORY/\2|p'
}

# with_credentials LINES COMMAND [ARGUMENT…]: as as_service, with the secrets that only the service gets.
with_credentials() {
  local lines="$1" line
  shift
  # The shell in the middle knows where systemd has put them.
  set -- sh -c "$(printf '%s\n' "$lines" | sed -n 's/^Environment=/export /p')
exec \"\$@\"" sh "$@"
  while IFS= read -r line; do
    case $line in
      Load*) set -- -p "$line" "$@" ;;
    esac
  done <<EOF
$lines
EOF
  systemd-run --quiet --collect --wait --pipe --uid="$NAME" --gid="$NAME" \
    -E HOME="$STATE" -E DENO_DIR="$CACHE" -E NO_COLOR=1 "$@" </dev/null
}

start_first() {
  local code=0
  if have_systemd; then
    exists "$PENDING" || act "note that the service is to be started" touch "$PENDING"
  fi
  if [ "$(current)" != "$HASH" ]; then
    act "make $HASH the current release" make_current "$HASH" || fail 73 "There is no room, or it is not writable."
  fi
  ensure_files "$HASH" || fail 73 "There is no room, or it is not writable."
  if [ -n "$ROOT" ]; then
    conclude "$VERSION (release $HASH) is installed in $ROOT. On the machine itself, run install.sh once more."
    return
  fi
  if [ -z "$START" ]; then
    conclude "$VERSION (release $HASH) is installed and not started: run install.sh again without --no-start."
    return
  fi
  act "check the installation as $NAME" check "$HASH" || code=$?
  [ "$code" -eq 0 ] || fail "$code" "$VERSION (release $HASH) is installed and not started: see above what the check" \
    "found, put it right (settings: $CONFIG) and run install.sh again."
  if ! have_systemd; then
    conclude "$VERSION (release $HASH) is installed. There is no systemd here; to run it:" \
      "runuser -u $NAME -- env DENO_DIR=$CACHE $COMMAND --env-file $CONFIG"
    return
  fi
  act "enable the service" systemctl --quiet enable "$SERVICE"
  act "start the service" start_service || fail 70 "systemd does not start $SERVICE: systemctl status $SERVICE"
  act "watch it for $WATCH s" watch_service || {
    show_journal
    fail 70 "The service did not become ready: $REASON. It goes on trying: systemctl status $SERVICE"
  }
  act "note that it is up" rm -f "$PENDING"
  conclude "$VERSION (release $HASH) is installed and runs."
}

start_service() {
  # One that has failed too often in a row is not started otherwise.
  systemctl reset-failed "$SERVICE" 2>/dev/null || :
  STARTED_AT=$(date +%s)
  # READY is waited for by watch_service, which can say meanwhile what the worker waits for.
  systemctl start --no-block "$SERVICE"
}

# Whether the service becomes ready within $WATCH seconds and stays so without a restart until they are over (with
# `briefly`: ready is enough); why not in REASON.
watch_service() {
  local until ready='' said=''
  until=$(($(date +%s) + WATCH))
  while :; do
    look
    if [ -n "$INTERRUPTED" ]; then
      REASON="it was interrupted"
      return 1
    fi
    case $ACTIVE_STATE in
      failed) REASON="it failed ($RESULT, exit code $EXIT_CODE)" ;;
      active | activating | reloading)
        # Counted from 0 again by every start that is not systemd's own.
        [ "$RESTARTS" -eq 0 ] || REASON="it ended and was restarted"
        ;;
      *) [ -z "$ready" ] || REASON="it was stopped" ;;
    esac
    [ -z "$REASON" ] || return 1
    [ "$ACTIVE_STATE" != active ] || ready=yes
    if [ -n "$STATUS_TEXT" ] && [ "$STATUS_TEXT" != "$said" ]; then
      said=$STATUS_TEXT
      say "  $said"
    fi
    if [ -n "$ready" ] && [ "${1-}" = briefly ]; then break; fi
    [ "$(date +%s)" -lt "$until" ] || break
    sleep 0.5
  done
  [ -n "$ready" ] && return
  REASON="it was not ready within $WATCH s${STATUS_TEXT:+ ($STATUS_TEXT)}"
  return 1
}

# What systemd says about the service.
look() {
  local key value
  ACTIVE_STATE='' SUB_STATE='' RESTARTS=0 RESULT='' EXIT_CODE=0 STATUS_TEXT='' REASON=''
  while IFS='=' read -r key value; do
    case $key in
      ActiveState) ACTIVE_STATE=$value ;;
      SubState) SUB_STATE=$value ;;
      NRestarts) RESTARTS=$value ;;
      Result) RESULT=$value ;;
      ExecMainStatus) EXIT_CODE=$value ;;
      StatusText) STATUS_TEXT=$value ;;
    esac
  done <<EOF
$(systemctl show -p ActiveState -p SubState -p NRestarts -p Result -p ExecMainStatus -p StatusText "$SERVICE")
EOF
}

show_journal() {
  warn "The journal says:"
  journalctl -u "$SERVICE" --since "@$STARTED_AT" -n 15 -o cat --no-pager >&2 2>/dev/null || :
}

# --- Upgrade and rollback ---

# From one release to another and, if the service does not become ready with it, back again.
switch() {
  local from="$1" to="$2" running='' restart='' code=0
  if service_is_wanted; then running=yes restart=$START; fi
  if [ -n "$restart" ]; then
    act "check release $to as $NAME" check "$to" || code=$?
    if [ "$code" -ne 0 ]; then
      remove_old_releases "$from" "$(release_of "$BASE/previous")"
      fail "$code" "Release $to was not put to use: see above what its check found. Release $from is as it was."
    fi
  fi
  # From here on the service may be down: a connection that ends or a Ctrl-C must not leave it so.
  trap '' HUP PIPE
  trap 'INTERRUPTED=yes' INT TERM
  # First of all: what is set after the swap, or only once the service is up, is missing when it is needed.
  act "remember release $from to go back to" put_link "releases/$from" "$TRIAL" ||
    fail 73 "The link could not be set: release $from is as it was."
  if [ -z "$restart" ]; then
    point_to "$to" || go_back "$from" "$to"
  else
    { act "stop the service" stop_service && back_up_state && point_to "$to" &&
      act "start the service" start_service && act "watch it for $WATCH s" watch_service; } || go_back "$from" "$to"
    act "note that it is up" rm -f "$PENDING"
  fi
  prove "$from" "$to"
  conclude "Release $to is in use${VERSION:+ ($VERSION)}."
  if [ -z "$running" ]; then
    ! have_systemd || conclude "The service was stopped and is left so."
  elif [ -z "$restart" ]; then
    conclude "The service runs on with release $from until it is restarted."
  fi
}

# Running, or meant to: one that failed waits for the release that mends it.
service_is_wanted() {
  have_systemd || return 1
  if exists "$PENDING"; then return; fi
  case $(service_state) in
    active | activating | reloading | failed) ;;
    *) return 1 ;;
  esac
}

stop_service() { touch "$PENDING" && systemctl stop "$SERVICE"; }

point_to() {
  if [ "$(current)" != "$1" ]; then act "make $1 the current release" make_current "$1" || return; fi
  ensure_files "$1"
}

# Old releases are removed in the order in which they were last put to use.
make_current() { put_link "releases/$1" "$BASE/current" && touch "$RELEASES/$1"; }

prove() {
  if [ "$1" = "$2" ]; then
    act "end the trial" rm -f "$TRIAL"
  else
    act "keep release $1 as the previous one" mv -fT "$TRIAL" "$BASE/previous"
  fi
}

# A newer worker may bring the database to a schema that the older one refuses. By the service's user, as the folder is
# theirs: root follows nobody's links in it.
back_up_state() {
  [ -f "$STATE/worker.db" ] || return 0
  act "copy the database to $STATE/before-upgrade" copy_database || {
    REASON="there is no room for a copy of the database"
    return 1
  }
}

copy_database() {
  local copy="$STATE/before-upgrade" file
  as_service rm -rf "$copy" && as_service mkdir -m 700 "$copy" || return
  # A -wal is there only after a worker that was killed.
  for file in "$STATE/worker.db" "$STATE/worker.db-wal"; do
    [ ! -f "$file" ] || as_service cp -p "$file" "$copy/" || {
      as_service rm -rf "$copy"
      return 1
    }
  done
}

go_back() {
  local from="$1" to="$2" failure="${REASON:-it could not be put in place}"
  warn "Release $to is not taken: $failure."
  [ -z "$STARTED_AT" ] || show_journal
  INTERRUPTED=''
  act "go back to release $from" mv -fT "$TRIAL" "$BASE/current"
  # Its own unit is best, but it is to run in any case.
  (ensure_unit "$from") || :
  if exists "$PENDING"; then
    act "stop the service" systemctl stop "$SERVICE" || :
    act "start the service" start_service || :
    act "watch it until it is ready" watch_service briefly || lament "$from"
    act "note that it is up" rm -f "$PENDING"
  fi
  remove_old_releases "$from" "$(release_of "$BASE/previous")"
  fail 70 "Rolled back to release $from. Release $to: $failure."
}

# Neither release runs: says what is known about it.
lament() {
  local newer_state='' copy="$STATE/before-upgrade"
  show_journal
  rm -f "$PENDING"
  if [ "$EXIT_CODE" -eq 73 ]; then
    newer_state="If the newer release has changed the database (see the journal), install it again, or go back to the\
 copy from before, without what came since: systemctl stop $SERVICE; rm -f $STATE/worker.db-wal $STATE/worker.db-shm;\
 cp -p $copy/worker.db* $STATE/; systemctl start $SERVICE"
  fi
  fail 70 "Rolled back to release $1, which does not become ready either: $REASON. $newer_state"
}

roll_back() {
  local from to
  from=$(current)
  # An interrupted trial is rolled back to where it came from.
  if exists "$TRIAL"; then to=$(release_of "$TRIAL"); else to=$(release_of "$BASE/previous"); fi
  [ -n "$from" ] || fail 66 "Nothing is installed."
  if [ -z "$to" ] || [ "$to" = "$from" ] || [ ! -x "$RELEASES/$to/worker" ]; then
    fail 66 "There is no previous release to go back to."
  fi
  switch "$from" "$to"
}

# --- Removal ---

uninstall() {
  remove_service
  if [ "$(readlink "$COMMAND")" = "/opt/$NAME/current/worker" ]; then act "remove $COMMAND" rm -f "$COMMAND"; fi
  if exists "$BASE"; then act "remove $BASE" rm -rf "$BASE"; fi
  if [ "$CHANGES" -eq 0 ]; then say "Nothing is installed."; fi
  if [ "$ACTION" = uninstall ]; then kept "$STATE" "$CONFIG_FOLDER" "$UNIT.d"; fi
}

remove_service() {
  ! unit_is_foreign || return 0
  if have_systemd && exists "$UNIT"; then
    act "stop the service" systemctl stop "$SERVICE"
    act "disable the service" systemctl --quiet disable "$SERVICE"
  fi
  exists "$UNIT" || return 0
  if unit_is_edited && [ -d "$CONFIG_FOLDER" ]; then
    act "keep the edited unit as $CONFIG_FOLDER/$SERVICE" mv -f "$UNIT" "$CONFIG_FOLDER/$SERVICE"
  else
    act "remove $UNIT" rm -f "$UNIT"
  fi
  if have_systemd; then act "let systemd read it" systemctl daemon-reload; fi
}

kept() {
  local path
  for path; do
    if exists "$path"; then say "kept: $path"; fi
  done
}

purge() {
  local path
  confirm_purge
  uninstall
  for path in "$STATE" "$CACHE" "$CONFIG_FOLDER"; do
    if exists "$path"; then act "remove $path" rm -rf "$path"; fi
  done
  kept "$UNIT.d"
  [ -z "$ROOT" ] || return 0
  if getent passwd "$NAME" >/dev/null; then act "remove the user $NAME" userdel "$NAME"; fi
  if [ -z "$DRY_RUN" ] && getent group "$NAME" >/dev/null; then act "remove the group $NAME" groupdel "$NAME"; fi
}

confirm_purge() {
  local answer
  [ -z "$YES$DRY_RUN" ] || return 0
  [ -t 0 ] || wrong_usage "--purge destroys the credentials of every number; without a terminal it takes --yes"
  warn "This removes $STATE with the credentials of every number, which all have to be paired again," \
    "and $CONFIG_FOLDER."
  printf 'Type "purge" to go on: ' >&2
  IFS= read -r answer || :
  [ "$answer" = purge ] || fail 75 "Nothing was removed."
}

# --- Status ---

status() {
  local release version
  release=$(current)
  [ -n "$release" ] || fail 66 "Nothing is installed."
  version=$("$RELEASES/$release/worker" --version </dev/null) || version="does not answer to --version"
  say "installed  $(printf '%s\n' "$version" | head -n 1)"
  say "release    $release$(exists "$TRIAL" && printf ', its trial was interrupted: run install.sh again')"
  say "previous   $(release_of "$BASE/previous")"
  if unit_is_edited; then say "unit       edited by hand"; fi
  have_systemd || return 0
  look
  say "service    $ACTIVE_STATE ($SUB_STATE), $(systemctl is-enabled "$SERVICE" 2>/dev/null), restarted $RESTARTS times"
  say "status     $STATUS_TEXT"
}

{
  main "$@"
}
