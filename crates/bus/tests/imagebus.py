"""Messages as imagebus's own programs write them, by their own libraries (jsonpickle 1.2 and
u-msgpack), and what these libraries read of messages written by Omma.

    imagebus.py write FOLDER     writes the fixtures
    imagebus.py read FILE        tells what is in a message, in one line a level
"""

import datetime
import os
import sys
import types

import jsonpickle
import umsgpack

MODULE = types.ModuleType("imagebusutil")
sys.modules["imagebusutil"] = MODULE


class FrameDetails:
    def __init__(self, **members):
        names = "name url topic frameRate frameReference dateTime image details parent speed average"
        for name in names.split():
            setattr(self, name, members.get(name))


FrameDetails.__module__ = "imagebusutil"
FrameDetails.__qualname__ = "FrameDetails"
MODULE.FrameDetails = FrameDetails


class FlatDetails(FrameDetails):
    """Python 3.11 gave all objects a `__getstate__`, which makes jsonpickle 1.2 wrap their
    members in `py/state`. Without one they are written as on older versions."""

    def __getattribute__(self, name):
        if name == "__getstate__":
            raise AttributeError(name)
        return object.__getattribute__(self, name)


FlatDetails.__module__ = "imagebusutil"
FlatDetails.__qualname__ = FlatDetails.__name__ = "FrameDetails"


def messages(kind, jpeg):
    time = lambda micros: datetime.datetime(2019, 12, 3, 4, 5, 6, micros)
    details = [
        {"name": "stop_sign", "percentage_probability": 99.5, "position": [1, 2, 30, 40]},
        {"name": "person", "percentage_probability": 87.12, "position": [5, 6, 7, 8]},
    ]
    source = kind(name='cam ü😀 "q"\n', url="rtsp://x/y", topic="SOURCE_FRAME", frameRate=30,
                  frameReference=31, dateTime=time(789012), image=jpeg)
    found = kind(name="imageaiProcessor", topic="IMAGEAI_FRAME", frameRate=1, frameReference=1,
                 dateTime=time(800000), image=jpeg[:-1], details=details, parent=source,
                 speed=1.25, average=0.1)
    yield "source", source
    yield "analysis", found
    for detail in details:
        detail["redacted"] = True
    yield "redaction", kind(name="redactionProcessor", topic="REDACTION_FRAME", frameRate=1,
                            frameReference=1, dateTime=time(1), image=jpeg[:-2],
                            details=details, parent=found, speed=0.0012, average=1e-05)


def picture():
    """A JPEG by OpenCV."""
    import cv2
    import numpy

    pixels = numpy.zeros((48, 64, 3), numpy.uint8)
    pixels[:, :, 2] = numpy.arange(64) * 4
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 30])[1].tobytes()


def write(folder):
    jpeg = picture()
    files = {"picture.jpg": jpeg}
    for name, message in messages(FlatDetails, jpeg):
        files[name + ".json"] = jsonpickle.encode(message).encode()
    for name, message in messages(FrameDetails, jpeg):
        files[name + "-state.json"] = jsonpickle.encode(message).encode()
    time = datetime.datetime(2019, 12, 3, 4, 5, 6, 789012)
    files["source.msgpack"] = umsgpack.packb({"image": jpeg, "time": time})
    files["analysis.msgpack"] = umsgpack.packb({
        "image": jpeg,
        "time": time.replace(microsecond=0),
        "original_time": time,
        "details": [{"name": "stop_sign", "percentage_probability": 99.5,
                     "position": [1, 2, 300, 70000]}],
    })
    for name, content in files.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)


def read(path):
    with open(path, "rb") as file:
        content = file.read()
    if content[:1] != b"{":
        message = umsgpack.unpackb(content)
        print(len(message["image"]), message["time"], message.get("original_time"),
              message.get("details"))
        return
    message = jsonpickle.decode(content.decode())
    while message is not None:
        assert type(message) is FrameDetails, type(message)
        print(message.name.encode("unicode_escape").decode(), message.url, message.topic,
              message.frameRate, message.frameReference, message.dateTime,
              message.image and len(message.image), message.details, message.speed,
              message.average)
        message = message.parent


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](sys.argv[2])
