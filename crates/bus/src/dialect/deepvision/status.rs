//! Which objects are active, by `DeepVision`'s rule: one that is new is active; one that was
//! missed in several pictures in a row is inactive, and forgotten.

use std::collections::BTreeMap;

/// Pictures in a row without an object, after which it is inactive.
pub(super) const MISSES: u32 = 5;

/// More objects than a picture shows are not followed; those missed longest go first.
const MOST_OBJECTS: usize = 4096;

/// What an object has become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Seen for the first time, or again after it was forgotten.
    Active,
    /// Missed too often.
    Inactive,
}

impl Status {
    /// The word of its label.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }
}

/// The active objects, with how many pictures in a row each was missed.
#[derive(Clone, Debug, Default)]
pub(super) struct Objects(BTreeMap<u64, u32>);

impl Objects {
    /// Takes in the objects of the next picture. Answers whose status changed, by number.
    pub(super) fn see(&mut self, seen: &[u64]) -> Vec<(u64, Status)> {
        let mut changes = Vec::new();
        for misses in self.0.values_mut() {
            *misses += 1;
        }
        for id in seen.iter().take(MOST_OBJECTS) {
            if self.0.insert(*id, 0).is_none() {
                changes.push((*id, Status::Active));
            }
        }
        // Room for those in the picture, if need be at the cost of those that are not.
        let most = if self.0.len() > MOST_OBJECTS { 0 } else { MISSES - 1 };
        self.0.retain(|id, misses| {
            let stays = *misses <= most;
            if !stays {
                changes.push((*id, Status::Inactive));
            }
            stays
        });
        changes.sort_by_key(|(id, _)| *id);
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_object_is_inactive_after_five_misses_in_a_row() {
        let mut objects = Objects::default();
        assert_eq!(objects.see(&[1, 2]), [(1, Status::Active), (2, Status::Active)]);
        for _ in 0..4 {
            assert_eq!(objects.see(&[2]), []);
        }
        assert_eq!(objects.see(&[1, 2]), [], "seen again in time");
        for _ in 0..4 {
            assert_eq!(objects.see(&[2]), []);
        }
        assert_eq!(objects.see(&[2]), [(1, Status::Inactive)]);
        assert_eq!(objects.see(&[2]), [], "said once");
        assert_eq!(objects.see(&[1, 2]), [(1, Status::Active)]);
    }

    #[test]
    fn objects_are_bounded() {
        let mut objects = Objects::default();
        for start in 0..20u64 {
            let seen: Vec<u64> = (0..1000).map(|i| start * 1000 + i).collect();
            objects.see(&seen);
            assert!(objects.0.len() <= MOST_OBJECTS, "{}", objects.0.len());
        }
    }

    proptest! {
        #[test]
        fn statuses_alternate_and_tell_who_is_there(
            pictures in prop::collection::vec(prop::collection::btree_set(0u64..6, 0..4), 0..60),
        ) {
            let mut objects = Objects::default();
            let mut active = std::collections::BTreeSet::new();
            for seen in pictures {
                let seen: Vec<u64> = seen.into_iter().collect();
                for (id, status) in objects.see(&seen) {
                    match status {
                        Status::Active => prop_assert!(active.insert(id)),
                        Status::Inactive => prop_assert!(active.remove(&id)),
                    }
                }
                prop_assert!(seen.iter().all(|id| active.contains(id)));
            }
        }
    }
}
