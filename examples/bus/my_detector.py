#!/usr/bin/env python3
"""A detector of your own: Omma sends pictures, this program says where people are.

The people detector that comes with OpenCV stands for your model. Start several of them: they
share the pictures. Omma's configuration:

    bus: redis://127.0.0.1:6379
    models: { mine: { bus: true, classes: [person] } }
    cameras:
      door: { url: rtsp://…, detect: { model: mine, fps: 5 } }

    pip install redis kafka-python protobuf grpcio-tools "opencv-python-headless<5"

(OpenCV 5 has this detector no more.) Omma waits two seconds for an answer. Pictures that lay on
the bus for longer than AGE are left out, so that a program that is too slow sees fewer pictures
instead of answering all of them too late. On Redis all copies look at all cameras; on Kafka each
camera belongs to one copy.

usage: my_detector.py redis://127.0.0.1:6379 mine
"""
import argparse
import os
import socket
import time

import cv2
import numpy

import bus

omma = bus.messages()
AGE = 1.0  # seconds
ME = f"{socket.gethostname()}-{os.getpid()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help="redis://host:6379/0 or kafka://host:9092")
    parser.add_argument("model", help="its name in Omma's configuration")
    parser.add_argument("--prefix", default="omma", help="`bus.prefix` of the configuration")
    options = parser.parse_args()
    share = redis_share if options.url.startswith("redis") else kafka_share
    people = cv2.HOGDescriptor()
    people.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
    for data, answer in share(options.url, options.prefix, options.model):
        request = omma.DetectRequest()
        request.ParseFromString(data)
        response = look(people, request)
        answer(request.camera, response.SerializeToString())
        print(f"{request.camera} {request.request}: {len(response.detections)}", flush=True)


def look(people, request):
    """The answer to one request; boxes are parts of the picture's width and height."""
    response = omma.DetectResponse(
        camera=request.camera, model=request.model, request=request.request)
    picture = cv2.imdecode(numpy.frombuffer(request.jpeg, numpy.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        response.error = "the picture is no JPEG"
        return response
    height, width = picture.shape[:2]
    boxes, weights = people.detectMultiScale(picture, winStride=(8, 8), scale=1.05)
    for (x, y, w, h), weight in zip(boxes, numpy.ravel(weights)):
        found = response.detections.add(score=float(min(max(weight, 0.0), 1.0)))
        setattr(found, "class", "person")
        found.box.left, found.box.top = x / width, y / height
        found.box.width, found.box.height = w / width, h / height
    return response


def redis_share(url, prefix, model):
    """This program's share of the pictures, each with a function that sends the answer."""
    import redis

    client = redis.Redis.from_url(url)
    work, group = f"{prefix}:detect.{model}", model
    try:
        client.xgroup_create(work, group, id="$", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise

    def answer(camera, data):
        client.xadd(f"{prefix}:detections", {"key": camera, "data": data}, maxlen=10000)

    while True:
        for _, entries in client.xreadgroup(group, ME, {work: ">"}, count=1, block=1000):
            for number, fields in entries:
                # An entry's number begins with the server's time.
                seconds, micros = client.time()
                if seconds + micros / 1e6 - int(number.split(b"-")[0]) / 1e3 < AGE:
                    yield fields[b"data"], answer
                client.xack(work, group, number)


def kafka_share(url, prefix, model):
    """The same from Kafka."""
    from kafka import KafkaConsumer, KafkaProducer

    hosts = url[len("kafka://"):].rstrip("/").split(",")
    producer = KafkaProducer(bootstrap_servers=hosts)
    consumer = KafkaConsumer(f"{prefix}.detect.{model}", bootstrap_servers=hosts, group_id=model,
                             auto_offset_reset="latest", max_partition_fetch_bytes=16 << 20)

    def answer(camera, data):
        producer.send(f"{prefix}.detections", data, key=camera.encode())

    for record in consumer:
        if time.time() - record.timestamp / 1e3 < AGE:
            yield record.value, answer


if __name__ == "__main__":
    main()
