#!/usr/bin/env bash
# Intents end to end: with intent.approval=manual nothing that increases risk leaves until a person says so; a rejection holds; a claim
# is made once; an approval expires; stuck ones are told; journal and store agree, also after kill -9; the tapes replay without a
# difference; `tickgate check --live` denies with codes.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
"$root/tools/dev.d/make-keys" "$work/keys" || exit 70
"$bin/venuesim" --listen 127.0.0.1 --port 0 --cert "$work/keys/server.pem" --key "$work/keys/server.key" --keys "$work/keys/venue-keys.json" \
  --synthetic 3 --seconds 170 --ready "$work/ready" --quiet >"$work/venue.log" 2>&1 &
children+=("$!")
for _ in $(seq 100); do [ -s "$work/ready" ] && break; sleep 0.1; done
run=$work/run
mkdir -p "$run"
cp -r "$work/keys" "$run/"
"$root/tools/dev.d/make-config" "$run" "$(json "$work/ready" port)" fused park -1 intent.approval=manual intent.stuck_ms=2000 >"$work/tickgate.conf"
ctl() { "$bin/tickgatectl" --run "$run" "$@"; }
told() { ctl "$@" >"$work/told.out" 2>"$work/told.err"; }
soon() { # soon SECONDS COMMAND...: until it holds
  local tries=$(($1 * 5))
  shift
  for _ in $(seq "$tries"); do
    "$@" && return 0
    sleep 0.2
  done
  return 1
}
field() { ctl --json status >"$work/status.json" 2>/dev/null && json "$work/status.json" "$1" 2>/dev/null; }
is() { [ "$(field "$1")" = "$2" ]; }
is_not() { ! is "$@"; }
start() {
  "$bin/tickgate" run --config "$work/tickgate.conf" --seconds 120 --view off --report "$work/$1.json" --log "$work/$1.log" >"$work/$1.out" 2>&1 &
  engine=$!
  children+=("$engine")
}
# row SIDE [STATE]: id of the newest intent for new risk of that side, when it is in STATE
row() {
  ctl --json intents list 100 2>/dev/null | python3 -c '
import json, sys
side, state = sys.argv[1], sys.argv[2]
for row in json.load(sys.stdin)["intents"]:
    if row["side"] == side and row["kind"].startswith("increase"):
        if state in ("", row["state"]): print(row["id"])
        break' "$1" "${2:-}"
}
has() { [ -n "$(row "$@")" ]; }
of() { # of ID KEY: from `intents show`
  ctl --json intents show "$1" 2>/dev/null | python3 -c 'import json,sys; v=json.load(sys.stdin)[sys.argv[1]]; print(v if isinstance(v, str) else json.dumps(v))' "$2"
}
refused() { # refused CODE ARGUMENTS...: an exit code that is not 0, and that reason
  local code=$1
  shift
  told "$@"
  [ $? != 0 ] && grep -q "($code)" "$work/told.err"
}

start first
check "it would trade" soon 30 is state ACTIVE
check "both sides wait" soon 20 eval 'has BUY NEW && has SELL NEW'
sleep 2
check "nothing left" equal "$(field counts.orders_placed)" 0
check "gate 31 says why" soon 5 eval 'ctl --json gates | grep -q NOT_APPROVED'
ctl --json intents preview >"$work/preview.json"
check "preview: two intents wait" equal "$(json "$work/preview.json" waiting)" 2
check "preview: orders that wait, with price and value" python3 - "$work/preview.json" <<'PY'
import json, sys
doc = json.load(open(sys.argv[1]))
assert doc["orders"], doc
assert all(float(o["price"]) > 0 and float(o["qty"]) > 0 and float(o["notional"]) > 0 for o in doc["orders"]), doc["orders"]
assert all(float(i["price"]) > 0 and float(i["room_position"]) > 0 for i in doc["intents"]), doc["intents"]
PY
ctl intents list >"$work/list.txt"
check "as a table" grep -q '^  0000000100000001 NEW ' "$work/list.txt"

buy=$(row BUY) sell=$(row SELL)
check "an id that is none" refused ENOTFOUND intents approve 0000000100000077 why
told intents approve "$buy"
check "no reason: refused, exit code 2" equal $? 2
check "approve" told intents approve "$buy" 'by a test'
check "approve again: refused" refused ECONFLICT intents approve "$buy" again
check "orders leave" soon 20 is_not counts.orders_placed 0
check "its orders are named" soon 20 eval "[ \"\$(of $buy orders)\" != '[]' ]"
check "who approved" equal "$(of "$buy" uid) $(of "$buy" word)" "$(id -u) by a test"
check "reject" told intents reject "$sell" 'not this side'
check "a rejected one is not approved" refused ECONFLICT intents approve "$sell" why
check "fills come" soon 30 is_not counts.fills 0
sleep 1
check "the rejection holds: what was sold only reduced" python3 - "$run/intents.sqlite" "$run/store.sqlite" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
sold = db.execute("select distinct i.bits & 2 from children c join intents i on i.id = c.intent_id where c.side = 1").fetchall()
assert all(row == (2,) for row in sold), sold
orphan = db.execute("select count(*) from children where intent_id not in (select id from intents)").fetchone()
assert orphan == (0,), orphan
PY
check "reconcile: no difference" told intents reconcile
check "halt" told halt
check "executing without an order: stuck" soon 15 eval "[ \"\$(of $buy stuck)\" = true ]"
check "and told" grep -q "INTENT_STUCK: intent $buy" "$work/first.log"
check "resume" told resume

kill -9 "$engine"
wait "$engine" 2>/dev/null
start second
check "it starts again" soon 30 is epoch 2
check "what the crash left is closed, not executed again" soon 10 eval "[ \"\$(of $buy state) \$(of $buy word)\" = 'EXECUTED restart' ]"
check "nor approved" refused ECONFLICT intents approve "$buy" again
soon 20 is_not state READY
is state PAUSED && told resume
check "a new one waits" soon 60 has BUY NEW
new=$(row BUY)
check "under another epoch" equal "${new:0:8}" 00000002
before=$(field counts.orders_placed)
check "approve for three seconds" told intents approve "$new" short 3
check "orders leave again" soon 20 is_not counts.orders_placed "$before"
check "then it is over, and the next one waits" soon 20 eval "[ \"\$(of $new state)\" = EXPIRED ] && has BUY NEW"
check "after its expiry: refused" refused ECONFLICT intents approve "$new" late
check "reconcile again: no difference" told intents reconcile
cp "$run/intents.jsonl" "$work/sound.jsonl"
python3 - "$run/intents.jsonl" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
at = data.index(b"by a test")
data[at] ^= 1
open(sys.argv[1], "wb").write(data)
PY
check "reconcile finds one changed byte" refused ECORRUPT intents reconcile
check "and shows the line" grep -q CHAIN "$work/told.out"
cp "$work/sound.jsonl" "$run/intents.jsonl"
check "and nothing when it is put right" told intents reconcile
check "stop" told stop
wait "$engine"
check "a clean end" equal $? 0
check "nothing is left open" equal "$(python3 -c 'import sqlite3,sys; print(sqlite3.connect(sys.argv[1]).execute("select count(*) from intents where state in (1,2,4)").fetchone()[0])' "$run/intents.sqlite")" 0
for tape in "$run"/tape/tape-*; do
  "$bin/tickgate" replay "$tape" --json >"$work/replay.json"
  check "$(basename "$tape") replays with its approvals" equal "$(json "$work/replay.json" differences)" 0
done

denied() { grep -q "^DENY $1 " "$work/check.txt"; }
"$bin/tickgate" check "$work/tickgate.conf" >/dev/null
check "check: the settings are fine" equal $? 0
"$bin/tickgate" check --live "$work/tickgate.conf" >"$work/check.txt"
check "check --live denies: exit code 11" equal $? 11
for code in MODE_NOT_LIVE NO_TOKEN VENUE_IS_LOCAL NO_PIN DUAL_CONTROL_OFF LIVE_NOT_BUILT; do check "$code" denied "$code"; done
check "what is in order passes" grep -q '^PASS NOT_ARMED ' "$work/check.txt"
check "intents agree" grep -q '^PASS INTENTS_DIFFER ' "$work/check.txt"
sed -e 's/^mode *=.*/mode = live/' -e 's/^armed *=.*/armed = false/' "$work/tickgate.conf" >"$work/live.conf"
printf '\n[risk]\nmax_gross = 0\n' >>"$work/live.conf"
chmod 644 "$run/keys/api.key"
touch "$run/KILL"
"$bin/tickgate" check --live --token 00000000@1 "$work/live.conf" >"$work/check.txt"
check "still denied" equal $? 11
for code in NOT_ARMED LIMIT_UNSET KEY_FILE_MODE TOKEN_ACCOUNT KILL_LATCH_SET LIVE_NOT_BUILT; do check "$code" denied "$code"; done
chmod 600 "$run/keys/api.key"
"$bin/tickgate" check --live --json "$work/live.conf" >"$work/check.json"
account=$(json "$work/check.json" account)
"$bin/tickgate" check --live --token "$account@$(($(date +%s) + 3600))" "$work/live.conf" >"$work/check.txt"
check "a token for this account passes" grep -q "^PASS NO_TOKEN " "$work/check.txt"
"$bin/tickgate" check --live --token "$account@$(($(date +%s) - 1))" "$work/live.conf" >"$work/check.txt"
check "an old one does not" denied TOKEN_EXPIRED
check "JSON says the same" equal "$(json "$work/check.json" ok)" false
finish
