"""Frames over a broker: programs as the other systems' users write them, against Omma.

The baseline is one program that publishes and one that consumes, with redis-py or kafka-python
and in the forms of the other systems: JPEG (redisedge), pickled arrays (DeepVision), JPEG in
jsonpickle's JSON (imagebus). Omma does the same work on the same broker at the same time of
day: one process reads the clip and publishes the packets, another one reads them from the
broker and decodes them to pictures.

Needs redis-server; and for the Kafka rows a broker at $KAFKA (host:port).
"""
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, RUNS, STREET, Live, note

PICTURES = int(os.environ.get("BUS_PICTURES", "300"))
SECONDS = int(os.environ.get("BUS_SECONDS", "20"))
CAMERAS = 8  # of 30 pictures a second each

# What both of a baseline's programs begin with: the forms in which a picture travels.
FORMS = '''
import base64, json, pickle, resource, sys, time
import cv2, jsonpickle
import numpy as np
class FrameDetails:
    def __init__(self, **members): self.__dict__.update(members)
def jpeg(p): return cv2.imencode(".jpg", p)[1].tobytes()
def picture(b): return cv2.imdecode(np.frombuffer(b, np.uint8), cv2.IMREAD_COLOR)
FORMS = {
    "jpeg": (jpeg, picture),
    "pickle": (pickle.dumps, pickle.loads),
    "jsonpickle": (
        lambda p: jsonpickle.encode(FrameDetails(name="clip", image=jpeg(p), details=None)).encode(),
        lambda b: picture(jsonpickle.decode(b).image)),
}
form, broker, address, count, topic = *sys.argv[1:4], int(sys.argv[4]), sys.argv[5]
write, read = FORMS[form]
def report(started):
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"seconds": time.monotonic() - started, "cpu": usage.ru_utime + usage.ru_stime - base}))
cv2.setNumThreads(1)
usage = resource.getrusage(resource.RUSAGE_SELF)
base = usage.ru_utime + usage.ru_stime
'''

PUBLISH = FORMS + '''
clip = cv2.VideoCapture(sys.argv[6])
if broker == "redis":
    import redis
    client = redis.Redis.from_url(address)
    send = lambda n, data: client.xadd(topic, {"count": n, "image": data}, maxlen=100)
    end = lambda: None
else:
    from kafka import KafkaProducer
    producer = KafkaProducer(bootstrap_servers=address, max_request_size=16 << 20)
    send = lambda n, data: producer.send(topic, data)
    end = producer.flush
sys.stdin.readline()
started, sent, size = time.monotonic(), 0, 0
while sent < count:
    ok, frame = clip.read()
    if not ok:
        clip.set(cv2.CAP_PROP_POS_FRAMES, 0)
        continue
    send(sent, write(frame))
    sent += 1
end()
report(started)
'''

CONSUME = FORMS + '''
if broker == "redis":
    import redis
    client = redis.Redis.from_url(address)
    def messages():
        last, key = "0", topic
        while True:
            for _, entries in client.xread({key: last}, count=10, block=5000) or [(b"", [])]:
                for last, fields in entries:
                    yield int(fields[b"count"]), fields[b"image"]
else:
    from kafka import KafkaConsumer
    consumer = KafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest",
                             max_partition_fetch_bytes=16 << 20, consumer_timeout_ms=20000)
    def messages():
        for number, record in enumerate(consumer):
            yield number, record.value
print("ready", flush=True)
started, got, last = None, 0, -1
for number, data in messages():
    started = started or time.monotonic()
    assert read(data).shape == (1080, 1920, 3)
    got, last = got + 1, number
    if last >= count - 1:
        break
report(started)
print(got)
'''


class Redis:
    """A server of this benchmark's own."""

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.dir = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--save", "", "--dir", self.dir.name],
            stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        self.url = f"redis://127.0.0.1:{self.port}"

    def clear(self):
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            connection.recv(64)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.dir.cleanup()


def python():
    own = ROOT / ".setup" / "bench" / "bin" / "python"
    return str(own if own.exists() else sys.executable)


def baseline(form, broker, address, count):
    """Frames a second from the first to the last one consumed, and CPU seconds a frame of both."""
    # A topic of its own: what an earlier run left is nobody's.
    arguments = [form, broker, address, str(count), f"bench-{time.time_ns()}", str(STREET)]
    command = lambda program: [python(), "-W", "ignore", "-c", program, *arguments]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    consumer = subprocess.Popen(command(CONSUME), **pipes)
    assert consumer.stdout.readline().strip() == "ready"
    publisher = subprocess.Popen(command(PUBLISH), **pipes)
    published, _ = publisher.communicate("go\n", timeout=600)
    consumed, _ = consumer.communicate(timeout=600)
    report, got = consumed.split("\n")[:2]
    published, consumed, got = json.loads(published), json.loads(report), int(got)
    seconds = max(published["seconds"], consumed["seconds"])
    return got / seconds, published["cpu"] / count + consumed["cpu"] / got, got


def omma(address):
    """The same with Omma: frames a second that one core carries, CPU seconds a frame of both
    sides, and bytes a second of each camera on the broker."""
    names = [f"cam{i}" for i in range(CAMERAS)]
    sources = "".join(f"  {name}:\n    url: {STREET}\n    loop: true\n" for name in names)
    writer = Live(sources, f"bus: {address}\n")
    # `detect` is what makes a camera decode; motion is the cheapest that looks at all pictures.
    readers = "".join(
        f"  {name}:\n    url: {bus_camera(address, name)}\n    detect: {{ model: motion, fps: all }}\n"
        for name in names)
    reader = Live(readers)
    decoded = lambda: sum(reader.metric("omma_frames_decoded_total", camera=name) for name in names)
    received = lambda: sum(writer.metric("omma_frames_received_total", camera=name) for name in names)
    sent_bytes = lambda: sum(writer.metric("omma_received_bytes_total", camera=name) for name in names)
    try:
        reader.wait("/metrics", lambda _: decoded() > 30 * CAMERAS)
        before = (decoded(), received(), sent_bytes(), writer.cpu(), reader.cpu(), time.monotonic())
        time.sleep(SECONDS)
        after = (decoded(), received(), sent_bytes(), writer.cpu(), reader.cpu(), time.monotonic())
    finally:
        reader.stop()
        writer.stop()
    pictures, packets, size, write_cpu, read_cpu, seconds = (b - a for a, b in zip(before, after))
    cpu = write_cpu / packets + read_cpu / pictures
    return pictures / seconds, 1 / cpu, cpu, size / seconds / CAMERAS


def bus_camera(address, name):
    """The address of a camera that stands on the bus in Omma's own form."""
    scheme, rest = address.split("://")
    topic = f"omma.frames?camera={name}" if scheme == "kafka" else f"omma:frames:{name}"
    return f"{scheme}://{rest}/{topic}"


def compare(broker, address, forms, clear):
    ours = omma(address)
    live, a_core, cpu, size = ours
    note("bus", f"{broker}: Omma, {CAMERAS} cameras of 1080p30 as packets, published and decoded",
         f"{live:.0f} fps, {cpu * 1e3:.2f} ms of processor a frame", f"{30 * CAMERAS} fps",
         live > 29.5 * CAMERAS)
    note("bus", f"{broker}: bytes on the bus a camera of 1080p30", f"{size / 1e6:.2f} MB/s", "≤ 1 MB/s", size <= 1e6)
    for form in forms:
        runs = []
        for _ in range(RUNS):
            clear()
            runs.append(baseline(form, broker, address.split("//")[1] if broker == "kafka" else address, PICTURES))
        fps, theirs = (statistics.median(run[i] for run in runs) for i in (0, 1))
        note("bus", f"{broker}: Python's {form}", f"{fps:.0f} fps, {theirs * 1e3:.1f} ms of processor a frame")
        # Omma's frames come at their own speed; the most that it can do is what its processor
        # time allows on as many cores as the two programs have: two.
        note("bus", f"{broker}: Omma to {form}: frames a second of two cores", f"{2 * a_core / fps:.1f} ×", "≥ 5 ×", 2 * a_core >= 5 * fps)
        note("bus", f"{broker}: Omma to {form}: processor a frame", f"1/{theirs / cpu:.1f}", "≤ 1/5", cpu * 5 <= theirs)


def bus():
    if shutil.which("redis-server"):
        server = Redis()
        try:
            compare("redis", server.url, ("jpeg", "pickle", "jsonpickle"), server.clear)
        finally:
            server.stop()
    else:
        print("skipped: redis-server is not installed, nothing is measured over Redis")
    if os.environ.get("KAFKA"):
        compare("kafka", f"kafka://{os.environ['KAFKA']}", ("jpeg", "jsonpickle"), lambda: None)
    else:
        print("skipped: $KAFKA names no broker, nothing is measured over Kafka")
