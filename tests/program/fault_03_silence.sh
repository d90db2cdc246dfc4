#!/usr/bin/env bash
# Row 3: sessions that stay open and say nothing. Streams are asked, then given up and dialled again; the order session is refused
# (SESSION_STALE) before it is replaced. Bounds are measured and printed; what is checked is that it happens and by which reason.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
. "$(dirname "${BASH_SOURCE[0]}")/fault.sh.inc"
fault_run silence 9 40 fsm.feed_stale_ms=1500 risk.session_age_ms=4000 risk.md_age_ms=1500 sync.period_ms=30000 <<'S'
at 5s freeze public name=public
at 9s freeze market half=yes name=market
at 18s freeze api half=yes name=api
at 13s freeze user name=user
S
fault_happened silence public market api user
log=$work/silence.log
python3 - "$log" "$work/silence/ready" >"$work/bounds" <<'P'
import datetime, os, re, sys
start = os.stat(sys.argv[2]).st_mtime
lines = open(sys.argv[1]).read().splitlines()
def when(line):
    return datetime.datetime.fromisoformat(line.split()[0].replace("Z", "+00:00")).timestamp() - start
for name, session, at in (("public", "PUBLIC", 5), ("market", "MARKET", 9), ("user", "USER", 13), ("api", "ORDER", 18)):
    down = [when(l) for l in lines if re.search(rf"session {session}: ", l) and when(l) >= at]
    up = [when(l) for l in lines if f"session {session} is up" in l and when(l) >= at]
    print(name, f"{down[0] - at:.1f}" if down else "never", f"{up[0] - at:.1f}" if up else "never")
P
while read -r name down up; do
  echo "measured: $name: given up $down s after it fell silent, replaced after $up s"
  check "$name: given up" test "$down" != never
  check "$name: replaced" test "$up" != never
done <"$work/bounds"
for session in PUBLIC MARKET ORDER USER; do
  check "$session: by its silence" grep -qE "session $session(: ESTALE: the session was silent| is subscribed but silent)" "$log"
done
check "stale books hold new risk" grep -qE 'state (ACTIVE|THROTTLED|PAUSED) -> DEGRADED: (FEED_STALE|BOOK_UNSYNCED)' "$log"
check "and it comes back" grep -qE 'DEGRADED -> (ACTIVE|THROTTLED|PAUSED)' "$log"
fault_judge silence
check "orders were refused on the silent order session" grep -q 'SESSION_STALE=' "$work/silence/report.out"
finish
