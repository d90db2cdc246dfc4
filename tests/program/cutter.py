#!/usr/bin/env python3
"""cutter.py - a TCP relay on loopback that cuts every connection when told to.

usage: cutter.py TARGET_PORT READY_FILE SECONDS
Listens on a port the kernel chooses (written to READY_FILE), relays to TARGET_PORT. SIGUSR1: reset all relayed
connections in the middle of whatever they carry. Ends by itself after SECONDS or on SIGTERM.
"""
import os
import select
import signal
import socket
import struct
import sys
import time

target, ready, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
listener = socket.create_server(("127.0.0.1", 0))
listener.setblocking(False)
with open(ready + ".tmp", "w") as f:
    f.write(str(listener.getsockname()[1]))
os.rename(ready + ".tmp", ready)
pair = {}
cut = False


def on_cut(*_):
    global cut
    cut = True


signal.signal(signal.SIGUSR1, on_cut)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def drop(sock):
    other = pair.pop(sock, None)
    for s in (sock, other):
        if s is not None:
            pair.pop(s, None)
            # no lingering: the peer sees a reset, not an orderly end
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()


end = time.monotonic() + seconds
while time.monotonic() < end:
    if cut:
        cut = False
        for sock in list(pair):
            if sock in pair:
                drop(sock)
    readable, _, _ = select.select([listener] + list(pair), [], [], 0.1)
    for sock in readable:
        if sock is listener:
            try:
                client, _ = listener.accept()
                upstream = socket.create_connection(("127.0.0.1", target), timeout=5)
            except OSError:
                continue
            for s in (client, upstream):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                s.settimeout(5)
            pair[client], pair[upstream] = upstream, client
        elif sock in pair:
            try:
                data = sock.recv(65536)
                if not data:
                    drop(sock)
                else:
                    pair[sock].sendall(data)
            except OSError:
                drop(sock)
