//! Collects what a camera's tracks do, and hands it over a minute at a time.

use std::time::Duration;

use omma_types::{Analysis, FrameStamp, MediaTime, WallTime};
use parking_lot::Mutex;

use super::chunk::{MAX_BOXES, MAX_PICTURES, Moment};
use super::keeper::{Closed, Queue};
use crate::analyst::Witness;

/// So much goes into one chunk. What is not handed over yet is lost in a crash.
pub(super) const CHUNK: Duration = Duration::from_mins(1);

/// Pictures without tracks are kept for so long after the last one with some: until then rules
/// remember somebody. A scene without anybody then costs nothing.
const REMEMBERED: Duration =
    Duration::from_secs(omma_rules::FORGET_AFTER.as_secs().saturating_add(1));

/// A chunk that grows. Time is that of the pictures.
#[derive(Default)]
struct Growing {
    moments: Vec<Moment>,
    boxes: usize,
    /// The newest picture with a track.
    seen: Option<MediaTime>,
}

impl Growing {
    /// Takes a picture in. Returns what is complete by that.
    fn take(&mut self, moment: Moment) -> Option<Vec<Moment>> {
        let media = moment.frame.media;
        if moment.tracks.is_empty() {
            let is_remembered =
                self.seen.is_some_and(|seen| seen <= media && media.since(seen) <= REMEMBERED);
            if !is_remembered {
                return self.close();
            }
        } else {
            self.seen = Some(media);
        }
        let boxes = moment.tracks.len();
        let fits = self.moments.first().zip(self.moments.last()).is_none_or(|(first, last)| {
            goes_on(&first.frame, &last.frame, &moment.frame)
                && self.moments.len() < MAX_PICTURES
                && self.boxes + boxes <= MAX_BOXES
        });
        let closed = if fits { None } else { self.close() };
        self.boxes += boxes;
        self.moments.push(moment);
        closed
    }

    fn begins_before(&self, to: WallTime) -> bool {
        self.moments.first().is_some_and(|first| first.frame.wall < to)
    }

    fn close(&mut self) -> Option<Vec<Moment>> {
        self.boxes = 0;
        let moments = std::mem::take(&mut self.moments);
        (!moments.is_empty()).then_some(moments)
    }
}

/// Whether a chunk from `first` to `last` may go on with `next`.
fn goes_on(first: &FrameStamp, last: &FrameStamp, next: &FrameStamp) -> bool {
    let is_alike = first.size == next.size && first.wall_source == next.wall_source;
    // Chunks are found by their wall time: it must say when they are.
    let is_later = last.media <= next.media && last.wall <= next.wall;
    is_alike
        && is_later
        && next.media.since(first.media) < CHUNK
        && next.wall.since(first.wall) < CHUNK
}

/// Sees all analyses of one camera.
pub(crate) struct Log {
    camera: omma_types::CameraId,
    /// Numbers of tracks are unique within it.
    run: i64,
    growing: Mutex<Growing>,
    queue: Queue,
}

impl Log {
    pub(super) fn new(camera: omma_types::CameraId, run: i64, queue: Queue) -> Self {
        Self { camera, run, growing: Mutex::default(), queue }
    }

    /// Hands over what there is.
    pub(crate) fn flush(&self) {
        // Locked meanwhile: chunks must not overtake each other.
        let mut growing = self.growing.lock();
        if let Some(moments) = growing.close() {
            self.hand_over(moments);
        }
    }

    /// Hands over what there is, if it reaches back before `to`: for those who ask for what is
    /// long past, chunks stay whole.
    pub(super) fn flush_before(&self, to: WallTime) {
        let mut growing = self.growing.lock();
        if growing.begins_before(to)
            && let Some(moments) = growing.close()
        {
            self.hand_over(moments);
        }
    }

    fn hand_over(&self, moments: Vec<Moment>) {
        self.queue.offer(Closed { camera: self.camera.clone(), run: self.run, moments });
    }
}

impl Witness for Log {
    fn saw(&self, analysis: &Analysis) {
        let moment = Moment { frame: analysis.frame, tracks: analysis.tracks.clone() };
        let mut growing = self.growing.lock();
        if let Some(moments) = growing.take(moment) {
            self.hand_over(moments);
        }
    }
}

#[cfg(test)]
mod tests {
    use omma_types::{ClassName, Rect, Size, Track, TrackId, TrackState, WallSource};

    use super::*;

    fn moment(secs: f64, people: usize) -> Moment {
        let track = |n| Track {
            id: TrackId(n as u64),
            class: ClassName::new("person"),
            rect: Rect::new(0.1, 0.1, 0.1, 0.2),
            score: 0.9,
            state: TrackState::Confirmed,
        };
        Moment {
            frame: FrameStamp {
                seq: 0,
                media: MediaTime::from_secs_f64(secs),
                wall: WallTime::from_micros((secs * 1e6) as i64),
                wall_source: WallSource::Arrival,
                size: Size::new(64, 48),
            },
            tracks: (0..people).map(track).collect(),
        }
    }

    #[test]
    fn a_minute_is_a_chunk_and_nobody_is_nothing() {
        let mut growing = Growing::default();
        for second in 0..60 {
            assert!(growing.take(moment(f64::from(second), 1)).is_none());
        }
        assert_eq!(growing.take(moment(60.0, 1)).unwrap().len(), 60);
        // The rules may still remember somebody for half a minute.
        for second in 61..=91 {
            assert!(growing.take(moment(f64::from(second), 0)).is_none());
        }
        assert_eq!(growing.take(moment(92.0, 0)).unwrap().len(), 32);
        for second in 93..500 {
            assert!(growing.take(moment(f64::from(second), 0)).is_none());
        }
        assert!(growing.close().is_none());
    }

    #[test]
    fn whoever_asks_for_what_is_past_leaves_the_chunk_that_grows() {
        let mut growing = Growing::default();
        let at = WallTime::from_millis;
        assert!(!growing.begins_before(at(i64::MAX / 1000)), "nothing grows");
        assert!(growing.take(moment(10.0, 1)).is_none() && growing.take(moment(11.0, 1)).is_none());
        assert!(!growing.begins_before(at(10_000)) && growing.begins_before(at(10_001)));
    }

    #[test]
    fn time_that_steps_back_and_another_size_begin_a_chunk() {
        let mut growing = Growing::default();
        assert!(growing.take(moment(10.0, 1)).is_none());
        assert_eq!(growing.take(moment(9.0, 1)).unwrap().len(), 1);
        let mut larger = moment(9.5, 1);
        larger.frame.size = Size::new(640, 480);
        assert_eq!(growing.take(larger).unwrap().len(), 1);
        let mut jumped = moment(9.6, 1);
        jumped.frame.wall = WallTime::from_micros(1_795_132_800_000_000);
        jumped.frame.size = Size::new(640, 480);
        assert_eq!(growing.take(jumped).unwrap().len(), 1);
    }

    #[test]
    fn a_crowd_fills_a_chunk_before_its_time() {
        let mut growing = Growing::default();
        let crowd = MAX_BOXES / 10;
        let full: Vec<usize> = (0..25)
            .filter_map(|n| growing.take(moment(f64::from(n) / 10.0, crowd)))
            .map(|chunk| chunk.iter().map(|moment| moment.tracks.len()).sum())
            .collect();
        assert_eq!(full, [crowd * 10, crowd * 10]);
    }
}
