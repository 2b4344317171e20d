//! Which entry of the stream a picture became: results refer to it.

use std::collections::VecDeque;

use omma_types::{Size, WallTime};

/// Pictures that are remembered: more than a detector can be behind.
const REMEMBERED: usize = 512;

/// A picture that was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Written {
    /// When it was taken.
    pub(super) wall: WallTime,
    /// The entry's id.
    pub(super) id: String,
    /// Its size in pixels.
    pub(super) size: Size,
}

/// The pictures written last, oldest first.
#[derive(Debug, Default)]
pub(super) struct Ids {
    written: VecDeque<Written>,
}

impl Ids {
    pub(super) fn add(&mut self, picture: Written) {
        // A clock that was set back: what came before has no order with what follows.
        if self.written.back().is_some_and(|last| last.wall > picture.wall) {
            self.written.clear();
        }
        if self.written.len() == REMEMBERED {
            self.written.pop_front();
        }
        self.written.push_back(picture);
    }

    /// The picture taken at `wall`, or else the newest one before it.
    pub(super) fn of(&self, wall: WallTime) -> Option<&Written> {
        self.written.iter().rev().find(|picture| picture.wall <= wall)
    }

    pub(super) fn newest(&self) -> Option<&Written> {
        self.written.back()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::tail::millis;

    fn picture(millis: i64) -> Written {
        let wall = WallTime::from_millis(millis);
        Written { wall, id: format!("{}-0", millis + 5), size: Size::new(4, 2) }
    }

    proptest! {
        #[test]
        fn a_result_refers_to_its_picture_or_the_newest_before(
            mut times in proptest::collection::vec(0i64..10_000, 1..900),
            asked in 0i64..10_000,
        ) {
            times.sort_unstable();
            let mut ids = Ids::default();
            times.iter().for_each(|time| ids.add(picture(*time)));
            let remembered = times.iter().rev().take(REMEMBERED);
            let expected = remembered.filter(|time| **time <= asked).max();
            let found = ids.of(WallTime::from_millis(asked)).map(|found| millis(&found.id));
            prop_assert_eq!(found, expected.map(|time| time + 5));
            prop_assert!(ids.written.len() <= REMEMBERED);
        }
    }
}
