"""What viewers cost, and how soon and how fresh the portal's pictures are in a real browser."""
import json
import os
import selectors
import shutil
import socket
import subprocess
import threading
import time

from common import ROOT, STREET, PETS, Live, note

VIEW_SECONDS = int(os.environ.get("VIEW_SECONDS", "30"))
AGE_SECONDS = int(os.environ.get("AGE_SECONDS", "60"))
VIEWERS = 16


class Viewers(threading.Thread):
    """Browsers of one camera, as far as the server can tell: they take fragments and throw them away."""

    def __init__(self, port, camera, count):
        super().__init__(daemon=True)
        self.sockets = [self.open(port, camera) for _ in range(count)]
        self.got = dict.fromkeys(self.sockets, 0)
        self.ended = threading.Event()

    @staticmethod
    def open(port, camera):
        socket_ = socket.create_connection(("127.0.0.1", port))
        socket_.sendall(f"GET /api/v1/cameras/{camera}/mse HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        "Sec-WebSocket-Version: 13\r\n\r\n".encode())
        if b" 101 " not in socket_.recv(1000):
            raise SystemExit("the server gives no film")
        return socket_

    def run(self):
        selector = selectors.DefaultSelector()
        for socket_ in self.sockets:
            selector.register(socket_, selectors.EVENT_READ)
        while not self.ended.is_set():
            for key, _ in selector.select(0.2):
                self.got[key.fileobj] += len(key.fileobj.recv(1 << 16))

    def stop(self):
        self.ended.set()
        self.join()
        for socket_ in self.sockets:
            socket_.close()


def cores(omma):
    cpu, started = omma.cpu(), time.monotonic()
    time.sleep(VIEW_SECONDS)
    return (omma.cpu() - cpu) / (time.monotonic() - started)


def viewers():
    omma = Live(f"  street: {{ url: '{STREET}', loop: true }}\n")
    omma.wait("/metrics", lambda _: omma.metric("omma_frames_received_total", camera="street") > 60)
    alone = cores(omma)
    watching = Viewers(omma.port, "street", VIEWERS)
    watching.start()
    time.sleep(3)
    watched = cores(omma)
    each = 100 * (watched - alone) / VIEWERS
    note("portal", f"processor of each of {VIEWERS} viewers of a camera of 1080p30, 4 Mb/s, by Media Source",
         f"{each:.2f} % of a core", "≤ 2 %", each <= 2)
    # One that takes nothing any more must not be noticed by the others.
    stuck = Viewers.open(omma.port, "street")
    before = dict(watching.got)
    time.sleep(VIEW_SECONDS)
    slowest = min(watching.got[s] - before[s] for s in watching.sockets)
    fastest = max(watching.got[s] - before[s] for s in watching.sockets)
    note("portal", "beside one that takes nothing: bytes of the slowest viewer to those of the fastest",
         f"{slowest / fastest:.3f}", "≥ 0.95", slowest >= 0.95 * fastest)
    stuck.close()
    watching.stop()
    omma.stop()


def look(script, *arguments):
    """What a script of web/tests says of the portal in a real browser."""
    done = subprocess.run(["node", f"tests/{script}", *map(str, arguments)], cwd=ROOT / "web",
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def age():
    """From a picture's birth to the screen, by the clock in the picture."""
    omma = Live("  street: { url: 'sim:street?size=640x360&fps=25&people=8&stamp=true' }\n")
    omma.wait("/metrics", lambda _: omma.metric("omma_frames_received_total", camera="street") > 60)
    figures = look("age.mjs", f"http://127.0.0.1:{omma.port}", "street", AGE_SECONDS)
    omma.stop()
    for way, name, most in (("whep", "WebRTC", 250), ("mse", "Media Source", 1000)):
        seen = figures[way]
        note("portal", f"age of a picture on the screen, {name}, {AGE_SECONDS} s: half, 95 of 100",
             f"{seen['p50']:.0f} ms, {seen['p95']:.0f} ms", f"≤ {most} ms", seen["p95"] <= most)
        note("portal", f"{name}: half, in the first and in the last fifth of that time",
             f"{seen['first']:.0f} ms, {seen['last']:.0f} ms", "not growing", seen["last"] <= seen["first"] + 20)


def wall():
    """The wall with 16 cameras, from the click to the last camera that moves."""
    omma = Live("".join(f"  cam{i}: {{ url: '{PETS}', loop: true }}\n" for i in range(16)))
    omma.wait("/metrics", lambda _: all(omma.metric("omma_frames_received_total", camera=f"cam{i}") > 60 for i in range(16)), 60)
    seconds = look("wall.mjs", f"http://127.0.0.1:{omma.port}", 16)
    omma.stop()
    middle = sorted(seconds)[len(seconds) // 2]
    note("portal", "the wall with 16 cameras: from the click until all move, median of 5",
         f"{middle:.2f} s ({min(seconds):.2f} to {max(seconds):.2f})", "≤ 2 s", middle <= 2)


def portal():
    viewers()
    if not shutil.which("node") or not (ROOT / "web" / "node_modules").exists():
        print("skipped: the portal was not built here, nothing can look at it")
        return
    wall()
    age()
