#!/usr/bin/env bash
# Fault 13: executions that the venue books and tells by nothing, on a session that is sound: the periodic comparison with userTrades
# finds them, each is booked once and alarmed, and core, store and venue agree to the last unit.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
. "$(dirname "${BASH_SOURCE[0]}")/fault.sh.inc"
venue_args=(--limits 20)
fault_run lost 13 24 sync.trades_period_ms=1000 sync.trades_grace_ms=700 sync.period_ms=20000 risk.loss_streak=10000 <<'SCRIPT'
on fill 3 lose name=one
on fill 7..8 lose name=two
on fill 12 lose name=late
SCRIPT
fault_happened lost one two late
fault_judge lost
lost=$(json "$work/lost.engine.json" alarms.LOST_FILL 2>/dev/null)
check "each lost execution was alarmed once" equal "$lost" 4
check "and told in the log" grep -q 'alarm LOST_FILL' "$work/lost.log"
check "the cold side counted what it found" equal "$(json "$work/lost.engine.json" fill_checks.lost_fills)" 4
check "it compared again and again" at_least "$(json "$work/lost.engine.json" fill_checks.compares)" 5
check "the store holds each trade once" python3 - "$work/lost/store.sqlite" "$(json "$work/lost.venue.json" fills)" <<'PY'
import sqlite3, sys
rows, trades = sqlite3.connect(sys.argv[1]).execute("select count(*), count(distinct trade_id) from fills").fetchone()
assert rows == trades == int(sys.argv[2]), (rows, trades, sys.argv[2])
PY
finish
