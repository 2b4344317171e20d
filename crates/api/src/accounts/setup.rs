//! The one-time link with which the first administrator is made.

use std::time::{Duration, Instant};

use subtle::ConstantTimeEq as _;

use super::secret;
use crate::error::ApiError;

/// How long the link is good; the next start makes another one.
const GOOD_FOR: Duration = Duration::from_mins(30);

/// A link that may be used once.
#[derive(Debug)]
pub(crate) struct SetupLink {
    digest: [u8; 32],
    until: Instant,
}

impl SetupLink {
    /// A new one, and the token in it.
    pub(crate) fn new(now: Instant) -> Result<(Self, String), ApiError> {
        let token = secret::token("")?;
        Ok((Self { digest: secret::digest(&token), until: now + GOOD_FOR }, token))
    }

    /// Whether `token` is the one in it, and it is still good.
    pub(crate) fn is(&self, token: &str, now: Instant) -> bool {
        now < self.until && bool::from(secret::digest(token).ct_eq(&self.digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_is_good_for_half_an_hour_and_one_token() {
        let now = Instant::now();
        let (link, token) = SetupLink::new(now).unwrap();
        assert!(link.is(&token, now) && token.len() == 43);
        assert!(link.is(&token, now + GOOD_FOR - Duration::from_secs(1)));
        assert!(!link.is(&token, now + GOOD_FOR));
        assert!(!link.is("", now) && !link.is(&format!("{token}="), now));
        assert_ne!(SetupLink::new(now).unwrap().1, token);
    }
}
