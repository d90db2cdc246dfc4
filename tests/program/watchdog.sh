#!/usr/bin/env bash
# The watchdog: a stopped or killed engine's orders are cancelled by it and a stranger's stay; a clean stop is none of its business.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
. "$(dirname "${BASH_SOURCE[0]}")/engine.sh.inc"
start_venue 31 240
dog() { # dog NAME [OPTIONS]: in the background, its exit code later in $work/NAME.rc
  local name=$1
  shift
  { "$bin/tickgate-watchdog" --run-dir "$run" --symbols BTCUSDT --host localhost --port "$port" --ca "$work/keys/ca.pem" \
      --api-key-file "$work/keys/watchdog.api.key" --hmac-file "$work/keys/watchdog.hmac.secret" --bound-ms 1500 --json --log "$work/$name.log" "$@" \
      >"$work/$name.json" 2>"$work/$name.err"; echo $? >"$work/$name.rc"; } &
  dog=$!
  children+=("$dog")
}
ended() { [ -s "$work/$1.rc" ]; }
killed() { test -e "$run/KILL"; }
quoting() { is state ACTIVE && some_of_ours; }

"$bin/tickgate-watchdog" --help >"$work/help"
check "--help tells exit codes" grep -q 'exit codes' "$work/help"
"$bin/tickgate-watchdog" --run-dir "$run" 2>/dev/null
check "too few options: exit code 2" equal $? 2
"$bin/tickgate-watchdog" --run-dir "$run" --symbols BTCUSDT --host localhost --port 1 --api-key-file "$work/none" --hmac-file "$work/none" 2>/dev/null
check "no key: exit code 4" equal $? 4

"$bin/tickgate-watchdog" --run-dir "$run" --symbols BTCUSDT --host localhost --port "$port" --ca "$work/keys/ca.pem" --pin-sha256 nonsense \
  --api-key-file "$work/keys/watchdog.api.key" --hmac-file "$work/keys/watchdog.hmac.secret" 2>/dev/null
check "a pin that is none: exit code 5" equal $? 5
"$bin/tickgate-watchdog" --run-dir "$work" --symbols BTCUSDT --host localhost --port "$port" --ca "$work/keys/ca.pem" \
  --pin-sha256 "$(printf x | sha256sum | cut -d' ' -f1)" --now --give-up-s 2 --log "$work/pin.log" \
  --api-key-file "$work/keys/watchdog.api.key" --hmac-file "$work/keys/watchdog.hmac.secret" 2>/dev/null
check "a server with another key: no proof, exit code 9" equal $? 9
check "the log says why" grep -q 'wrong pin' "$work/pin.log"

# a clean stop
start_engine clean
dog clean_dog --once
check "the engine quotes" soon 60 quoting
rest place human-1 BTCUSDT BUY 200 0.01 >/dev/null
check "a stranger's order rests" equal "$(human)" 1
kill -TERM "$engine"
wait "$engine"
check "the engine ends with 0" equal $? 0
check "the watchdog ends, too" soon 20 ended clean_dog
check "exit code 0: nothing was done" equal "$(cat "$work/clean_dog.rc")" 0
check "it did not fire" equal "$(json "$work/clean_dog.json" fired)" false
check "no latch" test ! -e "$run/KILL"
check "the stranger's order rests still" equal "$(human)" 1

# SIGSTOP: nothing of the engine moves any more
start_engine stopped
dog stopped_dog --once
check "a second engine quotes" soon 60 quoting
kill -STOP "$engine"
check "the watchdog fires and proves it" soon 30 ended stopped_dog
check "exit code 1: it fired" equal "$(cat "$work/stopped_dog.rc")" 1
check "it says the venue shows none" equal "$(json "$work/stopped_dog.json" verified_empty)" true
check "a lane's silence was the reason" grep -q 'heartbeat stopped' "$work/stopped_dog.log"
check "none of ours is open" equal "$(ours)" 0
check "the stranger's order rests" equal "$(human)" 1
check "it cancelled some" at_least "$(json "$work/stopped_dog.json" cancelled)" 1
check "the latch lies there" killed
check "its evidence is sound" "$bin/tickgate" evidence verify "$(json "$work/stopped_dog.json" evidence)"
kill -CONT "$engine"
check "the engine that comes back is killed by the latch" soon 20 is state EMERGENCY
check "it is told why" soon 5 grep -q 'KILL by KILL file.*watchdog' "$work/stopped.log"
check "and places nothing" soon 10 is counts.orders_open 0
kill -TERM "$engine"
wait "$engine"
rm -f "$run/KILL"

# SIGKILL: the process is gone without its mark
start_engine gone
dog gone_dog --once
check "a third engine quotes" soon 60 quoting
kill -KILL "$engine"
wait "$engine" 2>/dev/null
check "the watchdog fires" soon 30 ended gone_dog
check "exit code 1" equal "$(cat "$work/gone_dog.rc")" 1
check "a process gone was the reason" grep -q 'gone without a clean end' "$work/gone_dog.log"
check "none of ours is open now" equal "$(ours)" 0
check "the stranger's order still rests" equal "$(human)" 1

# a restarted engine stays killed; --now; --mode of another
start_engine again
check "the restarted engine is killed from the start" soon 30 is state EMERGENCY
check "nothing was placed" equal "$(field counts.orders_placed)" 0
rm -f "$run/KILL"
dog now_dog --now
check "--now ends" soon 20 ended now_dog
check "--now: exit code 0" equal "$(cat "$work/now_dog.rc")" 0
check "--now: verified" equal "$(json "$work/now_dog.json" verified_empty)" true
check "--now: the latch lies there again" killed
dog live_dog --once --mode live
check "a watchdog of another mode says so and ends" soon 20 ended live_dog
check "exit code 2" equal "$(cat "$work/live_dog.rc")" 2
kill -TERM "$engine"
wait "$engine"

# as a service: it stays, and watches the next engine, too
rm -f "$run/KILL"
start_engine served
dog service_dog
check "a fourth engine quotes" soon 60 quoting
kill -KILL "$engine"
wait "$engine" 2>/dev/null
check "the service fires" soon 30 grep -q 'KILL: the venue shows no open order of ours' "$work/service_dog.log"
check "it stays" test ! -e "$work/service_dog.rc"
rm -f "$run/KILL"
start_engine next
check "it watches the next engine" soon 30 grep -q 'a new engine runs: watching again' "$work/service_dog.log"
check "which quotes" soon 60 quoting
kill -TERM "$engine"
wait "$engine"
sleep 2
check "and leaves its clean end alone" test ! -e "$run/KILL"
pkill_dog() { kill -TERM "$(pgrep -P "$dog")"; }
check "SIGTERM ends it" pkill_dog
check "with exit code 0" soon 10 equal "$(sleep 1; cat "$work/service_dog.rc" 2>/dev/null)" 0
check "the stranger's order was never touched" equal "$(human)" 1
[ "$failed_cnt" -eq 0 ] || { tail -n 20 "$work"/*_dog.log; tail -n 40 "$work/again.log"; }
finish
