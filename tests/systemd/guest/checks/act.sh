# Moves: a hot program comes to the fast node, and who is blind moves nothing.
# shellcheck shell=bash

check_hot() {
  begin
  alone
  hot
  start
  local before after promoted
  sleep 3
  before=$(share)
  config 20-act 'mode = "act"'
  exits 0 systemctl reload tierd.service
  wait_for 120 share_is $((before + 50)) && sleep 10 # and on to where it settles
  after=$(share) promoted=$(($(status .migrator.promoted_bytes) / 1048576))
  figure share_before "$before"
  figure share_after "$after"
  [ $((after - before)) -ge 50 ] || fail "from $before to $after % in 120 s; $promoted MiB promoted; sources: $(sources)"
  [ "$promoted" -ge 24 ] || fail "from $before to $after %, but tierd promoted $promoted MiB: somebody else moved the rest"
  detail "from $before to $after % of the hot set on the fast node, $promoted MiB promoted; sources: $(sources)"
}

# blind_for SECONDS: tierd runs in act mode and must see nothing; not a byte may move, and everything must say so.
blind_for() {
  local end moved=0 most=0
  end=$(($(uptime_ms) + $1 * 1000))
  while [ "$(uptime_ms)" -lt "$end" ]; do
    sleep 2
    moved=$(moved_bytes) || fail "tierd does not answer"
    [ "$moved" -le "$most" ] || most=$moved
  done
  figure blind_moved_bytes "$most"
  figure blind_seconds "$1"
  figure node0_free_kib "$(awk '/MemFree/ {print $4}' /sys/devices/system/node/node0/meminfo)"
  # Without this it would not be tempted: headroom is a tenth of the node.
  [ "$(awk '/MemFree/ {print $4}' /sys/devices/system/node/node0/meminfo)" -lt "$(awk '/MemTotal/ {print int($4 / 10)}' /sys/devices/system/node/node0/meminfo)" ] ||
    fail "node 0 has more free than the headroom: $(awk '/MemFree/ {print $4}' /sys/devices/system/node/node0/meminfo) KiB"
  [ "$most" = 0 ] || fail "$most bytes moved in $1 s; sources: $(sources); sight: $(status '.sight.state')"
  [ "$(status .sight.state)" = blind ] || fail "sight is '$(status .sight.state)', not 'blind'; sources: $(sources)"
  [[ $(property StatusText) == BLIND:* ]] || fail "systemd's status line does not say it: $(property StatusText)"
  [[ $(tierctl doctor --json | jq -r .verdict) == blind:* || $(tierctl doctor --json | jq -r .verdict) == nothing* ]] ||
    fail "the doctor says: $(tierctl doctor --json | jq -r .verdict)"
  exits 1 tierctl status --check
  detail "0 bytes in $1 s; $(tierctl status --check)"
}

# The program lies on the fast node, and somebody else takes what is free there, so that a tierd that acts blind demotes to keep its headroom.
crowded() {
  alone
  hot --mib 96 --hot 48 --node 0
  [ "$(share)" -ge 60 ] || fail "only $(share) % of the hot set could be placed on node 0"
  systemd-run -q --unit=filler --collect "$here/filler" --fill 24
}

# Sampling made impossible by rights: no BPF program can be loaded, so no source can run.
check_blind_rights() {
  begin
  config 20-blind $'mode = "act"\n[policy]\nheadroom = 0.1'
  override $'[Service]\nCapabilityBoundingSet=\nCapabilityBoundingSet=CAP_SYS_PTRACE CAP_SYS_NICE'
  crowded
  start
  blind_for 30
}

# Sampling made impossible by the choice of source: faults show nothing of a program that has all its pages.
check_blind() {
  begin
  config 20-blind $'mode = "act"\n[sampling]\nsource = "faults"\n[policy]\nheadroom = 0.1'
  crowded
  start
  blind_for "${BLIND_SECONDS:-40}"
}

check_blind_5_minutes() { BLIND_SECONDS=300 check_blind; }

# starts COUNT NAME: restarts, each of which must sample within 10 s of its start.
starts() {
  local i
  for ((i = 0; i < $1; ++i)); do
    systemctl reset-failed tierd.service 2> /dev/null
    systemctl restart tierd.service
    took=-1
    if within_s 10 stall; then good=$((good + 1)); else printf 'missed %s: %s\n' "$2" "$(sources)"; fi
    figure "start_$2" "$took"
    tried=$((tried + 1))
  done
}

check_starts() {
  local good=0 tried=0 i
  begin
  hot
  starts 14 idle
  for i in 1 2 3 4 5 6 7 8; do systemd-run -q --unit="busy@$i" --collect /bin/bash -c 'while :; do :; done'; done
  starts 4 loaded
  systemctl stop 'busy@*'
  # Of an emulated CPU, which is about twenty times slower than a real one.
  override $'[Service]\nCPUQuota=20%'
  starts 2 quota
  figure starts_tried "$tried"
  figure starts_good "$good"
  [ "$good" = "$tried" ] || fail "$good of $tried sampled within 10 s"
  detail "$good of $tried"
}
