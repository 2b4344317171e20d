//! Where a derived camera gets the other camera's pictures and analyses, and where pictures
//! wait until all is known of them.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use omma_media::Picture;
use omma_types::{Analysis, FrameStamp, MediaTime};
use parking_lot::{Condvar, Mutex};

use super::cover::{Cover, Hiding, Sightings};
use crate::analyst::Witness;
use crate::demand::Consumer;
use crate::stream::Stream;
use crate::telemetry::Drop as Dropped;

/// Bytes of pictures that may wait: two seconds of 4K at 20 pictures a second.
const WAITING_BYTES: usize = 512 << 20;

/// Pictures that may wait.
const WAITING: usize = 1024;

/// Beyond what is held a picture waits for the detector as long as that again, but at least
/// so long; then all of it is hidden.
const PATIENCE: Duration = Duration::from_secs(1);

/// An analysis may come before its picture by no more than this.
const AHEAD: Duration = Duration::from_secs(1);

/// Pictures that wait twice as long as they may are lost: drawing and encoding can't keep up,
/// and must not lag further and further behind. This is how long they may wait where nothing
/// is hidden.
const USUAL_WAIT: Duration = Duration::from_millis(500);

/// Pictures and analyses of the other camera.
pub(crate) struct Inbox {
    state: Mutex<State>,
    news: Condvar,
    /// The derived camera's, where lost pictures are counted.
    stream: Weak<Stream>,
    /// Whether pictures and analyses share no clock but the wall's, because the detector
    /// sees another stream.
    by_wall: bool,
}

struct State {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Number and time of the newest picture.
    newest: Option<(u64, MediaTime)>,
    /// None where nothing is hidden.
    secret: Option<Secret>,
}

/// What hiding needs.
struct Secret {
    sightings: Sightings,
    /// How long a picture may wait.
    patience: Duration,
}

struct Waiting {
    picture: Picture,
    at: MediaTime,
    came: Instant,
    bytes: usize,
}

impl Inbox {
    /// `hiding` with whether the detector has looked before; none where nothing is hidden.
    pub(crate) fn new(
        stream: &Arc<Stream>,
        by_wall: bool,
        hiding: Option<(Hiding, bool)>,
    ) -> Arc<Self> {
        let secret = hiding.map(|(hiding, joined_late)| {
            let hold = hiding.redact.hold;
            let patience = hold + hold.max(PATIENCE);
            Secret { sightings: Sightings::new(hiding, joined_late), patience }
        });
        Arc::new(Self {
            state: Mutex::new(State { waiting: VecDeque::new(), bytes: 0, newest: None, secret }),
            news: Condvar::new(),
            stream: Arc::downgrade(stream),
            by_wall,
        })
    }

    /// Lets go of all pictures that wait.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock();
        state.waiting.clear();
        state.bytes = 0;
        state.newest = None;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state.lock().waiting.is_empty()
    }

    /// The next picture with what to hide in it, waiting for it until `deadline`.
    pub(crate) fn next(&self, deadline: Instant) -> Option<(Picture, Cover)> {
        let mut state = self.state.lock();
        loop {
            let now = Instant::now();
            if let Some(ready) = state.take(now) {
                return Some(ready);
            }
            // The first picture's patience may end before anything new comes.
            let ends = state.waiting.front().zip(state.secret.as_ref());
            let ends = ends.map(|(first, secret)| first.came + secret.patience);
            let until = ends.map_or(deadline, |ends| ends.min(deadline));
            if now >= deadline {
                return None;
            }
            let _timeout = self.news.wait_until(&mut state, until);
        }
    }

    fn at(&self, stamp: &FrameStamp) -> MediaTime {
        if self.by_wall {
            MediaTime::from_nanos(stamp.wall.as_micros().saturating_mul(1000))
        } else {
            stamp.media
        }
    }
}

impl State {
    /// The oldest picture, if it need not wait any more.
    fn take(&mut self, now: Instant) -> Option<(Picture, Cover)> {
        let first = self.waiting.front()?;
        let cover = match &self.secret {
            None => Cover::Areas(Vec::new()),
            Some(secret) if secret.sightings.reach(first.at) => secret.sightings.cover(first.at),
            Some(secret) if now.saturating_duration_since(first.came) >= secret.patience => {
                Cover::Everything
            }
            Some(_) => return None,
        };
        let first = self.pop()?;
        Some((first.picture, cover))
    }

    fn is_too_much(&self, now: Instant) -> bool {
        let may_wait = self.secret.as_ref().map_or(USUAL_WAIT, |secret| secret.patience);
        let waits = self.waiting.front().map(|first| now.saturating_duration_since(first.came));
        self.waiting.len() > WAITING
            || self.bytes > WAITING_BYTES
            || waits.is_some_and(|waits| waits > may_wait * 2)
    }

    fn pop(&mut self) -> Option<Waiting> {
        let first = self.waiting.pop_front()?;
        self.bytes -= first.bytes;
        Some(first)
    }
}

/// A derived camera's wish for pictures: it lasts as long as this is held.
pub(crate) struct Intake(pub(crate) Arc<Inbox>);

impl Consumer for Intake {
    fn offer(&self, picture: &Picture, _arrival: Instant) {
        let inbox = &self.0;
        let stamp = picture.stamp();
        let at = inbox.at(&stamp);
        // Luma, and two planes of a quarter.
        let bytes = stamp.size.width as usize * stamp.size.height as usize * 3 / 2;
        let mut lost = 0;
        let mut state = inbox.state.lock();
        if state.newest.is_some_and(|(seq, newest)| at < newest || stamp.seq < seq) {
            // What waits can no longer be told from what comes.
            lost += state.waiting.len();
            state.waiting.clear();
            state.bytes = 0;
            if let Some(secret) = &mut state.secret {
                secret.sightings.restart();
            }
        }
        state.newest = Some((stamp.seq, at));
        let now = Instant::now();
        state.waiting.push_back(Waiting { picture: picture.clone(), at, came: now, bytes });
        state.bytes += bytes;
        while state.waiting.len() > 1 && state.is_too_much(now) {
            lost += usize::from(state.pop().is_some());
        }
        drop(state);
        inbox.news.notify_one();
        if lost > 0
            && let Some(stream) = inbox.stream.upgrade()
        {
            (0..lost).for_each(|_| stream.count_drop(Dropped::DeriveBusy));
        }
    }
}

impl Witness for Inbox {
    fn saw(&self, analysis: &Analysis) {
        let at = self.at(&analysis.frame);
        let mut state = self.state.lock();
        // A picture is given to the detector and to here in one go: what is far ahead of the
        // newest is of a connection that is gone. Another stream's may be ahead.
        let is_old = state.newest.is_some_and(|(_, newest)| at > newest + AHEAD) && !self.by_wall;
        let Some(secret) = state.secret.as_mut().filter(|_| !is_old) else { return };
        secret.sightings.note(at, analysis);
        drop(state);
        self.news.notify_one();
    }
}
