//! How often one may try to log in: buckets of attempts that fill again with time, one for each
//! network and one for each name.
//!
//! The one by network stops whoever tries many names; the one by name stops those who try one
//! name from many networks. The latter is wide and fills fast, because anybody can empty it for
//! somebody else: the person waits a minute then, and the guesser gets nowhere in a lifetime.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Buckets that are remembered; then the fullest is forgotten, which forgives the least.
const MAX_BUCKETS: usize = 4096;

/// Attempts that come at once, and how long each takes to come back.
#[derive(Clone, Copy, Debug)]
struct Size {
    attempts: u32,
    refill: Duration,
}

const BY_NETWORK: Size = Size { attempts: 10, refill: Duration::from_secs(10) };
const BY_NAME: Size = Size { attempts: 20, refill: Duration::from_secs(5) };

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    Network(IpAddr),
    Name([u8; 32]),
}

impl Who {
    const fn size(&self) -> Size {
        match self {
            Self::Network(_) => BY_NETWORK,
            Self::Name(_) => BY_NAME,
        }
    }
}

/// Attempts to log in. A bucket that is not here is full.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// When each bucket is full again: it lacks as many attempts as fit until then.
    full_at: HashMap<Who, Instant>,
}

impl Attempts {
    /// Takes an attempt from both buckets, or tells how long to wait for one.
    pub(crate) fn take(
        &mut self,
        network: IpAddr,
        name: &[u8; 32],
        now: Instant,
    ) -> Result<(), Duration> {
        let both = [Who::Network(network), Who::Name(*name)];
        let wait = both.iter().map(|who| self.wait(who, now)).max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        for who in both {
            let refill = who.size().refill;
            self.make_room(&who, now);
            let full_at = self.full_at.entry(who).or_insert(now);
            *full_at = (*full_at).max(now) + refill;
        }
        Ok(())
    }

    /// Gives an attempt back that was a success.
    pub(crate) fn give_back(&mut self, network: IpAddr, name: &[u8; 32]) {
        for who in [Who::Network(network), Who::Name(*name)] {
            let refill = who.size().refill;
            if let Some(earlier) =
                self.full_at.get_mut(&who).and_then(|at| Some((at.checked_sub(refill)?, at)))
            {
                *earlier.1 = earlier.0;
            }
        }
    }

    fn wait(&self, who: &Who, now: Instant) -> Duration {
        let Size { attempts, refill } = who.size();
        let missing = self.full_at.get(who).map_or(Duration::ZERO, |at| *at - now);
        // With one more taken, the bucket may lack all of its attempts, but no more.
        (missing + refill).saturating_sub(refill * attempts)
    }

    fn make_room(&mut self, who: &Who, now: Instant) {
        if self.full_at.len() < MAX_BUCKETS || self.full_at.contains_key(who) {
            return;
        }
        self.full_at.retain(|_, at| *at > now);
        if self.full_at.len() >= MAX_BUCKETS {
            let fullest = self.full_at.iter().min_by_key(|(_, at)| **at);
            if let Some(fullest) = fullest.map(|(who, _)| who.clone()) {
                self.full_at.remove(&fullest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn a_network_has_ten_attempts_and_gets_one_back_in_ten_seconds() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        for number in 0..10 {
            assert_eq!(attempts.take(network(1), &[number; 32], now), Ok(()), "{number}");
        }
        assert_eq!(attempts.take(network(1), &[99; 32], now), Err(BY_NETWORK.refill));
        assert_eq!(attempts.take(network(2), &[99; 32], now), Ok(()), "others are not held up");
        let half = now + BY_NETWORK.refill / 2;
        assert_eq!(attempts.take(network(1), &[99; 32], half), Err(BY_NETWORK.refill / 2));
        let later = now + BY_NETWORK.refill;
        assert_eq!(attempts.take(network(1), &[99; 32], later), Ok(()));
        assert!(attempts.take(network(1), &[99; 32], later).is_err(), "one, not ten");
        attempts.give_back(network(1), &[99; 32]);
        assert_eq!(attempts.take(network(1), &[99; 32], later), Ok(()), "a success costs nothing");
    }

    #[test]
    fn a_name_has_twenty_from_however_many_networks() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        for number in 0..20 {
            assert_eq!(attempts.take(network(number), &[7; 32], now), Ok(()), "{number}");
        }
        assert_eq!(attempts.take(network(99), &[7; 32], now), Err(BY_NAME.refill));
        assert_eq!(attempts.take(network(99), &[8; 32], now), Ok(()));
    }

    proptest! {
        /// Whatever comes when, nobody gets more than the bucket and what has come back since.
        #[test]
        fn nobody_gets_more_than_there_is(gaps in prop::collection::vec(0_u64..8000, 1..300)) {
            let (mut attempts, start) = (Attempts::default(), Instant::now());
            let (mut now, mut got) = (start, 0_u32);
            for (number, gap) in gaps.into_iter().enumerate() {
                now += Duration::from_millis(gap);
                let name = [u8::try_from(number % 256).unwrap(); 32];
                got += u32::from(attempts.take(network(1), &name, now).is_ok());
                let back = (now - start).as_secs_f64() / BY_NETWORK.refill.as_secs_f64();
                prop_assert!(f64::from(got) <= f64::from(BY_NETWORK.attempts) + back);
            }
        }

        /// Memory is bounded, and an emptied bucket is not washed out by a flood of fresh ones.
        #[test]
        fn a_flood_forgives_nobody(seeds in prop::collection::vec(10_u32.., 5000)) {
            let (mut attempts, now) = (Attempts::default(), Instant::now());
            for number in 0..10 {
                prop_assert!(attempts.take(network(1), &[number; 32], now).is_ok());
            }
            for seed in seeds {
                let _result = attempts.take(network(seed), &[seed.to_be_bytes()[3]; 32], now);
                prop_assert!(attempts.full_at.len() <= MAX_BUCKETS + 1);
            }
            prop_assert!(attempts.take(network(1), &[200; 32], now).is_err());
        }
    }
}
