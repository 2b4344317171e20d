//! Who wants pictures of a camera, and what must therefore be decoded.
//!
//! The decode plan is the union of what the consumers want. Consumers are held weakly: one
//! that is dropped stops wanting, nobody needs to remember to say so.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use omma_media::Picture;
use parking_lot::Mutex;

use crate::config::Rate;
use crate::pacer::Pacer;

/// Decoding goes on this long after the last consumer left, so that a page that is reloaded
/// does not start the decoder anew.
const LINGER: Duration = Duration::from_secs(10);

/// Somebody who wants pictures.
pub(crate) trait Consumer: Send + Sync {
    /// Takes a picture that is due. Must not block: the camera's thread calls it.
    fn offer(&self, picture: &Picture, arrival: Instant);
}

/// What must be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Plan {
    /// Nothing.
    Nothing,
    /// Keyframes.
    Keyframes,
    /// Everything.
    Everything,
}

struct Entry {
    consumer: Weak<dyn Consumer>,
    keyframes_only: bool,
    pacer: Pacer,
}

/// The consumers of one camera.
pub(crate) struct Demand {
    inner: Mutex<Inner>,
}

struct Inner {
    entries: Vec<Entry>,
    last: Plan,
    last_wanted: Option<Instant>,
}

impl Demand {
    pub(crate) fn new() -> Self {
        let inner = Inner { entries: Vec::new(), last: Plan::Nothing, last_wanted: None };
        Self { inner: Mutex::new(inner) }
    }

    /// Adds a consumer that wants pictures at `rate` until it is dropped.
    pub(crate) fn add(&self, consumer: &Arc<dyn Consumer>, rate: Rate) {
        self.inner.lock().entries.push(Entry {
            consumer: Arc::downgrade(consumer),
            keyframes_only: rate == Rate::Keyframes,
            pacer: Pacer::new(rate.interval()),
        });
    }

    /// What must be decoded at `now`.
    pub(crate) fn plan(&self, now: Instant) -> Plan {
        let mut inner = self.inner.lock();
        inner.entries.retain(|entry| entry.consumer.strong_count() > 0);
        let wanted = inner
            .entries
            .iter()
            .map(|e| if e.keyframes_only { Plan::Keyframes } else { Plan::Everything })
            .max()
            .unwrap_or(Plan::Nothing);
        if wanted > Plan::Nothing {
            inner.last = wanted;
            inner.last_wanted = Some(now);
            return wanted;
        }
        let lingers = inner.last_wanted.is_some_and(|at| now.duration_since(at) < LINGER);
        if lingers { inner.last } else { Plan::Nothing }
    }

    /// Nothing is decoded for those who have left any more.
    pub(crate) fn stop_lingering(&self) {
        self.inner.lock().last_wanted = None;
    }

    /// Gives `picture` to each consumer for which it is due.
    pub(crate) fn offer(&self, picture: &Picture, arrival: Instant) {
        let media = picture.stamp().media;
        let due: Vec<Arc<dyn Consumer>> = {
            let mut inner = self.inner.lock();
            let entries = inner.entries.iter_mut();
            entries
                .filter_map(|entry| {
                    let consumer = entry.consumer.upgrade()?;
                    let fits = !entry.keyframes_only || picture.is_keyframe();
                    (fits && entry.pacer.is_due(media)).then_some(consumer)
                })
                .collect()
        };
        for consumer in due {
            consumer.offer(picture, arrival);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;
    impl Consumer for Nobody {
        fn offer(&self, _picture: &Picture, _arrival: Instant) {}
    }

    #[test]
    fn the_plan_is_the_union_and_lingers() {
        let demand = Demand::new();
        let start = Instant::now();
        assert_eq!(demand.plan(start), Plan::Nothing);
        let keyframes: Arc<dyn Consumer> = Arc::new(Nobody);
        demand.add(&keyframes, Rate::Keyframes);
        assert_eq!(demand.plan(start), Plan::Keyframes);
        let some: Arc<dyn Consumer> = Arc::new(Nobody);
        demand.add(&some, Rate::Fps(5.0));
        assert_eq!(demand.plan(start), Plan::Everything);
        drop(some);
        assert_eq!(demand.plan(start), Plan::Keyframes);
        drop(keyframes);
        assert_eq!(demand.plan(start + LINGER / 2), Plan::Keyframes);
        assert_eq!(demand.plan(start + LINGER), Plan::Nothing);
        let last: Arc<dyn Consumer> = Arc::new(Nobody);
        demand.add(&last, Rate::All);
        demand.stop_lingering();
        assert_eq!(demand.plan(start + LINGER), Plan::Everything, "somebody is there");
        drop(last);
        demand.stop_lingering();
        assert_eq!(demand.plan(start + LINGER), Plan::Nothing, "nobody lingers");
    }
}
