"""What capture.py, server.py and a dashboard's data source do, with the same libraries.

    redisedge.py capture PORT COUNT     writes pictures as capture.py does
    redisedge.py read PORT              reads what server.py reads, and prints it as JSON
    redisedge.py series                 a Redis with time series; prints its port, then waits for a
                                        line, then prints all series as JSON
"""

import io
import json
import os
import sys
import threading

import cv2
import numpy as np
import redis
from PIL import Image


def capture(port, count):
    conn = redis.Redis(port=port)
    for number in range(count):
        picture = np.full((48, 64, 3), (number * 20 % 256, 120, 30), np.uint8)
        _, data = cv2.imencode(".jpg", picture)
        conn.xadd("camera:0", {"count": number, "image": data.tobytes()}, maxlen=10000)


def read(port):
    conn = redis.Redis(port=port)
    pipe = conn.pipeline()
    pipe.xrevrange("camera:0", count=1)
    pipe.xrevrange("camera:0:yolo", count=1)
    frames, results = pipe.execute()
    frame_id, frame = frames[0]
    result_id, result = results[0]
    assert set(frame) == {b"count", b"image"}, frame.keys()
    assert set(result) == {b"ref", b"boxes", b"people"}, result.keys()
    picture = Image.open(io.BytesIO(frame[b"image"])).convert("RGB")
    decoded = cv2.imdecode(np.frombuffer(frame[b"image"], np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (picture.height, picture.width, 3), decoded.shape
    text = result[b"boxes"].decode()
    boxes = [float(side) for side in text[1:-1].split(",")] if text != "[]" else []
    first = conn.xrange("camera:0", count=1)[0]
    print(json.dumps({
        "id": frame_id.decode(),
        "count": int(frame[b"count"]),
        "first_count": int(first[1][b"count"]),
        "first_id": first[0].decode(),
        "size": [picture.width, picture.height],
        "bytes": len(frame[b"image"]),
        "ref": result[b"ref"].decode(),
        "boxes": boxes,
        "people": int(result[b"people"]),
        "initialized": conn.exists("camera:0:initialized"),
    }))


def series():
    from fakeredis import TcpFakeServer

    server = TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(port, flush=True)
    sys.stdin.readline()
    conn = redis.Redis(port=port, protocol=2)
    found = conn.execute_command("TS.MRANGE", "-", "+", "WITHLABELS", "FILTER", "camera=0")
    rules = conn.execute_command("TS.INFO", "camera:0:people")
    rules = dict(zip(rules[::2], rules[1::2]))[b"rules"]
    plain = lambda v: v.decode() if isinstance(v, bytes) else v
    print(json.dumps({
        "series": {
            plain(key): {
                "labels": {plain(name): plain(value) for name, value in labels},
                "samples": [[at, float(value)] for at, value in samples],
            }
            for key, labels, samples in found
        },
        "rules": {plain(rule[0]): [rule[1], plain(rule[2])] for rule in rules},
    }), flush=True)
    # Connections that stand keep the server's threads alive.
    os._exit(0)


if __name__ == "__main__":
    scenario, *arguments = sys.argv[1:]
    {"capture": capture, "read": read, "series": series}[scenario](*map(int, arguments))
