//! A decoded picture as a `VideoFrame`.

use bytes::Bytes;
use omma_imaging::{ImagingError, append_bgr};
use omma_media::{Picture, StreamInfo};
use omma_types::{CameraId, MediaTime};

use crate::grpc::proto::chrysalis::{ShapeProto, VideoFrame, shape_proto::Dim};

/// `picture` of `camera` with its pixels. `groups`: how many keyframes came before its own.
/// Takes about a millisecond for 1920x1080.
pub(super) fn video_frame(
    camera: &CameraId,
    picture: &Picture,
    info: Option<&StreamInfo>,
    groups: u64,
) -> Result<VideoFrame, ImagingError> {
    let view = picture.view();
    let size = view.size();
    let mut pixels = Vec::new();
    append_bgr(&view, &mut pixels)?;
    let stamp = picture.stamp();
    let (numerator, denominator) = info.map_or((1, 90_000), |info| info.time_base);
    let ticks = |time| to_ticks(time, numerator, denominator);
    Ok(VideoFrame {
        width: size.width.into(),
        height: size.height.into(),
        data: Bytes::from(pixels),
        timestamp: stamp.wall.as_millis(),
        is_keyframe: picture.is_keyframe(),
        pts: ticks(stamp.media),
        dts: ticks(picture.decoded_at()),
        frame_type: picture.kind().as_str().to_owned(),
        is_corrupt: picture.is_damaged(),
        time_base: f64::from(numerator) / f64::from(denominator.max(1)),
        shape: Some(shape(size.height, size.width)),
        device_id: camera.as_str().to_owned(),
        packet: picture.since_keyframe().cast_signed(),
        keyframe: groups.cast_signed(),
        extradata: Bytes::new(),
        codec_name: info.map(|info| info.codec.to_owned()).unwrap_or_default(),
        pix_fmt: picture.sent_as().to_owned(),
    })
}

fn shape(height: u32, width: u32) -> ShapeProto {
    let dim = |name: &str, size: u32| Dim { size: size.into(), name: name.to_owned() };
    ShapeProto { dim: vec![dim("0", height), dim("1", width), dim("2", 3)] }
}

/// `time` in units of `numerator / denominator` seconds, rounded to nearest.
fn to_ticks(time: MediaTime, numerator: i32, denominator: i32) -> i64 {
    let unit = i128::from(numerator.max(1)) * 1_000_000_000;
    let scaled = i128::from(time.as_nanos()) * i128::from(denominator);
    let rounded = (scaled + unit / 2).div_euclid(unit);
    rounded.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_shape_is_rows_columns_colours() {
        let dims: Vec<_> = shape(1080, 1920).dim.into_iter().map(|d| (d.name, d.size)).collect();
        let wanted = [("0", 1080), ("1", 1920), ("2", 3)].map(|(n, s)| (n.to_owned(), s));
        assert_eq!(dims, wanted);
    }

    proptest! {
        /// Ticks that a stream can carry come back as they were.
        #[test]
        fn ticks_go_through_nanoseconds_and_back(
            ticks in -(1i64 << 36)..1i64 << 36,
            denominator in prop::sample::select(vec![25, 1000, 12_800, 90_000, 1_000_000]),
        ) {
            let time = MediaTime::from_ticks(ticks, 1, denominator);
            prop_assert_eq!(to_ticks(time, 1, denominator), ticks);
        }

        #[test]
        fn no_stream_is_too_strange(nanos: i64, numerator: i32, denominator: i32) {
            to_ticks(MediaTime::from_nanos(nanos), numerator, denominator);
        }
    }
}
