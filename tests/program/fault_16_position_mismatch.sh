#!/usr/bin/env bash
# Fault 16: between two runs somebody else trades on the account. The next run halts over the difference, shows both sides in status,
# alarms and evidence, places nothing, and goes on when the operator adopts the venue's position.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
run=$work/run
mkdir -p "$run"
"$root/tools/dev.d/make-keys" "$run/keys" || exit 70
# the third exchangeInfo is the third start's: right then the other hand trades
cat >"$work/script" <<'SCRIPT'
on info 3 foreign-trade side=BUY qty=0.050 name=behind-our-back
SCRIPT
"$bin/venuesim" --port 0 --cert "$run/keys/server.pem" --key "$run/keys/server.key" --keys "$run/keys/venue-keys.json" --synthetic 16 --seconds 180 \
  --script "$work/script" --ready "$work/ready" --report "$work/venue.json" --die-with-parent --quiet >"$work/venue.log" 2>&1 &
venue=$!
children+=("$venue")
for _ in $(seq 100); do [ -s "$work/ready" ] && break; sleep 0.1; done
"$root/tools/dev.d/make-config" "$run" "$(json "$work/ready" port)" fused park -1 fsm.cooldown_ms=300 sync.period_ms=1000 order.answer_timeout_ms=500 \
  sync.profile_period_ms=0 evidence.restart=true risk.loss_streak=10000 >"$work/tickgate.conf"
ctl() { "$bin/tickgatectl" --run "$run" "$@"; }
field() { ctl --json status >"$work/status.json" 2>/dev/null && json "$work/status.json" "$1" 2>/dev/null; }
is() { [ "$(field "$1")" = "$2" ]; }
more_than() { [ "$(field "$1")" -gt "$2" ] 2>/dev/null; }
soon() {
  local tries=$(($1 * 10))
  shift
  for _ in $(seq "$tries"); do
    "$@" && return 0
    sleep 0.1
  done
  return 1
}
start() {
  "$bin/tickgate" run --config "$work/tickgate.conf" --seconds 100 --view off --report "$work/$1.json" --log "$work/$1.log" >"$work/$1.out" 2>&1 &
  engine=$!
  children+=("$engine")
}
stop() {
  kill -TERM "$engine"
  wait "$engine"
  check "$1: SIGTERM ends it with 0" equal $? 0
}
start first
check "it trades" soon 40 more_than counts.fills 3
stop first
check "first: nothing came before it" equal "$(json "$work/first.json" restart.from_epoch)" 0

start second
check "an undisturbed restart is found equal" soon 20 is restart.verdict EQUAL
check "it knows the run before" equal "$(field restart.from_epoch) $(field restart.clean)" "1 true"
check "it trades on" soon 40 more_than counts.fills 0
stop second
lots=$(python3 -c 'import json,sys; from decimal import Decimal; print(int(Decimal(json.load(open(sys.argv[1]))["core"]["position"]) * 1000))' "$work/second.json")

start third
check "the third one differs" soon 20 is restart.verdict DIFFERS
check "ours is what we left" equal "$(field restart.ours)" "$lots"
check "the venue's is 50 lots more" equal "$(field restart.venue)" "$((lots + 50))"
check "it is halted" soon 10 is state PAUSED
check "the alarm tells both sides" grep -q "alarm RESTART_DIFFERS: client id 0000000000000000, ours $lots, venue $((lots + 50))," "$work/third.log"
ctl --json alarms >"$work/alarms.json"
check "so does \`alarms\`" grep -q RESTART_DIFFERS "$work/alarms.json"
sleep 3
check "it stays halted" is state PAUSED
check "nothing was placed" equal "$(field counts.orders_placed)" 0
check "adopt" ctl adopt BTCUSDT
check "it goes on" soon 30 is state ACTIVE
check "and trades" soon 40 more_than counts.fills 0
stop third
kill -TERM "$venue"
wait "$venue"
check "the other hand did trade" equal "$(json "$work/venue.json" faults.behind-our-back)" 1
check "core: position equals the venue's" python3 - "$work/third.json" "$work/venue.json" core <<'PY'
import json, sys
from decimal import Decimal
sys.exit(0 if Decimal(json.load(open(sys.argv[1]))[sys.argv[3]]["position"]) == Decimal(json.load(open(sys.argv[2]))["position"]) else 1)
PY
check "store: position equals the venue's" python3 - "$work/third.json" "$work/venue.json" store_books <<'PY'
import json, sys
from decimal import Decimal
sys.exit(0 if Decimal(json.load(open(sys.argv[1]))[sys.argv[3]]["position"]) == Decimal(json.load(open(sys.argv[2]))["position"]) else 1)
PY
check "no order is left at the venue" equal "$(json "$work/venue.json" open_orders)" 0
check "evidence of both verdicts" at_least "$(find "$run/evidence" -maxdepth 1 -name 'restart-*' | wc -l)" 2
for bundle in "$run"/evidence/restart-*; do check "evidence $(basename "$bundle")" "$bin/tickgate" evidence verify "$bundle"; done
check "the tape replays without a difference" "$bin/tickgate" replay "$run/tape"
[ "$failed_cnt" -eq 0 ] || { tail -n 40 "$work/third.log"; cat "$work/venue.json" "$work/status.json"; }
finish
