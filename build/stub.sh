#!/bin/sh
# shellcheck disable=SC2317 # each_cache calls functions by their names
#
# Of a file that was cut off a shell runs what is there, and says nothing about the rest.
FILE_SIZE='@FILE_SIZE@'
size=$(stat -L -c %s -- "$0" 2>/dev/null) # empty where stat is another one, on a machine that is refused below
[ -z "$size" ] || [ "$size" = "${FILE_SIZE##* }" ] || {
  printf 'whatsapp-worker: This file is damaged or only half there: %s\n→ %s\n' "$0" \
    "Copy it here again, and compare it with its .sha256 file" >&2
  exit 70
}

# whatsapp-worker @VERSION@ for x86-64 Linux with glibc: this script, and behind it a tar.gz of Deno and the program.
# It unpacks them once and becomes Deno: same process, arguments, standard input and exit code.
#
# Where they are unpacked, the first that can be used:
#   unpacked/ beside this file      made by `worker --unpack`, as install.sh does
#   $WORKER_CACHE_DIR, $CACHE_DIRECTORY (systemd's), $XDG_CACHE_HOME/whatsapp-worker, /var/cache/whatsapp-worker (for
#   the service's user), $HOME/.cache/whatsapp-worker, ${TMPDIR:-/tmp}/whatsapp-worker-<uid>
# Deno keeps compiled code in the same folder, or in $DENO_DIR.
set -u
starters_umask=$(umask)
umask 077

SHA256=@SHA256@
PAYLOAD_STARTS_AT="@STARTS_AT@"
SIZES='@SIZES@'

# fail EXIT_CODE SENTENCE REMEDY
fail() {
  printf 'whatsapp-worker: %s\n→ %s\n' "$2" "$3" >&2
  exit "$1"
}

refuse_other_machines() {
  machine="$(uname -s) $(uname -m)"
  [ "$machine" = "Linux x86_64" ] ||
    fail 70 "This file is for Linux on x86-64, and this is $machine" "Run it on such a machine"
  # The loader is what the kernel looks for; musl brings one of that name, too, where it plays glibc.
  if [ ! -e /lib64/ld-linux-x86-64.so.2 ] || ! getconf GNU_LIBC_VERSION >/dev/null 2>&1; then
    fail 70 "This file needs glibc, and this system has another C library (musl, as in Alpine?)" \
      "Run it on Debian 12 or newer, Ubuntu, or another distribution with glibc"
  fi
}

# mine PATH: a folder (links are followed) that nobody but root and this user may change.
mine() {
  set -- "$1" "$(stat -L -c '%u %A' -- "$1" 2>/dev/null)"
  case $2 in
    "0 d"* | "$user d"*) ;;
    *) return 1 ;;
  esac
  case $2 in
    *\ d????w* | *\ d???????w*) return 1 ;;
  esac
}

# whole FOLDER: has all that was in the archive, as no other user can have put it there. After a power failure files
# may be there without what was in them, hence the sizes.
whole() {
  [ -x "$1/deno" ] && [ "$(stat -c %s -- "$1/deno" "$1/app.mjs" 2>/dev/null)" = "$SIZES" ] &&
    mine "$1" && mine "${1%/*}"
}

# each_cache COMMAND [ARGUMENT…]: calls it with every folder for a cache there may be, until it succeeds.
each_cache() {
  home=${HOME:-}
  # Under sudo this may be the folder of somebody who could change what root runs.
  mine "$home" || home=
  # Of several, systemd's first.
  systemds=${CACHE_DIRECTORY:-}
  # The home of the service's user is its state, which is no place for a cache.
  services=/var/cache/whatsapp-worker
  { [ "$user" != 0 ] && mine "$services"; } || services=
  for folder in "${WORKER_CACHE_DIR:-}" "${systemds%%:*}" "${XDG_CACHE_HOME:+$XDG_CACHE_HOME/whatsapp-worker}" \
    "$services" "${home:+$home/.cache/whatsapp-worker}" "${TMPDIR:-/tmp}/whatsapp-worker-$user"; do
    # A relative one would be another wherever the worker is started.
    case $folder in
      /*) "$@" "$folder" && return 0 ;;
    esac
  done
  return 1
}

# use_if_unpacked FOLDER
use_if_unpacked() {
  mine "$1" && whole "$1/unpacked/$SHA256" && unpacked=$1/unpacked/$SHA256
}

# writable FOLDER: makes it where it is missing.
writable() {
  # In a folder that everybody may write to, a link leads to wherever somebody else wants.
  [ ! -L "$1" ] || [ "${1%/*}" != "${TMPDIR:-/tmp}" ] || return 1
  mkdir -p -- "$1" 2>/dev/null && mine "$1" && [ -w "$1" ]
}

# unpack_in FOLDER: unpacks into FOLDER/unpacked, unless programs cannot be run from there.
unpack_in() {
  writable "$1" && writable "$1/unpacked" || return 1
  probe=$(mktemp "$1/unpacked/tmp.XXXXXXXX" 2>/dev/null) || return 1
  chmod u+x "$probe"
  if [ -x "$probe" ]; then executable=yes; else executable=no; fi
  rm -f -- "$probe"
  [ "$executable" = yes ] && unpack "$1/unpacked"
}

payload() {
  tail -c "+${PAYLOAD_STARTS_AT##* }" -- "$self"
}

# unpack FOLDER: into FOLDER/<sha256>, which is there at once and as a whole, however many do it at the same time.
unpack() {
  found=$(payload | sha256sum)
  [ "${found%% *}" = "$SHA256" ] ||
    fail 70 "This file is damaged or only half there: $self" "Copy it here again, and compare it with its .sha256 file"
  [ ! -t 2 ] || printf 'whatsapp-worker: unpacking, once, to %s …\n' "$1" >&2
  # What was left when somebody was killed here, and versions nobody has unpacked for a month; by their names, as a
  # folder called unpacked may have been somebody's before.
  find "$1" -mindepth 1 -maxdepth 1 -type d -regextype posix-extended \
    \( -regex '.*/tmp\.[A-Za-z0-9]{8}(\.old)?' -mmin +60 -o -regex '.*/[0-9a-f]{64}' -mtime +30 \) \
    -exec rm -rf -- {} + 2>/dev/null
  work=$(mktemp -d "$1/tmp.XXXXXXXX") || return 1
  trap 'rm -rf -- "$work"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if payload | tar -xz -o -C "$work" 2>/dev/null && chmod "$mode" "$work" "$work/deno" && [ -x "$work/deno" ]; then
    # An installation outlasts a power failure right after it; a cache is made anew.
    [ "$mode" != 755 ] || sync -- "$work/deno" "$work/app.mjs"
    whole "$1/$SHA256" || replace "$work" "$1/$SHA256"
  fi
  rm -rf -- "$work"
  trap - EXIT HUP INT TERM
  whole "$1/$SHA256" && unpacked=$1/$SHA256
}

unpack_beside() {
  mkdir -p -- "$beside" 2>/dev/null && mine "$beside" || return 1
  whole "$beside/$SHA256" || unpack "$beside"
}

# replace NEW OLD: by a rename, which fails where somebody else was faster.
replace() {
  [ ! -e "$2" ] || mv -T -- "$2" "$1.old" 2>/dev/null
  mv -T -- "$1" "$2" 2>/dev/null
  rm -rf -- "$1.old"
}

use_deno_dir() {
  writable "$1" && writable "$1/deno" && DENO_DIR=$1/deno
}

main() {
  refuse_other_machines
  user=$(id -u)
  self=$(readlink -f -- "$0")
  # Deno does not start in a folder that is gone, as that of an old release in which somebody still stands.
  readlink -f -- . >/dev/null || cd /
  beside=${self%/*}/unpacked
  mode=u=rwx
  unpacked=

  if [ "${1-}" = --unpack ]; then
    mode=755
    umask 022
    unpack_beside || fail 73 "This file cannot be unpacked into $beside" \
      "Do it as who owns that folder; nobody else but root may write to it, and 150 MB have to be free"
    printf '%s\n' "$beside/$SHA256"
    exit 0
  fi

  if whole "$beside/$SHA256"; then
    unpacked=$beside/$SHA256
  else
    each_cache use_if_unpacked || each_cache unpack_in ||
      fail 73 "There is no folder to unpack this file into: it takes 150 MB that programs can be run from" \
        "Name one with WORKER_CACHE_DIR=/a/folder (yours, and writable for nobody else)"
  fi
  # Without one Deno still runs, and compiles the program at every start.
  [ -n "${DENO_DIR:-}" ] || each_cache use_deno_dir || DENO_DIR=$unpacked/none
  # Deno would read the .npmrc of whoever starts it, and end if it may not; the program does not see HOME.
  export HOME="$unpacked" DENO_DIR DENO_NO_UPDATE_CHECK=1 DENO_NO_PACKAGE_JSON=1
  umask "$starters_umask"
  exec "$unpacked/deno" run --no-config --no-lock --no-remote --no-npm @PERMISSIONS@ "$unpacked/app.mjs" "$@"
}

main "$@"
exit 70
