//! A camera that is away: whoever watches it waits a while for it to come back.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Stopping and starting a camera takes less, unless it is gone for good.
const COMES_BACK_WITHIN: Duration = Duration::from_secs(10);

/// How often a camera that went is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Waiting for a camera. It is kept beside what waits: a future that is dropped in between, for
/// whatever else happens, must not begin to count anew.
#[derive(Debug, Default)]
pub(crate) struct Away(Option<Absence>);

#[derive(Clone, Copy, Debug)]
struct Absence {
    /// Then it is gone for good.
    until: Instant,
    /// When it is looked for next.
    look: Instant,
}

impl Away {
    /// Whether the camera is away, as far as is known.
    pub(crate) fn is_so(&self) -> bool {
        self.0.is_some()
    }

    /// What `again` finds, as soon as it finds something; none where the camera is gone for
    /// good.
    pub(crate) async fn come_back<T>(&mut self, again: impl Fn() -> Option<T>) -> Option<T> {
        loop {
            sleep_until(self.look_at(Instant::now())).await;
            if let Some(found) = again() {
                self.0 = None;
                return Some(found);
            }
            if self.is_for_good(Instant::now()) {
                return None;
            }
        }
    }

    /// When to look for the camera, which is known to be away `now`.
    fn look_at(&mut self, now: Instant) -> Instant {
        let begins = Absence { until: now + COMES_BACK_WITHIN, look: now + LOOK_EVERY };
        self.0.get_or_insert(begins).look
    }

    /// Whether the camera, which was not found `now`, is not looked for any more.
    fn is_for_good(&mut self, now: Instant) -> bool {
        self.0.as_mut().is_some_and(|absence| {
            absence.look = now + LOOK_EVERY;
            now >= absence.until
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_disturbed_all_the_time_gives_up_as_soon_as_anybody() {
        let (mut away, start) = (Away::default(), Instant::now());
        let (mut now, mut looks) = (start, 0);
        assert!(!away.is_so());
        // Something is heard every 50 ms, and the future is dropped then.
        let gone = loop {
            let look = away.look_at(now);
            let heard = now + Duration::from_millis(50);
            now = heard.min(look.max(now));
            if now == look {
                looks += 1;
                if away.is_for_good(now) {
                    break now;
                }
            }
        };
        assert!(away.is_so());
        assert_eq!((gone - start, looks), (COMES_BACK_WITHIN, 50));
    }

    #[tokio::test]
    async fn a_camera_is_found_again_and_may_go_once_more() {
        let mut away = Away::default();
        for round in 0..2 {
            assert_eq!(away.come_back(|| Some(round)).await, Some(round));
            assert!(!away.is_so());
        }
    }
}
