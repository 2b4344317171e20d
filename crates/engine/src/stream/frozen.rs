//! Tells a camera that sends packets but no news: one whose clock stands still, and one that
//! repeats the same group of pictures for ever, as encoders do whose sensor died.

use std::hash::{DefaultHasher, Hasher as _};
use std::time::{Duration, Instant};

use omma_types::MediaTime;

/// A clock that stands still for this long while packets come.
const CLOCK_STANDS: Duration = Duration::from_millis(4500);

/// The same pictures, byte by byte, for this long; noise makes this impossible for a living
/// sensor.
const REPEATS_FOR: Duration = Duration::from_secs(30);

/// ... and at least this often.
const REPEATS: u32 = 4;

/// Bytes of each packet that are compared.
const COMPARED: usize = 2048;

/// What is wrong with a stream that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frozen {
    /// Its time stamps stand still.
    Clock,
    /// It repeats this group of pictures.
    Pictures(u64),
}

/// Watches one connection. Pure: time is an argument.
pub(super) struct FrozenWatch {
    newest: Option<(MediaTime, Instant)>,
    group: DefaultHasher,
    packets: u32,
    same: Option<Same>,
}

struct Same {
    hash: u64,
    since: Instant,
    times: u32,
}

impl FrozenWatch {
    pub(super) fn new() -> Self {
        Self { newest: None, group: DefaultHasher::new(), packets: 0, same: None }
    }

    /// Looks at a packet of the pictures. `Some` as long as nothing new comes.
    pub(super) fn look(
        &mut self,
        keyframe: bool,
        pts: MediaTime,
        data: &[u8],
        now: Instant,
    ) -> Option<Frozen> {
        match &mut self.newest {
            Some((newest, since)) if pts <= *newest => {
                // Time that jumps back far begins anew.
                if pts + CLOCK_STANDS < *newest {
                    self.newest = Some((pts, now));
                } else if now.saturating_duration_since(*since) >= CLOCK_STANDS {
                    return Some(Frozen::Clock);
                }
            }
            _ => self.newest = Some((pts, now)),
        }
        if keyframe && self.packets > 0 {
            self.end_group(now);
        }
        self.packets += 1;
        self.group.write(data.get(..COMPARED).unwrap_or(data));
        let same = self.same.as_ref()?;
        let long = now.saturating_duration_since(same.since) >= REPEATS_FOR;
        (long && same.times >= REPEATS).then_some(Frozen::Pictures(same.hash))
    }

    fn end_group(&mut self, now: Instant) {
        let hash = std::mem::replace(&mut self.group, DefaultHasher::new()).finish();
        self.packets = 0;
        match &mut self.same {
            Some(same) if same.hash == hash => same.times += 1,
            _ => self.same = Some(Same { hash, since: now, times: 1 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `seconds` of 10 pictures a second in groups of 10, made by `picture`.
    fn watch(seconds: u64, mut picture: impl FnMut(u64) -> (MediaTime, u8)) -> Option<Frozen> {
        let (mut watch, start) = (FrozenWatch::new(), Instant::now());
        (0..seconds * 10)
            .map(|n| {
                let (pts, byte) = picture(n);
                watch.look(n % 10 == 0, pts, &[byte; 9], start + Duration::from_millis(n * 100))
            })
            .last()
            .flatten()
    }

    fn at(n: u64) -> MediaTime {
        MediaTime::from_secs_f64(n as f64 / 10.0)
    }

    #[test]
    fn a_living_camera_is_not_frozen() {
        assert_eq!(watch(60, |n| (at(n), (n % 251) as u8)), None);
        let loops = watch(60, |n| (at(n), ((n / 10) % 3) as u8));
        assert_eq!(loops, None, "a short film played over and over");
    }

    #[test]
    fn a_clock_that_stands_still_is_noticed() {
        assert_eq!(watch(5, |n| (at(n.min(3)), n as u8)), Some(Frozen::Clock));
        assert_eq!(watch(4, |n| (at(n.min(3)), n as u8)), None);
        assert_eq!(watch(20, |n| (at(n % 100), n as u8)), None, "time that begins anew");
    }

    #[test]
    fn repeated_pictures_are_noticed_and_so_is_their_end() {
        assert!(matches!(watch(40, |n| (at(n), 7)), Some(Frozen::Pictures(_))));
        assert_eq!(watch(25, |n| (at(n), 7)), None, "a black night is no proof yet");
        assert_eq!(watch(60, |n| (at(n), if n < 450 { 7 } else { n as u8 })), None);
    }
}
