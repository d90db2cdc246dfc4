#!/usr/bin/env bash
# The sandbox of a running engine, seen from outside: every thread under its list, no new privileges, no core dump; the run itself works
# (tape with zstd, store, control, metrics, evidence, kill); what must fail fails in a process under the same policy; another user.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
. "$(dirname "${BASH_SOURCE[0]}")/engine.sh.inc"
if nm "$bin/tickgate" 2>/dev/null | grep -q __asan_init; then skip "built with a sanitizer: seccomp and Landlock are off"; fi
kernel_kills() { dmesg 2>/dev/null | grep 'type=1326' | grep -c "pid=$engine "; } # where the audit log can be read
running() { local s; s=$(field state); [ -n "$s" ] && [ "$s" != INIT ]; }
start_venue 5 90
start_engine first evidence.fsm=true evidence.account_sync=true tape.segment_mb=1
check "it trades" soon 30 is state ACTIVE
check "orders rest" soon 30 is_not counts.orders_open 0
threads=0
for task in /proc/"$engine"/task/*; do
  name=$(cat "$task/comm")
  threads=$((threads + 1))
  for want in 'Seccomp:	2' 'NoNewPrivs:	1'; do check "thread $name: $want" grep -qx "$want" "$task/status"; done
  check "thread $name: no capability beyond files" test $((0x$(awk '/^CapEff/ {print $2}' "$task/status") & ~0xf)) -eq 0
done
check "all threads were looked at" at_least "$threads" 4
check "no core file" equal "$(awk '/Max core file size/ {print $5 $6}' "/proc/$engine/limits" 2>/dev/null)" 00
check "status tells it" grep -q 'seccomp on: hot cold resolver main' <(field sandbox)
check "Landlock is told" grep -qE 'Landlock (files|none)' <(field sandbox)
check "metrics answer" grep -q tickgate_state <(curl -s --unix-socket "$run/metrics.sock" http://localhost/metrics)
for verb in orders positions book gates decisions fills trips transitions alarms config version; do check "$verb" told $verb; done
check "sync" told sync
check "kill" told kill
check "the latch is written" soon 5 test -f "$run/KILL"
check "kill off" told kill off 'seen by a test' 600
check "resync" told book resync BTCUSDT
sleep 3
check "still there" kill -0 "$engine"
check "stop" told stop
wait "$engine"
check "it ends with 0" equal $? 0
check "the sockets are gone" equal "$(find "$run" -name '*.sock' | wc -l)" 0
check "tape segments are compressed" at_least "$(find "$run/tape" -name '*.zst' | wc -l)" 1
check "the report is whole" at_least "$(json "$work/first.json" orders_placed)" 1
check "the tape replays" "$bin/tickgate" replay "$run/tape"
check "no call was refused by the kernel" equal "$(kernel_kills)" 0
check "nothing was refused by the log" equal "$(grep -ciE 'permission denied|not permitted|EACCES' "$work/first.log")" 0

# a name look-up goes through the resolver's list: refused by the port's emptiness, not by the kernel
name=$(hostname)
if [ -n "$name" ] && getent hosts "$name" >/dev/null; then
  start_engine lookup "venue.rest_host=$name" venue.rest_port=9
  wait "$engine"
  check "lookup: the name was found, nobody answers: exit code 9" equal $? 9
  check "lookup: told as such" grep -q "$name:9: Connection refused" "$work/lookup.err"
else
  echo "not run: a look-up of this host's own name (it has none in /etc/hosts)"
fi

# a process under the same policy
try() { ("$bin/tickgate" sandbox try "$@" >"$work/try.out" 2>&1) 2>/dev/null; }
for kind in hot cold resolver main; do
  try "$kind" execve
  check "$kind: execve ends it (SIGSYS)" equal $? 159
done
try hot open
check "hot: open ends it" equal $? 159
try cold open
check "cold: reading outside is refused" equal $? 1
grep -q 'Permission denied' "$work/try.out" || fail "cold: it says so: $(cat "$work/try.out")"
try cold ring
check "cold: an open by the ring is refused" equal $? 1
check "cold: with EACCES" grep -q 'Permission denied' "$work/try.out"
"$bin/tickgate" sandbox list >"$work/list"
check "the lists are printed" at_least "$(grep -c '^| `' "$work/list")" 80
check "docs/security.md holds them" python3 - "$work/list" "$root/docs/security.md" <<'P'
import sys
rows = [l for l in open(sys.argv[1]).read().splitlines() if l.startswith("|")]
page = open(sys.argv[2]).read().splitlines()
missing = [r for r in rows if r not in page]
assert not missing, missing[:5]
P

# as another user
if [ "$(id -u)" = 0 ] && id nobody >/dev/null 2>&1; then
  chmod 777 "$work"
  chmod 755 "$work/keys"
  chmod 644 "$work/keys/ca.pem"
  rm -rf "$run"
  mkdir -p "$run" && ln -s "$work/keys" "$run/keys"
  start_engine user sandbox.user=nobody
  check "user: it runs" soon 30 running
  for task in /proc/"$engine"/task/*; do
    check "user: $(cat "$task/comm") is nobody" equal "$(awk '/^Uid/ {print $2, $3, $4, $5}' "$task/status")" "$(id -u nobody) $(id -u nobody) $(id -u nobody) $(id -u nobody)"
    check "user: $(cat "$task/comm") has no capability" equal "$(awk '/^Cap(Prm|Eff|Inh|Amb)/ {print $2}' "$task/status" | sort -u)" 0000000000000000
    check "user: $(cat "$task/comm") has no group" equal "$(awk '/^Groups/ {print NF}' "$task/status")" 1
  done
  kill -TERM "$engine"
  wait "$engine"
  check "user: it ends with 0" equal $? 0
  check "user: what it wrote is its own" equal "$(stat -c %U%a "$run/store.sqlite")" nobody640
else
  echo "not run: another user (needs root)"
fi

# off
rm -rf "$run"
mkdir -p "$run" && ln -s "$work/keys" "$run/keys"
start_engine off sandbox.enabled=false
check "off: it runs" soon 30 running
check "off: it says so" equal "$(field sandbox)" off
check "off: no list" grep -qx 'Seccomp:	0' "/proc/$engine/status"
kill -TERM "$engine"
wait "$engine"
check "off: it ends with 0" equal $? 0
finish
