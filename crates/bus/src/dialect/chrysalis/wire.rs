//! Pictures and packets as its messages.

use omma_types::{MediaTime, Size};

use crate::proto::chrysalis::shape_proto::Dim;
use crate::proto::chrysalis::{ShapeProto, VideoFrame};
use crate::{Frame, FrameForm};

/// Units of `pts` and `dts` in a second.
const TICKS: i64 = 90_000;

/// `frame` as its message; `packet` is its number since the keyframe, `keyframe` that of its
/// keyframe.
pub(super) fn video_frame(device: &str, frame: &Frame, packet: i64, keyframe: i64) -> VideoFrame {
    let size = frame.stamp.size;
    let mut message = VideoFrame {
        width: size.width.into(),
        height: size.height.into(),
        data: frame.data.clone(),
        timestamp: frame.stamp.wall.as_millis(),
        is_keyframe: frame.keyframe,
        pts: ticks(frame.stamp.media),
        dts: ticks(frame.stamp.media),
        frame_type: if frame.keyframe { "I" } else { "P" }.to_owned(),
        time_base: 1.0 / TICKS as f64,
        shape: Some(shape(size)),
        device_id: device.to_owned(),
        packet,
        keyframe,
        ..VideoFrame::default()
    };
    if let FrameForm::Packet(form) = &frame.form {
        message.dts = ticks(form.decode);
        message.extradata = form.extradata.clone();
        message.codec_name.clone_from(&form.codec);
    }
    message
}

fn ticks(time: MediaTime) -> i64 {
    let ticks = i128::from(time.as_nanos()) * i128::from(TICKS) / 1_000_000_000;
    i64::try_from(ticks).unwrap_or(0)
}

fn shape(size: Size) -> ShapeProto {
    let dim = |name: &str, size: u32| Dim { size: size.into(), name: name.to_owned() };
    ShapeProto { dim: vec![dim("0", size.height), dim("1", size.width), dim("2", 3)] }
}

/// The size of a decoded picture whose data is complete; none for any other message.
pub(super) fn size_of(message: &VideoFrame) -> Option<Size> {
    let width = u32::try_from(message.width).ok().filter(|width| *width > 0)?;
    let height = u32::try_from(message.height).ok().filter(|height| *height > 0)?;
    let bytes = u64::from(width).checked_mul(u64::from(height))?.checked_mul(3)?;
    (bytes == message.data.len() as u64).then(|| Size::new(width, height))
}
