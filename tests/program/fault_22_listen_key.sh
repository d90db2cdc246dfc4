#!/usr/bin/env bash
# Fault 22: listen keys of 5 s are kept alive in time; a key that ends all the same (told, and in silence) brings a new key and a new
# session; sessions rotate make-before-break every few seconds. No fill is lost, nothing is read twice, and the books agree.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
. "$(dirname "${BASH_SOURCE[0]}")/fault.sh.inc"
generations() { grep -o "session $1 is up, generation [0-9]*" "$work/key.log" | sort -u | wc -l; }
venue_args=(--listen-key-life-s 5)
fault_run key 19 30 venue.key_keep_s=2 venue.rotate_s=5 grid.levels=3 sync.trades_period_ms=5000 sync.trades_grace_ms=2000 <<'EOS'
on listenkey 1.. treat name=asked
# ended by somebody else: told; and without a word, so that only the next keep-alive can find it
at 14s expire-key name=told
at 20s expire-key events=no name=silent
EOS
venue_args=()
fault_happened key asked told silent
check "the key was made and kept alive in time" at_least "$(json "$work/key.venue.json" listen_keys_kept)" 10
check "new keys only for the two that ended" equal "$(grep -c 'a new listen key was made' "$work/key.log")" 2
for session in PUBLIC MARKET USER ORDER; do check "$session was replaced, again and again" at_least "$(generations "$session")" 4; done
check "each session before the old one was gone: never DEGRADED" equal "$(grep -c 'DEGRADED' "$work/key.log")" 0
check "no session was lost on the way" equal "$(grep -cE 'session [A-Z]+: E' "$work/key.log")" 0
fault_judge key
check "core and venue count the same executions" equal "$(json "$work/key.report.json" fills)" "$(json "$work/key.venue.json" fills)"
finish
