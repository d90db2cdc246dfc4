#!/usr/bin/env bash
# Fault 8: 429, 418, 403 and Retry-After. During a ban nothing is sent to that end (the venue counts every request and upgrade), no
# standing order is taken for rejected, afterwards trading goes on and the books agree. Orders over the ws-api and over REST.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
. "$(dirname "${BASH_SOURCE[0]}")/fault.sh.inc"
# quiet NAME: nobody asked on after the first refusal of a ban, and each ban was met
quiet() {
  python3 - "$work/$1.venue.json" <<'PY'
import json, sys
bans = json.load(open(sys.argv[1]))["bans"]
for ban in bans:
    print("ban %d for %d ms: %d refused %s, %d after being told %s" % (ban["http"], ban["for_ms"], ban["refused"], ban["refused_by_class"], ban["after_told"],
                                                                     ban["after_told_by_class"]))
sys.exit(any(b["after_told"] for b in bans) or [b["http"] for b in bans] != [429, 418, 403] or not all(b["refused"] for b in bans))
PY
}
venue_args=(--limits 20) # the venue's own limits stay out of it
for way in ws rest; do
  fault_run $way 13 24 venue.order_entry=$way grid.levels=3 sync.period_ms=1000 sync.trades_period_ms=2000 venue.countdown_ms=6000 <<EOS
on $way.order.place 6 ban http=429 for=2500ms name=ban-429
on order.place 12 refuse code=-1015 retry=1 name=order-count
on order.place 16..18 refuse code=-1008 http=503 name=throttled
on $way.order.place 24 ban http=418 for=3500ms name=ban-418
# sessions end during a ban: they are not dialled into it
on $way.order.place 24 cut public
# so trading went on after each of those; this one tells no time: the engine has its own
on $way.order.place 38 ban http=403 for=2s name=ban-403
EOS
  fault_happened $way ban-429 ban-418 ban-403 order-count throttled
  check "$way: nothing was sent during a ban" quiet $way
  fault_judge $way
done
finish
