#!/usr/bin/env bash
# installed_paths.sh BUILD SOURCE PREFIX: installs the tree elsewhere and looks for paths of the machine it was built on in what
# would be loaded into memory, the run path included. Debug information names sources; it is not looked at.
set -euo pipefail
build=$1 source=$2 prefix=$3
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
# A component's name, so that the manifest of the real installation stays.
DESTDIR=$root cmake --install "$build" --component Unspecified >/dev/null
bad=0 seen=0
while read -r file; do
  head -c4 "$file" | grep -q ELF || continue
  seen=$((seen + 1))
  if found=$(strings --data "$file" | grep -F -e "$source/" -e "$build" | sort -u | head -5) && [ -n "$found" ]; then
    printf '%s names the folder it was built in:\n%s\n' "${file#"$root"}" "$found" >&2
    bad=1
  fi
  if path=$(readelf -d "$file" | sed -nE 's/.*\((RPATH|RUNPATH)\).*\[(.*)\]/\2/p') && [ -n "$path" ] && [[ $path != "$prefix"/* ]]; then
    printf '%s: run path %s is not below %s\n' "${file#"$root"}" "$path" "$prefix" >&2
    bad=1
  fi
done < <(find "$root" -type f \( -path '*bin/*' -o -name '*.so' \))
[ "$seen" -ge 4 ] || { echo "only $seen programs were installed" >&2; bad=1; }
for shipped in model.safetensors registers.toml recorder/fetch-qemu-user recorder/debian-mirror.sh; do
  [ -f "$root$prefix/share/tierd/$shipped" ] || { echo "share/tierd/$shipped is missing" >&2; bad=1; }
done
exit $bad
