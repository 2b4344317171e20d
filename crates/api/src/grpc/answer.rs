//! Answers that go on: streams of messages that end when the client, the server or what they
//! tell of goes.

use std::pin::Pin;
use std::time::Duration;

use futures_util::Stream;
use tokio::sync::mpsc;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::status;
use crate::server::Ending;

/// A stream of messages.
pub(super) type Answer<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// One end of an answer: what is told here, the client hears. It waits for the client.
pub(super) struct Teller<T> {
    sender: mpsc::Sender<Result<T, Status>>,
    ending: Ending,
}

/// The client, or the server, is gone.
pub(super) struct Gone;

impl<T: Send + 'static> Teller<T> {
    /// An answer that `work` gives, until it is done, the server stops or the client's deadline
    /// is over.
    pub(super) fn answer<F, W>(metadata: &MetadataMap, ending: Ending, work: F) -> Answer<T>
    where
        F: FnOnce(Self) -> W,
        W: Future<Output = Result<(), Status>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(1);
        let deadline = metadata.get("grpc-timeout").and_then(|t| timeout(t.to_str().ok()?));
        let work = work(Self { sender: sender.clone(), ending: ending.clone() });
        tokio::spawn(async move {
            let mut ending = ending;
            let outcome = tokio::select! {
                outcome = work => outcome,
                () = sender.closed() => return,
                () = ending.wait() => Err(status::ending()),
                () = over(deadline) => Err(Status::deadline_exceeded("the deadline is over")),
            };
            if let Err(status) = outcome {
                // Whoever does not listen misses nothing.
                drop(sender.send(Err(status)).await);
            }
        });
        Box::pin(futures_util::stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|message| (message, receiver))
        }))
    }

    /// Returns when the client can take another message; to be asked before the message is
    /// made, so that it is the newest.
    pub(super) async fn ready(&mut self) -> Result<(), Gone> {
        tokio::select! {
            permit = self.sender.reserve() => permit.map(drop).or(Err(Gone)),
            () = self.ending.wait() => Err(Gone),
        }
    }

    /// Tells a message, once the client can take it.
    pub(super) async fn tell(&mut self, message: T) -> Result<(), Gone> {
        self.sender.send(Ok(message)).await.or(Err(Gone))
    }
}

impl From<Gone> for Status {
    fn from(_gone: Gone) -> Self {
        // Nobody is there to hear anything else.
        status::ending()
    }
}

async fn over(deadline: Option<Duration>) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline).await,
        None => std::future::pending().await,
    }
}

/// What a client gives a call: up to 8 digits and a unit (gRPC over HTTP/2, `grpc-timeout`).
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn deadlines_are_read_as_the_protocol_says() {
        assert_eq!(timeout("100m"), Some(Duration::from_millis(100)));
        assert_eq!(timeout("2S"), Some(Duration::from_secs(2)));
        assert_eq!(timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for wrong in ["", "S", "1", "1x", "-1S", "123456789S", "1.5S", "ä"] {
            assert_eq!(timeout(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in ".{0,12}") {
            prop_assert!(timeout(&text).is_none() || text.ends_with(['H', 'M', 'S', 'm', 'u', 'n']));
        }
    }
}
