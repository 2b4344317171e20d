#!/usr/bin/env python3
"""Pictures of a camera as numpy arrays, from Redis or Kafka.

usage: read_frames.py redis://127.0.0.1:6379 entrance [--first] [--count N]

With `bus: { frames: { form: packets } }`, which is usual, the topic carries the camera's own
packets and they are decoded here, from the next keyframe on: a camera that seldom sends one shows
its first picture late. With `form: jpeg` the topic carries JPEG files.

    pip install redis kafka-python protobuf grpcio-tools av numpy
"""
import av

import bus

omma = bus.messages()


class Pictures:
    """Makes pictures of a camera's packets."""

    def __init__(self):
        self.decoder = None

    def of(self, frame):
        """The pictures that are complete now, each an array of height × width × 3, BGR."""
        if frame.format == omma.frame.FRAME_FORMAT_PACKET:
            if frame.stream_start or frame.extradata:
                self.decoder = None
            if self.decoder is None:
                # In the middle of a group of pictures nothing can be decoded.
                if not frame.keyframe:
                    return
                self.decoder = av.CodecContext.create(frame.codec, "r")
                if frame.extradata:
                    self.decoder.extradata = frame.extradata
            decoder, data = self.decoder, frame.data
        else:
            decoder, data = av.CodecContext.create("mjpeg", "r"), frame.data
        try:
            decoded = decoder.decode(av.Packet(data))
        except av.error.InvalidDataError:
            # Damaged, or a stream whose beginning was not seen: on with the next keyframe.
            self.decoder = None
            return
        for picture in decoded:
            yield picture.to_ndarray(format="bgr24")


def lines(options):
    pictures, frame = Pictures(), omma.Frame()
    for data in bus.asked(options, "frames", options.camera):
        frame.ParseFromString(data)
        for picture in pictures.of(frame):
            yield (f"{frame.camera} {frame.stamp.seq} {frame.stamp.time_us} "
                   f"{picture.shape[1]}x{picture.shape[0]} mean {picture.mean():.1f}")


if __name__ == "__main__":
    asked = bus.arguments(__doc__.splitlines()[0])
    bus.show(lines(asked), asked)
