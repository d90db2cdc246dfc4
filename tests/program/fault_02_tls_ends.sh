#!/usr/bin/env bash
# Row 2: sessions that end without close_notify, by a reset, in the middle of a frame, or properly: each end has its reason in the log,
# none is taken for an end of data; every session comes back and the books agree. (Alerts and bad records: unit tests fault_02.)
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
. "$(dirname "${BASH_SOURCE[0]}")/fault.sh.inc"
fault_run ends 5 20 <<'S'
at 5s cut market how=fin name=fin
at 7s cut public how=fin bytes=700 name=half
at 9s cut user how=reset name=reset
at 11s cut api how=fin name=api
at 13s cut market how=close name=close
S
fault_happened ends fin half reset api close
check "without close_notify: an error of its own" at_least "$(grep -cE 'session (MARKET|PUBLIC|ORDER): ETRUNCATED: .*cut off, without close_notify' "$work/ends.log")" 3
check "a reset, too" grep -qE 'session USER: ETRUNCATED' "$work/ends.log"
check "a proper end is told apart" grep -qE 'session MARKET: ECLOSED: ' "$work/ends.log"
check "each came back" at_least "$(grep -c 'session .* is up, generation [2-9]' "$work/ends.log")" 5
check "half a frame was no event" equal "$(json "$work/ends.engine.json" feed_errors)" 0
fault_judge ends
finish
