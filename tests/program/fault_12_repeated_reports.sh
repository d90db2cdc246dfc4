#!/usr/bin/env bash
# Fault 12: the venue sends its last execution reports again and again: on the running session, on the next session after a cut, and to
# the engine that was started again. Each trade is applied once.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
. "$(dirname "${BASH_SOURCE[0]}")/fault.sh.inc"
fault_run running 12 16 risk.loss_streak=10000 <<'SCRIPT'
every 2s repeat n=50 name=running
at 7s cut user how=reset name=cut
on open.user 2 repeat n=100 name=reconnect
SCRIPT
fault_happened running running cut reconnect
fault_judge running
check "repeats reached the engine" at_least "$(json "$work/running.venue.json" executions.repeated)" 20
repeats() { python3 - "$1" <<'PY'
import sqlite3, sys
rows, trades = sqlite3.connect(sys.argv[1]).execute("select count(*), count(distinct trade_id) from fills where coalesce(moved_lots, 1) > 0").fetchone()
assert rows == trades > 0, (rows, trades)
PY
}
check "each trade is a row once" repeats "$work/running/store.sqlite"

# across a restart: one venue, two lives of the engine; the second's user session opens with the last 200 reports
name=restart dir=$work/restart
mkdir -p "$dir"
cp -r "$work/keys" "$dir/"
echo 'on open.user 2.. repeat n=200 name=again' >"$dir/script"
"$bin/venuesim" --port 0 --cert "$work/keys/server.pem" --key "$work/keys/server.key" --keys "$work/keys/venue-keys.json" --synthetic 21 --seconds 120 \
  --script "$dir/script" --ready "$dir/ready" --report "$work/$name.venue.json" --die-with-parent --quiet >"$dir/venue.log" 2>&1 &
venue=$!
children+=("$venue")
for _ in $(seq 100); do [ -s "$dir/ready" ] && break; sleep 0.1; done
"$root/tools/dev.d/make-config" "$dir" "$(json "$dir/ready" port)" fused park -1 fsm.cooldown_ms=300 mismatch.orphan_order=cancel venue.countdown_ms=0 \
  risk.loss_streak=10000 >"$dir/tickgate.conf"
"$bin/tickgate" run --config "$dir/tickgate.conf" --seconds 100 --view off --log "$work/first.log" >"$dir/first.out" 2>&1 &
engine=$!
children+=("$engine")
fills() { "$bin/tickgatectl" --run "$dir" --json status >"$dir/status" 2>/dev/null && [ "$(json "$dir/status" counts.fills)" -ge "$1" ]; }
for _ in $(seq 250); do fills 5 && break; sleep 0.1; done
check "the first life has fills" fills 5
kill -9 "$engine"
wait "$engine" 2>/dev/null
"$bin/tickgate" run --config "$dir/tickgate.conf" --seconds 8 --view off --report "$work/$name.engine.json" --log "$work/$name.log" >"$dir/out" 2>"$dir/err"
check "the second life ends with 0" equal $? 0
kill -TERM "$venue"
wait "$venue"
fault_happened restart again
fault_judge restart
check "the venue repeated to the second life" at_least "$(json "$work/restart.venue.json" executions.repeated)" 5
check "the restart was found equal" grep -q 'alarm RESTART_EQUAL' "$work/restart.log"
check "no trade was booked in both lives" repeats "$dir/store.sqlite"
finish
