#!/usr/bin/env bash
# Fault 15: the engine is killed (SIGKILL) at random instants while it trades and started again over what it left, TG_CYCLES times (200). A
# stranger's order rests at the venue all along: it is told and never touched. `kill` works right after a restart. At the end
# position, orders and P&L of core and store equal the venue's to the last unit, no order of ours is left, no id was used twice.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
cycles=${TG_CYCLES:-200}
RANDOM=${TG_SEED:-15}
run=$work/run
mkdir -p "$run"
"$root/tools/dev.d/make-keys" "$run/keys" || exit 70
cat >"$work/script" <<'SCRIPT'
at 500ms foreign-order side=BUY qty=0.010 bps=-400 cid=web_stranger name=stranger
SCRIPT
"$bin/venuesim" --port 0 --cert "$run/keys/server.pem" --key "$run/keys/server.key" --keys "$run/keys/venue-keys.json" --synthetic 15 --speed 4 --limits 20 \
  --seconds $((cycles * 4 + 300)) --script "$work/script" --ready "$work/ready" --report "$work/venue.json" --die-with-parent --quiet >"$work/venue.log" 2>&1 &
venue=$!
children+=("$venue")
for _ in $(seq 100); do [ -s "$work/ready" ] && break; sleep 0.1; done
# the venue's own dead-man timer would take the stranger's order as well; limits that many short lives in a row would meet are out of the way; answers and proofs of absence come fast
"$root/tools/dev.d/make-config" "$run" "$(json "$work/ready" port)" fused park -1 venue.reconnect_base_ms=20 venue.reconnect_budget=1000 fsm.cooldown_ms=200 \
  order.answer_timeout_ms=400 order.query_retry_ms=100 order.absent_proof_ms=400 order.absent_proof_asks=2 venue.recv_window_ms=1000 venue.countdown_ms=0 sync.period_ms=500 \
  sync.grace_ms=500 mismatch.orphan_order=cancel tape.segment_mb=4 tape.compress=false tape.low_water_mb=0 risk.repeat_fills=1000000 \
  risk.repeat_entries=1000000 risk.loss_streak=10000 risk.reject_max=10000 risk.circuit_errors=10000 risk.drawdown_session=100000 \
  risk.drawdown_day=100000 degrade.on_circuit=false grid.min_requote_ms=50 evidence.kill=false >"$work/tickgate.conf"
ctl() { "$bin/tickgatectl" --run "$run" "$@"; }
field() { ctl --json status >"$work/status.json" 2>/dev/null && json "$work/status.json" "$1" 2>/dev/null; }
is() { [ "$(field "$1")" = "$2" ]; }
soon() { # soon SECONDS COMMAND...
  local tries=$(($1 * 10))
  shift
  for _ in $(seq "$tries"); do
    "$@" && return 0
    sleep 0.1
  done
  return 1
}
start() { # start NAME
  "$bin/tickgate" run --config "$work/tickgate.conf" --seconds 3600 --view off --report "$work/$1.json" --log "$work/$1.log" >"$work/$1.out" 2>&1 &
  engine=$!
}
ended_badly=0 active=0
for cycle in $(seq "$cycles"); do
  start "run$cycle"
  # every second run is let come to trading first, the others are killed wherever they are
  pause=$((RANDOM % 1000))
  [ $((cycle % 2)) = 0 ] || soon 20 grep -q 'ACTIVE' "$work/run$cycle.log" 2>/dev/null
  sleep "$(printf '0.%03d' "$pause")"
  kill -9 "$engine" 2>/dev/null || { ended_badly=$((ended_badly + 1)); tail -n 3 "$work/run$cycle.out"; }
  wait "$engine" 2>/dev/null
  grep -q 'ACTIVE' "$work/run$cycle.log" 2>/dev/null && active=$((active + 1))
done
check "no run ended before it was killed" equal "$ended_badly" 0
check "half of the runs came to trading ($active of $cycles)" at_least $((active * 2)) "$cycles"

start after_kill
check "kill right after a restart" soon 10 ctl kill 'by a test'
check "EMERGENCY" soon 10 is state EMERGENCY
check "no order of ours is open" soon 20 is counts.orders_open 0
check "kill off" ctl kill off tested 600
kill -TERM "$engine"
wait "$engine"
check "it ends with 0" equal $? 0

start last
check "it knows the run before" soon 10 grep -q 'restart: goes on from run' "$work/last.log"
check "it trades again" soon 30 is state ACTIVE
check "the restart was found equal" soon 30 grep -q 'alarm RESTART_EQUAL' "$work/last.log"
sleep 2
kill -TERM "$engine"
wait "$engine"
check "SIGTERM: it ends with 0" equal $? 0
kill -TERM "$venue"
wait "$venue"
check "the stranger's order was placed" equal "$(json "$work/venue.json" faults.stranger)" 1
check "and is the only one left at the venue" equal "$(json "$work/venue.json" open_orders)" 1
check "it was told" grep -q 'alarm FOREIGN_ORDER' "$work/last.log"
check "no client id got two orders" equal "$(json "$work/venue.json" client_ids.accepted_more_than_once)" "[]"
check "no client id was sent twice" equal "$(json "$work/venue.json" client_ids.duplicates_refused)" 0
for what in position realised_pnl commission funding net_pnl; do
  check "core: $what equals the venue's" python3 - "$work/last.json" "$work/venue.json" core "$what" <<'PY'
import json, sys
from decimal import Decimal
mine, venue = json.load(open(sys.argv[1]))[sys.argv[3]][sys.argv[4]], json.load(open(sys.argv[2]))[sys.argv[4]]
sys.exit(0 if Decimal(mine) == Decimal(venue) else f"{mine} is not {venue}")
PY
  check "store: $what equals the venue's" python3 - "$work/last.json" "$work/venue.json" store_books "$what" <<'PY'
import json, sys
from decimal import Decimal
mine, venue = json.load(open(sys.argv[1]))[sys.argv[3]][sys.argv[4]], json.load(open(sys.argv[2]))[sys.argv[4]]
sys.exit(0 if Decimal(mine) == Decimal(venue) else f"{mine} is not {venue}")
PY
done
check "core: no open order" equal "$(json "$work/last.json" core.open_orders)" 0
check "the store counted every run" python3 - "$run/store.sqlite" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
runs, newest = db.execute("select count(*), max(epoch) from runs").fetchone()
assert runs == newest, (runs, newest)  # one killed before it took its epoch has none
placed = db.execute("select count(*) from orders where restored=0").fetchone()[0]
distinct = db.execute("select count(distinct client_id) from orders where restored=0").fetchone()[0]
fills, trades = db.execute("select count(*), count(distinct trade_id) from fills where coalesce(moved_lots,1)>0").fetchone()
assert placed == distinct, (placed, distinct)
assert fills == trades, ("a trade id booked twice", fills, trades)
assert fills > 0
carried = db.execute("select count(*) from orders where restored=1").fetchone()[0]
print(f"{placed} orders, {carried} carried over a restart, {fills} fills")
PY
check "the last tape replays without a difference" "$bin/tickgate" replay "$run/tape"
if [ "$failed_cnt" -ne 0 ]; then
  tail -n 40 "$work/last.log"
  python3 -c 'import json,sys; [print(json.load(open(f)).get(k)) for f,k in ((sys.argv[1],"core"),(sys.argv[1],"store_books"))]' "$work/last.json"
  cat "$work/venue.json"
fi
finish
