#!/usr/bin/env bash
# Done means 1, 6: tools/run on synthetic flow trades over TLS; engine, store and venue agree; its tape replays to itself.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
for topology in fused split; do
  seconds=30
  stamps=false
  [ "$topology" = split ] && seconds=10 stamps=true
  dir=$work/$topology
  "$root/tools/run" --bin "$bin" --seconds "$seconds" --seed 7 --topology "$topology" --set "venue.rx_stamps=$stamps" --dir "$dir" --json "$dir.json" >"$dir.out" 2>&1
  code=$?
  check "$topology: tools/run ends with 0" equal "$code" 0
  [ "$code" = 0 ] || { tail -n 30 "$dir.out"; continue; }
  check "$topology: messages" at_least "$(json "$dir.json" messages)" 1000
  check "$topology: book updates" at_least "$(json "$dir.json" book_updates)" 100
  check "$topology: no gap" equal "$(json "$dir.json" book_gaps)" 0
  for what in feed_errors gateway_errors gateway_overflows feed_dropped_events; do check "$topology: $what" equal "$(json "$dir.json" $what)" 0; done
  for what in orders_placed orders_amended orders_cancelled fills; do check "$topology: $what" at_least "$(json "$dir.json" $what)" 1; done
  for what in position open_orders pnl; do check "$topology: $what agrees" equal "$(json "$dir.json" agree.$what)" true; done
  check "$topology: a line a second" at_least "$(grep -c 'pos' "$dir.out")" $((seconds - 5))
  for what in p50 p99 p999 max; do check "$topology: tick to order $what" at_least "$(json "$dir.json" tick_to_order_ns.$what)" 1; done
  [ "$stamps" = false ] || check "$topology: receive stamps of the kernel were seen" at_least "$(json "$dir.json" kernel_to_user_ns.count)" 100
  tape=$(json "$dir.json" tape)
  for how in fused split; do
    check_into "$dir.replay.$how.json" "$topology: replay $how has no difference" "$bin/tickgate" replay "$tape" --topology "$how" --json
    check "$topology: replay $how compared something" at_least "$(json "$dir.replay.$how.json" outputs)" 10
  done
  check "$topology: one digest from both topologies" equal "$(json "$dir.replay.fused.json" digest)" "$(json "$dir.replay.split.json" digest)"
  clang=$root/build/release-clang/bin/tickgate
  if [ -x "$clang" ]; then
    check_into "$dir.replay.clang.json" "$topology: clang's replay has no difference" "$clang" replay "$tape" --json
    check "$topology: one digest from gcc and clang" equal "$(json "$dir.replay.clang.json" digest)" "$(json "$dir.replay.fused.json" digest)"
  else
    echo "not compared: no clang build at $clang"
  fi
  echo "digest $topology $(json "$dir.replay.fused.json" digest)"
done
check "nothing is left running" equal "$(pgrep -f "$work" | grep -cvx $$)" 0
finish
