#!/usr/bin/env bash
# Done means 1: tools/run --replay on every first-of-its-flow recording of USDT-M trades over TLS and the books agree.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
folder=$data/crypto/hftbacktest/usdm
[ -d "$folder" ] || skip "no recordings at $folder (set TICKGATE_DATA)"
found=0
for file in "$folder"/*.gz; do
  # a flow needs its own snapshot to start from
  snapshots=$(gzip -dc "$file" 2>/dev/null | head -n 400 | grep -c '"lastUpdateId"')
  [ "$snapshots" -gt 0 ] || { echo "not a start of a flow: $(basename "$file")"; continue; }
  found=1
  name=$(basename "$file" .gz)
  "$root/tools/run" --bin "$bin" --seconds 60 --replay "$file" --dir "$work/$name" --json "$work/$name.json" >"$work/$name.out" 2>&1
  code=$?
  check "$name: tools/run ends with 0" equal "$code" 0
  [ "$code" = 0 ] || { tail -n 30 "$work/$name.out"; continue; }
  check "$name: no gap" equal "$(json "$work/$name.json" book_gaps)" 0
  for what in orders_placed orders_amended orders_cancelled fills; do check "$name: $what" at_least "$(json "$work/$name.json" $what)" 1; done
  for what in position open_orders pnl; do check "$name: $what agrees" equal "$(json "$work/$name.json" agree.$what)" true; done
  check_into "$work/$name.replay.json" "$name: replay of the tape has no difference" "$bin/tickgate" replay "$(json "$work/$name.json" tape)" --json
done
[ "$found" = 1 ] || skip "no recording under $folder starts a flow"
finish
