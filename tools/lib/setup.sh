# Shared by quickstart, test and bench: progress lines, package installation, the build. Sourced, not run.
# shellcheck shell=bash

TIERD_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Kernels, compiled objects: shared by all checkouts of this user.
export TIERD_CACHE=${TIERD_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/tierd}
export CCACHE_DIR=${CCACHE_DIR:-$TIERD_CACHE/ccache}
# The same sources in another folder give the same objects.
export CCACHE_BASEDIR=$TIERD_ROOT CCACHE_NOHASHDIR=1
TIERD_STARTED=$SECONDS

die() {
  printf '%s: error: %s\n' "$(basename "$0")" "$1" >&2
  exit "${2:-1}"
}

# step TEXT: one line of progress with the time since the start, on stderr so that stdout stays the result.
step() { printf '[%4ds] %s\n' $((SECONDS - TIERD_STARTED)) "$*" >&2; }

# quietly LOG COMMAND…: runs with its output in LOG, a dot line every ten seconds, and the log's end when it fails.
quietly() {
  local log=$1 status=0
  shift
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 </dev/null &
  local pid=$! waited=0
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    waited=$((waited + 1))
    if [ $((waited % 10)) = 0 ]; then step "  … $(tail -c 300 "$log" | tr '\r' '\n' | grep -v '^[[:space:]]*$' | tail -n 1 | cut -c1-100)"; fi
  done
  wait "$pid" || status=$?
  if [ "$status" != 0 ]; then
    tail -n 30 "$log" >&2
    printf '%s failed with exit code %s; the whole log: %s\n' "$1" "$status" "$log" >&2
  fi
  return "$status"
}

need_root() { [ "$(id -u)" = 0 ] || die "needs root: it installs packages and loads BPF programs (fix: sudo $0)" 4; }

need_debian() {
  local release=''
  [ -r /etc/os-release ] && release=$(. /etc/os-release && echo "${ID:-}-${VERSION_ID:-}")
  case $release in
    debian-12 | debian-13) ;;
    *) step "this is '$release'; only Debian 12 and 13 are tested" ;;
  esac
  command -v apt-get >/dev/null || die "apt-get is missing (fix: use Debian 12 or 13, or install tools/lib/packages.txt by hand)" 5
}

# install_packages [HEADING…]: installs what is missing of these parts of packages.txt, by default of all, and nothing else.
install_packages() {
  local missing=() name part=$#
  while read -r name; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done < <(packages_of "$@")
  if [ ${#missing[@]} = 0 ]; then
    step "packages: all there"
    [ "$part" != 0 ] || provide_redis_server
    return 0
  fi
  step "packages: installing ${#missing[@]}: ${missing[*]}"
  mkdir -p "$TIERD_ROOT/build"
  quietly "$TIERD_ROOT/build/log/apt-update.log" apt-get update -q || true  # one broken foreign source must not stop us
  DEBIAN_FRONTEND=noninteractive quietly "$TIERD_ROOT/build/log/apt-install.log" \
    apt-get install -y -q --no-install-recommends "${missing[@]}" || return 1
  [ "$part" != 0 ] || provide_redis_server
}

# packages_of [HEADING…]: the names below these headings of packages.txt, or all names.
packages_of() {
  awk -v wanted="$(printf '%s\n' "$@")" '
    BEGIN { all = wanted == ""; n = split(wanted, list, "\n"); for (i = 1; i <= n; ++i) if (list[i] != "") known[list[i]] = 1 }
    /^#/ { heading = substr($0, 3); found[heading] = 1; next }
    { sub(/#.*/, "") }
    NF && (all || heading in known) { print $1 }
    END { for (name in known) if (!(name in found)) { print "packages.txt has no heading " name > "/dev/stderr"; print "no-such-heading" } }' \
    "$TIERD_ROOT/tools/lib/packages.txt"
}

# Debian's redis-tools carries the server as redis-check-rdb; by its other name it serves. No service is installed.
provide_redis_server() {
  command -v redis-server >/dev/null && return 0
  mkdir -p "$TIERD_CACHE/bin"
  ln -sf "$(command -v redis-check-rdb)" "$TIERD_CACHE/bin/redis-server"
  export PATH=$TIERD_CACHE/bin:$PATH
}

# build PRESET: configures and builds; sets TIERD_BUILD.
build() {
  TIERD_BUILD=$TIERD_ROOT/build/$1
  step "build: configuring preset $1"
  (cd "$TIERD_ROOT" && quietly "$TIERD_ROOT/build/log/configure-$1.log" cmake --preset "$1") || return 1
  step "build: compiling"
  (cd "$TIERD_ROOT" && quietly "$TIERD_ROOT/build/log/build-$1.log" cmake --build --preset "$1")
}

# prepare_lab: QEMU >= 10 and the named kernels (default 6.12), all cached.
prepare_lab() {
  step "lab: QEMU 10 or newer"
  quietly "$TIERD_ROOT/build/log/ensure-qemu.log" "$TIERD_ROOT/tools/lib/ensure-qemu" || return 1
  local kernel
  for kernel in "${@:-6.12}"; do
    step "lab: kernel $kernel"
    quietly "$TIERD_ROOT/build/log/kernel-$kernel.log" "$TIERD_ROOT/tools/lib/fetch-kernel" "$kernel" || return 1
  done
}

# prepare_guest RELEASE KERNEL: what a stock Debian guest under systemd is made of (tests/systemd), cached.
prepare_guest() {
  prepare_lab "$2" || return 1
  step "guest: Debian $1"
  quietly "$TIERD_ROOT/build/log/make-root-$1.log" "$TIERD_ROOT/tests/systemd/make-root" "$1"
}

# prepare_recorder: the user-mode emulator that tier-record runs programs under, cached. Tests that need it skip themselves without.
prepare_recorder() {
  step "recorder: user-mode QEMU with plugins"
  quietly "$TIERD_ROOT/build/log/fetch-qemu-user.log" "$TIERD_ROOT/tools/lib/fetch-qemu-user" || step "recorder: not there; its tests will be skipped"
}
