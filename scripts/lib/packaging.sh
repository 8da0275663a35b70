# shellcheck shell=bash
# What building and installing share. Sourced after setup.sh, in the root of the project.
# source_epoch        the time that everything in a package carries: SOURCE_DATE_EPOCH, else that of the last commit.
# machine_arch        this machine in Debian's words.
# stage_tree ARCH DIR everything an installed evtrackd consists of, below DIR.

source_epoch() {
  if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
    printf '%s\n' "$SOURCE_DATE_EPOCH"
  else
    # A source tree without history: any fixed time will do.
    git log -1 --format=%ct 2>/dev/null || printf '315532800\n'
  fi
}

machine_arch() {
  case "$(uname -m)" in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) say "evtrackd runs on x86-64 and 64-bit Arm; this machine is $(uname -m)."; return 1 ;;
  esac
}

stage_tree() {
  SOURCE_DATE_EPOCH=$(source_epoch) node packaging/stage.mjs --arch "$1" --root "$2"
}

# What scripts/install put where, one path a line, sorted; scripts/uninstall goes by it.
# shellcheck disable=SC2034
MANIFEST=usr/lib/evtrackd/install-manifest

refuse_when_dpkg_owns_it() {
  if command -v dpkg-query >/dev/null && dpkg-query -W -f '${db:Status-Abbrev}' evtrackd 2>/dev/null | grep -q '^ii'; then
    say 'evtrackd is installed as a package here: use apt-get or dpkg.'
    exit 1
  fi
}
