//! Where a film goes out, piece by piece, to whoever takes it; and how long that is waited for.
//! There are few seats where films are made: who takes a piece now and then must not hold one
//! for hours.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use omma_types::CameraId;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::RedactionError;

/// Pieces of a film that wait to be taken.
const MAX_WAITING: usize = 4;

/// Who takes nothing for so long is gone.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// A film is waited for so many times its own length in all, as slow as it may be taken, and
/// [`GRACE`].
const TIMES_ITS_LENGTH: u32 = 3;

const GRACE: Duration = Duration::from_mins(5);

type Piece = Result<Vec<u8>, RedactionError>;

/// How long may still be waited, over all pieces.
struct Patience(Duration);

impl Patience {
    fn of(length: Duration) -> Self {
        Self(length.saturating_mul(TIMES_ITS_LENGTH).saturating_add(GRACE))
    }

    /// How long may be waited until the next one is taken.
    fn now(&self) -> Duration {
        STALLED_AFTER.min(self.0)
    }

    fn waited(&mut self, time: Duration) {
        self.0 = self.0.saturating_sub(time);
    }
}

/// The end where pieces come in.
pub(super) struct Outlet {
    sender: mpsc::Sender<Piece>,
    patience: Patience,
    is_whole: Arc<AtomicBool>,
}

/// The end where they are taken.
pub(super) struct Pieces {
    camera: CameraId,
    receiver: mpsc::Receiver<Piece>,
    is_whole: Arc<AtomicBool>,
}

/// For a film of `camera` of such a length.
pub(super) fn outlet(camera: CameraId, length: Duration) -> (Outlet, Pieces) {
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    let is_whole = Arc::new(AtomicBool::new(false));
    let patience = Patience::of(length);
    let outlet = Outlet { sender, patience, is_whole: Arc::clone(&is_whole) };
    (outlet, Pieces { camera, receiver, is_whole })
}

impl Outlet {
    /// Waits until there is room for `piece`. False where nobody takes it, or too slowly.
    pub(super) async fn send(&mut self, piece: Piece) -> bool {
        let begun = Instant::now();
        let sent = timeout(self.patience.now(), self.sender.send(piece)).await;
        self.patience.waited(begun.elapsed());
        matches!(sent, Ok(Ok(())))
    }

    /// Whether nobody is there any more.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// All was sent, or why not.
    pub(super) fn close(self) {
        self.is_whole.store(true, Ordering::Release);
    }
}

impl Pieces {
    /// The next one; none at the end. An end that is none is an error.
    pub(super) async fn next(&mut self) -> Option<Piece> {
        if let Some(piece) = self.receiver.recv().await {
            return Some(piece);
        }
        let is_told = self.is_whole.swap(true, Ordering::AcqRel);
        (!is_told).then(|| {
            Err(RedactionError::Failed {
                camera: self.camera.clone(),
                reason: "it was taken too slowly, or broke off; ask for a shorter time".to_owned(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(length: Duration) -> (Outlet, Pieces) {
        outlet(CameraId::new("door").unwrap(), length)
    }

    #[test]
    fn who_takes_a_piece_now_and_then_does_not_hold_a_seat_for_hours() {
        let minute = Duration::from_mins(1);
        let held = |every: Duration| {
            let mut patience = Patience::of(10 * minute);
            let mut held = Duration::ZERO;
            loop {
                let waited = every.min(patience.now());
                held += waited;
                patience.waited(waited);
                if waited < every || waited.is_zero() {
                    return held;
                }
            }
        };
        assert_eq!(held(minute - Duration::from_secs(1)), 35 * minute);
        assert_eq!(held(2 * minute), minute, "who is gone");
        let mut patience = Patience::of(Duration::ZERO);
        (0..1000).for_each(|_| patience.waited(Duration::ZERO));
        assert_eq!(patience.now(), STALLED_AFTER, "what is taken at once costs nothing");
    }

    #[tokio::test]
    async fn when_patience_is_over_no_more_is_made_and_that_is_told() {
        let (mut outlet, mut pieces) = of(Duration::from_mins(10));
        outlet.patience.0 = Duration::from_millis(5);
        let mut sent = 0;
        while outlet.send(Ok(vec![1])).await {
            sent += 1;
        }
        assert_eq!(sent, MAX_WAITING, "nobody takes any");
        assert_eq!(outlet.patience.now(), Duration::ZERO);
        drop(outlet);
        for _ in 0..sent {
            assert!(matches!(pieces.next().await, Some(Ok(_))));
        }
        assert!(matches!(pieces.next().await, Some(Err(RedactionError::Failed { .. }))));
    }

    #[tokio::test]
    async fn a_film_that_breaks_off_is_not_taken_for_a_whole_one() {
        let (mut outlet, mut pieces) = of(Duration::from_secs(1));
        assert!(outlet.send(Ok(vec![1])).await);
        outlet.close();
        assert!(matches!(pieces.next().await, Some(Ok(_))));
        assert!(pieces.next().await.is_none(), "whole");
        let (mut outlet, mut pieces) = of(Duration::from_secs(1));
        assert!(outlet.send(Ok(vec![1])).await);
        drop(outlet);
        assert!(matches!(pieces.next().await, Some(Ok(_))));
        assert!(matches!(pieces.next().await, Some(Err(RedactionError::Failed { .. }))));
        assert!(pieces.next().await.is_none(), "told once");
    }
}
