#!/usr/bin/env bash
# A sample of the mutants of risk/ and of the two machines, chosen by the commit: every one must die or be listed. The whole
# of them is `tools/dev mutate`, see docs/testing.md.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
case $(grep -s '^TG_SANITIZE:' "$(dirname "$bin")/CMakeCache.txt") in
  *=?*) skip "a sanitizer build: it would say nothing that the plain one does not" ;;
esac
command -v python3 >/dev/null || skip "no python3"
seed=${TG_MUTATION_SEED:-$(git -C "$root" rev-parse HEAD 2>/dev/null || date -u +%Y%m%d)}
echo "seed $seed"
nice "$root/tools/dev.d/mutate" --sample "${TG_MUTANTS:-60}" --seed "$seed" --budget 60 --json >"$work/sample.json" 2>"$work/sample.log"
code=$?
cat "$work/sample.log"
check "the sample ran" test "$code" -ne 70
check "mutants died" at_least "$(json "$work/sample.json" killed)" 5
check "none survived that is not listed, and the list is right" equal "$(json "$work/sample.json" wrong)" "[]"
finish
