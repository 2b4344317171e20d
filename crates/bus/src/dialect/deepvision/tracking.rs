//! What was tracked in a picture, as JSON in Python's spacing (`json.dumps`).

use omma_types::{Analysis, Track, TrackState};

/// The tracks that are told: believed, and seen in this very picture.
pub(super) fn told(analysis: &Analysis) -> impl Iterator<Item = &Track> {
    analysis.tracks.iter().filter(|track| {
        let rect = track.rect;
        track.state == TrackState::Confirmed
            && [rect.left, rect.top, rect.width, rect.height, track.score]
                .iter()
                .all(|number| number.is_finite())
    })
}

/// `{"frameId": 7, "tracking_info": [{"objectId": 1, "object_bbox": [left, top, right, bottom,
/// score], "class": "PERSON"}]}`, the corners in pixels of the analysed picture.
pub(super) fn json(analysis: &Analysis, frame_id: u64) -> String {
    let size = analysis.frame.size;
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let mut out = format!("{{\"frameId\": {frame_id}, \"tracking_info\": [");
    for (index, track) in told(analysis).enumerate() {
        let rect = track.rect;
        let corners = [
            f64::from(rect.left) * width,
            f64::from(rect.top) * height,
            f64::from(rect.right()) * width,
            f64::from(rect.bottom()) * height,
        ];
        let [left, top, right, bottom] = corners.map(|pixels| rounded(pixels, 100.0));
        let score = rounded(f64::from(track.score), 10_000.0);
        let class = serde_json::Value::from(track.class.as_str().to_uppercase());
        let comma = if index == 0 { "" } else { ", " };
        out.push_str(&format!(
            "{comma}{{\"objectId\": {}, \"object_bbox\": [{left:?}, {top:?}, {right:?}, \
             {bottom:?}, {score:?}], \"class\": {class}}}",
            track.id.0,
        ));
    }
    out.push_str("]}");
    out
}

/// So few digits that Python and Rust write the number alike.
fn rounded(value: f64, steps: f64) -> f64 {
    let rounded = (value.clamp(-1e9, 1e9) * steps).round() / steps;
    // No `-0.0`.
    rounded + 0.0
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use omma_types::{
        CameraId, ClassName, FrameStamp, MediaTime, Rect, Size, StageTimings, TrackId, WallSource,
        WallTime,
    };

    pub(crate) fn track(id: u64, rect: Rect, state: TrackState) -> Track {
        Track { id: TrackId(id), class: ClassName::new("person"), rect, score: 0.875, state }
    }

    pub(crate) fn analysis(seq: u64, tracks: Vec<Track>) -> Analysis {
        Analysis {
            camera: CameraId::new("door").expect("a name"),
            frame: FrameStamp {
                seq,
                media: MediaTime::from_nanos(seq as i64 * 40_000_000),
                wall: WallTime::from_millis(1_795_132_800_000 + seq as i64 * 40),
                wall_source: WallSource::Arrival,
                size: Size::new(640, 480),
            },
            detections: Vec::new(),
            tracks,
            timings: StageTimings::default(),
        }
    }

    #[test]
    fn as_python_writes_it() {
        let seen = vec![
            track(3, Rect::new(0.5, 0.25, 0.125, 0.5), TrackState::Confirmed),
            track(4, Rect::new(0.5, 0.25, 0.125, 0.5), TrackState::Coasting),
            track(5, Rect::new(0.5, 0.25, 0.125, 0.5), TrackState::Tentative),
            track(6, Rect::new(f32::NAN, 0.25, 0.125, 0.5), TrackState::Confirmed),
            track(9, Rect::new(-0.001, 0.0, 0.1111, 1.0), TrackState::Confirmed),
        ];
        assert_eq!(
            json(&analysis(7, seen), 12),
            "{\"frameId\": 12, \"tracking_info\": [{\"objectId\": 3, \"object_bbox\": [320.0, \
             120.0, 400.0, 360.0, 0.875], \"class\": \"PERSON\"}, {\"objectId\": 9, \
             \"object_bbox\": [-0.64, 0.0, 70.46, 480.0, 0.875], \"class\": \"PERSON\"}]}"
        );
        assert_eq!(json(&analysis(7, Vec::new()), 0), "{\"frameId\": 0, \"tracking_info\": []}");
    }
}
