#!/usr/bin/env bash
# The kill works when all else fails: by socket, by file, by signal, with the settings damaged, with the hot lanes stopped. It ends only when
# the venue shows none of ours; a stranger's orders stay; each kill leaves a bundle with its times.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
. "$(dirname "${BASH_SOURCE[0]}")/engine.sh.inc"
start_venue 17 170
start_engine first venue.countdown_ms=4000
quoting() { is state ACTIVE && some_of_ours; }
bundles() { find "$run/evidence" -maxdepth 1 -name "$1-*" 2>/dev/null | wc -l; }
newest() { find "$run/evidence" -maxdepth 1 -name "$1-*" | sort | tail -n 1; }
bundle_cnt() { [ "$(bundles kill)" = "$1" ]; }
trades_again() { # after a kill: clears it and waits for quotes
  told kill off 'looked at it' 600 || return 1
  soon 60 quoting
}
sound() { # sound WHAT: the newest kill's bundle
  local dir
  dir=$(newest kill)
  check "$1: the bundle is sound" "$bin/tickgate" evidence verify "$dir"
  check "$1: times in order" python3 - "$dir" <<'PY'
import json, sys
kill = json.load(open(sys.argv[1] + "/kill.json"))
t = kill["times"]
assert kill["verified_empty"] is True, kill
assert t["asked_ns"] <= t["latched_ns"] <= t["verified_empty_ns"], t
if kill["counts"]["open_when_latched"]:
    assert t["asked_ns"] <= t["first_cancel_ns"] <= t["verified_empty_ns"], t
for order in json.load(open(sys.argv[1] + "/orders.json")):
    assert order["state_now"] not in ("LIVE", "PARTIAL"), order
assert kill["counts"]["foreign_untouched"] >= 1, kill
PY
}

check "the engine quotes" soon 60 quoting
rest place human-1 BTCUSDT BUY 200 0.01 >/dev/null
rest place human-2 BTCUSDT SELL 200 0.01 >/dev/null

# by verb; the running engine needs no settings file
printf 'this = is [no settings\n\377\n' >"$work/first.conf"
check "kill by verb, the settings damaged" told kill 'by a test'
check "verb: none of ours" soon 10 none_of_ours
check "verb: verified and proven" soon 10 bundle_cnt 1
sound verb
check "verb: the core was told" soon 5 grep -q 'alarm KILL_EMPTY' "$work/first.log"
check "verb: the way is written" equal "$(json "$(newest kill)/kill.json" way)" "control socket"
check "verb: the latch names it" grep -q 'control socket' "$run/KILL"
check "quotes again" trades_again
check "the latch is gone" test ! -e "$run/KILL"

# by file
echo 'fire drill of the night shift' >"$run/KILL"
check "file: none of ours" soon 10 none_of_ours
check "file: proven" soon 10 bundle_cnt 2
sound file
check "file: its first line is the reason" equal "$(json "$(newest kill)/kill.json" reason)" 'fire drill of the night shift'
check "quotes once more" trades_again

# by signal
kill -USR2 "$engine"
check "signal: none of ours" soon 10 none_of_ours
check "signal: proven" soon 10 bundle_cnt 3
sound signal
check "signal: a latch lies there" test -e "$run/KILL"
check "a second signal changes nothing" kill -USR2 "$engine"
sleep 1
check "no second bundle for one kill" bundle_cnt 3
check "quotes after the signal" trades_again
check "the signals of before do not kill again" is_not state EMERGENCY

# the stranger was never touched
check "both of the stranger's orders rest" equal "$(human)" 2

# the dead-man timer of the venue: armed only while the hot lane turns
kill -STOP "$engine"
check "all lanes stopped: the venue's timer fires" soon 15 none_of_ours
check "it fires for every order of the account" soon 5 test "$(human)" -le 2
kill -CONT "$engine"
check "the engine goes on" soon 30 is_not state ''
kill -TERM "$engine"
wait "$engine"
check "it ends with 0" equal $? 0
check "its tape replays without a difference" "$bin/tickgate" replay "$run/tape"
[ "$failed_cnt" -eq 0 ] || { tail -n 60 "$work/first.log"; cat "$work/first.err"; }
finish
