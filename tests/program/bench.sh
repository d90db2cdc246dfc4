#!/usr/bin/env bash
# Done means 7: tools/bench runs, checks its own answers, and tells every part that it promises; nothing here fails on a time.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
[ -x "$bin/bench_micro" ] || skip "the benchmarks are not built (TG_BENCH)"
"$root/tools/bench" --bin "$bin" --quick --json "$work/bench.json" >"$work/bench.out" 2>&1
check "tools/bench --quick ends with 0" equal $? 0
check "it says what it ran on" grep -qiE 'kernel' "$work/bench.out"
python3 - "$work/bench.json" >"$work/found" 2>"$work/missing" <<'P'
import json, sys
doc = json.load(open(sys.argv[1]))
part = {p["name"]: p for p in doc["parts"]}
for name in ("md.top", "md.depth", "ring.hop", "gate.chain", "core.top_amend", "tick.plain", "tick.tls"):
    for key in ("p50", "p99", "p999", "max"):
        assert part[name][key] > 0, (name, key)
for name in ("md.top", "md.depth", "gate.chain", "core.top_amend", "tick.plain"):
    assert part[name]["instructions"] > 0, name
assert {row["mode"] for row in doc["e2e"]} >= {"echo"} and all(row["orders"] > 0 for row in doc["e2e"])
assert doc["venue"]["engine_tick_to_order_ns"]["count"] > 0 and doc["venue"]["bot"]["tick_to_order_ns"]["count"] > 0
print("all there")
P
check "every promised part is in the JSON" equal $? 0
[ "$failed_cnt" -eq 0 ] || { cat "$work/missing"; tail -n 30 "$work/bench.out"; }
finish
