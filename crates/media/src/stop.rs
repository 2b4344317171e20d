//! Ending what waits: one flag for a camera's thread and everything that it waits for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// A switch that can be thrown once, from any thread. Clones share it. FFmpeg's blocked
/// network calls see it within 100 ms, pacing waits at once.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    stopped: Mutex<bool>,
    changed: Condvar,
    /// The same, for asking without a lock.
    flag: std::sync::atomic::AtomicBool,
}

impl Stop {
    /// A switch that is not thrown.
    pub fn new() -> Self {
        Self::default()
    }

    /// Throws the switch: every wait and every read on it ends.
    pub fn stop(&self) {
        let mut stopped = self.0.stopped.lock();
        *stopped = true;
        self.0.flag.store(true, std::sync::atomic::Ordering::Release);
        self.0.changed.notify_all();
    }

    /// Whether it was thrown.
    pub fn is_stopped(&self) -> bool {
        self.0.flag.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Waits until `deadline` or until the switch is thrown; true where it was thrown.
    pub fn wait_until(&self, deadline: Instant) -> bool {
        let mut stopped = self.0.stopped.lock();
        while !*stopped {
            if self.0.changed.wait_until(&mut stopped, deadline).timed_out() {
                break;
            }
        }
        *stopped
    }

    /// Waits for `duration` or until the switch is thrown; true where it was thrown.
    pub fn wait(&self, duration: Duration) -> bool {
        self.wait_until(Instant::now() + duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_when_the_switch_is_thrown() {
        let stop = Stop::new();
        let waiter = stop.clone();
        let thread = std::thread::Builder::new()
            .name("waiter".to_owned())
            .spawn(move || waiter.wait(Duration::from_secs(60)))
            .unwrap();
        stop.stop();
        assert!(thread.join().unwrap());
        assert!(stop.is_stopped());
    }

    #[test]
    fn a_wait_ends_at_its_deadline() {
        assert!(!Stop::new().wait(Duration::from_millis(1)));
    }
}
