#!/bin/sh
# Exposure of the unit by systemd's own scale, 0 (closed) to 10, with a drop-in where one is named, and whether all of it
# is understood. usage: check-unit.sh MOST UNIT [DROP-IN]
# 77 tells ctest to skip: systemd before 250 cannot judge a file.
set -eu
most=$1 unit=$2
command -v systemd-analyze >/dev/null || { echo "skipped: systemd-analyze is not installed"; exit 77; }
systemd-analyze --help | grep -q -- --offline || { echo "skipped: systemd-analyze has no --offline (needs 250)"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# A unit with its drop-in behind it reads as the two together.
cat "$unit" ${3+"$3"} >"$folder/$(basename "$unit")"
# --threshold= takes the exposure times ten.
out=$(systemd-analyze security --offline=true --threshold="$(echo "$most" | tr -d .)" --no-pager \
  "$folder/$(basename "$unit")" 2>&1) || {
  printf '%s\n' "$out"
  exit 1
}
printf '%s\n' "$out" | tail -1
# A misspelt option is ignored by systemd, with a warning that must not be passed over.
case $out in *"Unknown key"* | *"Unknown lvalue"* | *"Failed to parse"* | *"ignoring"*)
  printf '%s\n' "$out"
  exit 1 ;;
esac
