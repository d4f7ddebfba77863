#!/usr/bin/env bash
# quickstart_flow.sh SOURCE: tools/quickstart beside programs that only pretend: what it builds, in which order it goes on, what it shows,
# and how it ends where a part fails. Needs root, as the script does; skipped (77) without.
set -euo pipefail
[ "$(id -u)" = 0 ] || exit 77
source=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
bad=0
complain() { echo "$*"; bad=1; }

mkdir -p "$root/tools/lib" "$root/bin" "$root/build/quickstart/tools/tier-lab" "$root/build/log"
cp "$source/tools/quickstart" "$root/tools/"
cp "$source/tools/lib/setup.sh" "$source/tools/lib/packages.txt" "$root/tools/lib/"

script() { { echo '#!/bin/bash'; cat; } >"$1"; chmod +x "$1"; }
script "$root/bin/dpkg-query" <<<'for last; do :; done; echo "$last" >>"$ROOT/packages"; echo "install ok installed"'
script "$root/bin/cmake" <<'E2'
echo "$*" >>"$ROOT/built"
case "$*" in *" tierd "*) sleep 3; [ ! -e "$ROOT/fail-build" ] || exit 1 ;; esac
E2
script "$root/tools/lib/ensure-qemu" <<<'[ ! -e "$ROOT/fail-emulator" ] || { echo "no mirror"; exit 1; }'
script "$root/tools/lib/fetch-kernel" <<<'true'
script "$root/build/quickstart/tools/tier-lab/tier-lab" <<'E2'
if [ "$1" != run ]; then echo "$1: $(wc -l <"$ROOT/built")"; exit 0; fi
echo "run $4" >>"$ROOT/built"
echo "[guest   9.0 s] second 5 of 30: 20.1 million operations; the fast memory answers 23 % of the misses" >&2
sleep 1
[ ! -e "$ROOT/fail-$4" ] || { echo "tier-lab: the guest fell silent" >&2; exit 1; }
mkdir -p "$6"; echo '{}' >"$6/result.json"
E2

run() {
  rm -f "$root/built" "$root/packages"
  local status=0
  ROOT=$root PATH=$root/bin:$PATH TIERD_CACHE=$root/cache "$root/tools/quickstart" --lab >"$root/out" 2>"$root/err" || status=$?
  echo "$status"
}

[ "$(run)" = 0 ] || complain "failed: $(tail -n 5 "$root/err")"
grep -qE '^effect: ' "$root/out" || complain "the table is missing: $(cat "$root/out")"
[ "$(head -n 2 "$root/out" | grep -c effect)" = 1 ] || complain "the table is not the first that is shown"
grep -q 'without tierd, second 5 of 30' "$root/err" && grep -q '  with tierd, second 5 of 30' "$root/err" || complain "no progress of the guests: $(cat "$root/err")"
grep -qE 'build: tierd and tierctl; about .* minute' "$root/err" || complain "no time to expect"
# The guest without tierd begins before tierd is compiled; nothing else than what runs is compiled.
order=$(grep -nE '^run none|target tierd|^run tierd' "$root/built" | cut -d: -f2 | cut -c1-9 | sort -u | wc -l)
[ "$order" = 3 ] || complain "steps: $(cat "$root/built")"
[ "$(grep -n '^run tierd' "$root/built" | cut -d: -f1)" -gt "$(grep -n 'target tierd ' "$root/built" | cut -d: -f1)" ] || complain "the guest with tierd before tierd was built"
! grep -qE '_test|benchmark|--preset (dev|release)|target all' "$root/built" || complain "built what is not run: $(cat "$root/built")"
! grep -qE 'gtest|benchmark|fuse|redis' "$root/packages" || complain "asks for packages that nothing here needs: $(cat "$root/packages")"

for part in none tierd build emulator; do
  touch "$root/fail-$part"
  [ "$(run)" != 0 ] || complain "ended well though $part failed"
  grep -qE 'fell silent|failed' "$root/err" || complain "does not say that $part failed: $(tail -n 3 "$root/err")"
  ! grep -q effect "$root/out" || complain "shows a table though $part failed"
  rm "$root/fail-$part"
done
exit $bad
