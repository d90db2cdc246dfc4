#!/usr/bin/env bash
# A second person: with control.dual_control what loosens waits for another uid; what tightens never does.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
. "$(dirname "${BASH_SOURCE[0]}")/engine.sh.inc"
[ "$(id -u)" = 0 ] && command -v setpriv >/dev/null || skip "needs root and setpriv for a second uid"
start_venue 23 90
start_engine dual control.dual_control=true control.dual_control_s=10 control.risk_uids=65534
second() { setpriv --reuid=65534 --regid=65534 --clear-groups "$bin/tickgatectl" --run "$run" "$@" >"$work/second.out" 2>"$work/second.err"; }
check "it trades" soon 60 is state ACTIVE
chmod 711 "$work" "$run"
chmod 666 "$run/control.sock"
check "tightening does not wait" told limits set risk.max_gross 40000 calmer
check "a kill does not wait" told kill
check "it is killed" soon 10 is state EMERGENCY
check "none of ours" soon 10 none_of_ours
check "kill off is taken, and waits" told kill off 'looked at it' 600
check "pending shows it" equal "$(ctl --json pending | python3 -c 'import json, sys; print(json.load(sys.stdin)["waiting"][0]["word"])')" "kill off looked at it 600"
sleep 1
check "nothing has happened" is state EMERGENCY
id=$(ctl --json pending | python3 -c 'import json, sys; print(json.load(sys.stdin)["waiting"][0]["id"])')
ctl confirm "$id" >/dev/null 2>"$work/self.err"
check "not by the same person" grep -q 'another uid' "$work/self.err"
second confirm "$id"
check "a second person confirms" equal $? 0
check "the latch is cleared" soon 10 test ! -e "$run/KILL"
check "it trades again" soon 60 is state ACTIVE
check "loosening waits" told limits set risk.max_gross 60000 more 600
sleep 11
second confirm "$((id + 1))"
check "what nobody confirmed has lapsed" grep -q 'no such word waits' "$work/second.err"
check "the limit is as it was" equal "$(ctl --json config risk.max_gross | python3 -c 'import json, sys; print(json.load(sys.stdin)["setting"]["value"])')" 40000
check "stop" told stop
wait "$engine"
check "it ends with 0" equal $? 0
check "the tape replays without a difference" "$bin/tickgate" replay "$run/tape"
[ "$failed_cnt" -eq 0 ] || tail -n 40 "$work/dual.log"
finish
