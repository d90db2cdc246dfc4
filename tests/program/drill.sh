#!/usr/bin/env bash
# Fire drills: all pass, the same each time; each of them can fail, says so and ends with 1; the bundles are sound.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
drill() { "$bin/tickgate" drill "$@"; }
drill all --dir "$work/one" >"$work/one.txt"
check "all drills: exit code 0" equal $? 0
for name in fsm router account-sync kill intents; do
  check "$name: PASS" grep -q "^PASS $name: " "$work/one.txt"
  check "$name: an EVIDENCE_REF" grep -q "^EVIDENCE_REF mode=sim kind=drill-$name .* dir=$work/one/drill-$name-000000-000000 sha256=[0-9a-f]\{64\}$" "$work/one.txt"
  check_into "$work/out" "$name: the bundle is sound" "$bin/tickgate" evidence verify "$work/one/drill-$name-000000-000000"
  (cd "$work/one/drill-$name-000000-000000" && sha256sum -c --quiet --strict SHA256SUMS) || fail "$name: sha256sum -c"
done
drill all --dir "$work/two" >"$work/two.txt"
same=0
for name in fsm router account-sync kill intents; do
  cmp -s "$work/one/drill-$name-000000-000000/SHA256SUMS" "$work/two/drill-$name-000000-000000/SHA256SUMS" && same=$((same + 1))
done
check "a second run gives the same bytes" equal "$same" 5
for name in fsm router account-sync kill intents; do
  drill "$name" --dir "$work/broken" --break "$name" >"$work/broken.txt"
  check "$name broken on purpose: exit code 1" equal $? 1
  check "$name broken: FAIL, and what" grep -qE "^FAIL $name: [0-9]+ of [0-9]+ checks, first: .+" "$work/broken.txt"
  check "$name broken: its bundle says so" grep -q '"result": "FAIL"' "$work/broken/drill-$name-000000-000000/result.json"
done
drill all --break kill --dir "$work/mixed" >"$work/mixed.txt"
check "one FAIL among them: exit code 1" equal $? 1
check "the others pass" equal "$(grep -c '^PASS' "$work/mixed.txt")" 4
drill fsm router --json --dir "$work/json" >"$work/drill.json"
check "--json: exit code 0" equal $? 0
check "--json: one document" equal "$(json "$work/drill.json" ok) $(json "$work/drill.json" drills.1.drill) $(json "$work/drill.json" drills.1.result)" "true router PASS"
drill nothing >/dev/null 2>&1
check "an unknown drill: exit code 2" equal $? 2
drill >/dev/null 2>&1
check "none: exit code 2" equal $? 2
drill kill >"$work/own.txt"
own=$(sed -n 's/^EVIDENCE_REF.* dir=\(.*\)\/drill-kill-.*/\1/p' "$work/own.txt")
check "without --dir a new directory is named" test -d "$own"
case $own in "${TMPDIR:-/tmp}"/tickgate-drill.*) rm -rf "$own" ;; esac
finish
