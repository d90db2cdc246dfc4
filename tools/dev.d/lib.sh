# lib.sh - shared by tools/run, tools/test and tools/dev: packages, presets, messages. Sourced, never run.
# shellcheck shell=bash
set -euo pipefail
TG_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# what, for a person; never on standard output, which belongs to results
say() { printf '%s\n' "$*" >&2; }
die() { # die CODE MESSAGE...
  local code=$1
  shift
  say "$(basename "$0"): $*"
  exit "$code"
}

# Debian packages, by job
TG_PACKAGES_BUILD="gcc libc6-dev cmake ninja-build pkg-config liburing-dev android-libboringssl-dev libjemalloc-dev libinih-dev
  libsqlite3-dev libmicrohttpd-dev libzstd-dev libjansson-dev libseccomp-dev libncurses-dev zlib1g-dev libwebsockets-dev libssl-dev openssl"
TG_PACKAGES_TEST="clang lld llvm libclang-rt-14-dev clang-format libcriterion-dev valgrind strace nodejs npm ca-certificates sqlite3 curl
  python3 procps git"

# Installs what is missing of the named packages, after saying so. Works as root or through sudo.
# A command that already stands on PATH (node from elsewhere, say) satisfies the package that brings it.
install_packages() {
  local missing=() p
  for p in "$@"; do
    case $p in
      gcc | cmake | clang | valgrind | strace | openssl | clang-format | npm | sqlite3 | curl) command -v "$p" >/dev/null 2>&1 && continue ;;
      nodejs) command -v node >/dev/null 2>&1 && continue ;;
      ninja-build) command -v ninja >/dev/null 2>&1 && continue ;;
      pkg-config) command -v pkg-config >/dev/null 2>&1 && continue ;;
      python3) command -v python3 >/dev/null 2>&1 && continue ;;
      procps) command -v pgrep >/dev/null 2>&1 && continue ;;
      git) command -v git >/dev/null 2>&1 && continue ;;
      lld) command -v ld.lld >/dev/null 2>&1 && continue ;;
      llvm) command -v llvm-ar >/dev/null 2>&1 && continue ;;
    esac
    dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || missing+=("$p")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing Debian packages: ${missing[*]}"
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || die 2 "not root and no sudo: install these packages first: ${missing[*]}"
    sudo=(sudo)
  fi
  local log
  log=$(mktemp)
  if ! { "${sudo[@]}" apt-get update -q && "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    die 2 "apt-get could not install: ${missing[*]}"
  fi
  rm -f "$log"
}

# Configures and builds a preset. build_preset PRESET [cmake args...]; TG_TARGETS names targets when not all are wanted.
build_preset() {
  local preset=$1 log target=()
  shift
  [ -z "${TG_TARGETS:-}" ] || read -r -a target <<<"--target $TG_TARGETS"
  say "building $preset (build/$preset)"
  log=$(mktemp)
  if ! { cmake -S "$TG_ROOT" --preset "$preset" "$@" && cmake --build "$TG_ROOT/build/$preset" "${target[@]}"; } >"$log" 2>&1 </dev/null; then
    grep -E 'error|Error|warning:|undefined|FAILED' "$log" | head -n 40 >&2 || true
    tail -n 15 "$log" >&2
    rm -f "$log"
    die 70 "the $preset build failed"
  fi
  rm -f "$log"
}
