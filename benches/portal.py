"""What viewers cost, and how soon and how fresh the portal's pictures are in a real browser."""
import gzip
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
# A sign of life that nobody asked for, empty and masked (RFC 6455, 5.5.3): viewers without one are cut off.
PONG = b"\x8a\x80\0\0\0\0"


class Viewers(threading.Thread):
    """Browsers of one camera, as far as the server can tell: they take fragments and throw them away."""

    def __init__(self, port, camera, count):
        super().__init__(daemon=True)
        self.sockets = [self.open(port, camera) for _ in range(count)]
        self.got = dict.fromkeys(self.sockets, 0)
        self.lost = 0
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
        alive = time.monotonic()
        while not self.ended.is_set():
            for key, _ in selector.select(0.2):
                taken = len(key.fileobj.recv(1 << 16))
                self.got[key.fileobj] += taken
                if not taken:
                    self.lost += 1
                    selector.unregister(key.fileobj)
            if time.monotonic() - alive > 10:
                alive = time.monotonic()
                for socket_ in self.sockets:
                    socket_.sendall(PONG)

    def stop(self):
        self.ended.set()
        self.join()
        for socket_ in self.sockets:
            socket_.close()
        if self.lost:
            raise SystemExit(f"{self.lost} of the viewers were cut off while they were counted")


def cores(omma):
    cpu, started = omma.cpu(), time.monotonic()
    time.sleep(VIEW_SECONDS)
    return (omma.cpu() - cpu) / (time.monotonic() - started)


def viewers(omma):
    omma.wait("/metrics", lambda _: omma.metric("omma_frames_received_total", camera="street") > 60)
    alone = cores(omma)
    watching = Viewers(omma.port, "street", VIEWERS)
    watching.start()
    time.sleep(3)
    watched = cores(omma)
    told(alone, watched, "Media Source")
    # One that takes nothing any more must not be noticed by the others.
    stuck = Viewers.open(omma.port, "street")
    before = dict(watching.got)
    time.sleep(VIEW_SECONDS)
    got = [watching.got[s] - before[s] for s in watching.sockets]
    stuck.close()
    watching.stop()
    note("portal", "beside one that takes nothing: bytes of the slowest viewer to those of the fastest",
         f"{min(got) / max(got):.3f}", "≥ 0.95", min(got) >= 0.95 * max(got))


def webrtc_viewers(omma):
    omma.wait("/metrics", lambda _: omma.metric("omma_frames_received_total", camera="street") > 60)
    alone = cores(omma)
    watching = subprocess.Popen(script("viewers.mjs", omma, "street", VIEWERS), cwd=ROOT / "web",
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if watching.stdout.readline() != "watching\n":
        raise SystemExit("the viewers got no pictures by WebRTC")
    watched = cores(omma)
    answer, _ = watching.communicate(timeout=60)
    told(alone, watched, "WebRTC")
    got = json.loads(answer)
    note("portal", f"WebRTC: packets that the {VIEWERS} viewers missed",
         f"{got['lost']} of {got['packets']}", "≤ 0.1 %", got["lost"] <= got["packets"] / 1000)


def told(alone, watched, way):
    each = 100 * (watched - alone) / VIEWERS
    note("portal", f"processor of each of {VIEWERS} viewers of a camera of 1080p30, 4 Mb/s, by {way}",
         f"{each:.2f} % of a core", "≤ 2 %", each <= 2)


def script(name, omma, *arguments):
    return ["node", f"tests/{name}", f"http://127.0.0.1:{omma.port}", *map(str, arguments)]


def look(name, omma, *arguments):
    """What a script of web/tests says of the portal in a real browser."""
    done = subprocess.run(script(name, omma, *arguments), cwd=ROOT / "web",
                          capture_output=True, text=True, timeout=AGE_SECONDS + 300)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def age(omma):
    """From a picture's birth to the screen, by the clock in the picture."""
    omma.wait("/metrics", lambda _: omma.metric("omma_frames_received_total", camera="street") > 60)
    # Media Source settles within seconds; whether WebRTC's age grows is a question of longer times.
    for way, name, most, seconds in (("webrtc", "WebRTC", 250, AGE_SECONDS), ("mse", "Media Source", 1000, 60)):
        seen = look("age.mjs", omma, "street", way, seconds)
        note("portal", f"age of a picture on the screen, {name}, {seconds} s: half, 95 of 100",
             f"{seen['p50']:.0f} ms, {seen['p95']:.0f} ms", f"≤ {most} ms", seen["p95"] <= most)
        note("portal", f"{name}: half, in the first and in the last fifth of that time",
             f"{seen['first']:.0f} ms, {seen['last']:.0f} ms", "not growing", seen["last"] <= seen["first"] + 20)


def wall(omma):
    """The wall with 16 cameras, from the click to the last camera that moves."""
    omma.wait("/metrics", lambda _: all(omma.metric("omma_frames_received_total", camera=f"cam{i}") > 60 for i in range(16)), 60)
    seen = look("wall.mjs", omma, 16)
    seconds = seen["seconds"]
    middle = sorted(seconds)[len(seconds) // 2]
    note("portal", f"the wall with 16 cameras ({', '.join(seen['ways'])}): from the click until all move, median of 5",
         f"{middle:.2f} s ({min(seconds):.2f} to {max(seconds):.2f})", "≤ 2 s", middle <= 2)


def portal():
    street = f"  street: {{ url: '{STREET}', loop: true }}\n"
    clock = "  street: { url: 'sim:street?size=640x360&fps=25&people=8&stamp=true' }\n"
    many = "".join(f"  cam{i}: {{ url: '{PETS}', loop: true }}\n" for i in range(16))
    parts = [(viewers, street), (webrtc_viewers, street), (wall, many), (age, clock)]
    if not shutil.which("node") or not (ROOT / "web" / "node_modules").exists():
        print("skipped: the portal was not built here, nothing can look at it")
        parts = parts[:1]
    for part, cameras in parts:
        omma = Live(cameras)
        try:
            part(omma)
        finally:
            omma.stop()


def script_size():
    """All of the portal's JavaScript; a page loads a part of it."""
    files = list((ROOT / "web" / "dist").rglob("*.js"))
    if not files:
        print("skipped: the portal was not built here, there is nothing to weigh")
        return
    size = sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)
    note("script", "the portal's JavaScript, all pages, compressed", f"{size / 1000:.1f} kB", "≤ 400 kB", size <= 400_000)
