//! Omma's own messages (`proto/omma/v1`) and its types, both ways.
//!
//! What comes in was written by somebody: everything is checked, numbers that are none are
//! refused, and nothing in it makes this panic.

mod detect;
mod tenure;

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use omma_types::{
    Analysis, CameraId, ClassName, Detection, Direction, Event, EventKind, FrameStamp, MediaTime,
    Point, Rect, Size, Stage, StageTimings, Track, TrackId, TrackState, WallSource, WallTime,
};
use prost::Message;

use crate::{BusError, Frame, FrameForm, PacketForm, proto};

pub use detect::{
    DetectAnswer, DetectRequest, DetectResponse, DetectTask, decode_request, decode_response,
    encode_request, encode_response,
};
pub use tenure::{tenure_of, with_tenure};

/// Pixels of a side; more is no picture.
const LARGEST_SIDE: u32 = 65_535;

/// Detections, tracks and points of a way; more is no message of ours.
const MOST: usize = 10_000;

/// A picture as bytes of a message, see [`frame_message`].
pub fn encode_frame(frame: &Frame) -> Bytes {
    frame_message(frame.clone()).encode_to_vec().into()
}

/// A picture as a message. The codec's header is left out unless it is a keyframe.
pub fn frame_message(frame: Frame) -> proto::Frame {
    let mut message = proto::Frame {
        camera: frame.camera,
        stamp: Some(stamp_message(&frame.stamp)),
        keyframe: frame.keyframe,
        stream_start: frame.stream_start,
        data: frame.data,
        ..proto::Frame::default()
    };
    let format = match frame.form {
        FrameForm::Jpeg => proto::FrameFormat::Jpeg,
        FrameForm::Bgr => proto::FrameFormat::Bgr,
        FrameForm::Packet(form) => {
            message.codec = form.codec;
            if frame.keyframe {
                message.extradata = form.extradata;
            }
            message.decode_ns = form.decode.as_nanos();
            message.duration_ns = nanos(form.duration);
            proto::FrameFormat::Packet
        }
    };
    message.set_format(format);
    message
}

/// A picture out of a message of `topic`. Its data is shared with `payload`, not copied.
///
/// # Errors
/// The message is none, or says what cannot be.
pub fn decode_frame(topic: &str, payload: Bytes) -> Result<Frame, BusError> {
    let message: proto::Frame = message(topic, payload)?;
    let wrong = Wrong(topic);
    let stamp = stamp_in(message.stamp.as_ref(), &wrong)?;
    let form = match message.format() {
        proto::FrameFormat::Jpeg => FrameForm::Jpeg,
        proto::FrameFormat::Bgr => {
            let size = stamp.size;
            let expected = u64::from(size.width) * u64::from(size.height) * 3;
            if expected == 0 || expected != message.data.len() as u64 {
                let (width, height, has) = (size.width, size.height, message.data.len());
                return Err(wrong.because(format!("{width} x {height} pixels in {has} bytes")));
            }
            FrameForm::Bgr
        }
        proto::FrameFormat::Packet => {
            if message.codec.is_empty() {
                return Err(wrong.because("a packet without a codec"));
            }
            FrameForm::Packet(PacketForm {
                codec: message.codec.clone(),
                extradata: message.extradata.clone(),
                decode: MediaTime::from_nanos(message.decode_ns),
                duration: Duration::from_nanos(message.duration_ns),
            })
        }
        proto::FrameFormat::Unspecified => {
            return Err(wrong.because("its format is not one of omma.v1.FrameFormat"));
        }
    };
    if message.data.is_empty() {
        return Err(wrong.because("a picture without data"));
    }
    let keyframe = message.keyframe || !matches!(form, FrameForm::Packet(_));
    let camera = camera(&message.camera, &wrong)?.as_str().to_owned();
    let (stream_start, data) = (message.stream_start, message.data);
    Ok(Frame { camera, stamp, form, keyframe, stream_start, data })
}

/// An analysis as bytes of a message, see [`analysis_message`].
pub fn encode_analysis(analysis: &Analysis) -> Bytes {
    analysis_message(analysis).encode_to_vec().into()
}

/// An analysis as a message.
pub fn analysis_message(analysis: &Analysis) -> proto::Analysis {
    let detections = analysis.detections.iter().map(|detection| proto::Detection {
        class: detection.class.as_str().to_owned(),
        score: detection.score,
        r#box: Some(rect_out(&detection.rect)),
    });
    let tracks = analysis.tracks.iter().map(|track| proto::Track {
        id: track.id.0,
        class: track.class.as_str().to_owned(),
        state: match track.state {
            TrackState::Tentative => proto::TrackState::Tentative,
            TrackState::Confirmed => proto::TrackState::Confirmed,
            TrackState::Coasting => proto::TrackState::Coasting,
        }
        .into(),
        score: track.score,
        r#box: Some(rect_out(&track.rect)),
    });
    let spent = |stage: Stage| {
        let spent = micros(analysis.timings.get(stage));
        (spent > 0).then(|| (stage.as_str().to_owned(), spent))
    };
    proto::Analysis {
        camera: analysis.camera.as_str().to_owned(),
        frame: Some(stamp_message(&analysis.frame)),
        detections: detections.collect(),
        tracks: tracks.collect(),
        timings_us: Stage::ALL.into_iter().filter_map(spent).collect(),
    }
}

/// An analysis out of a message of `topic`. Times are exact to the microsecond, and stages
/// that are not known are left out.
///
/// # Errors
/// The message is none, or says what cannot be.
pub fn decode_analysis(topic: &str, payload: Bytes) -> Result<Analysis, BusError> {
    let message: proto::Analysis = message(topic, payload)?;
    let wrong = Wrong(topic);
    wrong.unless_few(message.detections.len(), "detections")?;
    wrong.unless_few(message.tracks.len(), "tracks")?;
    let track = |track: &proto::Track| {
        let state = match track.state() {
            proto::TrackState::Tentative => TrackState::Tentative,
            proto::TrackState::Confirmed => TrackState::Confirmed,
            proto::TrackState::Coasting => TrackState::Coasting,
            proto::TrackState::Unspecified => {
                return Err(wrong.because("a track's state is not one of omma.v1.TrackState"));
            }
        };
        Ok(Track {
            id: track_id(track.id, &wrong)?,
            class: class(&track.class, &wrong)?,
            rect: rect_in(track.r#box.as_ref(), &wrong)?,
            score: score(track.score, &wrong)?,
            state,
        })
    };
    let mut timings = StageTimings::default();
    for stage in Stage::ALL {
        if let Some(spent) = message.timings_us.get(stage.as_str()) {
            timings.add(stage, Duration::from_micros(*spent));
        }
    }
    Ok(Analysis {
        camera: camera(&message.camera, &wrong)?,
        frame: stamp_in(message.frame.as_ref(), &wrong)?,
        detections: message
            .detections
            .iter()
            .map(|d| detection(d, &wrong))
            .collect::<Result<_, _>>()?,
        tracks: message.tracks.iter().map(track).collect::<Result<_, _>>()?,
        timings,
    })
}

/// An event as bytes of a message, see [`event_message`].
pub fn encode_event(seq: i64, event: &Event) -> Bytes {
    event_message(seq, event).encode_to_vec().into()
}

/// An event as a message. `seq` is its place in the order of arrival, 0 where it has none yet.
pub fn event_message(seq: i64, event: &Event) -> proto::Event {
    let (mut direction, mut dwell, mut state, mut reason) = (None, None, None, None);
    match &event.kind {
        EventKind::LineCrossed { direction: way } => direction = Some(way.as_str().to_owned()),
        EventKind::ZoneEntered => {}
        EventKind::ZoneLeft { dwell: time } | EventKind::ZoneDwelled { dwell: time } => {
            dwell = Some(micros(*time));
        }
        EventKind::CameraState { state: new, reason: why }
        | EventKind::RecordingState { state: new, reason: why } => {
            state = Some((*new).to_owned());
            reason = Some(why.clone());
        }
    }
    let path = event.path.iter().map(|(time, at)| proto::PathPoint {
        media_ns: time.as_nanos(),
        position: Some(proto::Point { x: at.x, y: at.y }),
    });
    proto::Event {
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
        r#box: event.rect.as_ref().map(rect_out),
        path: path.collect(),
        attributes: event.attributes.clone(),
        tenure: None,
    }
}

/// An event and its place in the order of arrival out of a message of `topic`. Times are exact
/// to the microsecond.
///
/// # Errors
/// The message is none, or says what cannot be.
pub fn decode_event(topic: &str, payload: Bytes) -> Result<(i64, Event), BusError> {
    let message: proto::Event = message(topic, payload)?;
    let wrong = Wrong(topic);
    wrong.unless_few(message.path.len(), "points")?;
    let point = |at: &proto::PathPoint| {
        let position = at.position.as_ref().ok_or_else(|| wrong.because("a point of nowhere"))?;
        let position = Point::new(finite(position.x, &wrong)?, finite(position.y, &wrong)?);
        Ok((MediaTime::from_nanos(at.media_ns), position))
    };
    let event = Event {
        id: message
            .id
            .parse()
            .map_err(|_not_an_id| wrong.because(format!("`{}` is no id", shown(&message.id))))?,
        camera: camera(&message.camera, &wrong)?,
        kind: kind(&message, &wrong)?,
        rule: message.rule.clone(),
        track: message.track.map(|track| track_id(track, &wrong)).transpose()?,
        class: message.class.as_deref().map(|name| class(name, &wrong)).transpose()?,
        score: message.score.map(|value| score(value, &wrong)).transpose()?,
        rect: message.r#box.as_ref().map(|rect| rect_in(Some(rect), &wrong)).transpose()?,
        media: MediaTime::from_nanos(message.media_ns),
        wall: WallTime::from_micros(message.time_us),
        path: message.path.iter().map(point).collect::<Result<_, _>>()?,
        attributes: message.attributes,
    };
    Ok((message.seq, event))
}

fn kind(message: &proto::Event, wrong: &Wrong<'_>) -> Result<EventKind, BusError> {
    let dwell = || {
        let micros = message.dwell_us.ok_or_else(|| wrong.because("`dwell_us` is missing"))?;
        Ok(Duration::from_micros(micros))
    };
    let state = |states: &[&'static str]| {
        let said = message.state.as_deref().unwrap_or_default();
        let known = states.iter().find(|state| **state == said).copied();
        let state = known
            .ok_or_else(|| wrong.because(format!("`{}` is no state it knows", shown(said))))?;
        Ok((state, message.reason.clone().unwrap_or_default()))
    };
    match message.kind.as_str() {
        "line_crossed" => match message.direction.as_deref() {
            Some("forward") => Ok(EventKind::LineCrossed { direction: Direction::Forward }),
            Some("backward") => Ok(EventKind::LineCrossed { direction: Direction::Backward }),
            _ => Err(wrong.because("`direction` is neither forward nor backward")),
        },
        "zone_entered" => Ok(EventKind::ZoneEntered),
        "zone_left" => Ok(EventKind::ZoneLeft { dwell: dwell()? }),
        "zone_dwelled" => Ok(EventKind::ZoneDwelled { dwell: dwell()? }),
        "camera_state" => {
            let (state, reason) = state(&EventKind::CAMERA_STATES)?;
            Ok(EventKind::CameraState { state, reason })
        }
        "recording_state" => {
            let (state, reason) = state(&EventKind::RECORDING_STATES)?;
            Ok(EventKind::RecordingState { state, reason })
        }
        other => Err(wrong.because(format!("`{}` is no kind it knows", shown(other)))),
    }
}

/// Makes errors about messages of a topic.
struct Wrong<'a>(&'a str);

impl Wrong<'_> {
    fn because(&self, reason: impl Into<Cow<'static, str>>) -> BusError {
        BusError::Payload { topic: self.0.to_owned(), reason: reason.into().into_owned() }
    }

    fn unless_few(&self, count: usize, of_what: &str) -> Result<(), BusError> {
        if count <= MOST {
            return Ok(());
        }
        Err(self.because(format!("{count} {of_what}; at most {MOST} are read")))
    }
}

/// The beginning of what somebody wrote, for a message to people.
fn shown(text: &str) -> String {
    text.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn message<T: Message + Default>(topic: &str, payload: Bytes) -> Result<T, BusError> {
    T::decode(payload).map_err(|error| Wrong(topic).because(error.to_string()))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Which picture, and when, as a message.
pub fn stamp_message(stamp: &FrameStamp) -> proto::FrameStamp {
    proto::FrameStamp {
        seq: stamp.seq,
        media_ns: stamp.media.as_nanos(),
        time_us: stamp.wall.as_micros(),
        time_source: match stamp.wall_source {
            WallSource::Arrival => proto::TimeSource::Arrival,
            WallSource::SenderReport => proto::TimeSource::SenderReport,
        }
        .into(),
        width: stamp.size.width,
        height: stamp.size.height,
    }
}

fn stamp_in(stamp: Option<&proto::FrameStamp>, wrong: &Wrong<'_>) -> Result<FrameStamp, BusError> {
    let stamp = stamp.ok_or_else(|| wrong.because("which picture it is about is missing"))?;
    let (width, height) = (stamp.width, stamp.height);
    if width > LARGEST_SIDE || height > LARGEST_SIDE {
        return Err(wrong.because(format!("a picture of {width} x {height}")));
    }
    let wall_source = match stamp.time_source() {
        proto::TimeSource::SenderReport => WallSource::SenderReport,
        proto::TimeSource::Arrival | proto::TimeSource::Unspecified => WallSource::Arrival,
    };
    Ok(FrameStamp {
        seq: stamp.seq,
        media: MediaTime::from_nanos(stamp.media_ns),
        wall: WallTime::from_micros(stamp.time_us),
        wall_source,
        size: Size { width, height },
    })
}

fn detection(found: &proto::Detection, wrong: &Wrong<'_>) -> Result<Detection, BusError> {
    Ok(Detection {
        rect: rect_in(found.r#box.as_ref(), wrong)?,
        class: class(&found.class, wrong)?,
        score: score(found.score, wrong)?,
    })
}

fn rect_out(rect: &Rect) -> proto::Rect {
    proto::Rect { left: rect.left, top: rect.top, width: rect.width, height: rect.height }
}

fn rect_in(rect: Option<&proto::Rect>, wrong: &Wrong<'_>) -> Result<Rect, BusError> {
    let rect = rect.ok_or_else(|| wrong.because("a box is missing"))?;
    let (width, height) = (finite(rect.width, wrong)?, finite(rect.height, wrong)?);
    if width < 0.0 || height < 0.0 {
        return Err(wrong.because("a box of negative size"));
    }
    Ok(Rect::new(finite(rect.left, wrong)?, finite(rect.top, wrong)?, width, height))
}

/// A part of a position. Boxes reach out of the picture, but not far.
fn finite(value: f32, wrong: &Wrong<'_>) -> Result<f32, BusError> {
    if value.is_finite() && value.abs() <= 1000.0 {
        return Ok(value);
    }
    Err(wrong.because(format!("a position of {value}")))
}

fn score(value: f32, wrong: &Wrong<'_>) -> Result<f32, BusError> {
    if (0.0..=1.0).contains(&value) {
        return Ok(value);
    }
    Err(wrong.because(format!("a score of {value}")))
}

fn class(name: &str, wrong: &Wrong<'_>) -> Result<ClassName, BusError> {
    if name.is_empty() {
        return Err(wrong.because("an object without a class"));
    }
    Ok(ClassName::new(name))
}

fn track_id(id: u64, wrong: &Wrong<'_>) -> Result<TrackId, BusError> {
    if id == 0 {
        return Err(wrong.because("a track's number is 0"));
    }
    Ok(TrackId(id))
}

fn camera(name: &str, wrong: &Wrong<'_>) -> Result<CameraId, BusError> {
    CameraId::new(name)
        .map_err(|error| wrong.because(format!("`{}` is no camera: {error}", shown(name))))
}

#[cfg(test)]
mod tests;
