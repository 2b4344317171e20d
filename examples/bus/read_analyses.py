#!/usr/bin/env python3
"""What is found in a camera's pictures, from Redis or Kafka.

usage: read_analyses.py redis://127.0.0.1:6379 entrance [--first] [--count N]
"""
import bus

omma = bus.messages()


def lines(options):
    analysis = omma.Analysis()
    for data in bus.asked(options, "analysis", options.camera):
        analysis.ParseFromString(data)
        tracks = ", ".join(
            f"{track.id} {getattr(track, 'class')} at {track.box.left:.2f},{track.box.top:.2f}"
            for track in analysis.tracks)
        yield f"{analysis.camera} {analysis.frame.seq} {len(analysis.detections)} found: {tracks}"


if __name__ == "__main__":
    asked = bus.arguments(__doc__.splitlines()[0])
    bus.show(lines(asked), asked)
