"""Drives venuesim over real TLS with the standard library only: throw-away certificates, REST, WebSocket, signatures."""
import base64, hashlib, hmac, json, os, select, signal, socket, ssl, struct, subprocess, tempfile, time, urllib.parse

HMAC_KEY, HMAC_SECRET = "test-hmac-key", "test-secret-not-real"
ED_KEY = "test-ed25519-key"


def sh(*args, **kw):
    return subprocess.run(args, check=True, capture_output=True, **kw).stdout


class Work:
    """A temporary directory with CA, server certificate and API keys."""

    def __init__(self):
        self.tmp = tempfile.TemporaryDirectory(prefix="venuesim-test-")
        d = self.dir = self.tmp.name
        p = lambda n: os.path.join(d, n)
        ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        sh("openssl", "req", "-x509", *ec, "-keyout", p("ca.key"), "-out", p("ca.pem"), "-days", "2", "-subj", "/CN=venuesim test CA")
        sh("openssl", "req", *ec, "-keyout", p("srv.key"), "-out", p("srv.csr"), "-subj", "/CN=localhost")
        with open(p("ext"), "w") as f:
            f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        sh("openssl", "x509", "-req", "-in", p("srv.csr"), "-CA", p("ca.pem"), "-CAkey", p("ca.key"), "-CAcreateserial",
           "-out", p("srv.pem"), "-days", "2", "-extfile", p("ext"))
        sh("openssl", "genpkey", "-algorithm", "ed25519", "-out", p("ed.key"))
        pub = sh("openssl", "pkey", "-in", p("ed.key"), "-pubout").decode()
        with open(p("keys.json"), "w") as f:
            json.dump([{"apiKey": HMAC_KEY, "type": "hmac", "secret": HMAC_SECRET},
                       {"apiKey": ED_KEY, "type": "ed25519", "publicKeyPem": pub}], f)

    def path(self, name):
        return os.path.join(self.dir, name)

    def ed25519(self, text):
        name = self.path("msg-%d" % time.monotonic_ns())
        with open(name, "wb") as f:
            f.write(text.encode())
        sig = sh("openssl", "pkeyutl", "-sign", "-inkey", self.path("ed.key"), "-rawin", "-in", name)
        os.unlink(name)
        return base64.b64encode(sig).decode()


class Venue:
    """One venuesim process."""
    nth = 0

    def __init__(self, binary, work, *flow, extra=()):
        Venue.nth += 1
        self.work = work
        self.ready = work.path("ready-%d.json" % Venue.nth)
        self.report_path = work.path("report-%d.json" % Venue.nth)
        self.proc = subprocess.Popen(
            [binary, "--cert", work.path("srv.pem"), "--key", work.path("srv.key"), "--keys", work.path("keys.json"), "--port", "0",
             "--ready", self.ready, "--report", self.report_path, "--die-with-parent", "--quiet", "--seconds", "120", *extra, *flow])
        for _ in range(400):
            if os.path.exists(self.ready):
                break
            if self.proc.poll() is not None:
                raise RuntimeError("venuesim ended with %d" % self.proc.returncode)
            time.sleep(0.05)
        self.port = json.load(open(self.ready))["port"]
        self.ctx = ssl.create_default_context(cafile=work.path("ca.pem"))
        self.conn = None
        self.skew = 0

    def connect(self, ragged=False):
        """ragged: an end without close_notify is an error."""
        s = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.ctx.wrap_socket(s, server_hostname="localhost", suppress_ragged_eofs=not ragged)

    def http(self, method, target, body=None, headers=None):
        """One request on a kept-alive connection, target exactly as given. Returns (status, headers, JSON or text)."""
        if self.conn is None:
            self.conn = self.connect().makefile("rwb")
        data = (body or "").encode()
        head = "%s %s HTTP/1.1\r\nHost: localhost\r\n" % (method, target)
        for k, v in (headers or {}).items():
            head += "%s: %s\r\n" % (k, v)
        if body is not None:
            head += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n" % len(data)
        self.conn.write(head.encode() + b"\r\n" + data)
        self.conn.flush()
        line = self.conn.readline()
        if not line:
            self.conn = None
            raise ConnectionError("closed")
        status = int(line.split()[1])
        hdr = {}
        while True:
            line = self.conn.readline().strip().decode()
            if not line:
                break
            k, v = line.split(":", 1)
            hdr[k.lower()] = v.strip()
        text = self.conn.read(int(hdr.get("content-length", "0"))).decode()
        if hdr.get("connection") == "close":
            self.conn = None
        try:
            return status, hdr, json.loads(text)
        except ValueError:
            return status, hdr, text

    def get(self, path, **params):
        q = urllib.parse.urlencode(params)
        return self.http("GET", path + ("?" + q if q else ""))[2]

    def signed_raw(self, method, path, query, in_body=False, key=HMAC_KEY, secret=HMAC_SECRET):
        sig = hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        full = query + "&signature=" + sig
        if in_body:
            return self.http(method, path, full, {"X-MBX-APIKEY": key})
        return self.http(method, path + "?" + full, "" if method in ("POST", "PUT") else None, {"X-MBX-APIKEY": key})

    def signed(self, method, path, **params):
        """Returns (status, JSON)."""
        params.setdefault("timestamp", int(time.time() * 1000))
        status, self.last_headers, body = self.signed_raw(method, path, urllib.parse.urlencode(params))
        return status, body

    def order(self, side, kind, qty, px=None, tif=None, **more):
        p = dict(symbol="BTCUSDT", side=side, type=kind, quantity=qty)
        if px is not None:
            p["price"] = "%.2f" % px
        if tif or kind == "LIMIT":
            p["timeInForce"] = tif or "GTC"
        p.update(more)
        return self.signed("POST", "/fapi/v1/order", **p)

    def touch(self):
        t = self.get("/fapi/v1/ticker/bookTicker", symbol="BTCUSDT")
        return float(t["bidPrice"]), float(t["askPrice"])

    def listen_key(self):
        return self.http("POST", "/fapi/v1/listenKey", "", {"X-MBX-APIKEY": HMAC_KEY})[2]["listenKey"]

    def ws(self, target):
        return WebSocket(self.connect(), target)

    def stop(self):
        """SIGTERM; returns (exit code, report)."""
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
        code = self.proc.wait(timeout=10)
        return code, json.load(open(self.report_path)) if os.path.exists(self.report_path) else None


class WebSocket:
    def __init__(self, sock, target):
        self.sock, self.buf, self.pings = sock, b"", 0
        key = base64.b64encode(os.urandom(16)).decode()
        sock.sendall(("GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n" % (target, key)).encode())
        head = self._until(b"\r\n\r\n").decode()
        if " 101 " not in head.split("\r\n")[0]:
            raise ConnectionError(head.split("\r\n")[0])
        want = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        if want not in head:
            raise ConnectionError("bad accept key")
        self.head = head

    def _more(self):
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("closed")
        self.buf += data

    def _until(self, mark):
        while mark not in self.buf:
            self._more()
        out, self.buf = self.buf.split(mark, 1)
        return out

    def _need(self, n):
        while len(self.buf) < n:
            self._more()
        out, self.buf = self.buf[:n], self.buf[n:]
        return out

    def frame(self, op, data, fin=True):
        mask = os.urandom(4)
        n = len(data)
        ln = struct.pack("!B", 0x80 | n) if n < 126 else struct.pack("!BH", 0x80 | 126, n) if n < 65536 else struct.pack("!BQ", 0x80 | 127, n)
        self.sock.sendall(bytes([(0x80 if fin else 0) | op]) + ln + mask + bytes(b ^ mask[k % 4] for k, b in enumerate(data)))

    def send(self, obj):
        self.frame(1, (obj if isinstance(obj, str) else json.dumps(obj)).encode())

    def recv(self, timeout=5.0):
        """The next text message as JSON, or None when none came in time."""
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            if not self.buf and not self.sock.pending():
                if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                    return None
            b0, b1 = self._need(2)
            n = b1 & 127
            n = struct.unpack("!H", self._need(2))[0] if n == 126 else struct.unpack("!Q", self._need(8))[0] if n == 127 else n
            data = self._need(n)
            op = b0 & 15
            if op == 9:
                self.pings += 1
                self.frame(10, data)
            elif op == 8:
                self.close_code = struct.unpack("!H", data[:2])[0] if n >= 2 else 0
                raise ConnectionError("closed by the venue, code %d" % self.close_code)
            elif op == 1:
                return json.loads(data)

    def collect(self, seconds):
        out, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            m = self.recv(max(0.0, end - time.monotonic()))
            if m is not None:
                out.append(m)
        return out

    def until(self, want, timeout=5.0):
        """Messages up to the first for which want(m) holds (the last of the list), or None."""
        out, end = [], time.monotonic() + timeout
        while time.monotonic() < end:
            m = self.recv(max(0.0, end - time.monotonic()))
            if m is not None:
                out.append(m)
                if want(m):
                    return out
        return None

    def call(self, method, params=None, ident="r1", timeout=5.0):
        self.send({"id": ident, "method": method, "params": params or {}})
        got = self.until(lambda m: m.get("id") == ident, timeout)
        return got[-1] if got else None

    def close(self):
        try:
            self.frame(8, struct.pack("!H", 1000))
            self.sock.close()
        except OSError:
            pass
