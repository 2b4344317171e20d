//! Tells a camera that sends packets but no news: it repeats the same group of pictures for
//! ever, as encoders do whose sensor died.

use std::hash::{DefaultHasher, Hasher as _};
use std::time::{Duration, Instant};

/// The same pictures, byte by byte, for this long; noise makes this impossible for a living
/// sensor.
const REPEATS_FOR: Duration = Duration::from_secs(30);

/// ... and at least this often.
const REPEATS: u32 = 4;

/// Bytes of each packet that are compared.
const COMPARED: usize = 2048;

/// Watches one connection. Pure: time is an argument.
pub(super) struct FrozenWatch {
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
        Self { group: DefaultHasher::new(), packets: 0, same: None }
    }

    /// Looks at a packet of the pictures. `Some`, with a number that stands for them, as long
    /// as nothing but the same pictures come.
    pub(super) fn look(&mut self, keyframe: bool, data: &[u8], now: Instant) -> Option<u64> {
        if keyframe && self.packets > 0 {
            self.end_group(now);
        }
        self.packets += 1;
        self.group.write(data.get(..COMPARED).unwrap_or(data));
        let same = self.same.as_ref()?;
        let long = now.saturating_duration_since(same.since) >= REPEATS_FOR;
        (long && same.times >= REPEATS).then_some(same.hash)
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
    fn watch(seconds: u64, mut picture: impl FnMut(u64) -> u8) -> Option<u64> {
        let (mut watch, start) = (FrozenWatch::new(), Instant::now());
        (0..seconds * 10)
            .map(|n| {
                let now = start + Duration::from_millis(n * 100);
                watch.look(n % 10 == 0, &[picture(n); 9], now)
            })
            .last()
            .flatten()
    }

    #[test]
    fn a_living_camera_is_not_frozen() {
        assert_eq!(watch(60, |n| (n % 251) as u8), None);
        let loops = watch(60, |n| ((n / 10) % 3) as u8);
        assert_eq!(loops, None, "a short film played over and over");
    }

    #[test]
    fn repeated_pictures_are_noticed_and_so_is_their_end() {
        assert!(watch(40, |_| 7).is_some());
        assert_eq!(watch(25, |_| 7), None, "a black night is no proof yet");
        assert_eq!(watch(60, |n| if n < 450 { 7 } else { n as u8 }), None);
    }
}
