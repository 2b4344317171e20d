//! What is known about one picture after all stages have seen it.

use std::time::Duration;

use crate::{CameraId, Detection, MediaTime, Size, Track, TrackId, WallTime};

/// Where a picture's wall time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WallSource {
    /// The moment at which its packet arrived here.
    Arrival,
    /// The camera's own clock (RTCP sender report, RFC 3550 section 6.4.1).
    SenderReport,
}

/// Which picture, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameStamp {
    /// Number of the picture in its stream, from 0; counts every picture sent, also those
    /// that nobody decoded.
    pub seq: u64,
    /// Its place on the stream's clock.
    pub media: MediaTime,
    /// When it was captured.
    pub wall: WallTime,
    /// How `wall` is known.
    pub wall_source: WallSource,
    /// Size of the picture in pixels.
    pub size: Size,
}

/// A step on the way of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Reading packets.
    Demux,
    /// Packets to pictures.
    Decode,
    /// Picture to tensor.
    Prepare,
    /// The model, and reading boxes out of its output.
    Infer,
    /// Tracking, rules.
    Track,
    /// Boxes, tails, text.
    Draw,
    /// Pictures to packets or JPEG.
    Encode,
}

impl Stage {
    /// All stages in the order of a picture's way.
    pub const ALL: [Self; 7] = [
        Self::Demux,
        Self::Decode,
        Self::Prepare,
        Self::Infer,
        Self::Track,
        Self::Draw,
        Self::Encode,
    ];

    /// The word used in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Demux => "demux",
            Self::Decode => "decode",
            Self::Prepare => "prepare",
            Self::Infer => "infer",
            Self::Track => "track",
            Self::Draw => "draw",
            Self::Encode => "encode",
        }
    }
}

/// Time spent a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageTimings([Duration; Stage::ALL.len()]);

impl StageTimings {
    /// Adds `spent` to `stage`.
    pub fn add(&mut self, stage: Stage, spent: Duration) {
        self.0[stage as usize] += spent;
    }

    /// Time spent in `stage`.
    pub fn get(&self, stage: Stage) -> Duration {
        self.0[stage as usize]
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}

/// All that is known about one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// The camera.
    pub camera: CameraId,
    /// The picture.
    pub frame: FrameStamp,
    /// What the detector saw, best score first.
    pub detections: Vec<Detection>,
    /// Tracks as of this picture: confirmed, coasting and tentative.
    pub tracks: Vec<Track>,
    /// Time spent on this picture.
    pub timings: StageTimings,
}

/// A detection and a track that overlap by less than this (intersection over union) are not
/// taken for the same object.
const SAME: f32 = 0.5;

impl Analysis {
    /// Of each detection, the track that it belongs to: those of one class that overlap each
    /// other more than anything else. None where that is not clear.
    pub fn owners(&self) -> Vec<Option<TrackId>> {
        let overlap = |detection: &Detection, track: &Track| {
            let iou = detection.rect.iou(&track.rect);
            if detection.class == track.class && iou >= SAME { iou } else { 0.0 }
        };
        let best_detection = |track: &Track| {
            let found = self.detections.iter().map(|detection| overlap(detection, track));
            found.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(index, _)| index)
        };
        let owner = |(index, detection): (usize, &Detection)| {
            let tracks = self.tracks.iter().map(|track| (track, overlap(detection, track)));
            let (track, iou) = tracks.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
            (iou > 0.0 && best_detection(track) == Some(index)).then_some(track.id)
        };
        self.detections.iter().enumerate().map(owner).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClassName, Rect, TrackState};

    #[test]
    fn a_detection_belongs_to_the_track_that_lies_on_it() {
        let person = ClassName::new("person");
        let found = |left: f32, class: &ClassName| Detection {
            rect: Rect::new(left, 0.2, 0.2, 0.4),
            class: class.clone(),
            score: 0.9,
        };
        let track = |id: u64, left: f32| Track {
            id: TrackId(id),
            class: person.clone(),
            rect: Rect::new(left, 0.2, 0.2, 0.4),
            score: 0.9,
            state: TrackState::Confirmed,
        };
        let analysis = Analysis {
            camera: CameraId::new("door").expect("a name"),
            frame: FrameStamp {
                seq: 0,
                media: MediaTime::ZERO,
                wall: WallTime::default(),
                wall_source: WallSource::Arrival,
                size: Size::new(64, 48),
            },
            // The second one stands half behind the first; the third is of another kind.
            detections: vec![
                found(0.1, &person),
                found(0.16, &person),
                found(0.1, &ClassName::new("dog")),
                found(0.7, &person),
            ],
            tracks: vec![track(7, 0.11), track(8, 0.5)],
            timings: StageTimings::default(),
        };
        assert_eq!(analysis.owners(), [Some(TrackId(7)), None, None, None]);
    }
}
