# Configuration, rights, the journal, and settings that are put back.
# shellcheck shell=bash

shown() { tierctl config show --json | jq -r --arg key "$1" '.values[] | select(.key == $key) | .value'; }

check_reload_good() {
  begin
  start
  local pid before
  pid=$(property MainPID) before=$(shown policy.headroom)
  config 30-good $'[policy]\nheadroom = 0.07'
  exits 0 systemctl reload tierd.service
  [ "$(shown policy.headroom)" != "$before" ] || fail "policy.headroom is still $before"
  [ "$(property MainPID)" = "$pid" ] && is_active || fail "tierd did not survive the reload"
  detail "policy.headroom from $before to $(shown policy.headroom)"
}

check_reload_bad() {
  begin
  config 30-good $'[policy]\nheadroom = 0.07'
  start
  local pid before code=0
  pid=$(property MainPID) before=$(shown policy.headroom)
  config 90-bad $'colour = "red"\n[policy]\nheadroom = 0.09'
  systemctl reload tierd.service || code=$?
  [ "$(property MainPID)" = "$pid" ] && is_active || fail "tierd did not survive the reload"
  [ "$(shown policy.headroom)" = "$before" ] || fail "policy.headroom became $(shown policy.headroom)"
  logged '90-bad.toml.*colour' || fail "the journal does not name file and key: $(last_line)"
  [ "$code" != 0 ] || fail "systemctl reload ended with 0"
  rm "$settings/90-bad.toml"
  exits 0 systemctl reload tierd.service
  detail "systemctl reload ended with $code, policy.headroom stayed $before"
}

# Each level of the log by an occasion for it.
check_priorities() {
  begin
  config 40-nothing $'[targets]\nexecutables = []\npids = [1]\n[control]\ngroup = "nosuchgroup"'
  start
  config 90-bad 'colour = "red"'
  systemctl reload tierd.service
  sleep 1
  local info error
  info=$(priority_of 'runs in .* mode') error=$(priority_of '90-bad.toml.*colour')
  [ "$info" = 6 ] || fail "an information has priority '$info'"
  [ "$error" = 3 ] || fail "an error has priority '$error'"
  [ "$(priority_of 'nosuchgroup')" = 4 ] || fail "a warning of a missing group has priority '$(priority_of nosuchgroup)'"
  detail "$(lines | jq -r .PRIORITY | sort | uniq -c | awk '{print $1 " of " $2}' | paste -sd,)"
}

check_group_missing() {
  begin
  groupdel tierd || fail "groupdel ended with $?"
  systemctl start tierd.service || { systemd-sysusers; fail "tierd does not start without its group: $(last_line)"; }
  exits 0 as visitor tierctl status
  exits 4 as member tierctl policy pause
  exits 0 tierctl policy pause
  local told
  told=$(priority_of 'group.*tierd|tierd.*group')
  systemd-sysusers
  getent group tierd || fail "systemd-sysusers did not bring the group back"
  [ "$told" = 4 ] || fail "the journal has no warning of the missing group (priorities of such lines: '$told')"
  systemctl restart tierd.service
  exits 0 as member tierctl policy pause
  detail "a warning, and the group counts again after systemd-sysusers and a restart"
}

# Memory that processes share has rows of its own.
processes='[.rows[] | select(.shared_by == 0)] | length'
rows() { tierctl top --json | jq "$1"; }
rows_as() { as "$1" tierctl top --json | jq "$2"; }
sees_own() { [ "$(rows_as visitor "$processes")" = 1 ]; }

check_rights() {
  begin
  hot
  start
  seen() { [ "$(rows "$processes")" = 1 ]; }
  wait_for 20 seen || fail "tierd does not watch the hot program"
  local who
  [ "$(stat -c %a /run/tierd)" = 755 ] || fail "/run/tierd has mode $(stat -c %a /run/tierd)"
  for who in root member; do
    exits 0 as "$who" tierctl policy pause
    exits 0 as "$who" tierctl policy resume
    exits 0 as "$who" tierctl config reload
    exits 0 as "$who" tierctl prefetch arm --dry-run
    [ "$(rows_as "$who" "$processes")" = 1 ] || fail "$who sees $(rows_as "$who" "$processes") processes, not 1"
  done
  for who in 'status' 'doctor' 'nodes' 'report forecast' 'config show' 'top' 'prefetch status'; do
    # shellcheck disable=SC2086
    exits 0 as visitor tierctl $who
  done
  exits 4 as visitor tierctl policy pause
  exits 4 as visitor tierctl policy resume
  exits 4 as visitor tierctl config reload
  exits 4 as visitor tierctl prefetch arm --dry-run
  exits 4 as visitor tierctl prefetch disarm
  exits 4 as visitor tierctl prefetch restore
  [ "$(rows_as visitor '.rows | length')" = 0 ] || fail "a visitor sees somebody else's process"
  [ "$(rows_as visitor .hidden)" -ge 1 ] || fail "a visitor is not told that a process is hidden"
  systemd-run -q --unit=guest --uid=visitor --collect "$here/hotshare" --state /tmp/visitor.state --mib 128
  wait_for 30 sees_own || fail "a visitor does not see a process of his own"

  detail "root and members steer and see all; others see their own"
}

# left_behind JOURNAL: tierd is killed with a setting changed as by itself, and nothing starts it again: what is put back is put back by the unit.
left_behind() {
  local queue=/sys/block/vda/queue/read_ahead_kb before
  before=$(cat "$queue")
  start
  "$here/knob-left" "$1" "$(cat /sys/block/vda/dev)" 16 || fail "knob-left ended with $?"
  [ "$(cat "$queue")" = 16 ] || fail "read-ahead is $(cat "$queue"), not 16"
  systemctl kill -s KILL tierd.service
  down() { [ "$(property ActiveState)" = failed ]; }
  wait_for 30 down || fail "tierd is $(property ActiveState) after the kill"
  local after
  after=$(cat "$queue")
  echo "$before" > "$queue"
  [ "$after" = "$before" ] || fail "read-ahead stayed at $after, it was $before before"
  unit_lines | grep -q 'read-ahead: restored' || fail "the journal does not tell of it"
  detail "read-ahead from 16 back to $before"
}

check_prefetch_restored() {
  begin
  override $'[Service]\nRestart=no'
  config 30-prefetch $'[prefetch]\narm = ["readahead"]\ndevices = ["vda"]'
  left_behind /run/tierd/prefetch.journal
}

check_prefetch_restored_elsewhere() {
  begin
  override $'[Service]\nRestart=no'
  config 30-prefetch $'[prefetch]\narm = ["readahead"]\ndevices = ["vda"]\njournal = "/var/lib/tierd/prefetch.journal"'
  left_behind /var/lib/tierd/prefetch.journal
}

# Rights beyond the unit's: switched on by name, in force, and taken back.
check_options() {
  begin
  hot
  exits 0 tierctl enable perf-events
  [ "$(cat /proc/sys/kernel/perf_event_paranoid)" = 2 ] || fail "perf_event_paranoid is $(cat /proc/sys/kernel/perf_event_paranoid), not 2"
  exits 0 tierctl enable pcm-server
  exits 0 tierctl enable pcm-server # once more changes nothing
  systemctl cat tierd.service | grep -q 'IPAddressAllow=localhost' || fail "the unit does not have the drop-in"
  start
  clock_works() { tierctl doctor --json | jq -e '.features[] | select(.name | startswith("perf cpu-clock")) | .present' > /dev/null; }
  wait_for 20 clock_works || fail "the clock event is not available though it is permitted"
  wait_for 20 delivers stall || fail "no samples with the options; sources: $(sources)"
  exits 0 tierctl disable --all
  [ "$(cat /proc/sys/kernel/perf_event_paranoid)" = 3 ] || fail "perf_event_paranoid is $(cat /proc/sys/kernel/perf_event_paranoid), not 3 again"
  ! systemctl cat tierd.service | grep -q 'IPAddressAllow=localhost' || fail "the drop-in stayed"
  [ -z "$(find /etc/sysctl.d /etc/systemd/system/tierd.service.d -name '*tierd*' -o -name '*pcm*' 2> /dev/null)" ] || fail "files stayed in /etc"
  exits 4 as visitor tierctl enable perf-events
  detail "perf-events and pcm-server on, in force, and off again"
}
