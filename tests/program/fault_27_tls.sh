#!/usr/bin/env bash
# Row 27: wrong host, expired, self-signed, unknown authority, wrong pin, downgrade: no connection, each with its own reason on one line
# and exit code 5. Certificates are made here with the openssl program.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
"$root/tools/dev.d/make-keys" "$work/keys" || exit 70
cd "$work/keys" || exit 70
quiet() { "$@" 2>>"$work/openssl.log" || { cat "$work/openssl.log"; exit 70; }; }
request() { quiet openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$1.key" -out "$1.csr"; }
sign() { # sign NAME SAN CA DAYS...
  local name=$1 san=$2 ca=$3
  shift 3
  printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' "$san" >"$name.ext"
  quiet openssl x509 -req -in "$name.csr" -CA "$ca.pem" -CAkey "$ca.key" -CAcreateserial "$@" -extfile "$name.ext" -out "$name.pem"
}
pin() { openssl x509 -in "$work/keys/$1.pem" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1; }
quiet openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 7 -subj "/CN=another CA" \
  -addext basicConstraints=critical,CA:TRUE -keyout other.key -out other.pem
request host localhost && sign host DNS:elsewhere.example ca -days 7
request stranger localhost && sign stranger DNS:localhost,IP:127.0.0.1 other -days 7
quiet openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 7 -subj "/CN=localhost" -addext subjectAltName=DNS:localhost \
  -keyout self.key -out self.pem
# expired: openssl x509 signs no past; `openssl ca` does
mkdir -p demo && : >demo/index.txt && echo 01 >demo/serial
cat >demo/ca.conf <<'EOF'
[ca]
default_ca=d
[d]
database=demo/index.txt
serial=demo/serial
new_certs_dir=demo
default_md=sha256
policy=p
[p]
commonName=supplied
[x]
subjectAltName=DNS:localhost,IP:127.0.0.1
EOF
request old localhost
quiet openssl ca -batch -config demo/ca.conf -cert ca.pem -keyfile ca.key -in old.csr -out old.pem -extensions x -startdate 20200101000000Z -enddate 20200201000000Z
cd "$work" || exit 70

# venue NAME CERT: sets port
venue() {
  rm -f "$work/ready"
  "$bin/venuesim" --listen 127.0.0.1 --port 0 --cert "$work/keys/$2.pem" --key "$work/keys/$2.key" --keys "$work/keys/venue-keys.json" --synthetic 1 \
    --seconds 60 --ready "$work/ready" --report "$work/$1.venue.json" --quiet >"$work/$1.venue.log" 2>&1 &
  venue_pid=$!
  children+=("$venue_pid")
  for _ in $(seq 100); do [ -s "$work/ready" ] && break; sleep 0.1; done
  port=$(json "$work/ready" port)
}
# engine NAME CODE SETTINGS...: runs until it ends, or SIGTERM after 6 s
engine() {
  local name=$1 want=$2
  shift 2
  mkdir -p "$work/$name"
  cp -r "$work/keys" "$work/$name/"
  "$root/tools/dev.d/make-config" "$work/$name" "$port" fused park -1 "$@" >"$work/$name/tickgate.conf"
  "$bin/tickgate" run --config "$work/$name/tickgate.conf" --seconds 4 --view off --log "$work/$name.log" >"$work/$name.out" 2>"$work/$name.err"
  check "$name: exit code $want" equal $? "$want"
}
words="wrong host|expired|self-signed|unknown authority|wrong pin|downgrade"
# fault NAME CERT REASON SETTINGS...
fault() {
  local name=$1 cert=$2 reason=$3
  shift 3
  venue "$name" "$cert"
  engine "$name" 5 "$@"
  kill -TERM "$venue_pid"
  wait "$venue_pid"
  check "$name: one line" equal "$(wc -l <"$work/$name.err")" 1
  check "$name: its reason and no other" equal "$(grep -oE "$words" "$work/$name.err" | sort -u)" "$reason"
  check "$name: nothing was asked of the venue" equal "$(json "$work/$name.venue.json" requests)" 0
  check "$name: no session" equal "$(json "$work/$name.venue.json" ws_sessions)" 0
  sed -n 1p "$work/$name.err"
}
good=$(pin server)
fault wrong-host host "wrong host"
fault expired old "expired"
fault self-signed self "self-signed"
fault unknown-authority stranger "unknown authority"
fault wrong-pin server "wrong pin" "venue.pin_sha256=$(pin stranger)"
check "wrong-pin: the line names the key that was seen" grep -q "$good" "$work/wrong-pin.err"
venue right-pin server
engine right-pin 0 "venue.pin_sha256=$(pin stranger),$good"
kill -TERM "$venue_pid"
wait "$venue_pid"
check "right-pin: it was asked" at_least "$(json "$work/right-pin.venue.json" requests)" 5
check "right-pin: all four sessions" at_least "$(json "$work/right-pin.venue.json" ws_sessions)" 4
engine bad-list 3 venue.pin_sha256=nonsense
check "bad-list: the setting is named" grep -q venue.pin_sha256 "$work/bad-list.err"

# a peer that speaks nothing newer than TLS 1.1
for version in tls1 tls1_1; do
  timeout 60 openssl s_server -accept 127.0.0.1:0 -quiet "-$version" -cipher 'DEFAULT@SECLEVEL=0' -cert "$work/keys/server.pem" -key "$work/keys/server.key" \
    >"$work/$version.out" 2>&1 </dev/null &
  server=$!
  children+=("$server")
  port=
  for _ in $(seq 50); do
    port=$(python3 - "$(pgrep -P "$server")" 2>/dev/null <<'P'
import os, sys
links = [os.readlink(f"/proc/{sys.argv[1]}/fd/{fd}") for fd in os.listdir(f"/proc/{sys.argv[1]}/fd")]
inodes = {link[8:-1] for link in links if link.startswith("socket:")}
for line in open("/proc/net/tcp").readlines()[1:]:
    part = line.split()
    if part[3] == "0A" and part[9] in inodes:
        print(int(part[1].split(":")[1], 16))
        break
P
)
    [ -n "$port" ] && break
    sleep 0.1
  done
  if [ -z "$port" ]; then
    echo "not run: $version (this openssl serves it no more)"
    continue
  fi
  engine "$version" 5
  check "$version: its reason and no other" equal "$(grep -oE "$words" "$work/$version.err" | sort -u)" downgrade
  kill -TERM "$server" 2>/dev/null
done
finish
