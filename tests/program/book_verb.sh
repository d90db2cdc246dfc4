#!/usr/bin/env bash
# tickgate book on its command line: exit codes, one line for each refusal, output on small hand-made recordings.
set -u
bin=$TG_BIN/tickgate
[ -x "$bin" ] || { echo "skipped: book verb: no $bin"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
check() { # description, condition as a command
  local what=$1
  shift
  if "$@"; then return; fi
  echo "FAILED: $what"
  failed=1
}
refused() { # exit code, words of the line, arguments...
  local want=$1 words=$2 got
  shift 2
  "$bin" book "$@" >"$dir/out" 2>"$dir/err"
  got=$?
  check "exit $got, wanted $want: $*" test "$got" -eq "$want"
  check "one line on stderr: $*" test "$(wc -l <"$dir/err")" -eq 1
  check "'$words' in: $(cat "$dir/err")" grep -q -- "$words" "$dir/err"
  check "nothing on stdout: $*" test ! -s "$dir/out"
}

depth() { # time U u pu bids asks
  echo "$1 {\"stream\":\"tstusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":1,\"T\":1,\"s\":\"TSTUSDT\",\"U\":$2,\"u\":$3,\"pu\":$4,\"b\":[$5],\"a\":[$6]}}"
}
{
  depth 1700000000000000001 11 20 10 '["100.10","5"]' ''
  depth 1700000000000000002 25 30 20 '["100.20","6"],["100.10","0"]' '["100.50","7"]'
  echo '1700000000000000003 {"lastUpdateId": 22, "bids": [["100.00", "1"], ["100.10", "5"]], "asks": [["100.40", "2"]]}'
  echo '1700000000000000004 {"stream":"tstusdt@bookTicker","data":{"e":"bookTicker","u":30,"s":"TSTUSDT","b":"100.20","B":"6","a":"100.40","A":"2","T":1,"E":1}}'
} >"$dir/good"
{
  cat "$dir/good"
  depth 1700000000000000005 40 41 35 '["100.00","2"]' ''
} >"$dir/gap"
gzip -k "$dir/good"
head -c 60 "$dir/good.gz" >"$dir/short.gz"
{ cat "$dir/good"; echo '1700000000000000005 {"stream":"x","data":{'; } >"$dir/cut"

refused 2 "unknown option" --nonsense "$dir/good"
refused 2 "a value is missing" --tick
refused 2 "unknown product" --product moon "$dir/good"
refused 2 "not a positive decimal" --tick 0 "$dir/good"
refused 2 "level-cap" --level-cap 5 "$dir/good"
refused 2 "no FILE" --json
refused 66 "$dir/nothing: No such file" "$dir/nothing"
refused 66 "ends early" "$dir/short.gz"
refused 66 "$dir/cut:5: unreadable frame" "$dir/cut"
refused 66 "Is a directory" "$dir"
: >"$dir/empty"
refused 66 "holds no frame" "$dir/empty"

for file in good good.gz; do
  out=$("$bin" book --json "$dir/$file") || { echo "FAILED: exit of $file"; failed=1; }
  out=$(tr -d ' \n' <<<"$out")
  for part in '"messages":{"depthUpdate":2,"snapshot":1,"bookTicker":1}' '"sequence_gaps":0' '"final_update_id":30' \
    '"bid_levels":2' '"ask_levels":2' '"top5_bids":[["100.20","6"],["100.00","1"]]' '"top5_asks":[["100.40","2"],["100.50","7"]]' \
    '"bookticker_same_u_checked":1' '"bookticker_same_u_equal":1' '"dropped_before_sync":1' '"applied":1' '"state":"LIVE"' '"product":"USDM"'; do
    check "$part in $file" grep -qF -- "$part" <<<"$out"
  done
done
out=$("$bin" book --json "$dir/gap" | tr -d ' \n')
for part in '"sequence_gaps":1' '"synced":false' '"top5_bids":[]' '"bid_levels":0'; do
  check "$part after a gap" grep -qF -- "$part" <<<"$out"
done
out=$("$bin" book --product spot "$dir/good")
check "the spot rule sees a gap there" grep -q "sequence gaps 1" <<<"$out"
exit $failed
