//! All that a tracker knows, so that another one can go on in its place.
//!
//! What one picture leaves behind only for the sake of its memory (candidates, overlaps,
//! predictions that the next picture makes anew) is no part of it. The settings aren't either:
//! they belong to whoever makes the tracker. How a state is written is its keeper's choice;
//! numbers must come back bit by bit, or the tracks will part one day.

use omma_types::{ClassName, MediaTime, TrackId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::TrackError;
use crate::object::{Liveliness, Object};
use crate::tracker::{MAX_OBJECTS, Tracker};

/// Classes that a tracker has met, at most; no model has as many.
const MAX_CLASSES: usize = 100_000;

/// What a [`Tracker`] knows, see [`Tracker::state`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrackerState {
    last_id: u64,
    newest_nanos: Option<i64>,
    clock: f64,
    classes: Vec<String>,
    objects: Vec<Object>,
    liveliness: Liveliness,
}

impl TrackerState {
    /// Whether a tracker can go on with it: nothing else may come to the arithmetic.
    fn is_sound(&self) -> bool {
        let known = |object: &Object| {
            object.class < self.classes.len()
                && (1..=self.last_id).contains(&object.id.0)
                && object.last_seen <= self.clock
                && object.is_finite()
        };
        self.last_id < u64::MAX / 2
            && self.clock.is_finite()
            && self.clock >= 0.0
            && self.classes.len() <= MAX_CLASSES
            && self.objects.len() <= MAX_OBJECTS
            && self.objects.iter().all(known)
            && [self.liveliness.x, self.liveliness.y].iter().all(|n| n.is_finite() && *n >= 1.0)
    }
}

impl Tracker {
    /// All that this tracker knows.
    pub fn state(&self) -> TrackerState {
        TrackerState {
            last_id: self.last_id,
            newest_nanos: self.newest.map(MediaTime::as_nanos),
            clock: self.clock,
            classes: self.classes.iter().map(|class| class.as_str().to_owned()).collect(),
            objects: self.objects.clone(),
            liveliness: self.liveliness,
        }
    }

    /// Forgets what it knows and goes on where the tracker with this state stood: the same
    /// detections give the same tracks, ids and all, if the settings are the same.
    ///
    /// # Errors
    /// No tracker comes to this state. Nothing has changed then.
    pub fn resume(&mut self, state: TrackerState) -> Result<(), TrackError> {
        if !state.is_sound() {
            return Err(TrackError::State);
        }
        let TrackerState { last_id, newest_nanos, clock, classes, objects, liveliness } = state;
        self.last_id = last_id;
        self.newest = newest_nanos.map(MediaTime::from_nanos);
        self.clock = clock;
        self.classes = classes.iter().map(|class| ClassName::new(class)).collect();
        self.objects = objects;
        self.liveliness = liveliness;
        Ok(())
    }
}

/// A track's id as its number.
pub(crate) mod id {
    use super::{Deserialize as _, Deserializer, Serialize as _, Serializer, TrackId};

    pub(crate) fn serialize<S: Serializer>(id: &TrackId, to: S) -> Result<S::Ok, S::Error> {
        id.0.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TrackId, D::Error> {
        u64::deserialize(from).map(TrackId)
    }
}
