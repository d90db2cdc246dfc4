#!/usr/bin/env bash
# Fault 7 with whole programs: the venue runs under faketime; its clock steps by seconds while orders live, or is an hour ahead from the
# start. Signing follows the measured offset; intervals follow neither clock. Not tried: the engine itself under faketime (the preloaded
# library and the statically linked allocator wait for each other at the start); its clock is anchored once and then counts the TSC
# (tests/unit/engine/base/test_clock.c), and what steps in its inputs do is in tests/unit/engine/core/test_fault_time.c.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
. "$(dirname "${BASH_SOURCE[0]}")/fault.sh.inc"
lib=$(find /usr/lib -name libfaketime.so.1 2>/dev/null | head -n 1)
[ -n "$lib" ] || skip "libfaketime is not installed (Debian package faketime)"
"$root/tools/dev.d/make-keys" "$work/keys" || exit 70
# clock_run NAME SECONDS START STEPS SETTING=VALUE...: the venue's clock is START ahead, then STEPS "delay offset delay offset ..."
clock_run() {
  local name=$1 seconds=$2 steps=($4) dir=$work/$1 venue engine i
  mkdir -p "$dir"
  echo "$3" >"$dir/clock"
  shift 4
  cp -r "$work/keys" "$dir/"
  env "LD_PRELOAD=$lib" "FAKETIME_TIMESTAMP_FILE=$dir/clock" FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 \
    "$bin/venuesim" --port 0 --cert "$work/keys/server.pem" --key "$work/keys/server.key" --keys "$work/keys/venue-keys.json" \
    --synthetic 7 --seconds $((seconds + 60)) --ready "$dir/ready" --report "$work/$name.venue.json" --die-with-parent --quiet >"$dir/venue.log" 2>&1 &
  venue=$!
  children+=("$venue")
  for _ in $(seq 100); do [ -s "$dir/ready" ] && break; sleep 0.1; done
  [ -s "$dir/ready" ] || { fail "$name: the venue did not get ready under faketime"; return; }
  "$root/tools/dev.d/make-config" "$dir" "$(json "$dir/ready" port)" fused park -1 fsm.cooldown_ms=500 order.query_retry_ms=300 \
    sync.period_ms=1000 risk.circuit_errors=1000 risk.reject_max=1000 degrade.on_circuit=false venue.recv_window_ms=2000 "$@" >"$dir/tickgate.conf"
  timeout --kill-after=5 $((seconds + 40)) "$bin/tickgate" run --config "$dir/tickgate.conf" --seconds "$seconds" --view off \
    --report "$work/$name.engine.json" --log "$work/$name.log" >"$dir/out" 2>"$dir/err" &
  engine=$!
  children+=("$engine")
  for ((i = 0; i < ${#steps[@]}; i += 2)); do
    sleep "${steps[i]}"
    echo "${steps[i + 1]}" >"$dir/clock"
  done
  wait "$engine"
  check "$name: the engine ends with 0" equal $? 0
  kill -TERM "$venue"
  wait "$venue"
  check "$name: the venue ends with 0" equal $? 0
}

# steps: requests stamped by the old offset are refused, the clock is measured again at once, trading goes on, books agree
clock_run steps 20 +0 "5 +3s 5 -3s 5 +0"
fault_judge steps
check "steps: timestamps were refused" at_least "$(grep -cE 'refused \(HTTP 400\)|-1021' "$work/steps.log")" 1
check "steps: gate 8 held new risk" at_least "$(json "$work/steps.report.json" gate_blocks.CLOCK)" 1

# an hour ahead from the start: signed by the offset, so account and market are there, and no order leaves
clock_run hour 6 +3600s ""
check "hour: the account was read" at_least "$(grep -c 'READY' "$work/hour.log")" 1
check "hour: no order left" equal "$(json "$work/hour.venue.json" orders_placed)" 0
finish
