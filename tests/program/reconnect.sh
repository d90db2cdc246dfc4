#!/usr/bin/env bash
# Sessions that are cut in the middle come back: books resynchronise, no order is lost or doubled, and the books of core, store and
# venue agree at the end.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
"$root/tools/dev.d/make-keys" "$work/keys" || exit 70
"$bin/venuesim" --listen 127.0.0.1 --port 0 --cert "$work/keys/server.pem" --key "$work/keys/server.key" --keys "$work/keys/venue-keys.json" \
  --synthetic 11 --seconds 90 --ready "$work/ready" --report "$work/venue.json" --quiet >"$work/venue.log" 2>&1 &
venue=$!
children+=("$venue")
for _ in $(seq 100); do [ -s "$work/ready" ] && break; sleep 0.1; done
python3 "$root/tests/program/cutter.py" "$(json "$work/ready" port)" "$work/cutter" 80 2>"$work/cutter.log" &
cutter=$!
children+=("$cutter")
for _ in $(seq 100); do [ -s "$work/cutter" ] && break; sleep 0.1; done
"$root/tools/dev.d/make-config" "$work" "$(cat "$work/cutter")" fused park -1 venue.reconnect_base_ms=50 venue.reconnect_max_ms=500 \
  fsm.cooldown_ms=500 >"$work/tickgate.conf"
"$bin/tickgate" run --config "$work/tickgate.conf" --seconds 24 --view off --report "$work/engine.json" --log "$work/engine.log" 2>"$work/engine.err" &
engine=$!
children+=("$engine")
for _ in $(seq 100); do grep -q 'ACTIVE' "$work/engine.log" 2>/dev/null && break; sleep 0.1; done
for cut in 1 2 3; do
  sleep 4
  check "cut $cut" kill -USR1 "$cutter"
done
wait "$engine"
check "the engine ends with 0" equal $? 0
kill -TERM "$venue"
wait "$venue"
check "every session was up at least four times" at_least "$(grep -c 'session .* is up' "$work/engine.log")" 16
check "it was DEGRADED for it" grep -q 'DEGRADED' "$work/engine.log"
check "and came back" grep -qE 'DEGRADED -> (ACTIVE|THROTTLED|PAUSED)' "$work/engine.log"
"$bin/tickgate" report --engine "$work/engine.json" --venue "$work/venue.json" --json "$work/report.json" >"$work/report.out"
check "the report finds agreement" equal $? 0
for what in position open_orders pnl; do check "$what agrees" equal "$(json "$work/report.json" agree.$what)" true; done
check "orders were placed" at_least "$(json "$work/report.json" orders_placed)" 4
check "fills happened" at_least "$(json "$work/report.json" fills)" 1
check "the tape replays without a difference" "$bin/tickgate" replay "$work/tape"
[ "$failed_cnt" -eq 0 ] || { cat "$work/engine.err" "$work/report.out"; tail -n 60 "$work/engine.log"; }
finish
