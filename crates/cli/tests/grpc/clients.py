"""Programs that speak gRPC to Omma, as its users write them: stubs generated from proto/ by
Google's own tools, nothing of Omma's. Each scenario prints one line of JSON with what it saw;
the test in Rust judges it.

usage: clients.py PROTO_FOLDER PORT SCENARIO [ARGUMENTS]
"""

import json
import os
import sys
import tempfile
import threading
import time

import grpc
from grpc_tools import protoc

PROTOS, PORT, SCENARIO, *ARGUMENTS = sys.argv[1:]
# Pictures of 1920x1080 are 6.2 MB; the limit is 4 MB unless said otherwise.
OPTIONS = [
    ("grpc.max_receive_message_length", 50 << 20),
    # Otherwise channels of one process share one connection, and would be one client.
    ("grpc.use_local_subchannel_pool", 1),
]


def generate():
    """Stubs for both services, and for the other generation of VideoLatestImage."""
    out = tempfile.mkdtemp()
    files = ["chrysalis/video_streaming.proto"]
    files += ["omma/v1/" + name for name in sorted(os.listdir(os.path.join(PROTOS, "omma/v1")))]
    include = os.path.join(os.path.dirname(protoc.__file__), "_proto")
    call = ["protoc", "-I", PROTOS, "-I", include]
    call += ["--python_out", out, "--grpc_python_out", out, *files]
    assert protoc.main(call) == 0
    sys.path.insert(0, out)


generate()
from chrysalis import video_streaming_pb2 as image  # noqa: E402
from chrysalis import video_streaming_pb2_grpc as image_grpc  # noqa: E402
from omma.v1 import frame_pb2, omma_pb2, omma_pb2_grpc  # noqa: E402

LATEST = "/chrys.cloud.videostreaming.v1beta1.Image/VideoLatestImage"


def connect():
    return grpc.insecure_channel(f"127.0.0.1:{PORT}", OPTIONS)


def unary(channel):
    """VideoLatestImage as the newer clients call it: one request, one frame."""
    return channel.unary_unary(
        LATEST,
        request_serializer=image.VideoFrameRequest.SerializeToString,
        response_deserializer=image.VideoFrame.FromString,
    )


def facts(frame):
    """A frame without its pixels."""
    return {
        "width": frame.width,
        "height": frame.height,
        "bytes": len(frame.data),
        "dims": [[dim.name, dim.size] for dim in frame.shape.dim],
        "timestamp": frame.timestamp,
        "is_keyframe": frame.is_keyframe,
        "pts": frame.pts,
        "dts": frame.dts,
        "frame_type": frame.frame_type,
        "is_corrupt": frame.is_corrupt,
        "time_base": frame.time_base,
        "device_id": frame.device_id,
        "packet": frame.packet,
        "keyframe": frame.keyframe,
        "codec_name": frame.codec_name,
        "pix_fmt": frame.pix_fmt,
        "mean": [round(sum(frame.data[c : 300_000 : 300]) / 1000, 1) for c in range(3)],
    }


def until_frame(call, request, patience=20.0):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        frame = call(request)
        if frame.shape.dim:
            return frame
    raise TimeoutError(f"no frame of {request.device_id}")


def latest(camera, mode):
    """Frames as they come for some seconds: of a unary client, or of one with a long stream."""
    keys = "keys" in mode
    request = image.VideoFrameRequest(device_id=camera, key_frame_only=keys)
    frames, empty = [], 0
    with connect() as channel:
        end = time.monotonic() + 2.5
        if mode.startswith("unary"):
            call = unary(channel)
            while time.monotonic() < end:
                frame = call(request)
                if frame.shape.dim:
                    frames.append(facts(frame))
                else:
                    empty += 1
        else:
            # As many requests ahead of the answers as a lively client has.
            ahead = threading.Semaphore(20)

            def requests():
                while time.monotonic() < end:
                    ahead.acquire()
                    yield request

            for frame in image_grpc.ImageStub(channel).VideoLatestImage(requests()):
                ahead.release()
                if frame.shape.dim:
                    frames.append(facts(frame))
                else:
                    empty += 1
    return {"frames": frames, "empty": empty}


def many(camera, clients, seconds):
    """Several clients at once, each with a connection of its own. Which frames each got."""
    got = [[] for _ in range(int(clients))]
    start = threading.Barrier(len(got))

    def one(seen):
        request = image.VideoFrameRequest(device_id=camera)
        with connect() as channel:
            call = unary(channel)
            until_frame(call, request)
            start.wait()
            end = time.monotonic() + float(seconds)
            while time.monotonic() < end:
                frame = call(request)
                if frame.shape.dim:
                    seen.append(frame.pts)

    threads = [threading.Thread(target=one, args=(seen,)) for seen in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"got": got}


def percentile(values, share):
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2)


def latency(camera, calls, period):
    """How long the first frame takes after idle; how old a frame is when it is there (by its
    time stamp: the arrival of its packet, so decoding is in it); and how long a call takes
    that finds a frame waiting."""
    request = image.VideoFrameRequest(device_id=camera)
    with connect() as channel:
        call = unary(channel)
        stub = image_grpc.ImageStub(channel)
        stub.SystemTime(image.SystemTimeRequest())  # the connection stands
        begun = time.monotonic()
        until_frame(call, request)
        first = (time.monotonic() - begun) * 1000
        ages, waiting = [], []
        for n in range(int(calls)):
            frame = until_frame(call, request)
            ages.append(time.time() * 1000 - frame.timestamp)
            if n % 2 == 0:
                # By now the next one is there.
                time.sleep(float(period) * 1.4)
                begun = time.monotonic()
                frame = call(request)
                if frame.shape.dim:
                    waiting.append((time.monotonic() - begun) * 1000)
    return {
        "first_ms": round(first, 1),
        "age_ms": [percentile(ages, 0.5), percentile(ages, 0.95)],
        "waiting_ms": [percentile(waiting, 0.5), percentile(waiting, 0.95)],
        "waiting": len(waiting),
    }


def buffered(camera, start, end):
    with connect() as channel:
        stub = image_grpc.ImageStub(channel)
        span = image.VideoFrameBufferedRequest(
            device_id=camera, timestamp_from=int(start), timestamp_to=int(end)
        )
        return {"frames": [facts(frame) for frame in stub.VideoBufferedImage(span)]}


def probe(camera):
    with connect() as channel:
        stub = image_grpc.ImageStub(channel)
        answer = stub.VideoProbe(image.VideoProbeRequest(device_id=camera))
        codec, buffer = answer.video_codec, answer.buffer
        now = stub.SystemTime(image.SystemTimeRequest()).current_time
        return {
            "name": codec.name,
            "long_name": codec.long_name,
            "size": [codec.width, codec.height],
            "pix_fmt": codec.pix_fmt,
            "extradata": [len(codec.extradata), codec.extradata_size],
            "start": buffer.start_time,
            "end": buffer.end_time,
            "seconds": buffer.duration_seconds,
            "fps": buffer.approximate_fps,
            "frames": buffer.frames,
            "clock_is_off_ms": abs(now - time.time() * 1000),
        }


def streams():
    with connect() as channel:
        listed = image_grpc.ImageStub(channel).ListStreams(image.ListStreamRequest())
        return {
            "streams": [
                {
                    "name": s.name,
                    "status": s.status,
                    "health": s.health_status,
                    "running": s.running,
                    "restarting": s.restarting,
                    "streak": s.failing_streak,
                    "pid": s.pid,
                    "error": s.error,
                }
                for s in listed
            ]
        }


def refusals(camera):
    """What is refused, and how."""
    told = {}
    day = 24 * 3600 * 1000
    now = int(time.time() * 1000)
    note = image.AnnotateRequest
    with connect() as channel:
        stub = image_grpc.ImageStub(channel)
        own = omma_pb2_grpc.OmmaStub(channel)
        span = image.VideoFrameBufferedRequest
        frames = omma_pb2.StreamFramesRequest
        calls = {
            "latest": lambda: unary(channel)(image.VideoFrameRequest(device_id="nobody")),
            "latest odd": lambda: unary(channel)(image.VideoFrameRequest(device_id="ä b")),
            "buffered": lambda: list(stub.VideoBufferedImage(span(device_id="nobody"))),
            "backwards": lambda: list(
                stub.VideoBufferedImage(
                    span(device_id=camera, timestamp_from=2000, timestamp_to=1000)
                )
            ),
            "before 1970": lambda: list(
                stub.VideoBufferedImage(span(device_id=camera, timestamp_from=-1))
            ),
            "probe": lambda: stub.VideoProbe(image.VideoProbeRequest(device_id="nobody")),
            "proxy nobody": lambda: stub.Proxy(
                image.ProxyRequest(device_id="nobody", passthrough=True)
            ),
            "proxy nameless": lambda: stub.Proxy(image.ProxyRequest(passthrough=True)),
            "proxy": lambda: stub.Proxy(
                image.ProxyRequest(device_id=camera, passthrough=True)
            ),
            "storage nobody": lambda: stub.Storage(
                image.StorageRequest(device_id="nobody", start=True)
            ),
            "annotate": lambda: stub.Annotate(
                note(device_name="door", type="moving", start_timestamp=now)
            ),
            "annotate nameless": lambda: stub.Annotate(note(type="moving", start_timestamp=now)),
            "annotate old": lambda: stub.Annotate(
                note(device_name="door", type="moving", start_timestamp=now - 8 * day)
            ),
            "frames": lambda: list(own.StreamFrames(frames(camera="nobody"))),
            "frames odd": lambda: list(own.StreamFrames(frames(camera=camera, format=9))),
            "events": lambda: list(
                own.StreamEvents(omma_pb2.StreamEventsRequest(kinds=["jumped"]))
            ),
            "too long": lambda: stub.VideoProbe(
                image.VideoProbeRequest(device_id="x" * (2 << 20))
            ),
            "deadline": lambda: list(
                own.StreamEvents(omma_pb2.StreamEventsRequest(), timeout=0.3)
            ),
        }
        for name, call in calls.items():
            try:
                call()
                told[name] = ["OK", ""]
            except grpc.RpcError as error:
                told[name] = [error.code().name, error.details()]
    return told


def control(camera):
    """Switches recording on and off, and stops passing on where nothing is passed on."""
    with connect() as channel:
        stub = image_grpc.ImageStub(channel)
        on = stub.Storage(image.StorageRequest(device_id=camera, start=True))
        off = stub.Storage(image.StorageRequest(device_id=camera, start=False))
        proxy = stub.Proxy(image.ProxyRequest(device_id=camera, passthrough=False))
        return {
            "storage": [on.device_id, on.start, off.start],
            "proxy": [proxy.device_id, proxy.passthrough],
        }


def storage(camera, start):
    with connect() as channel:
        request = image.StorageRequest(device_id=camera, start=start == "on")
        return {"start": image_grpc.ImageStub(channel).Storage(request).start}


def annotate(camera):
    with connect() as channel:
        now = int(time.time() * 1000)
        answer = image_grpc.ImageStub(channel).Annotate(
            image.AnnotateRequest(
                device_name=camera,
                type="moving",
                start_timestamp=now,
                object_bouding_box=image.BoudingBox(top=1, left=2, width=3, height=4),
                mask=[image.Coordinate(x=1, y=2, z=3)],
            )
        )
        return {
            "same_time": answer.start_timestamp == now,
            "type": answer.type,
            "device": answer.device_name,
        }


def system():
    """Health and reflection, by Google's own clients."""
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
        ProtoReflectionDescriptorDatabase,
    )

    with connect() as channel:
        health = health_pb2_grpc.HealthStub(channel)

        def check(service):
            status = health.Check(health_pb2.HealthCheckRequest(service=service)).status
            return health_pb2.HealthCheckResponse.ServingStatus.Name(status)

        database = ProtoReflectionDescriptorDatabase(channel)
        described = database.FindFileContainingSymbol("chrys.cloud.videostreaming.v1beta1.Image")
        methods = [
            [m.name, m.client_streaming, m.server_streaming]
            for s in described.service
            for m in s.method
        ]
        # The newer protocol has the same messages under another name.
        newer = channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        services = [s.name for s in next(newer(iter([ask]))).list_services_response.service]
        return {
            "health": [check(""), check("omma.v1.Omma"), check(described.package + ".Image")],
            "methods": methods,
            "services": services,
            "v1alpha": sorted(database.get_services()),
        }


def frames(camera, kind, count):
    """Omma's own streams of pictures."""
    request = omma_pb2.StreamFramesRequest(
        camera=camera, format=frame_pb2.FrameFormat.Value("FRAME_FORMAT_" + kind.upper())
    )
    got = []
    with connect() as channel:
        for answer in omma_pb2_grpc.OmmaStub(channel).StreamFrames(request):
            frame = answer.frame
            got.append(
                {
                    "camera": frame.camera,
                    "format": frame.format,
                    "seq": frame.stamp.seq,
                    "size": [frame.stamp.width, frame.stamp.height],
                    "time_us": frame.stamp.time_us,
                    "keyframe": frame.keyframe,
                    "bytes": len(frame.data),
                    "head": frame.data[:4].hex(),
                    "codec": frame.codec,
                    "extradata": len(frame.extradata),
                    "begins": frame.stream_start,
                    "dropped": answer.dropped,
                }
            )
            if len(got) == int(count):
                break
    return {"frames": got}


def slow(camera, kind, seconds):
    """A client that reads one picture, sleeps, and reads two more."""
    request = omma_pb2.StreamFramesRequest(
        camera=camera, format=frame_pb2.FrameFormat.Value("FRAME_FORMAT_" + kind.upper())
    )
    with connect() as channel:
        answers = omma_pb2_grpc.OmmaStub(channel).StreamFrames(request)
        next(answers)
        time.sleep(float(seconds))
        dropped, ages = 0, []
        for _ in range(10):
            answer = next(answers)
            dropped += answer.dropped
            ages.append(time.time() * 1000 - answer.frame.stamp.time_us / 1000)
        answers.cancel()
    return {"dropped": dropped, "last_age_ms": round(ages[-1], 1)}


def events(after, count):
    """Events from a number on, until there are `count`."""
    request = omma_pb2.StreamEventsRequest(after_seq=int(after))
    got = []
    with connect() as channel:
        for answer in omma_pb2_grpc.OmmaStub(channel).StreamEvents(request, timeout=60):
            event = answer.event
            rule = event.rule if event.HasField("rule") else None
            got.append([event.seq, event.id, event.camera, event.kind, rule])
            if len(got) == int(count):
                break
    return {"events": got}


def analyses(camera, count):
    request = omma_pb2.StreamAnalysesRequest(cameras=[camera])
    got = []
    with connect() as channel:
        for answer in omma_pb2_grpc.OmmaStub(channel).StreamAnalyses(request, timeout=60):
            a = answer.analysis
            got.append([a.camera, a.frame.seq, len(a.tracks), answer.dropped])
            if len(got) == int(count):
                break
    return {"analyses": got}


def cameras(count):
    got = []
    with connect() as channel:
        stub = omma_pb2_grpc.OmmaStub(channel)
        listed = [c.name for c in stub.ListCameras(omma_pb2.ListCamerasRequest()).cameras]
        for answer in stub.WatchCameras(omma_pb2.WatchCamerasRequest(), timeout=60):
            got.append([answer.camera.name, answer.camera.state, answer.removed])
            if len(got) == int(count):
                break
    return {"listed": listed, "changes": got}


def flood(camera):
    """A client that asks ahead as long as it is let: it gets its frames all the same."""
    request = image.VideoFrameRequest(device_id=camera)

    def requests():
        while True:
            yield request

    got = 0
    with connect() as channel:
        answers = image_grpc.ImageStub(channel).VideoLatestImage(requests())
        for frame in answers:
            got += bool(frame.shape.dim)
            if got == 8:
                break
        answers.cancel()
    return {"got": got}


def endless(camera):
    """Holds streams of every kind open until the server ends them; says how it did."""
    ends = {}
    with connect() as channel:
        own = omma_pb2_grpc.OmmaStub(channel)
        stop = threading.Event()

        def silent():
            stop.wait()
            yield from ()

        packets = omma_pb2.StreamFramesRequest(camera=camera, format=frame_pb2.FRAME_FORMAT_PACKET)
        calls = {
            "events": own.StreamEvents(omma_pb2.StreamEventsRequest()),
            "cameras": own.WatchCameras(omma_pb2.WatchCamerasRequest()),
            "analyses": own.StreamAnalyses(omma_pb2.StreamAnalysesRequest()),
            "packets": own.StreamFrames(packets),
            "latest": image_grpc.ImageStub(channel).VideoLatestImage(silent()),
        }

        def hold(name, call):
            try:
                for _ in call:
                    pass
                ends[name] = "OK"
            except grpc.RpcError as error:
                ends[name] = error.code().name

        threads = [threading.Thread(target=hold, args=item) for item in calls.items()]
        for thread in threads:
            thread.start()
        print("holding", flush=True)
        for thread in threads:
            thread.join()
        stop.set()
    return ends


print(json.dumps(globals()[SCENARIO](*ARGUMENTS)), flush=True)
