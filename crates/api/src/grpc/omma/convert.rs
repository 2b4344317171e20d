//! The engine's words in protobuf's, as far as the bus does not have them too
//! ([`omma_bus::native`]).

use bytes::Bytes;
use omma_bus::native::stamp_message;
use omma_engine::{CameraState, CameraStatus};
use omma_media::{Packet, StreamInfo};
use omma_types::{CameraId, FrameStamp};

use crate::grpc::proto::omma as wire;

pub(super) fn camera(status: CameraStatus) -> wire::Camera {
    wire::Camera {
        name: status.id.as_str().to_owned(),
        state: state(status.state).into(),
        reason: status.reason,
        since_us: status.since.as_micros(),
        attempts: status.attempts,
        source: status.source,
        stream: status.stream.map(|stream| wire::Stream {
            codec: stream.codec,
            width: stream.size.width,
            height: stream.size.height,
            fps: stream.fps.unwrap_or(0.0),
        }),
        decoding: status.decoding,
        detector: status.detector.map(|detector| detector.name).unwrap_or_default(),
        people: status.people as u64,
        objects: status.objects as u64,
        frames: Some(wire::FrameCounts {
            received: status.frames.received,
            decoded: status.frames.decoded,
            analysed: status.frames.analysed,
            dropped: status.frames.dropped,
        }),
    }
}

fn state(state: CameraState) -> wire::CameraState {
    match state {
        CameraState::Connecting => wire::CameraState::Connecting,
        CameraState::Online => wire::CameraState::Online,
        CameraState::Stalled => wire::CameraState::Stalled,
        CameraState::Offline => wire::CameraState::Offline,
        CameraState::Failed => wire::CameraState::Failed,
        CameraState::Ended => wire::CameraState::Ended,
        CameraState::Paused => wire::CameraState::Paused,
    }
}

/// A packet; `begins` where it is the first of its stream.
pub(super) fn packet(
    camera: &CameraId,
    packet: &Packet,
    stream: &StreamInfo,
    begins: bool,
) -> wire::Frame {
    let stamp = FrameStamp {
        seq: packet.seq,
        media: packet.pts,
        wall: packet.wall,
        wall_source: packet.wall_source,
        size: stream.size.unwrap_or_default(),
    };
    let header = if begins { stream.extradata() } else { &[] };
    wire::Frame {
        camera: camera.as_str().to_owned(),
        stamp: Some(stamp_message(&stamp)),
        format: wire::FrameFormat::Packet.into(),
        keyframe: packet.keyframe,
        data: Bytes::copy_from_slice(packet.data()),
        codec: stream.codec.to_owned(),
        extradata: Bytes::copy_from_slice(header),
        decode_ns: packet.dts.as_nanos(),
        stream_start: begins,
        duration_ns: u64::try_from(packet.duration.as_nanos()).unwrap_or(u64::MAX),
    }
}
