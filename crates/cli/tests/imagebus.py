"""What imagebus's own consumers would see of the messages that Omma writes.

    imagebus.py HOST:PORT [TOPIC=COUNT ...]

Reads COUNT messages of each topic from its beginning with kafka-python, once as plain JSON (or
u-msgpack) and once by jsonpickle 1.2 with the class that imagebus's programs import, decodes
every picture in them with OpenCV, and prints what it found as JSON.
"""

import base64
import json
import sys
import types

import cv2
import jsonpickle
import kafka
import numpy
import umsgpack

MODULE = types.ModuleType("imagebusutil")
sys.modules["imagebusutil"] = MODULE


class FrameDetails:
    pass


FrameDetails.__module__ = "imagebusutil"
MODULE.FrameDetails = FrameDetails


def decoded(jpeg):
    picture = cv2.imdecode(numpy.frombuffer(jpeg, numpy.uint8), cv2.IMREAD_COLOR)
    assert picture is not None, "no JPEG"
    return picture


def seen(jpeg, details):
    """Size of a picture, and how bright it is in the boxes of what was found: the brightest
    channel of the brightest pixel, and how much the pixels differ."""
    if jpeg is None:
        return None
    picture = decoded(jpeg)
    height, width = picture.shape[:2]
    boxes = []
    for one in details or []:
        left, top, right, bottom = one["position"]
        part = picture[max(top, 0):max(bottom, 0), max(left, 0):max(right, 0)]
        assert right <= width and bottom <= height, (one, width, height)
        if part.size:
            boxes.append({
                "name": one["name"],
                "percentage": one["percentage_probability"],
                "redacted": one.get("redacted", False),
                "brightest": int(part.max()),
                "spread": float(part.std()),
            })
    return {"width": width, "height": height, "mean": float(picture.mean()), "boxes": boxes}


def level(name, topic, reference, time, jpeg, details, extra):
    return {"name": name, "topic": topic, "reference": reference, "time": time,
            "picture": seen(jpeg, details), "details": len(details or []), **extra}


def by_jsonpickle(text):
    """As imagebus's programs read it."""
    message = jsonpickle.decode(text)
    levels = []
    while message is not None:
        assert type(message) is FrameDetails, type(message)
        levels.append(level(message.name, message.topic, message.frameReference,
                            message.dateTime.isoformat(), message.image, message.details,
                            {"rate": message.frameRate, "speed": message.speed,
                             "average": message.average, "url": message.url}))
        message = message.parent
    return levels


def by_json(text):
    """By a program that knows JSON and nothing else; gives the pictures of all levels."""
    message = json.loads(text)
    pictures = []
    while message is not None:
        image = message["image"]
        pictures.append(base64.b64decode(image["py/b64"]) if image else None)
        message = message["parent"]
    return pictures


def read(content):
    if content[:1] == b"{":
        text = content.decode()
        levels = by_jsonpickle(text)
        pictures = by_json(text)
        assert len(pictures) == len(levels)
        for picture, one in zip(pictures, levels):
            assert (picture is None) == (one["picture"] is None)
        return levels
    message = umsgpack.unpackb(content)
    times = [str(message[key]) for key in ("time", "original_time") if key in message]
    return [level(None, None, None, times, message["image"], message.get("details"),
                  {"members": sorted(message)})]


def main(server, wanted):
    out = {}
    for word in wanted:
        topic, count = word.split("=")
        consumer = kafka.KafkaConsumer(
            topic, bootstrap_servers=server, auto_offset_reset="earliest",
            enable_auto_commit=False, consumer_timeout_ms=60000,
            fetch_max_bytes=64 << 20, max_partition_fetch_bytes=64 << 20)
        messages = []
        for record in consumer:
            messages.append({"bytes": len(record.value), "key": record.key is not None,
                             "levels": read(record.value)})
            if len(messages) == int(count):
                break
        consumer.close()
        out[topic] = messages
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
