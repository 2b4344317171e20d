#!/usr/bin/python3
"""An RTSP camera for tests, by GStreamer's RTSP server (not written here).

Prints "port N" when it is ready, then serves rtsp://127.0.0.1:N/cam until it is killed.
With --file it plays a raw H.264 file (made by `ffmpeg -i CLIP -c copy x.h264`) over and over,
all with the same time stamp as some cameras do, or an MP4 once as it is; otherwise a moving test pattern of 320x240 at 15 pictures a second.
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
parser.add_argument("--fps", default="25/1")
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

factory = GstRtspServer.RTSPMediaFactory()
if options.file and options.file.endswith(".mp4"):
    # Once, with its own time stamps; a raw file has none.
    video = f'filesrc location="{options.file}" ! qtdemux ! h264parse'
elif options.file:
    video = (
        f'multifilesrc location="{options.file}" loop=true'
        f" ! h264parse ! video/x-h264,framerate={options.fps}"
    )
else:
    video = (
        "videotestsrc is-live=true pattern=ball"
        " ! video/x-raw,format=I420,width=320,height=240,framerate=15/1"
        " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 threads=1"
    )
factory.set_launch(f"( {video} ! rtph264pay name=pay0 pt=96 config-interval=-1 )")
factory.set_shared(not options.alone)
if options.tcp_only:
    factory.set_protocols(GstRtsp.RTSPLowerTrans.TCP)
if options.udp_only:
    factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP)

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
    factory.set_permissions(permissions)

if options.user:
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(options.user, options.password), token)
    server.set_auth(auth)

server.get_mount_points().add_factory("/cam", factory)
if server.attach(None) == 0:
    sys.exit("can't listen")
print("port", server.get_bound_port(), flush=True)
GLib.MainLoop().run()
