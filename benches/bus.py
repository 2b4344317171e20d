"""Frames over a broker: programs as the other systems' users write them, against Omma.

The baseline is one program that publishes and one that consumes, with redis-py or kafka-python
and in the forms of the other systems: JPEG (redisedge), pickled arrays (DeepVision), JPEG in
jsonpickle's JSON (imagebus). Omma does the same work on the same broker at the same time of
day: one process reads the clip and publishes the packets, another one reads them from the
broker and decodes each to a picture. In addition it looks for motion five times a second,
which the programs in Python do not.

Starts its own brokers: needs redis-server, and java with Kafka's jars ($KAFKA_LIBS, or where
tools/setup.sh puts them).
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

from common import ROOT, STREET, Live, cpu_seconds, note

PICTURES = int(os.environ.get("BUS_PICTURES", "300"))
SECONDS = int(os.environ.get("BUS_SECONDS", "15"))
TURNS = int(os.environ.get("BUS_TURNS", "3"))
CAMERAS = int(os.environ.get("BUS_CAMERAS", "13"))  # of 30 pictures a second each

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


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A broker of this benchmark's own, on a free port of this machine."""

    def __init__(self):
        self.dir = tempfile.TemporaryDirectory()
        self.port = free_port()
        self.log = Path(self.dir.name) / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(self.command(), cwd=self.dir.name, stdout=log, stderr=log)
        deadline = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"{self.command()[0]} does not listen: {self.log.read_text()}")
                time.sleep(0.05)

    def clear(self):
        """Forgets what was published, where that is asked for."""

    def cpu(self):
        return cpu_seconds(self.process.pid)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.dir.cleanup()


class Redis(Server):
    @staticmethod
    def missing():
        return None if shutil.which("redis-server") else "redis-server is not installed"

    def command(self):
        return ["redis-server", "--port", str(self.port), "--save", "", "--dir", self.dir.name]

    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def clear(self):
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            connection.recv(64)


class Kafka(Server):
    """One node that is broker and controller."""

    LIBRARIES = Path(os.environ.get("KAFKA_LIBS", ROOT / ".setup" / "kafka"))

    @classmethod
    def missing(cls):
        if not shutil.which("java"):
            return "java is not installed"
        if not list(cls.LIBRARIES.glob("kafka_2.13-*.jar")):
            return f"{cls.LIBRARIES} holds no Kafka (run tools/setup.sh bench, or set KAFKA_LIBS)"
        return None

    def command(self):
        config = Path(self.dir.name) / "server.properties"
        java = ["java", "-Xmx1g", "-cp", str(self.LIBRARIES.resolve() / "*")]
        if not config.exists():
            controller = free_port()
            config.write_text(
                "process.roles=broker,controller\nnode.id=1\n"
                f"controller.quorum.voters=1@127.0.0.1:{controller}\ncontroller.listener.names=CONTROLLER\n"
                f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}\n"
                "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n"
                f"log.dirs={self.dir.name}/data\noffsets.topic.replication.factor=1\n"
                "offsets.topic.num.partitions=1\ngroup.initial.rebalance.delay.ms=0\n"
                # A picture in JSON may be larger than Kafka's usual limit of 1 MiB.
                f"message.max.bytes={16 << 20}\n")
            subprocess.run([*java, "kafka.tools.StorageTool", "format", "-t", "b21tYS1iZW5jaC1raXQtMA", "-c", config],
                           check=True, stdout=subprocess.DEVNULL)
        return [*java, "kafka.Kafka", str(config)]

    def url(self):
        return f"kafka://127.0.0.1:{self.port}"


def python():
    own = ROOT / ".setup" / "bench" / "bin" / "python"
    return str(own if own.exists() else sys.executable)


def baseline(form, broker, server, count):
    """Frames a second of the slower of both, and CPU seconds a frame of the publisher, of the
    consumer and of the broker."""
    address = server.url().removeprefix("kafka://")
    # A topic of its own: what an earlier run left is nobody's.
    arguments = [form, broker, address, str(count), f"bench-{time.time_ns()}", str(STREET)]
    command = lambda program: [python(), "-W", "ignore", "-c", program, *arguments]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    consumer = subprocess.Popen(command(CONSUME), **pipes)
    assert consumer.stdout.readline().strip() == "ready"
    before = server.cpu()
    publisher = subprocess.Popen(command(PUBLISH), **pipes)
    published, _ = publisher.communicate("go\n", timeout=600)
    consumed, _ = consumer.communicate(timeout=600)
    report, got = consumed.split("\n")[:2]
    published, consumed, got = json.loads(published), json.loads(report), int(got)
    seconds = max(published["seconds"], consumed["seconds"])
    return got / seconds, published["cpu"] / count, consumed["cpu"] / got, (server.cpu() - before) / got


def omma(server):
    """The same with Omma: pictures a second from end to end, CPU seconds a picture of publisher,
    consumer and broker, and bytes a second of each camera on the broker."""
    address = server.url()
    names = [f"cam{i}" for i in range(CAMERAS)]
    sources = "".join(f"  {name}:\n    url: {STREET}\n    loop: true\n" for name in names)
    writer = Live(sources, f"bus: {address}\n")
    # `detect` is what makes a camera decode, and that is every picture; motion is the cheapest.
    readers = "".join(
        f"  {name}:\n    url: {bus_camera(address, name)}\n    detect: {{ model: motion, fps: 5 }}\n"
        for name in names)
    reader = Live(readers)
    decoded = lambda: sum(reader.metric("omma_frames_decoded_total", camera=name) for name in names)
    received = lambda: sum(writer.metric("omma_frames_received_total", camera=name) for name in names)
    sent_bytes = lambda: sum(writer.metric("omma_received_bytes_total", camera=name) for name in names)
    now = lambda: (decoded(), received(), sent_bytes(), writer.cpu(), reader.cpu(), server.cpu(), time.monotonic())
    try:
        reader.wait("/metrics", lambda _: decoded() > 30 * CAMERAS, 120)
        before = now()
        time.sleep(SECONDS)
        after = now()
    finally:
        reader.stop()
        writer.stop()
    pictures, packets, size, write, read, broker, seconds = (b - a for a, b in zip(before, after))
    return pictures / seconds, write / packets, read / pictures, broker / packets, size / seconds / CAMERAS


def bus_camera(address, name):
    """The address of a camera that stands on the bus in Omma's own form."""
    scheme, rest = address.split("://")
    return f"{scheme}+omma://{rest}/{name}"


def compare(broker, server, forms):
    """Both sides take turns; ratios are of one turn each, and their median is told."""
    ours, theirs = [], {form: [] for form in forms}
    for _ in range(TURNS):
        server.clear()
        ours.append(omma(server))
        for form, runs in theirs.items():
            server.clear()
            runs.append(baseline(form, broker, server, PICTURES))
    parts = lambda runs: "; processor a frame: publisher {:.2f}, consumer {:.2f}, broker {:.2f} ms".format(
        *(statistics.median(run[i] for run in runs) * 1e3 for i in (1, 2, 3)))
    fps, size = (statistics.median(turn[i] for turn in ours) for i in (0, 4))
    note("bus", f"{broker}: Omma, {CAMERAS} cameras of 1080p30 as packets, published, consumed and decoded",
         f"{fps:.0f} fps{parts(ours)}", f"{30 * CAMERAS} fps", fps > 29.5 * CAMERAS)
    note("bus", f"{broker}: bytes of a camera of 1080p30", f"{size / 1e6:.2f} MB/s", "≤ 1 MB/s", size <= 1e6)
    for form, runs in theirs.items():
        note("bus", f"{broker}: Python's {form}", f"{statistics.median(run[0] for run in runs):.0f} fps{parts(runs)}")
        faster = statistics.median(our[0] / run[0] for our, run in zip(ours, runs))
        less = statistics.median((run[1] + run[2]) / (our[1] + our[2]) for our, run in zip(ours, runs))
        note("bus", f"{broker}: Omma's frames a second to Python's {form}", f"{faster:.1f} ×", "≥ 5 ×", faster >= 5)
        note("bus", f"{broker}: Omma's processor a frame to Python's {form}, publisher and consumer",
             f"1/{less:.1f}", "≤ 1/5", less >= 5)


def hop():
    """A frame's way from one part of a process to another."""
    done = subprocess.run(["cargo", "bench", "--locked", "-q", "-p", "omma-bus", "--bench", "hop"],
                          cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    rounds = [json.loads(line) for line in done.stdout.splitlines()]
    for to, reader in (("task", "a task"), ("thread", "a thread that waits for it, as a camera's does")):
        of = [one for one in rounds if one["to"] == to]
        p50, p99, most = (statistics.median(one[name] for one in of) for name in ("p50", "p99", "max"))
        note("bus", f"in one process, 1,000 frames of 100 kB a second, from publish to {reader}: p50, p99, largest",
             f"{p50:.0f} µs, {p99:.0f} µs, {most:.0f} µs", "p99 ≤ 50 µs", p99 <= 50)


def bus():
    hop()
    # Kafka's systems write JPEG in JSON; the other forms are those of systems on Redis.
    for broker, kind, forms in (("redis", Redis, ("jpeg", "pickle", "jsonpickle")), ("kafka", Kafka, ("jpeg", "jsonpickle"))):
        if reason := kind.missing():
            print(f"skipped: {reason}, nothing is measured over {broker}")
            continue
        server = kind()
        try:
            compare(broker, server, forms)
        finally:
            server.stop()
