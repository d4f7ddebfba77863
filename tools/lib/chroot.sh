# Sourced by tools/package and tests/package/cycle, after setup.sh and debian-mirror.sh: chroots of Debian releases, cached.
# shellcheck shell=bash

suite_of() {
  case $1 in
    12) echo bookworm ;;
    13) echo trixie ;;
    *) die "packages are built for Debian 12 and 13, not for '$1' (fix: --release 12)" 2 ;;
  esac
}

# make_tree NAME SUITE PACKAGES…: a tree with these packages configured; prints its folder. Another package list makes another tree.
make_tree() {
  local name=$1 suite=$2 target
  shift 2
  target=$TIERD_CACHE/package/$name-$(printf '%s\n' "$@" | sha256sum | cut -c1-12)
  if [ ! -e "$target/done" ]; then
    command -v mmdebstrap >/dev/null || die "mmdebstrap is missing (fix: apt-get install mmdebstrap)" 5
    step "package: making a chroot of $suite, $name"
    rm -rf "$TIERD_CACHE/package/$name"-*
    mkdir -p "$target"
    quietly "$TIERD_ROOT/build/log/package-$name.log" mmdebstrap --mode=root --variant=minbase --include="$(IFS=,; echo "$*")" \
      --aptopt='Acquire::Retries "3"' "$suite" "$target/root" \
      "deb [signed-by=$(debian_keyring)] $(debian_mirror) $suite main" || return 1
    touch "$target/done"
  fi
  echo "$target/root"
}

# inside ROOT COMMAND…: with a read-only /proc and the compiler cache, in mounts that end with the command.
inside() {
  local root=$1
  shift
  mkdir -p "$root/ccache" "$CCACHE_DIR"
  # shellcheck disable=SC2016  # for the inner shell
  unshare --mount sh -c '
    mount -t proc -o ro proc "$0/proc" && mount --bind "$1" "$0/ccache" && root=$0 && shift &&
    exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive CCACHE_DIR=/ccache \
      CCACHE_BASEDIR=/build/tierd CCACHE_NOHASHDIR=1 "$@"' "$root" "$CCACHE_DIR" "$@"
}
