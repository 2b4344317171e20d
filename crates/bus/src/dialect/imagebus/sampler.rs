//! One picture in so many.
//!
//! imagebus's own producer means to send one in N and sends one in N-1 after the first. Here
//! it is N; the numbers that pictures get are its own: N + 1, 2 N + 1, …

/// Lets one in `every` through.
#[derive(Debug)]
pub(super) struct Sampler {
    every: u32,
    seen: u32,
}

impl Sampler {
    pub(super) fn new(every: u32) -> Self {
        Self { every: every.max(1), seen: 0 }
    }

    /// Whether the next picture is the one.
    pub(super) fn is_due(&mut self) -> bool {
        self.seen += 1;
        if self.seen < self.every {
            return false;
        }
        self.seen = 0;
        true
    }

    /// The number of the picture that is sent as the `count`th, from 1.
    pub(super) fn reference(&self, count: i64) -> i64 {
        count.min(i64::from(u32::MAX)) * i64::from(self.every) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_n_is_one_in_n() {
        for every in [1, 2, 30] {
            let mut sampler = Sampler::new(every);
            let sent: Vec<u32> = (1..=every * 4).filter(|_| sampler.is_due()).collect();
            assert_eq!(sent, [every, every * 2, every * 3, every * 4]);
        }
        assert_eq!([1, 2, 3].map(|count| Sampler::new(30).reference(count)), [31, 61, 91]);
    }
}
