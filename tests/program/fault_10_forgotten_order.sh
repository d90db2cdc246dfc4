#!/usr/bin/env bash
# Fault 10: the venue "forgets" an order right after it took it: -2013 to queries and amends, -2011 to cancels, absent from lists, events
# held back; with the answer lost, unknown or given. Not found is not terminal until age and several asks; the books agree.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
. "$(dirname "${BASH_SOURCE[0]}")/fault.sh.inc"
# remembered WAY: the venue answered "no such order", and of the forgotten orders none was written off while it lived
remembered() {
  python3 - "$work/$1.venue.json" "$work/$1/store.sqlite" <<'PY'
import json, sqlite3, sys
rep = json.load(open(sys.argv[1]))
rows = [t for t in rep["client_ids"]["treated"] if t["fault"].startswith("forget")]
said = sum(n for code, n in rep["orders_rejected"].items() if code in ("-2013", "-2011"))
print(len(rows), "orders forgotten for a while;", rep["requests_by_class"].get("order.status", 0), "questions,", said, "amends or cancels not found")
# what the store has at the end of each: 13 = GONE (proved absent); one that lived to be filled or cancelled must not end there, unless it
# was forgotten for longer than any proof (then account truth or the last look takes it away: the books below must agree)
db = sqlite3.connect(sys.argv[2])
state = {"tgs-%016x" % (c & 0xffffffffffffffff): s for c, s in db.execute("select client_id, state from orders")}
wrong = [t for t in rows if t["fault"] != "forget-long" and t["status"] in ("FILLED", "CANCELED") and state.get(t["cid"]) == 13]
print("written off although they lived:", wrong)
sys.exit(len(rows) < 20 or any(t["accepted"] != (t.get("code") == 0) for t in rows) or bool(wrong))
PY
}
for way in ws rest; do
  fault_run $way 17 25 venue.order_entry=$way grid.levels=3 order.absent_proof_ms=4000 <<EOS
# 1.5 s is well below the proof of absence (3 answers and 4 s), also on a loaded machine: such an order is never written off
on order.place /3 forget for=1500ms name=forget-listed
on order.place /5 forget for=1500ms events=no name=forget-silent
on $way.order.place /6 treat reply=503 name=forgotten-unknown
on $way.order.place /10 treat reply=none name=forgotten-unanswered
on $way.order.place 33 treat reply=cut name=forgotten-lost
# ... and some that are forgotten for longer than any proof, while the stream tells of them
on order.place 16..40 forget for=7s name=forget-long
EOS
  fault_happened $way forget-listed forget-silent forgotten-unknown forgotten-unanswered forgotten-lost forget-long
  check "$way: each forgotten order was taken once" remembered $way
  check "$way: the engine met 'no such order'" grep -q 'NOT_FOUND_YET' "$work/$way.log"
  fault_judge $way
done
finish
