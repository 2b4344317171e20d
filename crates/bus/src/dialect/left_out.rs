//! What others wrote and nobody can use: counted each time and told once.

/// Counts the messages that an inlet leaves out.
#[derive(Debug, Default)]
pub(super) struct LeftOut(u64);

impl LeftOut {
    /// Counts a message of `topic`, and says of the first why it is left out.
    pub(super) fn note(&mut self, camera: &str, topic: &str, reason: &str) {
        if self.0 == 0 {
            tracing::warn!(
                camera,
                topic,
                reason,
                "a message is left out; further ones are only counted"
            );
        }
        self.0 = self.0.saturating_add(1);
    }

    /// How many so far.
    pub(super) fn count(&self) -> u64 {
        self.0
    }
}
