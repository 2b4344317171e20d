"""Reads Omma's topics from Redis or Kafka; shared by the programs beside it.

    pip install redis kafka-python protobuf grpcio-tools

Addresses: redis://host:6379/0 (streams `omma:frames:CAMERA`, field `data`) or
kafka://host:9092 (topics `omma.frames`, …, with the camera as key). The messages are those of
proto/omma/v1, which is all that this file knows of Omma.
"""
import importlib
import sys
import tempfile
from pathlib import Path

PROTO = Path(__file__).resolve().parents[2] / "proto"


def messages():
    """The message classes of proto/omma/v1, made by protoc in a folder that goes at the end."""
    from grpc_tools import protoc

    folder = tempfile.TemporaryDirectory(prefix="omma-proto-")
    files = [str(path.relative_to(PROTO)) for path in sorted(PROTO.glob("omma/v1/*.proto"))]
    if protoc.main(["protoc", f"-I{PROTO}", f"--python_out={folder.name}", *files]) != 0:
        sys.exit(f"protoc cannot read {PROTO}")
    sys.path.insert(0, folder.name)

    class Messages:
        Frame = importlib.import_module("omma.v1.frame_pb2").Frame
        Analysis = importlib.import_module("omma.v1.analysis_pb2").Analysis
        Event = importlib.import_module("omma.v1.event_pb2").Event
        DetectRequest = importlib.import_module("omma.v1.detect_pb2").DetectRequest
        DetectResponse = importlib.import_module("omma.v1.detect_pb2").DetectResponse
        frame = importlib.import_module("omma.v1.frame_pb2")
        kept = folder  # the folder lives as long as the classes

    return Messages


def records(url, topic, camera=None, prefix="omma", start="new"):
    """Endless: the bytes of each message of `topic` ("frames", "analysis", "events"), of one
    camera or, of events, of all. `start` is "new", or "first" for all that is still kept."""
    if url.startswith(("redis://", "rediss://")):
        yield from from_redis(url, f"{prefix}:{topic}:{camera}" if camera else f"{prefix}:{topic}", start)
    elif url.startswith("kafka://"):
        yield from from_kafka(url[len("kafka://"):].rstrip("/"), f"{prefix}.{topic}", camera, start)
    else:
        sys.exit(f"{url}: expected redis://host:6379 or kafka://host:9092")


def from_redis(url, stream, start):
    import redis

    client = redis.Redis.from_url(url)
    last = "$" if start == "new" else "0"
    while True:
        for _, entries in client.xread({stream: last}, count=100, block=1000):
            for last, fields in entries:
                if b"data" in fields:
                    yield fields[b"data"]


def from_kafka(hosts, topic, camera, start):
    from kafka import KafkaConsumer

    offset = "latest" if start == "new" else "earliest"
    consumer = KafkaConsumer(topic, bootstrap_servers=hosts.split(","), auto_offset_reset=offset,
                             fetch_max_bytes=16 << 20, max_partition_fetch_bytes=16 << 20)
    for record in consumer:
        if camera is None or record.key == camera.encode():
            yield record.value


def arguments(what, camera=True):
    import argparse

    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("url", help="redis://host:6379/0 or kafka://host:9092")
    if camera:
        parser.add_argument("camera")
    parser.add_argument("--prefix", default="omma", help="`bus.prefix` of the configuration")
    parser.add_argument("--first", action="store_true", help="begin with the oldest that is kept")
    parser.add_argument("--count", type=int, default=0, help="end after so many")
    return parser.parse_args()


def asked(options, topic, camera=None):
    """The messages that the command line asks for; the program counts what it made of them."""
    start = "first" if options.first else "new"
    return records(options.url, topic, camera, options.prefix, start)


def show(lines, options):
    """Prints them, `--count` of them where that is given."""
    for number, line in enumerate(lines, 1):
        print(line, flush=True)
        if number == options.count:
            return
