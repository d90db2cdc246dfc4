#!/usr/bin/env bash
# fault_rows.sh - every fault row that this engine claims to survive has a test by its number, and docs/faults.md names each of them.
# A test carries its row as the Criterion suite fault_NN or as the file tests/program/fault_NN_*.sh.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"

claimed='02 03 05 07 08 09 10 11 12 13 14 15 16 17 18 19 20 22 26 27 28'
unit_tests() { grep -rhoE "^Test\(fault_$1, *[a-z0-9_]+" "$root/tests/unit" | sed -E 's/^Test\((fault_[0-9]+), */\1./' | sort -u; }
program_tests() { find "$root/tests/program" -name "fault_$1_*.sh" -printf '%f\n' | sort; }
listed() { grep -qF -- "$1" "$root/docs/faults.md"; }

for row in $claimed; do
  tests=$(unit_tests "$row"; program_tests "$row")
  check "row $row has a test" test -n "$tests"
  check "docs/faults.md has row $row" grep -qE "^\| ${row#0} \|" "$root/docs/faults.md"
done
for script in "$root"/tests/program/fault_[0-9][0-9]_*.sh; do
  check "docs/faults.md names ${script##*/}" listed "${script##*/}"
done
for suite in $(grep -rhoE '^Test\(fault_[0-9]{2}' "$root/tests/unit" | sed 's/^Test(//' | sort -u); do
  check "docs/faults.md names the suite $suite" listed "$suite"
done
# what the page names exists
for name in $(grep -oE 'fault_[0-9]{2}(_[a-z0-9_]+\.sh)?' "$root/docs/faults.md" | sort -u); do
  case $name in
    *.sh) check "$name exists" test -f "$root/tests/program/$name" ;;
    *) check "the suite $name exists" grep -rqE "^Test\($name," "$root/tests/unit" ;;
  esac
done
finish
