# What the checks in the guest share. Sourced by `check`, never run.
# shellcheck shell=bash

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
here=/opt/tierd-check
results=/run/tierd-check
settings=/etc/tierd/tierd.toml.d
overrides=/run/systemd/system/tierd.service.d
hot_state=/run/hot.state
damon=/sys/kernel/mm/damon/admin/kdamonds
balancing=1 # the distribution's own kernel.numa_balancing on a machine with several nodes

# detail TEXT: what stands beside the verdict. fail TEXT: the verdict.
detail() { printf '%s' "$*" > "$results/detail"; }
# What tierd says then goes into the check's log.
fail() {
  detail "$*"
  for view in status doctor top nodes 'config show'; do
    # shellcheck disable=SC2086
    timeout 10 tierctl $view >&2
  done
  exit 1
}
# figure NAME VALUE: a number for the host.
figure() { printf '%s %s\n' "$1" "$2" >> "$results/figures"; }

uptime_ms() { local up; read -r up _ < /proc/uptime; up=${up/./}; printf '%s' "$((10#$up * 10))"; }

# wait_for SECONDS COMMAND…: until the command succeeds. Fails when the time is over.
wait_for() {
  local end=$(($(uptime_ms) + $1 * 1000))
  shift
  until "$@"; do
    [ "$(uptime_ms)" -lt "$end" ] || return 1
    sleep 0.2
  done
}

# config NAME TEXT: a drop-in of tierd's configuration.
config() { printf '%s\n' "$2" > "$settings/$1.toml"; }
# override TEXT: a drop-in of tierd's unit, until the next begin.
override() {
  mkdir -p "$overrides"
  printf '%s\n' "$1" > "$overrides/check.conf"
  systemctl daemon-reload
}

# begin: nothing runs, no drop-in but the one that all checks share, and the journal's end is remembered.
begin() {
  systemctl stop tierd.service hot.service guest.service filler.service 'busy@*' 2> /dev/null
  find "$settings" -name '*.toml' ! -name '10-check.toml' -delete
  if [ -e "$overrides" ]; then
    rm -rf "$overrides"
    systemctl daemon-reload
  fi
  systemctl reset-failed 2> /dev/null
  rm -f "$hot_state"
  echo "$balancing" > /proc/sys/kernel/numa_balancing
  # What a killed tierd left of its DAMON context is for `kill-damon` alone.
  if [ "$(cat "$damon/nr_kdamonds" 2> /dev/null || echo 0)" != 0 ]; then
    echo off > "$damon/0/state"
    echo 0 > "$damon/nr_kdamonds"
  fi
  journalctl --sync
  cursor=$(journalctl -q -n 1 --show-cursor -o cat | sed -n 's/^-- cursor: //p')
}

# start: tierd, or the check has failed.
start() { systemctl start tierd.service || fail "systemctl start tierd ended with $?: $(last_line)"; }

# alone: the kernel's own NUMA balancing moves pages too, and would be taken for tierd, which says so itself: its advice is followed.
alone() { echo 0 > /proc/sys/kernel/numa_balancing; }

# hot [OPTION…]: the hot program; it has its memory when this returns.
hot() {
  systemd-run -q --unit=hot --collect "$here/hotshare" --state "$hot_state" "$@" || fail "the hot program did not start"
  wait_for 60 test -s "$hot_state" || fail "the hot program was not ready within 60 s"
}
# Percent of its hot pages on node 0.
share() { local all; read -r all _ < "$hot_state"; printf '%s' "${all%.*}"; }
share_is() { [ "$(share)" -ge "$1" ]; }
written_since() { [ "$(stat -c %y "$hot_state")" != "$1" ]; }
# look_anew: until the hot program has written its share twice, so that it began to look for the second one after this call. On a busy machine what
# it last wrote may be seconds old.
look_anew() {
  local before
  for _ in 1 2; do
    before=$(stat -c %y "$hot_state")
    wait_for 60 written_since "$before" || fail "the hot program writes its share no more"
  done
}

property() { systemctl show -P "$1" tierd.service; }
is_active() { [ "$(property ActiveState)" = active ]; }
# status FILTER: of `tierctl status --json`, by jq.
status() { tierctl status --json | jq -r "$1"; }
delivered() { status "[.sources[] | select(.name | startswith(\"$1\")) | .delivered] | add // 0"; }
delivers() { local n; n=$(delivered "$1" 2> /dev/null) && [ "${n:-0}" -gt 0 ]; }
moved_bytes() { status '.migrator.promoted_bytes + .migrator.demoted_bytes'; }
# The source by which tierd samples, with what it has delivered, for people.
sources() { tierctl status --json | jq -r '[.sources[] | "\(.name) \(.delivered)"] | join(", ")'; }

# lines: what tierd itself has logged since begin, one JSON object a line. unit_lines: with what systemd says of it.
lines() { journalctl --sync; journalctl -q --after-cursor "$cursor" -o json _SYSTEMD_UNIT=tierd.service; }
unit_lines() { journalctl --sync; journalctl -q --after-cursor "$cursor" -o cat -u tierd.service; }
last_line() { lines | jq -r 'select(.SYSLOG_IDENTIFIER == "tierd") | .MESSAGE' | tail -n 1; }
logged() { lines | jq -e -s --arg text "$1" 'any(.[]; .MESSAGE | test($text))' > /dev/null; }
# priority_of PATTERN: of the lines that match, each once, in order.
priority_of() { lines | jq -r --arg text "$1" 'select(.MESSAGE | test($text)) | .PRIORITY' | sort -u | tr '\n' ' ' | sed 's/ $//'; }

# restarted PID COUNT: systemd has started tierd again, as another process.
restarted() { is_active && [ "$(property MainPID)" != "$1" ] && [ "$(property NRestarts)" -gt "$2" ]; }

# as USER COMMAND…: with the groups of that user.
as() { runuser -u "$1" -- "${@:2}"; }
# exits CODE COMMAND…: what it says goes to the log.
exits() {
  local wanted=$1 code=0
  shift
  "$@" || code=$?
  [ "$code" = "$wanted" ] || fail "'$*' ended with $code, not $wanted"
}
