#!/bin/sh
# Exposure of the unit by systemd's own scale, 0 (closed) to 10. usage: check-unit.sh UNIT
# 77 tells ctest to skip: systemd before 250 cannot judge a file.
set -eu
command -v systemd-analyze >/dev/null || { echo "skipped: systemd-analyze is not installed"; exit 77; }
systemd-analyze --help | grep -q -- --offline || { echo "skipped: systemd-analyze has no --offline (needs 250)"; exit 77; }
out=$(systemd-analyze security --offline=true --threshold=25 --no-pager "$1" 2>&1) || {
  printf '%s\n' "$out"
  exit 1
}
printf '%s\n' "$out" | tail -1
# A misspelt option is ignored by systemd, with a warning that must not be passed over.
case $out in *"Unknown key"* | *"Unknown lvalue"* | *"Failed to parse"* | *"ignoring"*)
  printf '%s\n' "$out"
  exit 1 ;;
esac
