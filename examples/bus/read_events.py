#!/usr/bin/env python3
"""What happens at all cameras, from Redis or Kafka.

usage: read_events.py redis://127.0.0.1:6379 [--first] [--count N]
"""
import datetime

import bus

omma = bus.messages()


def lines(options):
    event = omma.Event()
    for data in bus.asked(options, "events"):
        event.ParseFromString(data)
        when = datetime.datetime.fromtimestamp(event.time_us / 1e6, datetime.timezone.utc)
        words = [event.camera, event.kind, event.rule, event.direction, getattr(event, "class"), event.state]
        yield " ".join([f"{when:%H:%M:%S.%f}", *filter(None, words)])


if __name__ == "__main__":
    asked = bus.arguments(__doc__.splitlines()[0], camera=False)
    bus.show(lines(asked), asked)
