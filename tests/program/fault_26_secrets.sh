#!/usr/bin/env bash
# Row 26: canaries planted as keys, secrets and signing keys are nowhere: not in logs, outputs, tape, store, intents, evidence, metrics,
# status, settings shown, /proc, core files - plain, in hex, in base64. Through errors (refused key, bad signature), kill, a crash.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
"$root/tools/dev.d/make-keys" "$work/keys" || exit 70
mkdir -p "$work/secret"
mv "$work/keys/"{api.key,ed25519.api.key,hmac.secret,ed25519.pem,venue-keys.json} "$work/secret/"
canary() { printf 'CANARY%s%s' "$1" "$(openssl rand -hex 24)"; }
canary API >"$work/secret/api.key"
canary EDAPI >"$work/secret/ed25519.api.key"
canary HMAC >"$work/secret/hmac.secret"
chmod 600 "$work/secret/"*
pub=$(openssl pkey -in "$work/secret/ed25519.pem" -pubout | awk '{printf "%s\\n", $0}')
printf '[{"apiKey":"%s","type":"hmac","secret":"%s"},{"apiKey":"%s","type":"ed25519","publicKeyPem":"%s"}]\n' "$(cat "$work/secret/api.key")" \
  "$(cat "$work/secret/hmac.secret")" "$(cat "$work/secret/ed25519.api.key")" "$pub" >"$work/secret/venue-keys.json"
canary WRONG >"$work/secret/wrong.key"
canary BAD >"$work/secret/bad.secret"
chmod 600 "$work/secret/"*
# what is searched for: name, raw bytes in hex
python3 - "$work/secret" >"$work/secret/needles" <<'P'
import base64, subprocess, sys, os
d = sys.argv[1]
raw = {n: open(f"{d}/{n}", "rb").read() for n in ("api.key", "ed25519.api.key", "hmac.secret", "wrong.key", "bad.secret")}
der = subprocess.run(["openssl", "pkey", "-in", f"{d}/ed25519.pem", "-outform", "DER"], capture_output=True, check=True).stdout
raw["ed25519 seed"] = der[-32:]
for name, value in raw.items():
    print(name, value.hex())
    print(name + " in hex", value.hex().encode().hex())
    print(name + " in HEX", value.hex().upper().encode().hex())
    for shift in range(3):  # base64 of a text that holds it at any offset: the part that does not depend on the rest
        coded = base64.b64encode(b"x" * shift + value)
        print(f"{name} in base64+{shift}", coded[4 if shift else 0:len(coded) - 4].hex())
P
search() { # search WHERE FILE...: no needle in any
  local where=$1
  shift
  python3 - "$work/secret/needles" "$@" >"$work/found" <<'P'
import mmap, os, sys
needles = [(l.rsplit(" ", 1)[0], bytes.fromhex(l.rsplit(" ", 1)[1])) for l in open(sys.argv[1]).read().splitlines()]
for path in sys.argv[2:]:
    if not os.path.isfile(path) or os.path.getsize(path) == 0:
        continue
    with open(path, "rb") as f:
        data = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
        for name, needle in needles:
            at = data.find(needle)
            if at >= 0:
                print(f"{name} at {at} of {path}")
P
  check "$where: no secret" test ! -s "$work/found"
  head -n 5 "$work/found"
}
venue() { # a fresh one: an account without a past
  [ -z "${venue_pid:-}" ] || { kill -TERM "$venue_pid"; wait "$venue_pid"; }
  rm -f "$work/ready"
  "$bin/venuesim" --listen 127.0.0.1 --port 0 --cert "$work/keys/server.pem" --key "$work/keys/server.key" --keys "$work/secret/venue-keys.json" --synthetic 3 \
    --seconds 120 --ready "$work/ready" --quiet >"$work/venue.log" 2>&1 &
  venue_pid=$!
  children+=("$venue_pid")
  for _ in $(seq 100); do [ -s "$work/ready" ] && break; sleep 0.1; done
  port=$(json "$work/ready" port)
}
# engine NAME SETTINGS...
engine() {
  local name=$1
  shift
  venue
  mkdir -p "$work/$name/keys"
  cp "$work/keys/ca.pem" "$work/$name/keys/"
  "$root/tools/dev.d/make-config" "$work/$name" "$port" fused park -1 venue.api_key_file="$work/secret/api.key" \
    venue.hmac_secret_file="$work/secret/hmac.secret" venue.ed25519_key_file="$work/secret/ed25519.pem" \
    venue.ed25519_api_key_file="$work/secret/ed25519.api.key" evidence.fsm=true evidence.account_sync=true evidence.restart=true log.level=debug \
    fsm.cooldown_ms=500 "$@" >"$work/$name.conf"
  (cd "$work/$name" && ulimit -c unlimited && exec "$bin/tickgate" run --config "$work/$name.conf" --seconds 60 --view lines --report "$work/$name.json" \
    --log "$work/$name.log" >"$work/$name.out" 2>"$work/$name.err") &
  engine_pid=$!
  children+=("$engine_pid")
}
ctl() { "$bin/tickgatectl" --run "$work/$1" "${@:2}"; }
trading() { for _ in $(seq 150); do ctl "$1" --json status 2>/dev/null | grep -q '"orders_placed":[1-9]' && return 0; sleep 0.1; done; return 1; }
collect() { # collect NAME: everything that can be asked of a running engine
  local name=$1 verb
  for verb in status "orders all" positions book gates decisions fills trips transitions alarms config version help limits intents; do
    # shellcheck disable=SC2086
    ctl "$name" --json $verb >"$work/$name.ctl.${verb// /-}" 2>&1
  done
  ctl "$name" config venue.api_key_file >"$work/$name.ctl.config-key" 2>&1
  curl -s --unix-socket "$work/$name/metrics.sock" http://localhost/metrics >"$work/$name.metrics"
  curl -s --unix-socket "$work/$name/metrics.sock" http://localhost/status.json >"$work/$name.status.json"
  local p
  for p in cmdline environ maps status limits; do cat "/proc/$engine_pid/$p" >"$work/$name.proc.$p" 2>/dev/null; done
  cat /proc/"$engine_pid"/task/*/comm >"$work/$name.proc.comm" 2>/dev/null
}
# what NAME left behind, tape unpacked
left() {
  local name=$1 f
  for f in "$work/$name"/tape/*.zst; do [ -f "$f" ] && zstd -dq "$f" -o "${f%.zst}.unpacked" 2>/dev/null; done
  search "$name: logs and outputs" "$work/$name".log "$work/$name".out "$work/$name".err "$work/$name".json
  search "$name: tape, store, intents, evidence and all else in run_dir" $(find "$work/$name" -type f ! -name 'core*')
  search "$name: what it answered" "$work/$name".ctl.* "$work/$name".metrics "$work/$name".status.json
  search "$name: /proc" "$work/$name".proc.*
}
command -v zstd >/dev/null || echo "not searched: compressed tape segments unpacked (zstd is not installed)"

# 1: all is well, logon by Ed25519; kill; report
engine logon tape.segment_mb=1
check "logon: it trades" trading logon
collect logon
ctl logon kill >/dev/null
sleep 1
ctl logon kill off 'seen by a test' 600 >/dev/null
check "the needles are found where they are" grep -q CANARY "$work/secret/venue-keys.json"
kill -TERM "$engine_pid"
wait "$engine_pid"
check "logon: ends with 0" equal $? 0
check "logon: something was written" at_least "$(find "$work/logon" -type f | wc -l)" 5
left logon

# 2: each request signed by HMAC; crashed by SIGABRT, core files allowed by the shell; sandbox on: none is made
engine hmac venue.ed25519_key_file= venue.ed25519_api_key_file=
check "hmac: it trades" trading hmac
collect hmac
kill -ABRT "$engine_pid"
wait "$engine_pid" 2>/dev/null
check "hmac: ended by SIGABRT" equal $? 134
check "hmac: no core file" equal "$(find "$work/hmac" -name 'core*' | wc -l)" 0
left hmac

# 3: the same with the sandbox off, so that there is a core file to search
for name in core core-hmac; do
  if [ $name = core ]; then engine core sandbox.enabled=false; else engine core-hmac sandbox.enabled=false venue.ed25519_key_file= venue.ed25519_api_key_file=; fi
  check "$name: it trades" trading $name
  ctl $name sync >/dev/null
  sleep 1
  collect $name
  kill -ABRT "$engine_pid"
  wait "$engine_pid" 2>/dev/null
  core=$(find "$work/$name" -name 'core*' -type f | head -n 1)
  if [ -n "$core" ]; then
    check "$name: the core file is one" at_least "$(stat -c %s "$core")" 1000000
    search "$name: core file" "$core"
  else
    echo "not searched: a core file (core_pattern $(cat /proc/sys/kernel/core_pattern) makes none here)"
  fi
  left $name
done

# 4: keys that the venue refuses, a secret that signs wrongly
engine refused venue.api_key_file="$work/secret/wrong.key"
wait "$engine_pid"
check "refused: exit code 6" equal $? 6
left refused
engine badsig venue.hmac_secret_file="$work/secret/bad.secret"
wait "$engine_pid"
check "badsig: exit code 6" equal $? 6
left badsig

# 5: settings shown, checked, explained; key files that cannot be read
engine_conf=$work/logon.conf
"$bin/tickgate" config show --config "$engine_conf" >"$work/show.ctl.show" 2>&1
"$bin/tickgate" config explain venue.hmac_secret_file --config "$engine_conf" >"$work/show.ctl.explain" 2>&1
"$bin/tickgate" check --config "$engine_conf" >"$work/show.ctl.check" 2>&1
"$bin/tickgate" report --engine "$work/logon.json" >"$work/show.ctl.report" 2>&1
chmod 644 "$work/secret/hmac.secret"
engine open
wait "$engine_pid"
check "open: a key file that others may read: exit code 4" equal $? 4
chmod 600 "$work/secret/hmac.secret"
search "settings shown and refused" "$work"/show.ctl.* "$work/open".*
check "signatures are not logged" equal "$(cat "$work"/*.log "$work"/*.out "$work"/*.err | grep -ciE 'signature=|[?&]timestamp=[0-9]+&' )" 0

# 6: a secret text cannot be formatted: it does not compile
printf '#include <stdio.h>\n#include "engine/conf/secret.h"\nvoid f(const tg_secret_text_t *s);\nvoid f(const tg_secret_text_t *s) { (void)s; %s; }\n' \
  'printf("%zu", s->len)' >"$work/good.c"
for bad in 'printf("%s", *s)' 'printf("%s", s)' 'printf("%s", tg_secret_bytes(s))'; do
  printf '#include <stdio.h>\n#include "engine/conf/secret.h"\nvoid f(const tg_secret_text_t *s);\nvoid f(const tg_secret_text_t *s) { %s; }\n' "$bad" >"$work/bad.c"
  check "does not compile: $bad" test "$(gcc -std=gnu11 -Wall -Wextra -Wpedantic -Werror -I"$root" -fsyntax-only "$work/bad.c" 2>&1 | grep -c format)" -ge 1
done
check "the rest does" gcc -std=gnu11 -Wall -Wextra -Werror -I"$root" -fsyntax-only "$work/good.c"
kill -TERM "$venue_pid"
finish
