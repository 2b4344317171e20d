//! Which analysis belongs to which picture.
//!
//! One picture in many is sent, and a detector need not have looked at just that one: then the
//! next one it looks at speaks for it. What is hidden in a redacted picture is more: all that
//! was to be hidden in the second before, so that a detector that misses somebody once does
//! not show them, and the way between two looks of those who walk. Where nobody looked
//! before the picture, too little is known, and all of it is hidden.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use omma_types::{Detection, FrameStamp, Rect, TrackId, WallTime};

use super::Message;

/// Pictures that wait: each is megabytes of pixels.
const MAX_WAITING: usize = 4;

/// Analyses that are kept: more than any camera has in [`HOLD`].
const MAX_SEEN: usize = 256;

/// An analysis speaks for pictures that are older by at most this, and hides for as long.
const HOLD: Duration = Duration::from_secs(1);

/// A picture that was sent, or not, and of which an analysis is to be sent.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) stamp: FrameStamp,
    pub(super) pixels: Bytes,
    pub(super) source: Arc<Message>,
    /// Whether the source's message came from elsewhere.
    pub(super) is_foreign: bool,
}

/// What was found.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) seq: u64,
    pub(super) wall: WallTime,
    pub(super) detections: Vec<Detection>,
    /// What is to be hidden of it.
    pub(super) hidden: Vec<Hidden>,
    /// Time that was spent on it.
    pub(super) spent: Duration,
}

/// A box that is to be hidden.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hidden {
    pub(super) rect: Rect,
    /// Whose it is, where that is clear.
    pub(super) track: Option<TrackId>,
    /// By the detector, and not only followed by the tracker.
    pub(super) is_detected: bool,
}

impl Seen {
    fn detects(&self, track: TrackId) -> bool {
        self.hidden.iter().any(|hidden| hidden.is_detected && hidden.track == Some(track))
    }
}

/// A picture with what was found in it.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) picture: Waiting,
    pub(super) seen: Seen,
    /// What is to be hidden in the picture.
    pub(super) hidden: Vec<Rect>,
}

/// Pictures and analyses that wait for each other.
#[derive(Debug, Default)]
pub(super) struct Pending {
    waiting: VecDeque<Waiting>,
    seen: VecDeque<Seen>,
    /// Pictures of which no analysis came.
    pub(super) lost: u64,
}

impl Pending {
    /// A picture; ready where it was analysed already.
    pub(super) fn picture(&mut self, picture: Waiting) -> Option<Ready> {
        let wall = picture.stamp.wall;
        let is_exact = |seen: &&Seen| seen.wall == wall && seen.seq == picture.stamp.seq;
        let found = self.seen.iter().find(is_exact);
        if let Some(seen) = found.or_else(|| self.seen.iter().find(|seen| seen.wall > wall)) {
            let seen = seen.clone();
            return Some(self.join(picture, seen));
        }
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
            self.lost += 1;
        }
        self.waiting.push_back(picture);
        None
    }

    /// An analysis, and the pictures that it makes ready.
    pub(super) fn analysis(&mut self, seen: Seen) -> Vec<Ready> {
        let wall = seen.wall;
        // Clocks may jump: what is far off in either direction is of no use.
        self.seen.retain(|old| old.wall <= wall && wall.since(old.wall) <= HOLD);
        if self.seen.len() >= MAX_SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back(seen);
        let mut ready = Vec::new();
        for picture in std::mem::take(&mut self.waiting) {
            if picture.stamp.wall > wall {
                self.waiting.push_back(picture);
            } else if wall.since(picture.stamp.wall) <= HOLD {
                ready.extend(self.seen.back().cloned().map(|seen| self.join(picture, seen)));
            } else {
                self.lost += 1;
            }
        }
        ready
    }

    fn join(&self, picture: Waiting, seen: Seen) -> Ready {
        let hidden = self.hidden(picture.stamp.wall);
        Ready { picture, seen, hidden }
    }

    /// What is to be hidden in the picture of that time.
    fn hidden(&self, wall: WallTime) -> Vec<Rect> {
        let is_near = |at: WallTime| at.since(wall).max(wall.since(at)) <= HOLD;
        let near = || self.seen.iter().filter(|seen| is_near(seen.wall));
        let Some(before) = near().filter(|seen| seen.wall <= wall).max_by_key(|seen| seen.wall)
        else {
            return vec![Rect::new(0.0, 0.0, 1.0, 1.0)];
        };
        let after = if before.wall == wall {
            Some(before)
        } else {
            near().filter(|seen| seen.wall > wall).min_by_key(|seen| seen.wall)
        };
        // Whom the detector sees before and after is on the way between, and no longer where
        // they were.
        let is_known =
            |track| after.is_some_and(|after| before.detects(track) && after.detects(track));
        let is_held = |seen: &Seen, hidden: &Hidden| {
            seen.wall == before.wall
                || after.is_some_and(|after| after.wall == seen.wall)
                || !hidden.track.is_some_and(is_known)
        };
        let mut rects: Vec<Rect> = near()
            .flat_map(|seen| seen.hidden.iter().filter(|hidden| is_held(seen, hidden)))
            .map(|hidden| hidden.rect)
            .collect();
        for from in before.hidden.iter().filter(|hidden| hidden.track.is_some()) {
            let later = after.iter().flat_map(|after| &after.hidden);
            let later = later.filter(|to| to.track == from.track);
            rects.extend(later.map(|to| both(&from.rect, &to.rect)));
        }
        rects
    }
}

/// The smallest box around two.
fn both(a: &Rect, b: &Rect) -> Rect {
    Rect::from_corners(
        a.left.min(b.left),
        a.top.min(b.top),
        a.right().max(b.right()),
        a.bottom().max(b.bottom()),
    )
}

#[cfg(test)]
mod tests {
    use omma_types::{MediaTime, Size, WallSource};

    use super::*;

    fn picture(seq: u64) -> Waiting {
        let wall = WallTime::from_millis(i64::try_from(seq).expect("small") * 40);
        let stamp = FrameStamp {
            seq,
            media: MediaTime::ZERO,
            wall,
            wall_source: WallSource::Arrival,
            size: Size::new(4, 4),
        };
        Waiting {
            stamp,
            pixels: Bytes::new(),
            source: Arc::new(Message::default()),
            is_foreign: false,
        }
    }

    fn seen(seq: u64, hidden: Option<f32>) -> Seen {
        Seen {
            seq,
            wall: picture(seq).stamp.wall,
            detections: Vec::new(),
            hidden: hidden
                .map(|left| Hidden {
                    rect: Rect::new(left, 0.0, 0.1, 0.1),
                    track: Some(TrackId(1)),
                    is_detected: true,
                })
                .into_iter()
                .collect(),
            spent: Duration::ZERO,
        }
    }

    #[test]
    fn a_picture_gets_its_own_analysis_or_the_next_one() {
        let mut pending = Pending::default();
        assert!(pending.picture(picture(30)).is_none());
        assert!(pending.analysis(seen(29, None)).is_empty(), "it is of an earlier picture");
        let ready = pending.analysis(seen(31, None));
        assert_eq!(
            ready.iter().map(|r| (r.picture.stamp.seq, r.seen.seq)).collect::<Vec<_>>(),
            [(30, 31)]
        );
        assert!(pending.analysis(seen(60, None)).is_empty());
        let ready = pending.picture(picture(60)).expect("analysed before it came");
        assert_eq!(ready.seen.seq, 60);
    }

    #[test]
    fn a_box_hides_for_a_second_after_a_miss() {
        let mut pending = Pending::default();
        pending.analysis(seen(1, Some(0.5)));
        pending.analysis(seen(20, Some(0.2)));
        pending.analysis(seen(27, None));
        let ready = pending.picture(picture(27)).expect("analysed");
        // Picture 1 is 1.04 s old, picture 20 is 0.28 s old.
        assert_eq!(ready.hidden.iter().map(|r| r.left).collect::<Vec<_>>(), [0.2]);
    }

    #[test]
    fn the_way_between_two_looks_is_hidden_and_all_of_it_before_the_first() {
        let mut pending = Pending::default();
        assert!(pending.picture(picture(5)).is_none());
        let ready = pending.analysis(seen(10, Some(0.1)));
        let all = Rect::new(0.0, 0.0, 1.0, 1.0);
        assert_eq!(ready.iter().map(|r| &r.hidden).collect::<Vec<_>>(), [&vec![all]]);
        assert!(pending.picture(picture(15)).is_none());
        let ready = pending.analysis(seen(20, Some(0.7)));
        let way = Rect::from_corners(0.1, 0.0, 0.8, 0.1);
        let covers = |r: &Rect| (r.left - way.left).abs() + (r.right() - way.right()).abs() < 1e-6;
        assert!(ready.iter().any(|ready| ready.hidden.iter().any(covers)), "{ready:?}");
    }

    #[test]
    fn who_is_seen_before_and_after_is_not_hidden_where_they_were() {
        let mut pending = Pending::default();
        pending.analysis(seen(10, Some(0.1)));
        pending.analysis(seen(15, Some(0.5)));
        assert!(pending.picture(picture(17)).is_none());
        let ready = pending.analysis(seen(20, Some(0.6)));
        let [ready] = &ready[..] else { panic!("{ready:?}") };
        assert!(ready.hidden.iter().all(|rect| rect.left > 0.4), "{:?}", ready.hidden);
    }

    #[test]
    fn what_nobody_analyses_is_dropped_and_counted() {
        let mut pending = Pending::default();
        for seq in 0..10 {
            pending.picture(picture(seq));
        }
        assert_eq!(pending.lost, 6);
        assert!(pending.analysis(seen(1000, None)).is_empty());
        assert_eq!(pending.lost, 10);
    }
}
