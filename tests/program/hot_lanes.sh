#!/usr/bin/env bash
# Done means 5: after start, hot lanes allocate nothing (jemalloc's counters) and call nothing but io_uring_enter (strace).
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
command -v strace >/dev/null || skip "strace is not installed"
traced=()
[ "$(id -u)" = 0 ] || traced=(--set sandbox.enabled=false) # its own user may not trace a process that cannot be dumped
"$root/tools/run" --bin "$bin" "${traced[@]}" --seconds 20 --seed 3 --dir "$work/run" --json "$work/run.json" >"$work/run.out" 2>&1 &
run=$!
children+=("$run")
engine=
for _ in $(seq 200); do
  engine=$(pgrep -f "tickgate run --config $work/run/tickgate.conf" | head -n 1)
  [ -n "$engine" ] && [ -d "/proc/$engine/task" ] && grep -qs placed "$work/run.out" && break
  sleep 0.1
done
[ -n "$engine" ] || { fail "the engine did not start"; finish; }
for _ in $(seq 100); do grep -qE 'placed [1-9]' "$work/run.out" && break; sleep 0.1; done
lanes=$(grep -lE '^tg-(hot|core|feed|gateway)$' /proc/"$engine"/task/*/comm | awk -F/ '{print $5}')
check "there is a hot lane" test -n "$lanes"
for tid in $lanes; do
  timeout -s INT 4 strace -qq -p "$tid" -o "$work/strace.$tid" 2>"$work/strace.err"
  others=$(grep -vcE '^(io_uring_enter\(|---|\+\+\+|strace:|<\.\.\. io_uring_enter| *<unfinished|restart_syscall)' "$work/strace.$tid" || true)
  check "lane $tid: no system call but io_uring_enter" equal "$others" 0
  [ "$others" = 0 ] || grep -vE '^io_uring_enter' "$work/strace.$tid" | head -n 5
  check "lane $tid: it did call io_uring_enter" at_least "$(grep -c io_uring_enter "$work/strace.$tid")" 1
done
wait "$run"
check "tools/run ends with 0" equal $? 0
python3 - "$work/run.json" <<'P' >"$work/allocated"
import json, sys
for lane in json.load(open(sys.argv[1]))["lanes"]:
    if lane["hot"]:
        print(lane["name"], lane["allocated_bytes"], lane["busy_turns"])
P
while read -r name bytes busy; do
  check "lane $name: bytes allocated after start" equal "$bytes" 0
  check "lane $name: it worked" at_least "$busy" 1000
done <"$work/allocated"
check "lanes were reported" test -s "$work/allocated"
check "orders were placed while it was watched" at_least "$(json "$work/run.json" orders_placed)" 1
finish
