#!/usr/bin/python3
"""An RTSP camera for tests, by GStreamer's RTSP server (not written here).

Prints "port N" when it is ready, then serves rtsp://127.0.0.1:N/cam until it is killed; with
--cameras K also /cam0 to /camK-1, each a camera of its own. It sends a moving test pattern
(320x240 at 15 pictures a second unless told otherwise), or with --file a raw H.264 or H.265
file (made by `ffmpeg -i CLIP -c copy x.h264` or `x.h265`) over and over, or an MP4 file once.
"""
import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("--port", default="0")
parser.add_argument("--user")
parser.add_argument("--password", default="")
parser.add_argument("--tcp-only", action="store_true")
parser.add_argument("--udp-only", action="store_true")
parser.add_argument("--file")
parser.add_argument("--fps", help="of a raw file (25/1) or of the pattern (15/1)")
parser.add_argument("--cameras", type=int, default=0, help="number of further cameras")
parser.add_argument("--codec", choices=["h264", "h265", "mjpeg"], default="h264")
parser.add_argument("--audio", choices=["aac", "alaw", "mulaw"], help="send sound too")
parser.add_argument("--b-frames", type=int, default=0)
parser.add_argument("--gop", type=int, default=15, help="pictures from keyframe to keyframe")
parser.add_argument("--size", default="320x240")
parser.add_argument("--certificate", help="PEM file: speak rtsps:// only")
parser.add_argument("--key", help="PEM file of the certificate's key")
parser.add_argument(
    "--alone", action="store_true", help="each client has a stream of its own, from its beginning"
)
options = parser.parse_args()

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(options.port)

PAYLOADERS = {
    "h264": "rtph264pay config-interval=-1",
    "h265": "rtph265pay config-interval=-1",
    "mjpeg": "rtpjpegpay",
}
SOUNDS = {
    "aac": "audio/x-raw,rate=48000,channels=1 ! voaacenc ! aacparse ! rtpmp4gpay name=pay1 pt=97",
    "alaw": "audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 pt=8",
    "mulaw": "audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name=pay1 pt=0",
}


def encoder():
    if options.codec == "mjpeg":
        return "jpegenc"
    tune = "" if options.b_frames else "tune=zerolatency"
    common = f"speed-preset=ultrafast key-int-max={options.gop} {tune}"
    if options.codec == "h265":
        extra = f"bframes={options.b_frames}:log-level=0:pools=1:frame-threads=1"
        return f'x265enc {common} option-string="{extra}"'
    # Left to themselves, encoder and payloader agree on the profile without B-frames.
    profile = " ! video/x-h264,profile=main" if options.b_frames else ""
    return f"x264enc {common} bframes={options.b_frames} b-adapt=false threads=1{profile}"


def pictures():
    if options.file and options.file.endswith(".mp4"):
        # Once, with its own time stamps; a raw file has none.
        return "h264", f'filesrc location="{options.file}" ! qtdemux ! h264parse'
    if options.file:
        codec = "h265" if options.file.endswith((".h265", ".hevc")) else "h264"
        source = f'multifilesrc location="{options.file}" loop=true ! {codec}parse'
        return codec, f"{source} ! video/x-{codec},framerate={options.fps or '25/1'}"
    width, height = options.size.split("x")
    raw = f"width={width},height={height},framerate={options.fps or '15/1'}"
    source = f"videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,{raw}"
    return options.codec, f"{source} ! {encoder()}"


def new_factory():
    factory = GstRtspServer.RTSPMediaFactory()
    codec, video = pictures()
    launch = f"{video} ! {PAYLOADERS[codec]} name=pay0 pt={26 if codec == 'mjpeg' else 96}"
    if options.audio:
        launch += f" audiotestsrc is-live=true ! {SOUNDS[options.audio]}"
    factory.set_launch(f"( {launch} )")
    factory.set_shared(not options.alone)
    if options.tcp_only:
        factory.set_protocols(GstRtsp.RTSPLowerTrans.TCP)
    if options.udp_only:
        factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP)
    return factory


mounts = ["/cam"] + [f"/cam{number}" for number in range(options.cameras)]
factories = {mount: new_factory() for mount in mounts}

auth = GstRtspServer.RTSPAuth()
if options.certificate:
    auth.set_tls_certificate(
        Gio.TlsCertificate.new_from_files(options.certificate, options.key)
    )
    # Without a user, everybody may see the pictures.
    if not options.user:
        everybody = GstRtspServer.RTSPToken()
        everybody.set_string("media.factory.role", "viewer")
        auth.set_default_token(everybody)
    server.set_auth(auth)

if options.user or options.certificate:
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_role("viewer")
    for permission in ("access", "construct"):
        permissions.add_permission_for_role("viewer", f"media.factory.{permission}", True)
    for factory in factories.values():
        factory.set_permissions(permissions)

if options.user:
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(options.user, options.password), token)
    server.set_auth(auth)

for mount, factory in factories.items():
    server.get_mount_points().add_factory(mount, factory)
if server.attach(None) == 0:
    sys.exit("can't listen")
print("port", server.get_bound_port(), flush=True)
GLib.MainLoop().run()
