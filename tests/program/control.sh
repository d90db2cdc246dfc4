#!/usr/bin/env bash
# The operator's door on a trading engine: questions, halt, resume, kill, their effect at the venue; metrics on their socket.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
"$root/tools/run" --bin "$bin" --seconds 120 --seed 5 --dir "$work/run" --json "$work/run.json" >"$work/run.out" 2>&1 &
run=$!
children+=("$run")
for _ in $(seq 200); do grep -qE 'placed [1-9]' "$work/run.out" && break; sleep 0.1; done
ctl() { timeout 10 "$bin/tickgatectl" --run "$work/run" "$@"; }
ask() { # ask FILE VERB...: JSON answer into FILE, checked
  local file=$work/$1
  shift
  check_into "$file" "answers: $*" ctl --json "$@"
  check "well-formed and ok: $*" equal "$(json "$file" ok)" true
}
ask status.json status
check "status: mode" equal "$(json "$work/status.json" mode)" sim
check "status: state" equal "$(json "$work/status.json" state)" ACTIVE
ask orders.json orders
check "orders: some are open" at_least "$(json "$work/orders.json" open)" 1
check "orders: ours by prefix" grep -q '"tgs-' "$work/orders.json"
ask positions.json positions
ask book.json book BTCUSDT
check "book: LIVE" grep -q LIVE "$work/book.json"
ask gates.json gates
check "gates: those not built say so" grep -q 'not built' "$work/gates.json"
for verb in fills trips transitions alarms decisions config version help; do ask "$verb.json" "$verb"; done
ask explain.json config grid.levels
check_into "$work/orders.txt" "text: orders" ctl orders
check "text names the mode" grep -q '^\[sim\]' "$work/orders.txt"
ctl nonsense >/dev/null 2>"$work/nonsense.err"
check "unknown verb: exit code 2" equal $? 2

ask halt.json halt test
sleep 1
ask halted.json status
check "halt: PAUSED" equal "$(json "$work/halted.json" state)" PAUSED
ask resume.json resume test
sleep 4
ask resumed.json status
check "resume: ACTIVE again after the cooldown" equal "$(json "$work/resumed.json" state)" ACTIVE
ask resync.json book resync BTCUSDT
ask sync.json sync
sleep 2
ask kill.json kill test
sleep 2
ask killed.json status
check "kill: EMERGENCY" equal "$(json "$work/killed.json" state)" EMERGENCY
ask none.json orders
check "kill: no order is left" equal "$(json "$work/none.json" open)" 0

curl -sf --unix-socket "$work/run/metrics.sock" http://localhost/metrics >"$work/metrics"
check "metrics are served" equal $? 0
check "every sample carries the mode" equal "$(grep -vE '^#' "$work/metrics" | grep -vc 'mode="sim"')" 0
check "the state is one-hot" equal "$(grep -E '^tickgate_state\{' "$work/metrics" | awk '{ s += $NF } END { print s }')" 1
check "kill shows in the metrics" grep -qE '^tickgate_state\{.*EMERGENCY.* 1$' "$work/metrics"
curl -sf --unix-socket "$work/run/metrics.sock" http://localhost/status.json >"$work/status2.json"
check "status.json is served" equal "$(json "$work/status2.json" ok)" true
curl -s -o /dev/null -w '%{http_code}' -X POST --unix-socket "$work/run/metrics.sock" http://localhost/metrics >"$work/post"
check "GET only" equal "$(cat "$work/post")" 405

ask stop.json stop
wait "$run"
check "tools/run ends with 0 after stop or its time" equal $? 0
check "books agree" equal "$(json "$work/run.json" agree.position)$(json "$work/run.json" agree.open_orders)$(json "$work/run.json" agree.pnl)" truetruetrue
check "the sockets are gone" equal "$(find "$work/run" -name '*.sock' | wc -l)" 0
finish
