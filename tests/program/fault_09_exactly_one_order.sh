#!/usr/bin/env bash
# Fault 9: {accepted, not accepted, late accept, fill before ack} x {reply lost, 503, no answer}, for orders over the ws-api and over
# REST, amends and cancels too: afterwards exactly one order per client id was ever accepted, none was sent twice, and the
# books of core, store and venue agree.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
. "$(dirname "${BASH_SOURCE[0]}")/fault.sh.inc"
cases=(now no late:600ms later:2600ms fill) # later: after the engine has its proof of absence
replies=(cut 503 none)
# matrix WAY: one rule per case; each meets a different order
matrix() {
  local way=$1 n=2 do reply
  for do in "${cases[@]}"; do
    for reply in "${replies[@]}"; do
      echo "on $way.order.place $n treat do=${do/#later/late} reply=$reply name=place-${do%%:*}-$reply"
      n=$((n + 2))
    done
  done
}
names() {
  local do reply
  for do in "${cases[@]}"; do for reply in "${replies[@]}"; do echo "place-${do%%:*}-$reply"; done; done
}
# judged WAY: what the venue says of each treated order
judged() {
  python3 - "$work/$1.venue.json" <<'PY'
import json, sys
rep = json.load(open(sys.argv[1]))
rows = [t for t in rep["client_ids"]["treated"] if t["fault"].startswith("place-")]
bad = [t for t in rows if t["accepted"] != (t.get("code") == 0)]
taken = {t["fault"].split("-")[1] for t in rows if t["accepted"]}
print(len(rows), "orders treated; taken among", sorted(taken), "wrong:", bad)
sys.exit(bool(bad) or len({t["fault"] for t in rows}) < 15 or not {"now", "fill"} <= taken or not {"late", "later"} & taken or "no" in taken)
PY
}
for way in ws rest; do
  {
    matrix $way
    # post-only orders are often refused when they are late: more of them, so that some are taken
    echo "on $way.order.place /7 treat do=late:200ms reply=503 name=place-late-more"
    echo "on $way.order.place /9 treat do=late:2600ms reply=none name=place-later-more"
    for do in now no; do
      for reply in "${replies[@]}"; do
        echo "on $way.order.modify /23 treat do=$do reply=$reply name=amend-$do-$reply"
        echo "on $way.order.cancel /5 treat do=$do reply=$reply name=cancel-$do-$reply"
      done
    done
  } | fault_run $way 11 21 venue.order_entry=$way grid.levels=3
  mapfile -t want < <(names)
  fault_happened $way "${want[@]}"
  check "$way: exactly one order for each accepted, none for the others" judged $way
  fault_judge $way
done
finish
