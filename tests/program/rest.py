#!/usr/bin/env python3
"""rest.py DIR PORT VERB ... - what a human (or another program) does at the simulated venue with the engine's own account; DIR holds keys/.
  place ID SYMBOL SIDE BPS QTY   a resting limit order BPS away from the touch
  open SYMBOL                    client ids of the open orders, a line each
  cancel SYMBOL ID               cancels by client id"""
import hashlib, hmac, json, ssl, sys, time, urllib.parse, urllib.request, urllib.error

directory, port, verb, *args = sys.argv[1:]
key = open(directory + "/keys/api.key").read().strip()
secret = open(directory + "/keys/hmac.secret").read().strip()
context = ssl.create_default_context(cafile=directory + "/keys/ca.pem")


def call(method, path, signed=True, **params):
    if signed:
        params["timestamp"] = int(time.time() * 1000)
    query = urllib.parse.urlencode(params)
    if signed:
        query += "&signature=" + hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    request = urllib.request.Request(f"https://localhost:{port}{path}?{query}", method=method, headers={"X-MBX-APIKEY": key})
    try:
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {path}: HTTP {error.code} {error.read().decode()}")


if verb == "place":
    client, symbol, side, bps, qty = args
    touch = call("GET", "/fapi/v1/ticker/bookTicker", signed=False, symbol=symbol)
    touch = touch[0] if isinstance(touch, list) else touch
    text = touch["bidPrice" if side == "BUY" else "askPrice"]
    price = float(text) * (1 - float(bps) / 1e4 if side == "BUY" else 1 + float(bps) / 1e4)
    info = next(s for s in call("GET", "/fapi/v1/exchangeInfo", signed=False)["symbols"] if s["symbol"] == symbol)
    tick = next(f["tickSize"] for f in info["filters"] if f["filterType"] == "PRICE_FILTER")
    decimals = len(tick.rstrip("0").split(".")[1]) if "." in tick else 0
    price = round(price / float(tick)) * float(tick)
    print(call("POST", "/fapi/v1/order", symbol=symbol, side=side, type="LIMIT", timeInForce="GTC", quantity=qty,
               price=f"{price:.{decimals}f}", newClientOrderId=client)["orderId"])
elif verb == "open":
    for order in call("GET", "/fapi/v1/openOrders", symbol=args[0]):
        print(order["clientOrderId"])
elif verb == "cancel":
    call("DELETE", "/fapi/v1/order", symbol=args[0], origClientOrderId=args[1])
else:
    sys.exit(__doc__)
