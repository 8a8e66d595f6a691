# Once for all tests: the machines that each of them gets a copy of.
setup_suite() {
  # shellcheck source=tests/install/machine.bash
  . "$(dirname "${BASH_SOURCE[0]}")/machine.bash"
  may_chroot || return 0
  build_machine "$BATS_RUN_TMPDIR/bare"
  copy_machine "$BATS_RUN_TMPDIR/bare" "$BATS_RUN_TMPDIR/installed"
  install_once "$BATS_RUN_TMPDIR/installed"
}
