//! How the shared words stand in a saved state: as plain numbers and text.
//!
//! `omma_types` knows no form in which its types could be written, so what the rules keep
//! says it here.

use std::time::Duration;

use omma_types::{ClassName, Direction, EventKind, MediaTime, Point, Rect, TrackId, WallTime};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::entry::{Seen, nanos};

/// Makes a module for `#[serde(with)]` that writes a type as another one.
macro_rules! written_as {
    ($name:ident: $type:ty as $form:ty, $to:expr, $from:expr) => {
        pub(crate) mod $name {
            #[allow(clippy::wildcard_imports, reason = "each form uses its own part")]
            use super::*;

            pub(crate) fn serialize<S: Serializer>(
                value: &$type,
                to: S,
            ) -> Result<S::Ok, S::Error> {
                let form: fn(&$type) -> $form = $to;
                form(value).serialize(to)
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
                from: D,
            ) -> Result<$type, D::Error> {
                let value: fn($form) -> $type = $from;
                <$form>::deserialize(from).map(value)
            }
        }
    };
}

written_as!(track: TrackId as u64, |id| id.0, TrackId);
written_as!(maybe_track: Option<TrackId> as Option<u64>, |id| id.map(|id| id.0), |id| {
    id.map(TrackId)
});
written_as!(class: ClassName as String, |class| class.as_str().to_owned(), |word| {
    ClassName::new(&word)
});
written_as!(point: Point as (f32, f32), |point| (point.x, point.y), |(x, y)| Point::new(x, y));
written_as!(rect: Rect as [f32; 4], |rect| [rect.left, rect.top, rect.width, rect.height], |form| {
    let [left, top, width, height] = form;
    Rect::new(left, top, width, height)
});
written_as!(kind: EventKind as KindForm, KindForm::of, KindForm::kind);

/// What rules can tell, times in nanoseconds; what happens to a camera as a whole is not theirs.
#[derive(Serialize, Deserialize)]
pub(crate) enum KindForm {
    Forward,
    Backward,
    Entered,
    Left(u64),
    Dwelled(u64),
}

impl KindForm {
    fn of(kind: &EventKind) -> Self {
        match *kind {
            EventKind::LineCrossed { direction: Direction::Forward } => Self::Forward,
            EventKind::LineCrossed { direction: Direction::Backward } => Self::Backward,
            EventKind::ZoneLeft { dwell } => Self::Left(nanos(dwell)),
            EventKind::ZoneDwelled { dwell } => Self::Dwelled(nanos(dwell)),
            _ => Self::Entered,
        }
    }

    const fn kind(self) -> EventKind {
        match self {
            Self::Forward => EventKind::LineCrossed { direction: Direction::Forward },
            Self::Backward => EventKind::LineCrossed { direction: Direction::Backward },
            Self::Entered => EventKind::ZoneEntered,
            Self::Left(dwell) => EventKind::ZoneLeft { dwell: Duration::from_nanos(dwell) },
            Self::Dwelled(dwell) => EventKind::ZoneDwelled { dwell: Duration::from_nanos(dwell) },
        }
    }
}

/// An observation: when on the rules' clock, the stream's and the people's; box and score.
pub(crate) type SeenForm = (u64, i64, i64, [f32; 4], f32);

impl From<Seen> for SeenForm {
    fn from(seen: Seen) -> Self {
        let Rect { left, top, width, height } = seen.rect;
        let (media, wall) = (seen.media.as_nanos(), seen.wall.as_micros());
        (seen.at, media, wall, [left, top, width, height], seen.score)
    }
}

impl From<SeenForm> for Seen {
    fn from((at, media, wall, [left, top, width, height], score): SeenForm) -> Self {
        Self {
            at,
            media: MediaTime::from_nanos(media),
            wall: WallTime::from_micros(wall),
            rect: Rect::new(left, top, width, height),
            score,
        }
    }
}
