//! A camera's packets as they come, for recording, passing on and viewers that decode
//! themselves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use omma_media::{GopRing, Packet, StreamInfo};

use crate::stream::{Stream, Taken, Tap};

/// What a reader may be behind before it loses packets, in bytes: several seconds of a usual
/// camera.
const QUEUE_BYTES: usize = 16 << 20;

/// What comes out of a [`PacketFeed`].
#[derive(Clone, Debug)]
pub enum Parcel {
    /// What the packets that follow are packets of. Comes first, and whenever the camera was
    /// opened anew: their times have nothing to do with those before.
    Stream(Arc<StreamInfo>),
    /// A packet.
    Packet(Packet),
    /// So many packets were left out because the reader was slow. A keyframe follows.
    Missed(u64),
}

/// What of the past a feed begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preroll {
    /// Nothing: the next packet comes first, keyframe or not.
    None,
    /// The packets since the newest keyframe.
    #[default]
    Group,
    /// The packets since the last keyframe that came at least this long ago, or all that is
    /// held.
    Past(Duration),
}

impl Preroll {
    /// The packets of `ring` that a reader gets at `now`.
    pub(crate) fn of(self, ring: &GopRing, now: Instant) -> impl Iterator<Item = &Packet> {
        let all = || ring.packets();
        let held = all().count();
        let start = match self {
            Self::None => held,
            Self::Group => held - ring.since_keyframe().count(),
            Self::Past(past) => now
                .checked_sub(past)
                .and_then(|from| {
                    let keyframes = all().enumerate().filter(|(_, packet)| packet.keyframe);
                    keyframes.take_while(|(_, packet)| packet.arrival <= from).last()
                })
                .map_or(0, |(at, _)| at),
        };
        ring.packets().skip(start)
    }
}

/// A camera's packets from now on, until it is dropped. Whoever is slow loses packets, and is
/// told so; the camera never waits.
pub struct PacketFeed {
    tap: Arc<Tap>,
    /// Kept so that the stream's parts that the tap hangs on live as long.
    _stream: Arc<Stream>,
}

/// What came of waiting for a parcel.
#[derive(Debug)]
pub enum Waited {
    /// This.
    Got(Parcel),
    /// Nothing in that time.
    Nothing,
    /// The camera was stopped: nothing more will come.
    Over,
}

impl PacketFeed {
    pub(crate) fn new(stream: &Arc<Stream>, preroll: Preroll, now: Instant) -> Self {
        let tap = Tap::new(QUEUE_BYTES);
        stream.attach(&tap, preroll, now);
        Self { tap, _stream: Arc::clone(stream) }
    }

    /// The next parcel; none when the camera was stopped or changed.
    pub async fn next(&mut self) -> Option<Parcel> {
        loop {
            match self.tap.take() {
                Taken::Parcel(parcel) => return Some(parcel),
                Taken::Over => return None,
                Taken::Nothing => self.tap.news().await,
            }
        }
    }

    /// The same for a thread, waiting at most for `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Waited {
        match self.tap.take_until(Instant::now() + timeout) {
            Taken::Parcel(parcel) => Waited::Got(parcel),
            Taken::Nothing => Waited::Nothing,
            Taken::Over => Waited::Over,
        }
    }
}
