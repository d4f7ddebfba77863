# Sourced by fetch-kernel and ensure-qemu: which Debian mirror this machine already uses, and a private apt root.
# apt itself reads the machine's sources (one-line and deb822 formats, sources.list and sources.list.d), so no parser of ours can disagree with it.
# shellcheck shell=bash

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
note() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# The codename of this machine's release, for example bookworm.
debian_codename() {
  local codename
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  [ -n "$codename" ] || die "/etc/os-release names no VERSION_CODENAME; run on Debian 12 (bookworm) or 13 (trixie)"
  printf '%s\n' "$codename"
}

# URI of the mirror from which the machine takes its release's main component (never the security archive).
debian_mirror() {
  local codename mirror
  codename=$(debian_codename)
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    awk -v codename="$codename" '($2 == codename || $2 == "stable" || $2 == "oldstable") && $3 == "main" {print $1; exit}')
  [ -n "$mirror" ] || die "no apt source for '$codename main' found; add one to /etc/apt/sources.list.d and run again"
  printf '%s\n' "${mirror%/}"
}

# Keyring that signs Debian's archive; apt checks every Release file against it.
debian_keyring() {
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -r "$keyring" ] || die "$keyring is missing; install the package debian-archive-keyring"
  printf '%s\n' "$keyring"
}

# private_apt ROOT SUITE: prepares a private apt root for one suite and leaves apt's options in the array PRIVATE_APT.
# Nothing under /etc/apt or /var/lib/apt is written; the machine's proxy settings still hold.
private_apt() {
  local root=$1 suite=$2
  mkdir -p "$root/lists/partial" "$root/archives/partial"
  : > "$root/status"
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: amd64\nSigned-By: %s\n' \
    "$(debian_mirror)" "$suite" "$(debian_keyring)" > "$root/suite.sources"
  PRIVATE_APT=(
    -o "Dir::Etc::sourcelist=$root/suite.sources" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null
    -o Dir::Etc::preferences=/dev/null -o "Dir::State::lists=$root/lists" -o "Dir::State::status=$root/status"
    -o "Dir::Cache::archives=$root/archives" -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache="
    -o APT::Architecture=amd64 -o Acquire::Languages=none -o Acquire::Retries=3
    -o APT::Update::Post-Invoke= -o APT::Update::Post-Invoke-Success= -o APT::Sandbox::User=root)
}
