#!/usr/bin/env bash
# Done means 8: bad input gets one clear line and a documented exit code, and nothing is left running.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
"$root/tools/dev.d/make-keys" "$work/keys" || exit 70
"$root/tools/dev.d/make-keys" "$work/other-keys" || exit 70

"$bin/venuesim" --listen 127.0.0.1 --port 0 --cert "$work/keys/server.pem" --key "$work/keys/server.key" --keys "$work/keys/venue-keys.json" \
  --synthetic 1 --seconds 120 --ready "$work/ready" --quiet >"$work/venue.log" 2>&1 &
venue=$!
children+=("$venue")
for _ in $(seq 100); do [ -s "$work/ready" ] && break; sleep 0.1; done
port=$(json "$work/ready" port)

# config NAME SECTION.KEY=VALUE... -> settings in $work/NAME.conf with a directory of its own
config() {
  local name=$1
  shift
  mkdir -p "$work/$name"
  cp -r "$work/keys" "$work/$name/"
  "$root/tools/dev.d/make-config" "$work/$name" "$port" fused park -1 "$@" >"$work/$name.conf"
}
# refused NAME CODE PATTERN: a run with $work/NAME.conf ends with CODE within 30 s and one line that matches
refused() {
  local name=$1 want=$2 pattern=$3 code
  timeout 30 "$bin/tickgate" run --config "$work/$name.conf" --seconds 20 --view off --log "$work/$name.log" >"$work/$name.out" 2>"$work/$name.err"
  code=$?
  check "$name: exit code $want" equal "$code" "$want"
  check "$name: one line" equal "$(wc -l <"$work/$name.err")" 1
  check "$name: it says what (/$pattern/)" grep -qE "$pattern" "$work/$name.err"
}

config mode
chmod 644 "$work/mode/keys/hmac.secret"
refused mode 4 'hmac\.secret.*(0600|chmod)'

config key
echo "[engine]
no_such_key = 1" >>"$work/key.conf"
refused key 3 'key\.conf:[0-9]+:.*no_such_key'

config repeated
printf '[grid]\nlevels = 2\nlevels = 3\n' >>"$work/repeated.conf"
refused repeated 3 'repeated\.conf:[0-9]+:.*levels'

config value grid.levels=many
refused value 3 'value\.conf:[0-9]+:.*levels'

config ca venue.ca_file="$work/other-keys/ca.pem"
refused ca 5 'certificate|CA'

config noca venue.ca_file="$work/none.pem"
refused noca 5 'none\.pem'

config host venue.rest_host=127.0.0.2
refused host 5 '127\.0\.0\.2.*(host|certificate|name|IP)'

config apikey venue.api_key_file="$work/other-keys/api.key"
refused apikey 6 'API key|-2015|-2014|code'

config logon venue.ed25519_key_file="$work/other-keys/ed25519.pem"
refused logon 6 'logon|Ed25519'

config nosecret venue.hmac_secret_file="$work/none.secret"
refused nosecret 4 'none\.secret'

config symbol venue.symbols=NOSUCHUSDT
refused symbol 3 'NOSUCHUSDT'

config unreachable venue.rest_port=1 venue.reconnect_base_ms=20 venue.reconnect_max_ms=100
refused unreachable 9 'localhost:1'

config mode_live engine.mode=live
refused mode_live 3 'not built'

# addresses in use
config taken metrics.listen=127.0.0.1:"$port"
refused taken 7 "$port"
"$bin/venuesim" --listen 127.0.0.1 --port "$port" --cert "$work/keys/server.pem" --key "$work/keys/server.key" --keys "$work/keys/venue-keys.json" \
  --synthetic 1 --seconds 5 --quiet >"$work/second.out" 2>"$work/second.err"
check "venuesim on a taken port: exit code 7" equal $? 7
check "venuesim on a taken port: one line" equal "$(wc -l <"$work/second.err")" 1
config first
"$bin/tickgate" run --config "$work/first.conf" --seconds 30 --view off --log "$work/first.log" >/dev/null 2>&1 &
engine=$!
children+=("$engine")
for _ in $(seq 100); do [ -S "$work/first/control.sock" ] && break; sleep 0.1; done
cp "$work/first.conf" "$work/twice.conf"
refused twice 7 'in use|another|lock|busy'
kill -TERM "$engine"
wait "$engine"
check "the first engine ends cleanly on SIGTERM" equal $? 0

# a full disk
if [ "$(id -u)" = 0 ] && mkdir -p "$work/small" && mount -t tmpfs -o size=256k tmpfs "$work/small" 2>/dev/null; then
  config full
  mkdir -p "$work/small/keys"
  sed -i "s|^run_dir = .*|run_dir = $work/small/run|" "$work/full.conf"
  head -c 200k /dev/zero >"$work/small/filler"
  refused full 8 'disk|space|full|room'
  umount "$work/small"
else
  echo "not run: a full disk (needs root to mount a small tmpfs)"
fi
config readonly
sed -i "s|^run_dir = .*|run_dir = /proc/tickgate|" "$work/readonly.conf"
refused readonly 8 '/proc/tickgate'

# the command line
"$bin/tickgate" nonsense >/dev/null 2>"$work/verb.err"
check "unknown verb: exit code 2" equal $? 2
"$bin/tickgate" run >/dev/null 2>"$work/run.err"
check "run without settings: exit code 2" equal $? 2
"$bin/tickgate" replay "$work/none" >/dev/null 2>"$work/replay.err"
check "replay of nothing: exit code 66" equal $? 66
"$bin/tickgate" book "$work/none.gz" >/dev/null 2>"$work/book.err"
check "book of nothing: exit code 66" equal $? 66
"$bin/tickgatectl" --socket "$work/none.sock" status >/dev/null 2>"$work/ctl.err"
check "tickgatectl without an engine: exit code 9" equal $? 9
for err in verb run replay book ctl; do check "$err: says something" test -s "$work/$err.err"; done
for verb in run replay book config report evidence; do check_into "$work/help" "tickgate $verb --help" "$bin/tickgate" "$verb" --help; done

kill -TERM "$venue"
wait "$venue"
check "venuesim ends cleanly on SIGTERM" equal $? 0
check "nothing is left running" equal "$(pgrep -fc "$work/[a-z]")" 0
finish
