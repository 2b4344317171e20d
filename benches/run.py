#!/usr/bin/env python3
"""Measures Omma's speed and writes docs/benchmarks.md.

Everything is measured beside its baseline in the same run, the two in turn, and quoted as a
ratio of medians: the machine's own speed then hardly matters. Needs the clips and models of
$OMMA_DATA, ffmpeg, and ONNX Runtime's library in $ORT_DYLIB_PATH; `make bench` sees to that.

usage: benches/run.py [PART ...]      parts: accuracy offline engines logic start live
keyframes grpc hub fleet bus portal script (default: all)

A run of some parts leaves the figures of the others as they are, with their date.
"""
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import bus
import hub
import portal
from common import DATA, MODEL, OMMA, PETS, ROOT, RUNS, STREET, Live, note, rows

LIVE_SECONDS = int(os.environ.get("LIVE_SECONDS", "60"))


def cpu_of(command):
    """Runs a command; gives its processor time, wall time and output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall, done.stdout


def inference_ms():
    """ONNX Runtime's own time of one run on one thread, asked through its Python package."""
    program = """
import sys, time, numpy as np, onnxruntime as ort
o = ort.SessionOptions(); o.intra_op_num_threads = 1; o.inter_op_num_threads = 1
s = ort.InferenceSession(sys.argv[1], o, providers=["CPUExecutionProvider"])
x = np.random.default_rng(0).uniform(0, 255, (1, 3, 416, 416)).astype(np.float32)
name = s.get_inputs()[0].name
for _ in range(10): s.run(None, {name: x})
t = time.process_time()
for _ in range(150): s.run(None, {name: x})
print((time.process_time() - t) / 150 * 1e3)
"""
    python = ROOT / ".setup" / "bench" / "bin" / "python"
    _, _, out = cpu_of([python if python.exists() else sys.executable, "-c", program, MODEL])
    return float(out)


def offline():
    for clip in (PETS, STREET):
        ratios, walls, ours_ms, floor_ms = [], [], [], []
        for _ in range(RUNS):
            cpu, wall, out = cpu_of([OMMA, "analyze", clip, "--fps", "all", "--json"])
            summary = json.loads(out)
            frames = summary["frames_read"]
            decode, _, _ = cpu_of(["ffmpeg", "-v", "error", "-threads", "1", "-i", clip, "-f", "null", "-"])
            floor = decode / frames * 1e3 + inference_ms()
            ours_ms.append(cpu / frames * 1e3)
            floor_ms.append(floor)
            ratios.append(cpu / frames * 1e3 / floor)
            walls.append(wall / cpu)
        ratio, wall = statistics.median(ratios), statistics.median(walls)
        name = clip.name
        note("analyze", f"{name}: processor time a frame",
             f"{statistics.median(ours_ms):.2f} ms, floor {statistics.median(floor_ms):.2f} ms")
        note("analyze", f"{name}: processor time to (ffmpeg decode + ONNX Runtime)",
             f"{ratio:.3f} ({min(ratios):.3f} to {max(ratios):.3f})", "≤ 1.15", ratio <= 1.15)
        note("analyze", f"{name}: wall to processor time", f"{wall:.3f}", "≤ 0.6", wall <= 0.6)


TRUTH = {"path-mid": (16, 13), "path-left": (7, 5), "road-top": (6, 12)}
LINES = ["path-mid=0.5,0.3,0.5,0.95", "path-left=0.25,0.3,0.25,0.75", "road-top=0.55,0.45,1,0.45"]


def accuracy():
    with tempfile.TemporaryDirectory() as folder:
        tracks = Path(folder) / "tracks.txt"
        for name, fps, target in (("PETS09-S2L1", 7, 0.53), ("TUD-Stadtmitte", 25, 0.60)):
            mot = DATA / "mot" / name
            cpu_of([OMMA, "track", "--detections", mot / "det-yolox-nano.txt", "--fps", str(fps), "--out", tracks])
            _, _, out = cpu_of([OMMA, "eval", "--gt", mot / "gt.txt", "--tracks", tracks])
            figures = out.splitlines()[0].split(": ", 1)[1]
            hota = float(figures.split()[1])
            note("accuracy", f"`omma track` on the given detections of {name}", figures, f"HOTA ≥ {target:.2f}", hota >= target)
    command = [OMMA, "analyze", PETS, "--classes", "person", "--json"]
    for line in LINES:
        command += ["--line", line]
    _, _, out = cpu_of(command)
    counted = json.loads(out)["lines"]
    pairs = [(counted[name][way], truth) for name, both in TRUTH.items()
             for way, truth in zip(("forward", "backward"), both)]
    off = sum(abs(got - truth) for got, truth in pairs)
    note("accuracy", "`omma analyze` on PETS09-S2L1.mp4: crossings off, of 59",
         f"{off} ({', '.join(f'{got}/{truth}' for got, truth in pairs)})", "≤ 2", off <= 2)


def engines():
    for engine in ("ort", "rten"):
        _, _, out = cpu_of([OMMA, "models", "bench", MODEL, "--engine", engine, "--seconds", "5"])
        note("engines", f"yolox-nano on {engine}, one thread", out.split(": ", 1)[1].strip())


def logic():
    for crate, bench, target in (("omma-track", "track", 50_000), ("omma-rules", "rules", 1_000_000)):
        _, _, out = cpu_of(["cargo", "bench", "--locked", "-q", "-p", crate, "--bench", bench])
        # divan prints a line of times for each benchmark, then a line of items a second; the
        # third figure is the median.
        scale = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9}
        unit = "frames/s" if crate == "omma-track" else "track updates/s"
        lines = [l for l in out.splitlines() if "item/s" in l]
        labels = [l for l in out.splitlines() if re.search(r"(ns|µs|ms)\s+│", l)]
        for label, line in zip(labels, lines):
            name = re.sub(r"[│├╰─]", " ", label).split()[0]
            figures = re.findall(r"([\d.]+) ([KMG]?)item/s", line)
            median = float(figures[2][0]) * scale[figures[2][1]]
            asked = crate == "omma-rules" or name.startswith("pets")
            what = f"{name} objects at a time" if name.isdigit() else name.replace("_", " ")
            note("logic", f"{crate}: {what}", f"{median:,.0f} {unit}",
                 f"≥ {target:,}" if asked else "", median >= target if asked else None)


def live():
    cameras = "".join(
        f"  cam{i}:\n    url: {STREET}\n    loop: true\n    detect: {{ model: people, fps: 5 }}\n"
        "    lines:\n      mid: { from: [0.5, 0.0], to: [0.5, 1.0] }\n" for i in range(4))
    cameras += f"  idle:\n    url: {STREET}\n    loop: true\n"
    omma = Live(cameras)
    names = [f"cam{i}" for i in range(4)]
    omma.wait("/metrics", lambda _: all(omma.metric("omma_frames_analysed_total", camera=c) > 5 for c in names))
    first = {c: (omma.metric("omma_frames_received_total", camera=c),
                 omma.metric("omma_frames_analysed_total", camera=c)) for c in names}
    cpu, started = omma.metric("omma_process_cpu_seconds"), time.monotonic()
    time.sleep(LIVE_SECONDS)
    span = time.monotonic() - started
    got = {c: ((omma.metric("omma_frames_received_total", camera=c) - first[c][0]) / span,
               (omma.metric("omma_frames_analysed_total", camera=c) - first[c][1]) / span) for c in names}
    cores = (omma.metric("omma_process_cpu_seconds") - cpu) / span
    slowest = min(r for r, _ in got.values())
    analysed = min(a for _, a in got.values())
    lost = sum(omma.metric("omma_frames_dropped_total", camera=c, reason="corrupt") for c in names)
    busy = sum(omma.metric("omma_frames_dropped_total", camera=c, reason="detector_busy") for c in names)
    memory = omma.status("VmHWM")
    decoded = omma.metric("omma_frames_decoded_total", camera="idle")
    within = sum(omma.metric("omma_capture_to_event_seconds_bucket", camera=c, le="0.1") for c in names)
    events = sum(omma.metric("omma_capture_to_event_seconds_count", camera=c) for c in names)
    omma.stop()
    note("live", f"4 × 1080p30 looped, detection at 5 fps, {span:.0f} s: slowest camera",
         f"{slowest:.2f} fps read, {analysed:.2f} fps analysed", "30 and 5", slowest > 29.8 and analysed > 4.9)
    note("live", "packets lost; pictures that the detector had no time for", f"{lost:.0f}; {busy:.0f}", "0 lost", lost == 0)
    note("live", "processor", f"{cores:.2f} cores")
    note("live", "peak memory, 5 cameras", f"{memory:.0f} MB", "≤ 400 MB", memory <= 400)
    note("live", "pictures decoded of a camera that nobody looks at", f"{decoded:.0f}", "0", decoded == 0)
    note("live", f"events within 100 ms of their frame, under this load ({events:.0f} events)",
         f"{100 * within / max(events, 1):.1f} %")


def start():
    cameras = ("  cam:\n    url: sim:street?people=10&cars=0&seed=3&size=1280x720\n"
               "    detect: { model: people, fps: 5 }\n    lines:\n"
               + "".join(f"      l{i}: {{ from: [0.{i}, 0.0], to: [0.{i}, 1.0] }}\n" for i in range(1, 10)))
    omma = Live(cameras)
    omma.wait("/metrics", lambda _: omma.metric("omma_capture_to_event_seconds_count", camera="cam") >= 60, 240)
    buckets = re.findall(r'omma_capture_to_event_seconds_bucket\{camera="cam",le="([^"]+)"\} (\d+)', omma.get("/metrics"))
    events = int(buckets[-1][1])
    p95 = next(float(le) for le, count in buckets if int(count) >= 0.95 * events)
    omma.stop()
    note("latency", f"captured frame to stored event, 5 fps, idle machine ({events} events): p95",
         f"≤ {p95 * 1e3:.0f} ms", "≤ 100 ms", p95 <= 0.1)
    ready, first = [], []
    for _ in range(RUNS):
        omma = Live(f"  cam:\n    url: {PETS}\n    loop: true\n    detect: {{ model: people, fps: 5 }}\n")
        ready.append(omma.wait("/readyz", lambda _: True))
        first.append(omma.wait("/metrics", lambda _: omma.metric("omma_frames_analysed_total", camera="cam") > 0))
        omma.stop()
    ready, first = statistics.median(ready), statistics.median(first)
    note("start", "`omma run` ready", f"{ready:.2f} s", "≤ 1 s", ready <= 1)
    note("start", "first picture of a file analysed", f"{first:.2f} s", "≤ 1.5 s", first <= 1.5)


def machine():
    model = next((l.split(":", 1)[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    memory = int(re.search(r"MemTotal:\s+(\d+)", open("/proc/meminfo").read()).group(1)) / 2**20
    ffmpeg = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True).stdout.split()[2]
    return f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, {platform.system()} {platform.release()}, FFmpeg {ffmpeg}"


def write():
    """The table anew: groups that were measured now, and the rows of all others as they stand."""
    path = ROOT / "docs" / "benchmarks.md"
    today = time.strftime("%Y-%m-%d")
    measured = list(dict.fromkeys(row[0] for row in rows))
    lines = {group: [f"| {' | '.join(row)} | {today} |" for row in rows if row[0] == group] for group in measured}
    kept = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        group = line.split("|")[1].strip() if line.startswith("| ") else ""
        if group not in ("", "part", "---") and group not in lines:
            kept.setdefault(group, []).append(line)
    text = ["# Benchmarks", "",
            "Written by `make bench`; do not edit. Ratios are medians over runs in which both",
            "sides took turns; absolute figures are this machine's and that hour's.", "",
            f"Machine: {machine()}.", "",
            "| part | what | measured | target | | date |", "| --- | --- | --- | --- | --- | --- |"]
    for group in list(dict.fromkeys([*kept, *lines])):
        text += lines.get(group) or kept[group]
    path.write_text("\n".join(text) + "\n")
    print(f"written to {path.relative_to(ROOT)}")


def main():
    known = {"accuracy": accuracy, "offline": offline, "engines": engines, "logic": logic, "start": start, "live": live,
             "keyframes": hub.keyframes, "grpc": hub.grpc, "hub": hub.hub, "fleet": hub.fleet, "bus": bus.bus, "portal": portal.portal, "script": portal.script_size}
    parts = sys.argv[1:] or list(known)
    for missing in (p for p in (OMMA, PETS, STREET, MODEL) if not Path(p).exists()):
        sys.exit(f"skipped: {missing} is not there")
    for part in parts:
        known[part]()
    write()


if __name__ == "__main__":
    main()
