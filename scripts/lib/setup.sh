# shellcheck shell=bash
# Set-up shared by the scripts: sourced, idempotent, safe to repeat. Needs Node.js 20 or newer with npm on the PATH.
# debian_packages NAME...  installs what is missing when root; without root it only says what would be used.
# node_packages            runs `npm ci` when the lock file changed since the last time.
# build                    compiles TypeScript to dist/.

say() { printf '%s\n' "$*" >&2; }

need_node() {
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    say "evtrackd needs Node.js 20 or newer with npm. Install it (for example Debian's nodejs and npm, or nodejs.org), then run this again."
    exit 1
  fi
  local major
  major=$(node -p 'process.versions.node.split(".")[0]')
  if [ "$major" -lt 20 ]; then
    say "evtrackd needs Node.js 20 or newer; this is $(node --version). Install a newer one, then run this again."
    exit 1
  fi
}

debian_packages() {
  command -v dpkg-query >/dev/null || { say "Not a Debian system: please provide yourself: $*"; return 0; }
  local name missing=()
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ]; then
    say "Missing Debian packages: ${missing[*]} (tests that need them are skipped; install them with: sudo apt-get install ${missing[*]})"
    return 0
  fi
  say "Installing Debian packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >/dev/null || true
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    say "Could not install ${missing[*]}; tests that need them are skipped."
}

node_packages() {
  local stamp=node_modules/.evtrackd-lock want
  want=$(sha256sum package-lock.json | cut -d' ' -f1)
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then return 0; fi
  say "Installing Node packages (npm ci)…"
  ONNXRUNTIME_NODE_INSTALL=skip npm ci --no-audit --no-fund --loglevel=error >&2
  printf '%s\n' "$want" >"$stamp"
}

build() {
  npm run --silent build
}
