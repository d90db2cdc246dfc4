#!/usr/bin/env bash
# The operator's side of a run: every verb of the control socket, roles, metrics, evidence; then a crash (kill -9) and a restart over
# what it left: tape, store, sockets, epoch, the position taken over from the venue.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
"$root/tools/dev.d/make-keys" "$work/keys" || exit 70
"$bin/venuesim" --listen 127.0.0.1 --port 0 --cert "$work/keys/server.pem" --key "$work/keys/server.key" --keys "$work/keys/venue-keys.json" \
  --synthetic 3 --seconds 240 --ready "$work/ready" --quiet >"$work/venue.log" 2>&1 &
children+=("$!")
for _ in $(seq 100); do [ -s "$work/ready" ] && break; sleep 0.1; done
run=$work/run
mkdir -p "$run"
cp -r "$work/keys" "$run/"
"$root/tools/dev.d/make-config" "$run" "$(json "$work/ready" port)" fused park -1 evidence.fsm=true evidence.account_sync=true >"$work/tickgate.conf"
ctl() { "$bin/tickgatectl" --run "$run" "$@"; }
told() { ctl "$@" >"$work/ctl.out" 2>"$work/ctl.err" || { cat "$work/ctl.err"; return 1; }; }
# field PATH: of the status document now
field() { ctl --json status >"$work/status.json" 2>/dev/null && json "$work/status.json" "$1" 2>/dev/null; }
# soon SECONDS COMMAND...: until it holds
soon() {
  local tries=$(($1 * 5))
  shift
  for _ in $(seq "$tries"); do
    "$@" && return 0
    sleep 0.2
  done
  return 1
}
is() { [ "$(field "$1")" = "$2" ]; }
is_not() { ! is "$@"; }
start() {
  "$bin/tickgate" run --config "$work/tickgate.conf" --seconds 200 --view off --report "$work/$1.json" --log "$work/$1.log" >"$work/$1.out" 2>&1 &
  engine=$!
  children+=("$engine")
}

start first
check "it trades" soon 20 is state ACTIVE
for verb in status orders positions book gates decisions fills trips transitions alarms config version help; do
  ctl --json $verb >"$work/$verb.json" 2>"$work/$verb.err"
  check "$verb: exit code 0" equal $? 0
  [ "$verb" = help ] || check "$verb: answered, with the mode" equal "$(json "$work/$verb.json" ok) $(json "$work/$verb.json" mode)" "true sim"
  ctl $verb >"$work/$verb.txt"
  check "$verb as text: exit code 0" equal $? 0
done
check "gates: every one is live" equal "$(grep -c 'not built: always passes' "$work/gates.json")" 0
check "text begins with the mode" grep -q '^\[sim\] status' "$work/status.txt"
check "orders rest" soon 20 is_not counts.orders_open 0
check "fills come" soon 30 is_not counts.fills 0
check "one setting" equal "$(ctl --json config engine.mode | python3 -c 'import json,sys; print(json.load(sys.stdin)["setting"]["value"])')" sim
ctl dance >/dev/null 2>"$work/dance.err"
check "unknown verb: exit code 2" equal $? 2
ctl book resync NOSUCH >/dev/null 2>&1
check "unknown symbol: exit code 2" equal $? 2
check "book resync" told book resync BTCUSDT
check "the book lives again" soon 20 is books.0.state LIVE
check "sync" told sync
check "halt" told halt 'by a test'
check "halt leads to PAUSED" soon 20 is state PAUSED
check "resume" told resume
check "resume leads to ACTIVE" soon 60 is state ACTIVE
check "disarm" told disarm
check "disarmed" is armed false
check "arm needs a reason and an end" equal "$(ctl arm >/dev/null 2>&1; echo $?)" 2
check "arm" told arm 'by a test' 600
check "pending shows what ends by itself" equal "$(ctl --json pending | python3 -c 'import json,sys; print(json.load(sys.stdin)["in_force"][0]["word"])')" "arm by a test 600"

# limits: shown with use and room; tightened by one word; loosened with an end; the damaged file of a reload harms nobody
ctl --json limits BTCUSDT >"$work/limits.json"
check "limits are shown" equal $? 0
check "with value, use, headroom, scope" python3 - "$work/limits.json" <<'PY'
import json, sys
rows = {r["limit"]: r for r in json.load(open(sys.argv[1]))["limits"]}
assert len(rows) > 30, rows
gross = rows["max_gross_e8"]
assert gross["scope"] == "ENGINE" and abs(float(gross["headroom"]) + float(gross["use"]) - float(gross["value"])) < 1e-6, gross
PY
# limit NAME KEY: a limit as the core shows it; setting NAME: as `config` shows it
limit() { ctl --json limits | python3 -c 'import json, sys; print({r["limit"]: r for r in json.load(sys.stdin)["limits"]}[sys.argv[1]][sys.argv[2]])' "$1" "$2"; }
limit_is() { [ "$(limit "$1" "$2")" = "$3" ]; }
setting() { ctl --json config "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["setting"]["value"])'; }
setting_is() { [ "$(setting "$1")" = "$2" ]; }
check "tighten" told limits set risk.max_gross 40000 calmer
check "it is in force" setting_is risk.max_gross 40000
check "the core has it" soon 5 limit_is max_gross_e8 value 40000
ctl limits set risk.max_gross 60000 more >/dev/null 2>"$work/loose.err"
check "loosening without an end: exit code 2" equal $? 2
check "loosening" told limits set risk.max_gross 45000 'a little more' 3
check "the core has that, too" soon 2 limit_is max_gross_e8 value 45000
check "it goes back by itself" soon 15 limit_is max_gross_e8 value 40000
check "narrower for one instrument" told limits set limits.BTCUSDT.max_order_qty 0.05 small
check "the scope is shown" soon 5 limit_is max_order_qty_lots scope INSTRUMENT
cp "$work/tickgate.conf" "$work/kept.txt"
printf 'nonsense\n' >"$work/tickgate.conf"
ctl reload >/dev/null 2>"$work/reload.err"
check "reload of a damaged file is refused" test $? -ne 0
{ cat "$work/kept.txt"; printf '[risk]\nmax_gross = 40000\nmax_net = 30000\n[limits.BTCUSDT]\nmax_order_qty = 0.05\n[log]\nlevel = debug\n'; } >"$work/tickgate.conf"
check "reload" told reload
check "reload: HOST keys need a restart" grep -q 'log.level' "$work/first.log"
check "reload is in force" setting_is risk.max_net 30000
cp "$work/kept.txt" "$work/tickgate.conf"

# gates and one decision
ctl --json gates >"$work/gates.json"
check "gates count passes" at_least "$(json "$work/gates.json" passes)" 1
ctl --json gates explain last >"$work/explain.json"
check "gates explain last" equal $? 0
check "it tells inputs and limits" python3 - "$work/explain.json" <<'PY'
import json, sys
e = json.load(open(sys.argv[1]))
assert len(e["inputs"]) >= 20 and len(e["limits"]) > 30 and e["reason"], e
PY
order=$(ctl --json orders | python3 -c 'import json,sys; print(json.load(sys.stdin)["orders"][0]["client_id"])' 2>/dev/null)
[ -z "$order" ] || check "gates explain of an order" told gates explain "$order"

# flatten: shown, never by accident
ctl flatten >/dev/null 2>"$work/flatten.err"
check "flatten without a flag: exit code 2" equal $? 2
check "and it says how" grep -q -- '--dry-run' "$work/flatten.err"
check "flatten --dry-run" told flatten --dry-run
check "instrument off" told instrument off BTCUSDT
check "nothing of it may be placed" soon 10 is counts.orders_open 0
check "instrument on" told instrument on BTCUSDT
check "degrade on" told degrade on 'by a test'
check "degrade off" told degrade off
check "quotes come back" soon 60 is_not counts.orders_open 0

# a drill in sim: a real kill, verified, proven, cleared
ctl --json kill --drill >"$work/drill.json"
check "kill --drill" equal $? 0
check "verified empty" equal "$(json "$work/drill.json" verified_empty)" true
check "its bundle is sound" "$bin/tickgate" evidence verify "$(json "$work/drill.json" evidence)"
check "the latch is cleared" test ! -e "$run/KILL"
check "it trades again by the normal rules" soon 60 is state ACTIVE
check "flatten --yes" told flatten --yes
check "the position goes to zero" soon 30 grep -q "alarm FLAT" "$work/first.log"
check "resume after flatten" told resume

python3 - "$run/metrics.sock" >"$work/metrics.txt" 2>&1 <<'PY'
import re, socket, sys
def get(path):
    s = socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1])
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    data = b""
    while (part := s.recv(65536)): data += part
    head, body = data.split(b"\r\n\r\n", 1)
    assert b" 200 " in head.split(b"\r\n")[0], head
    return body.decode()
page = get("/metrics")
samples = [l for l in page.splitlines() if not l.startswith("#")]
assert all(re.fullmatch(r'[a-z_]+\{mode="sim"(,[a-z_]+="[^"]*")*\} -?[0-9.]+', l) for l in samples), samples
states = [l for l in samples if l.startswith("tickgate_state{")]
assert sum(l.endswith(" 1") for l in states) == 1, states
import json
assert json.loads(get("/status.json"))["ok"] is True
print(len(samples))
PY
check "metrics and /status.json parse" equal $? 0

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
  chmod 711 "$work" "$run"
  stranger() { setpriv --reuid=65534 --regid=65534 --clear-groups "$bin/tickgatectl" --run "$run" "$@" >/dev/null 2>"$work/stranger.err"; }
  stranger status
  check "a stranger may not open the socket" equal $? 9
  chmod 666 "$run/control.sock"
  stranger status
  check "let in, he may look" equal $? 0
  stranger halt
  check "and no more" equal $? 1
  check "he is told why" grep -q EPERM "$work/stranger.err"
  chmod 660 "$run/control.sock"
else
  echo "not run: roles of a stranger (needs root and setpriv)"
fi

check "kill" told kill
check "kill leads to EMERGENCY" soon 10 is state EMERGENCY
check "no order of ours is left" soon 20 is counts.orders_open 0
check "the latch lies there" test -f "$run/KILL"
check "kill off" told kill off 'looked at it' 600
check "the latch is gone" soon 5 test ! -e "$run/KILL"
check "no more kill" soon 10 is kill false
touch "$run/KILL"
check "a file named KILL kills as well" soon 10 is state EMERGENCY
kill -9 "$engine"
wait "$engine" 2>/dev/null
ctl status >/dev/null 2>"$work/gone.err"
check "after a crash nobody answers: exit code 9" equal $? 9
"$bin/tickgate" replay "$run/tape" --json >"$work/crash.json"
check "the tape of the crash replays up to its torn end" equal "$(json "$work/crash.json" differences) $(json "$work/crash.json" truncated)" "0 true"

start second
check "it starts over what the crash left" soon 20 is epoch 2
check "the kill survived the restart" soon 20 is state EMERGENCY
check "nothing was placed" equal "$(field counts.orders_placed)" 0
check "kill off again" told kill off 'looked at it' 600
# an order that was sent and never written down is an orphan: it pauses and says so, a person looks and resumes
soon 20 is_not state READY
is state PAUSED && check "paused over orphans: resume" told resume
check "and trades" soon 60 is state ACTIVE
check "fills come again" soon 60 is_not counts.fills 0
check "stop" told stop 'by a test'
wait "$engine"
check "stop ends the engine cleanly" equal $? 0
check "its sockets are gone" equal "$(find "$run" -name '*.sock' | wc -l)" 0
check "store and core agree after the take-over" python3 - "$work/second.json" "$run/store.sqlite" <<'PY'
import json, sqlite3, sys
report = json.load(open(sys.argv[1]))
db = sqlite3.connect(sys.argv[2])
runs = db.execute("select epoch, ended_ns is null from runs order by epoch").fetchall()
assert runs == [(1, 1), (2, 0)], runs
twice = db.execute("select count(*) from (select client_id from orders where restored = 0 group by client_id having count(distinct epoch) > 1)").fetchone()
assert twice == (0,), twice
core, store = report["core"], report["store_books"]
assert all(core[key] == store[key] for key in store), (core, store)
PY
"$bin/tickgate" replay "$run/tape" --json >"$work/second.replay.json"
check "the second tape replays without a difference" equal "$(json "$work/second.replay.json" differences) $(json "$work/second.replay.json" truncated)" "0 false"
for bundle in "$run"/evidence/*; do
  (cd "$bundle" && sha256sum -c --quiet --strict SHA256SUMS) && "$bin/tickgate" evidence verify "$bundle" >/dev/null || fail "evidence $bundle"
done
check "evidence of each transition" at_least "$(find "$run/evidence" -name 'fsm-*' | wc -l)" 6
check "each is named in the log" equal "$(cat "$work"/*.log | grep -c EVIDENCE_REF)" "$(find "$run/evidence" -mindepth 1 -maxdepth 1 | wc -l)"
finish
