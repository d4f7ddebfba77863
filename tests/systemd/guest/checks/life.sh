# The machine as the distribution has it, and tierd's life under its init.
# shellcheck shell=bash

check_stock() {
  [ "$(cat /proc/sys/kernel/perf_event_paranoid)" = 3 ] || fail "kernel.perf_event_paranoid is not the distribution's 3"
  [[ $(readlink /proc/1/exe) == */systemd ]] || fail "PID 1 is $(readlink /proc/1/exe)"
  [ "$(cat /sys/devices/system/node/has_memory)" = 0-1 ] || fail "nodes with memory: $(cat /sys/devices/system/node/has_memory)"
  [ "$(cat /sys/devices/system/node/has_cpu)" = 0 ] || fail "nodes with CPUs: $(cat /sys/devices/system/node/has_cpu)"
  [ "$(cat /proc/sys/kernel/numa_balancing)" = "$balancing" ] || fail "kernel.numa_balancing is $(cat /proc/sys/kernel/numa_balancing)"
  getent group tierd || fail "systemd-sysusers made no group tierd at boot"
  [ "$(systemctl is-enabled tierd.service)" = disabled ] || fail "tierd is $(systemctl is-enabled tierd.service) before anybody enabled it"
  [ "$(property ActiveState)" = inactive ] || fail "tierd is $(property ActiveState) before anybody started it"
  detail "$(. /etc/os-release && echo "$PRETTY_NAME"), Linux $(uname -r), systemd $(systemctl --version | sed -n '1s/[^(]*(\(.*\))/\1/p'), $(awk '/MemFree/ {print int($4 / 1024)}' /sys/devices/system/node/node0/meminfo) MiB free on node 0"
}

check_start() {
  begin
  start
  is_active || fail "tierd is $(property ActiveState)"
  [ "$(property Type)" = notify ] || fail "the unit's type is $(property Type)"
  [ -n "$(property StatusText)" ] || fail "tierd told systemd no status"
  exits 0 tierctl status
  detail "$(property StatusText)"
}

# within_s SECONDS SOURCE: it has delivered samples so soon after its process was started. Sets `took` in milliseconds.
within_s() {
  local began
  began=$(($(property ExecMainStartTimestampMonotonic) / 1000))
  while :; do
    if delivers "$2"; then
      took=$(($(uptime_ms) - began))
      [ "$took" -le $(($1 * 1000)) ]
      return
    fi
    [ $(($(uptime_ms) - began)) -lt $(($1 * 1000)) ] || return 1
    sleep 0.2
  done
}

check_samples() {
  begin
  hot
  start
  within_s 10 stall || fail "no sample of stall sampling within 10 s; sources: $(sources); $(lines | jq -r 'select(.MESSAGE | test("source stall")) | .MESSAGE')"
  detail "the first after $took ms; sources: $(sources)"
}

check_sight() {
  begin
  exits 3 tierctl status --check
  hot
  start
  sees() { [ "$(status .sight.state)" = sees ]; }
  wait_for 30 sees || fail "sight is '$(status '.sight.state')', not 'sees', while $(sources)"
  exits 0 tierctl status --check
  [ "$(tierctl status --check | wc -l)" = 1 ] || fail "tierctl status --check printed more than one line"
  detail "$(tierctl status --check)"
}

packages=$here/packages
# What dpkg says goes into the check's log.
dpkg_does() { dpkg "$@" || fail "dpkg $* ended with $?"; }
nothing_runs() { ! pgrep -x tierd && [ "$(property LoadState)" = not-found ]; }

# The image holds the installed package instead of a build's tree. A service that the administrator has disabled is left alone.
check_package() {
  local pid
  [ "$(systemctl is-enabled tierd.service)" = enabled ] || fail "after the installation tierd is $(systemctl is-enabled tierd.service)"
  wait_for 60 is_active || fail "after a boot tierd is $(property ActiveState)"
  pid=$(property MainPID)
  dpkg_does -i "$packages"/higher/tierd_*.deb
  is_active || fail "after an upgrade tierd is $(property ActiveState)"
  [ "$(property MainPID)" != "$pid" ] || fail "the upgrade did not restart tierd"
  exits 0 tierctl status
  systemctl disable --now tierd.service
  dpkg_does -i "$packages"/higher/tierd_*.deb
  [ "$(property ActiveState)" = inactive ] || fail "an upgrade made a disabled tierd $(property ActiveState)"
  [ "$(systemctl is-enabled tierd.service)" = disabled ] || fail "an upgrade enabled tierd again"
  systemctl enable --now tierd.service
  wait_for 60 is_active || fail "tierd does not start again"
  dpkg_does -r tierd
  nothing_runs || fail "after the removal: $(pgrep -ax tierd) $(property LoadState)"
  [ ! -e /run/tierd ] || fail "after the removal /run/tierd is there: $(ls /run/tierd)"
  [ -e /etc/tierd/tierd.toml ] || fail "the removal took the configuration away"
  dpkg_does -i "$packages"/higher/tierd_*.deb
  wait_for 60 is_active || fail "installed again, tierd is $(property ActiveState)"
  dpkg_does -P tierd
  nothing_runs || fail "after the purge: $(pgrep -ax tierd) $(property LoadState)"
  for left in /etc/tierd /var/lib/tierd /run/tierd; do [ ! -e "$left" ] || fail "the purge left $left"; done
  detail "enabled and running after a boot, restarted by an upgrade, gone after remove and purge"
}

check_restart() {
  begin
  hot
  start
  local pid
  pid=$(property MainPID)
  exits 0 systemctl restart tierd.service
  is_active || fail "tierd is $(property ActiveState)"
  [ "$(property MainPID)" != "$pid" ] || fail "tierd is still process $pid"
  wait_for 20 delivers '' || fail "no samples after the restart"
  detail "process $pid became $(property MainPID)"
}

# Slow enough that the moves of one plan last for many seconds.
check_stop_in_moves() {
  begin
  config 20-act $'mode = "act"\n[migration]\nrate = "4MiB/s"'
  alone
  hot --mib 256 --hot 96
  start
  wait_for 90 share_is 10 || fail "tierd moved next to nothing in 90 s: $(share) % of the hot set; sources: $(sources)"
  systemctl stop tierd.service || fail "systemctl stop ended with $?"
  local at took
  look_anew
  at=$(share)
  [ "$(property Result)" = success ] || fail "the unit's result is $(property Result)"
  took=$((($(property ExecMainExitTimestampMonotonic) - $(property ActiveExitTimestampMonotonic)) / 1000))
  [ "$at" -lt 95 ] || fail "all moves were over: $at % of the hot set are on the fast node"
  sleep 2
  look_anew
  [ "$(share)" = "$at" ] || fail "pages moved on after the stop: $at % became $(share) %"
  [ "$(property ExecMainExitTimestampMonotonic)" -gt 0 ] || fail "systemd does not know when the process ended"
  figure stop_ms "$took"
  [ "$took" -le 1000 ] || fail "it took $took ms from systemd's signal to the end of the process"
  detail "$took ms, with $at % of the hot set moved"
}

# killed SOURCE: systemd starts tierd again after SIGKILL, and it samples again.
killed() {
  local pid count
  start
  wait_for 30 delivers "$1" || fail "no samples of '$1' before the kill; sources: $(sources)"
  pid=$(property MainPID) count=$(property NRestarts)
  systemctl kill -s KILL tierd.service
  wait_for 40 restarted "$pid" "$count" || fail "not restarted: $(property ActiveState), $(property Result); $(last_line)"
  wait_for 30 delivers "$1" || fail "no samples of '$1' after the kill; sources: $(sources)"
  detail "process $pid became $(property MainPID); sources: $(sources)"
}

check_kill() {
  begin
  hot
  killed stall
}

check_kill_damon() {
  begin
  config 20-damon $'[sampling]\nsource = "damon"'
  hot
  killed damon
}

check_watchdog() {
  begin
  override $'[Service]\nWatchdogSec=8'
  start
  local pid count
  pid=$(property MainPID) count=$(property NRestarts)
  # It pings: without that the watchdog would end it whatever it does.
  sleep 11
  [ "$(property MainPID)" = "$pid" ] || fail "the watchdog ended a tierd that works"
  kill -STOP "$pid"
  wait_for 60 restarted "$pid" "$count" || fail "a stopped tierd was not replaced: $(property ActiveState), $(property Result)"
  unit_lines | grep -q 'Watchdog timeout' || fail "something else than the watchdog ended it"
  detail "process $pid became $(property MainPID)"
}

check_enable() {
  begin
  exits 0 systemctl enable tierd.service
  [ "$(systemctl is-enabled tierd.service)" = enabled ] || fail "it is $(systemctl is-enabled tierd.service)"
}

# After a reboot.
check_enabled() {
  wait_for 60 is_active || fail "tierd is $(property ActiveState) after the reboot; $(journalctl -q -b -o cat -u tierd.service | tail -n 1)"
  exits 0 tierctl status
  exits 0 systemctl disable --now tierd.service
  [ "$(systemctl is-enabled tierd.service)" = disabled ] || fail "it is $(systemctl is-enabled tierd.service)"
  [ "$(property ActiveState)" = inactive ] || fail "it is $(property ActiveState)"
  [ -z "$(find /etc/systemd/system -name 'tierd.service')" ] || fail "a link is left in /etc/systemd/system"
}
