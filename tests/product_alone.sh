#!/usr/bin/env bash
# product_alone.sh SOURCE: configures with BUILD_TESTING=OFF and looks that nothing of the tests is looked for, configured or built.
set -euo pipefail
source=$1
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cmake -S "$source" -B "$build" -G Ninja -DBUILD_TESTING=OFF >"$build/log" || { tail -n 20 "$build/log"; exit 1; }
bad=0
if found=$(grep -iE '^(gtest|gmock|benchmark|fuse3)_' "$build/CMakeCache.txt"); then
  printf 'configured though the product does not need it:\n%s\n' "$found"
  bad=1
fi
steps=$(ninja -C "$build" -n all)
if found=$(grep -E '(_test|_benchmark|_fake|-bench|guest_test)(\.dir)?[/. ]|/tests/|tools/tier-lab/(main|agent)' <<<"$steps" | head -5) && [ -n "$found" ]; then
  printf 'built though it is no part of the product:\n%s\n' "$found"
  bad=1
fi
for program in tierd/daemon/tierd tools/tierctl/tierctl tools/tier-sim/tier-sim tools/tier-train/tier-train tools/tier-record/tier-record; do
  grep -q "Linking CXX executable $program\$" <<<"$steps" || { echo "$program is not built"; bad=1; }
done
exit $bad
