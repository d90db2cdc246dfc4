#!/usr/bin/env bash
# Fault 28: the venue changes under a running engine: a filter, the tick, the position mode, words that nobody knows. The event is kept by
# its numbers, flagged and counted; the instrument takes nothing new until a person lifts it (never, where the tick changed).
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
"$root/tools/dev.d/make-keys" "$work/keys" || exit 70
ctl() { "$bin/tickgatectl" --run "$run" "$@"; }
field() { ctl --json status >"$work/status.json" 2>/dev/null && json "$work/status.json" "$1" 2>/dev/null; }
is() { [ "$(field "$1")" = "$2" ]; }
more_than() { [ "$(field "$1")" -gt "$2" ] 2>/dev/null; }
logged() { grep -q "$1" "$work/$part.log" 2>/dev/null; }
soon() {
  local tries=$(($1 * 10))
  shift
  for _ in $(seq "$tries"); do
    "$@" && return 0
    sleep 0.1
  done
  return 1
}
begin() { # begin NAME SEED <SCRIPT: a venue and an engine that trades
  part=$1 run=$work/$1
  mkdir -p "$run"
  cp -r "$work/keys" "$run/"
  cat >"$run/script"
  "$bin/venuesim" --port 0 --cert "$work/keys/server.pem" --key "$work/keys/server.key" --keys "$work/keys/venue-keys.json" --synthetic "$2" --limits 20 --seconds 120 \
    --script "$run/script" --ready "$run/ready" --report "$work/$part.venue.json" --die-with-parent --quiet >"$run/venue.log" 2>&1 &
  venue=$!
  children+=("$venue")
  for _ in $(seq 100); do [ -s "$run/ready" ] && break; sleep 0.1; done
  "$root/tools/dev.d/make-config" "$run" "$(json "$run/ready" port)" fused park -1 fsm.cooldown_ms=300 sync.period_ms=1500 sync.profile_period_ms=1000 \
    risk.loss_streak=10000 venue.countdown_ms=0 >"$run/tickgate.conf"
  "$bin/tickgate" run --config "$run/tickgate.conf" --seconds 90 --view off --report "$work/$part.json" --log "$work/$part.log" >"$run/out" 2>&1 &
  engine=$!
  children+=("$engine")
}
end() { # end WHAT...: stops both; the named faults happened; the books agree
  kill -TERM "$engine"
  wait "$engine"
  check "$part: it ends with 0" equal $? 0
  kill -TERM "$venue"
  wait "$venue"
  for what in "$@"; do check "$part: $what happened" at_least "$(json "$work/$part.venue.json" "faults.$what")" 1; done
  "$bin/tickgate" report --engine "$work/$part.json" --venue "$work/$part.venue.json" >"$run/report.out"
  check "$part: the books agree" equal $? 0
  check "$part: the tape replays without a difference" "$bin/tickgate" replay "$run/tape"
  [ "$failed_cnt" -eq 0 ] || { tail -n 30 "$work/$part.log"; cat "$run/report.out"; }
}
quiet() { # nothing of ours is open, and nothing is placed any more
  check "$part: what rested is taken away" soon 15 is counts.orders_open 0
  local placed
  placed=$(field counts.orders_placed)
  sleep 2
  check "$part: nothing new is placed" equal "$(field counts.orders_placed)" "$placed"
}

begin filter 28 <<'SCRIPT'
at 6s filter min_notional=60 name=filter
SCRIPT
check "filter: the change is told" soon 40 logged 'alarm PROFILE_CHANGED'
quiet
check "filter: a person lifts it" ctl instrument on BTCUSDT
placed=$(field counts.orders_placed)
check "filter: and it trades again" soon 20 more_than counts.orders_placed "$placed"
check "filter: the profile was read each second" at_least "$(field fill_checks.profile_reads)" 3
check "filter: one change" equal "$(field fill_checks.profile_changes)" 1
end filter

begin tick 29 <<'SCRIPT'
at 6s filter tick=1 name=tick
SCRIPT
check "tick: the change is told" soon 40 logged 'alarm PROFILE_CHANGED'
quiet
ctl instrument on BTCUSDT >/dev/null 2>&1
check "tick: every number is in the old ticks: not to be lifted" equal $? 1
end tick

begin mode 30 <<'SCRIPT'
at 6s mode hedge name=hedge
at 14s mode oneway name=oneway
SCRIPT
check "mode: hedge mode is told" soon 40 logged 'alarm SIDE_MODE'
check "mode: no new risk" soon 10 is state PAUSED
ctl resume tested >/dev/null 2>&1
check "mode: no resume while it lasts" equal $? 1
check "mode: resume, once it is back" soon 40 ctl resume tested 2>/dev/null
check "mode: it trades again" soon 20 is state ACTIVE
end hedge oneway

begin words 31 <<'SCRIPT'
on user.new 5 mangle set=x:MARVEL,ot:TRAPEZE,f:MOON name=new
on user.trade 4 mangle set=X:WONDER name=trade
SCRIPT
check "words: told" soon 60 logged 'alarm UNKNOWN_ENUM'
quiet
check "words: a person lifts it" ctl instrument on BTCUSDT
placed=$(field counts.orders_placed)
check "words: and it trades again" soon 20 more_than counts.orders_placed "$placed"
end new
finish
