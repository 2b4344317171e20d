//! What the tracker says about one object at one moment.

use crate::{ClassName, Rect, TrackId};

/// How far a track is to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackState {
    /// Seen too few times to be believed: drawn at most, never counted.
    Tentative,
    /// Believed, and matched to a detection in this picture.
    Confirmed,
    /// Believed, but not detected in this picture: `rect` is a prediction.
    Coasting,
}

/// One object as of one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Its number, from the first picture on; never given to another object.
    pub id: TrackId,
    /// What it is.
    pub class: ClassName,
    /// Where it is, in fractions of the picture.
    pub rect: Rect,
    /// Score of the newest detection that belongs to it, 0 to 1.
    pub score: f32,
    /// How far to believe it.
    pub state: TrackState,
}
