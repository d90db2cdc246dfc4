#!/usr/bin/env bash
# faults.md row 19: the cold lane's thread is held for seconds (strace delays one of its system calls). The hot lane goes on: it
# is the one that notices, while the stall lasts, and holds new risk; nothing that the venue said meanwhile is lost.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
. "$(dirname "${BASH_SOURCE[0]}")/engine.sh.inc"
. "$(dirname "${BASH_SOURCE[0]}")/strace.sh.inc"
can_strace || skip "strace may not attach to a thread here"
stall_s=6 bound_ms=2000
start_venue 5 120
start_engine one sync.beat_bound_ms=$bound_ms
check "it trades" soon 40 is state ACTIVE
check "orders rest" soon 40 is_not counts.orders_open 0
from=$(date +%s%N)
# one call takes that long; it ends by itself once the lane goes on
hold cold io_uring_enter "delay_enter=${stall_s}000000:when=1" $((stall_s + 1))
until=$(date +%s%N)
check "a call of the cold lane was held" grep -q DELAYED "$work/strace.log"
check "the engine answers again" soon 30 is_not uptime_ms x
ctl --json transitions >"$work/transitions.json"
cat "$work/transitions.json" | head -c 1200; echo
judge() { python3 - "$work/transitions.json" "$from" "$until" "$stall_s" <<'PY'
import json, sys
rows, start, until, stall = json.load(open(sys.argv[1]))["transitions"], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]) * 10**9
held = [r for r in rows if r["reason"] == "JOURNAL_BEHIND" and start < r["ts_ns"] < until]
assert held, "no state told that the cold lane was silent"
first = min(r["ts_ns"] for r in held)
print(f"noticed {(first - start) / 1e9:.2f} s after the lane was held, with {(start + stall - first) / 1e9:.2f} s of the stall to come")
assert first < start + stall, "noticed only after the stall"
PY
}
check "the hot lane noticed while the stall lasted, within its bound" judge
check "it trades again" soon 60 is state ACTIVE
kill -TERM "$engine"
wait "$engine"
check "an orderly end" equal $? 0
kill -TERM "$venue"
wait "$venue"
"$bin/tickgate" report --engine "$work/one.json" --venue "$work/venue.json" --json "$work/report.json" >"$work/report.out"
check "engine, store and venue agree" equal $? 0
check "the core never waited for room" equal "$(json "$work/one.json" core_halts)" 0
check "no market data was dropped" equal "$(json "$work/one.json" feed_dropped_events)" 0
check "the tape replays without a difference" "$bin/tickgate" replay "$run/tape"
finish
