//! Waiting for a state without guessing how long it takes.

use std::time::{Duration, Instant};

/// Generous: a loaded machine must not fail a test.
pub const SOON: Duration = Duration::from_secs(60);

/// How often is asked again.
const STEP: Duration = Duration::from_millis(25);

/// Asks until there is an answer.
///
/// # Panics
/// After `within` without one; `what` says what was waited for, the last refusal why.
pub fn eventually<T>(
    what: &str,
    within: Duration,
    mut ask: impl FnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        let refusal = match ask() {
            Ok(answer) => return answer,
            Err(refusal) => refusal,
        };
        assert!(Instant::now() < deadline, "waited {within:?} for {what}; at last: {refusal}");
        // Nobody wakes this thread; a wake-up out of nothing only means asking earlier.
        std::thread::park_timeout(STEP);
    }
}
