#!/usr/bin/env bash
# faults.md row 18 on a small disk of its own (a tmpfs in a mount namespace): below low water only reductions, and back; a full
# disk and a failing fsync break the tape: told, no new risk, an orderly end; a slow disk leaves the hot lane alone.
if [ -z "${TG_SMALL_DISK:-}" ]; then
  [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null || { echo "skipped: no mount namespace of our own (needs root)"; exit 77; }
  TG_SMALL_DISK=1 exec unshare -m bash "$0"
fi
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
. "$(dirname "${BASH_SOURCE[0]}")/engine.sh.inc"
. "$(dirname "${BASH_SOURCE[0]}")/strace.sh.inc"
mkdir -p "$run"
mount --make-rprivate / 2>/dev/null
mount -t tmpfs -o size=96m tmpfs "$run" || skip "no tmpfs may be mounted here"
small="tape.segment_mb=8 tape.low_water_mb=24"
last_reason() { ctl --json transitions >"$work/transitions.json" 2>/dev/null && json "$work/transitions.json" transitions.0.reason; }
last_reason_is() { [ "$(last_reason)" = "$1" ]; }
placed() { field counts.orders_placed; }
alarm() { [ "$(field "alarms.$1" 2>/dev/null)" -ge 1 ] 2>/dev/null; }
room_mb() { df -m --output=avail "$run" | tail -n 1; }
compare() { # HISTOGRAM QUANTILE of the hot lane, with the quiet disk and with the slow one: told, never judged
  local quiet slow
  quiet=$(json "$work/quiet.json" "$1.$2") slow=$(json "$work/slow.json" "$1.$2")
  echo "hot $1 $2: $quiet ns without, $slow ns with a slow disk, ratio $(python3 -c "print(round($slow / max(1, $quiet), 2))")"
}
finish_engine() { # NAME CODE: a SIGTERM, and how it ends
  kill -TERM "$engine"
  wait "$engine"
  check "$1: an orderly end with code $2" equal $? "$2"
}

start_venue 5 280

# --- low water, and back
# shellcheck disable=SC2086
start_engine low $small
check "low: it trades" soon 40 is state ACTIVE
check "low: orders rest" soon 40 is_not counts.orders_open 0
dd if=/dev/zero of="$run/filler" bs=1M count=$(($(room_mb) - 12)) status=none
check "low: below the mark it is told" soon 20 alarm DISK_LOW
check "low: no new risk" soon 20 is state DEGRADED
rm -f "$run/filler"
check "low: with room again it trades again" soon 40 is state ACTIVE
finish_engine low 0
check "low: the tape is whole" "$bin/tickgate" replay "$run/tape"

# --- slow: every sync and write of the cold lane takes 200 ms more
if can_strace; then
  # shellcheck disable=SC2086
  start_engine quiet $small
  soon 40 is state ACTIVE
  sleep 8
  finish_engine quiet 0
  # shellcheck disable=SC2086
  start_engine slow $small
  check "slow: it trades" soon 40 is state ACTIVE
  hold cold fdatasync,write,pwrite64 delay_exit=200000 8
  check "slow: calls were delayed" at_least "$(grep -c DELAYED "$work/strace.log")" 5
  check "slow: it trades again" soon 60 is state ACTIVE
  finish_engine slow 0
  compare tick_to_order_ns p50
  compare tick_to_order_ns p999
  compare core_step_ns p999
  check "slow: the core never waited for room" equal "$(json "$work/slow.json" core_halts)" 0
  check "slow: no market data was dropped" equal "$(json "$work/slow.json" feed_dropped_events)" 0
  check "slow: the tape is whole" "$bin/tickgate" replay "$run/tape"

  # --- a sync fails: the tape is broken, for good
  # (an injected error is a system call that seccomp has never heard of: without the sandbox)
  # shellcheck disable=SC2086
  start_engine sync $small sandbox.enabled=false
  check "sync: it trades" soon 40 is state ACTIVE
  hold_begin cold fdatasync error=EIO
  check "sync: no new risk" soon 30 is state DEGRADED
  hold_end
  check "sync: because of the journal" last_reason_is JOURNAL_BEHIND
  check "sync: it is told" is journal_ok false
  check "sync: told in the log" grep -q 'cannot be written' "$work/sync.log"
  before=$(placed)
  sleep 3
  check "sync: still DEGRADED, the disk being well again" is state DEGRADED
  echo "orders placed before and after: $before $(placed)"
  finish_engine sync 8
fi

# --- full: not a byte more
# shellcheck disable=SC2086
start_engine full $small
check "full: it trades" soon 40 is state ACTIVE
dd if=/dev/zero of="$run/filler" bs=64k status=none 2>/dev/null
dd if=/dev/zero of="$run/crumbs" bs=1 status=none 2>/dev/null
check "full: no new risk" soon 30 is state DEGRADED
check "full: low water was told" soon 10 alarm DISK_LOW
sleep 5
check "full: it answers still, and holds" is state DEGRADED
rm -f "$run/filler" "$run/crumbs"
kill -TERM "$engine"
wait "$engine"
code=$?
check "full: an orderly end (code $code)" test "$code" = 0 -o "$code" = 8
cd / && umount "$run" 2>/dev/null
finish
