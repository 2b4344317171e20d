"""What cameras cost that nobody looks at, and what it costs to record them."""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from common import OMMA, ROOT, STREET, Live, note

HUB_SECONDS = int(os.environ.get("HUB_SECONDS", "60"))
FLEET_SECONDS = int(os.environ.get("FLEET_SECONDS", "600"))
# A ring of 8 MB is full after 16 s of 4 Mb/s.
SETTLE_SECONDS = 30


class Camera:
    """GStreamer's RTSP server with street-1080p.mp4 (4 Mb/s, a keyframe every 2 s), so often that it
    lasts for `seconds`."""

    def __init__(self, seconds):
        self.dir = tempfile.TemporaryDirectory()
        film = Path(self.dir.name) / "street.mp4"
        subprocess.run(["ffmpeg", "-v", "error", "-stream_loop", "-1", "-i", STREET, "-an", "-c", "copy",
                        "-t", str(seconds), film], check=True)
        script = ROOT / "crates" / "testkit" / "rtsp_server.py"
        self.process = subprocess.Popen(["/usr/bin/python3", script, "--file", film],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        port = re.match(r"port (\d+)", self.process.stdout.readline())
        if not port:
            sys.exit("skipped: GStreamer's RTSP server is not installed")
        self.url = f"rtsp://127.0.0.1:{port.group(1)}/cam"
        # This server gets stuck when many ask at once before it plays: one is there first, and stays.
        self.first = subprocess.Popen(["ffmpeg", "-v", "error", "-nostdin", "-progress", "-", "-rtsp_transport", "tcp",
                                       "-i", self.url, "-c", "copy", "-f", "null", "-"],
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        next(line for line in self.first.stdout if line.startswith("frame=") and line.strip() != "frame=0")
        # What it goes on to print must not fill the pipe.
        threading.Thread(target=self.first.stdout.read, daemon=True).start()

    def stop(self):
        for process in (self.first, self.process):
            process.kill()
            process.wait()
        self.dir.cleanup()


def cost(url, count, settings=""):
    """Cores and MB of a process with so many cameras, and the pictures a second of the slowest."""
    names = [f"cam{i}" for i in range(count)]
    omma = Live("".join(f"  {name}: {{ url: '{url}', transport: tcp{settings} }}\n" for name in names)
                if count else "  {}")
    received = lambda name: omma.metric("omma_frames_received_total", camera=name)
    omma.wait("/metrics", lambda _: all(received(name) > 0 for name in names))
    time.sleep(SETTLE_SECONDS)
    cpu, before, started = omma.cpu(), {name: received(name) for name in names}, time.monotonic()
    time.sleep(HUB_SECONDS)
    span = time.monotonic() - started
    cores, memory = (omma.cpu() - cpu) / span, omma.status("VmRSS")
    slowest = min(((received(name) - before[name]) / span for name in names), default=0)
    dropped = omma.metric("omma_recording_lost_packets_total")
    omma.stop()
    return cores, memory, slowest, dropped


def hub():
    camera, count = Camera(3 * (SETTLE_SECONDS + HUB_SECONDS) + 60), 8
    none_cores, none_memory, _, _ = cost(camera.url, 0)
    idle_cores, idle_memory, fps, _ = cost(camera.url, count)
    rec_cores, rec_memory, rec_fps, dropped = cost(camera.url, count, ", record: { mode: always }")
    camera.stop()
    each = 100 * (idle_cores - none_cores) / count
    note("hub", f"{count} cameras of 1080p30, 4 Mb/s, over RTSP, that nobody looks at: slowest", f"{fps:.2f} fps")
    note("hub", "processor of such a camera", f"{each:.2f} % of a core", "≤ 1 %", each <= 1)
    megabytes = (idle_memory - none_memory) / count
    note("hub", "memory of such a camera, its ring of 8 MB included", f"{megabytes:.1f} MB", "≤ 20 MB", megabytes <= 20)
    more = 100 * (rec_cores - idle_cores) / count
    note("hub", "processor that recording adds to a camera", f"{more:.2f} % of a core", "≤ 1 %", more <= 1)
    note("hub", "memory that recording adds to a camera", f"{(rec_memory - idle_memory) / count:.1f} MB")
    note("hub", "slowest recorded camera; packets lost in recording", f"{rec_fps:.2f} fps; {dropped:.0f}", "0 lost", dropped == 0)


def fleet():
    """32 cameras on this machine, half of them recorded."""
    camera = Camera(FLEET_SECONDS + 120)
    cameras = "".join(f"  cam{i}: {{ url: '{camera.url}', transport: tcp{', record: { mode: always, max_size: 100MB }' if i % 2 else ''} }}\n"
                      for i in range(32))
    omma = Live(cameras)
    omma.wait("/metrics", lambda _: all(omma.metric("omma_frames_received_total", camera=f"cam{i}") > 0 for i in range(32)), 60)
    time.sleep(60)
    cpu, started, early = omma.cpu(), time.monotonic(), omma.status("VmRSS")
    before = [omma.metric("omma_frames_received_total", camera=f"cam{i}") for i in range(32)]
    time.sleep(max(FLEET_SECONDS - 60, 30))
    span, late = time.monotonic() - started, omma.status("VmRSS")
    after = [omma.metric("omma_frames_received_total", camera=f"cam{i}") for i in range(32)]
    cores = (omma.cpu() - cpu) / span
    reconnects = omma.metric("omma_camera_reconnects_total")
    omma.stop()
    camera.stop()
    slowest = min((b - a) / span for a, b in zip(before, after))
    note("fleet", f"32 such cameras, 16 of them recorded, {span + 60:.0f} s: slowest; reconnects",
         f"{slowest:.2f} fps; {reconnects:.0f}", "30 fps; 0", slowest > 29.5 and reconnects == 0)
    note("fleet", "processor", f"{cores:.2f} cores")
    growth = late - early
    note("fleet", "memory after 1 minute, and at the end", f"{early:.0f} MB, {late:.0f} MB", "flat", growth <= 0.03 * early)


def keyframes():
    """Decoding and looking at keyframes alone against decoding everything."""
    done = subprocess.run([OMMA, "bench", "decode", STREET, "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    share = {way["way"]: way.get("core_share_per_camera") for way in json.loads(done.stdout)["ways"]}
    ratio = share["one thread"] / share["keyframes only"]
    note("decode", "street-1080p.mp4, every picture: processor of one camera", f"{100 * share['one thread']:.1f} % of a core")
    note("decode", "the same, keyframes only, against every picture", f"1/{ratio:.1f}", "≤ 1/20", ratio >= 20)
    cores = []
    for detect in ["", ", detect: { model: people, fps: keyframes }"]:
        omma = Live(f"  cam: {{ url: '{STREET}', loop: true{detect} }}\n")
        omma.wait("/metrics", lambda _: omma.metric("omma_frames_received_total", camera="cam") > 60)
        time.sleep(5)
        cpu, started = omma.cpu(), time.monotonic()
        time.sleep(HUB_SECONDS)
        cores.append((omma.cpu() - cpu) / (time.monotonic() - started))
        omma.stop()
    ratio = share["one thread"] / max(cores[1] - cores[0], 1e-6)
    note("decode", "keyframes decoded and looked at by yolox-nano, against decoding every picture", f"1/{ratio:.1f}")


def grpc():
    """Pictures of 1920x1080 as BGR, to a client in Python."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    omma = Live(f"  cam: {{ url: '{STREET}', loop: true, paused: false }}\n", f"grpc: {{ listen: '127.0.0.1:{port}' }}\n")
    omma.wait("/metrics", lambda _: omma.metric("omma_frames_received_total", camera="cam") > 90)
    python, script = ROOT / ".setup" / "grpc" / "bin" / "python", ROOT / "crates" / "cli" / "tests" / "grpc" / "clients.py"
    done = subprocess.run([python, script, ROOT / "proto", str(port), "latency", "cam", "100", "0.0334"],
                          capture_output=True, text=True)
    omma.stop()
    if done.returncode != 0:
        sys.exit(done.stderr)
    got = json.loads(done.stdout.splitlines()[-1])
    note("grpc", "VideoLatestImage, first frame after idle", f"{got['first_ms']:.0f} ms", "≤ 300 ms", got["first_ms"] <= 300)
    p50, p95 = got["waiting_ms"]
    note("grpc", "a call that finds a frame of 6.2 MB waiting, Python client: p50, p95", f"{p50} ms, {p95} ms", "≤ 5 ms", p95 <= 5)
    note("grpc", "age of a frame at the client, from the arrival of its packet: p50, p95", f"{got['age_ms'][0]} ms, {got['age_ms'][1]} ms")
