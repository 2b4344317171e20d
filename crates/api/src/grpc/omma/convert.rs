//! The engine's words in protobuf's.

use bytes::Bytes;
use omma_engine::{CameraState, CameraStatus};
use omma_media::{Packet, StreamInfo};
use omma_types::{
    Analysis, CameraId, Event, EventKind, FrameStamp, Point, Rect, Stage, TrackState, WallSource,
};

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

pub(super) fn stamp(stamp: &FrameStamp) -> wire::FrameStamp {
    wire::FrameStamp {
        seq: stamp.seq,
        media_ns: stamp.media.as_nanos(),
        time_us: stamp.wall.as_micros(),
        time_source: time_source(stamp.wall_source).into(),
        width: stamp.size.width,
        height: stamp.size.height,
    }
}

fn time_source(source: WallSource) -> wire::TimeSource {
    match source {
        WallSource::Arrival => wire::TimeSource::Arrival,
        WallSource::SenderReport => wire::TimeSource::SenderReport,
    }
}

/// A packet; `begins` where it is the first of its stream.
pub(super) fn packet(
    camera: &CameraId,
    packet: &Packet,
    stream: &StreamInfo,
    begins: bool,
) -> wire::Frame {
    let size = stream.size.unwrap_or_default();
    let header = if begins { stream.extradata() } else { &[] };
    wire::Frame {
        camera: camera.as_str().to_owned(),
        stamp: Some(wire::FrameStamp {
            seq: packet.seq,
            media_ns: packet.pts.as_nanos(),
            time_us: packet.wall.as_micros(),
            time_source: time_source(packet.wall_source).into(),
            width: size.width,
            height: size.height,
        }),
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

pub(super) fn analysis(analysis: &Analysis) -> wire::Analysis {
    let spent = |stage: Stage| {
        let micros = analysis.timings.get(stage).as_micros();
        (micros > 0).then(|| (stage.as_str().to_owned(), u64::try_from(micros).unwrap_or(u64::MAX)))
    };
    wire::Analysis {
        camera: analysis.camera.as_str().to_owned(),
        frame: Some(stamp(&analysis.frame)),
        detections: analysis
            .detections
            .iter()
            .map(|detection| wire::Detection {
                class: detection.class.as_str().to_owned(),
                score: detection.score,
                r#box: Some(rect(&detection.rect)),
            })
            .collect(),
        tracks: analysis
            .tracks
            .iter()
            .map(|track| wire::Track {
                id: track.id.0,
                class: track.class.as_str().to_owned(),
                state: match track.state {
                    TrackState::Tentative => wire::TrackState::Tentative,
                    TrackState::Confirmed => wire::TrackState::Confirmed,
                    TrackState::Coasting => wire::TrackState::Coasting,
                }
                .into(),
                score: track.score,
                r#box: Some(rect(&track.rect)),
            })
            .collect(),
        timings_us: Stage::ALL.into_iter().filter_map(spent).collect(),
    }
}

pub(super) fn event(seq: i64, event: &Event) -> wire::Event {
    let (mut direction, mut dwell, mut state, mut reason) = (None, None, None, None);
    match &event.kind {
        EventKind::LineCrossed { direction: way } => direction = Some(way.as_str().to_owned()),
        EventKind::ZoneEntered => {}
        EventKind::ZoneLeft { dwell: time } | EventKind::ZoneDwelled { dwell: time } => {
            dwell = Some(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        }
        EventKind::CameraState { state: new, reason: why }
        | EventKind::RecordingState { state: new, reason: why } => {
            state = Some((*new).to_owned());
            reason = Some(why.clone());
        }
    }
    let path = event.path.iter().map(|(time, at)| wire::PathPoint {
        media_ns: time.as_nanos(),
        position: Some(point(*at)),
    });
    wire::Event {
        id: event.id.to_string(),
        seq,
        camera: event.camera.as_str().to_owned(),
        kind: event.kind.as_str().to_owned(),
        time_us: event.wall.as_micros(),
        media_ns: event.media.as_nanos(),
        rule: event.rule.clone(),
        direction,
        dwell_us: dwell,
        state,
        reason,
        track: event.track.map(|track| track.0),
        class: event.class.as_ref().map(|class| class.as_str().to_owned()),
        score: event.score,
        r#box: event.rect.as_ref().map(rect),
        path: path.collect(),
        attributes: event.attributes.clone(),
        tenure: None,
    }
}

fn rect(rect: &Rect) -> wire::Rect {
    wire::Rect { left: rect.left, top: rect.top, width: rect.width, height: rect.height }
}

fn point(point: Point) -> wire::Point {
    wire::Point { x: point.x, y: point.y }
}
