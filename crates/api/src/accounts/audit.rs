//! Who did what, on its way to the store: written by a task of its own, so that nobody waits
//! for it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use omma_store::{AuditEntry, MAX_AUDIT, Store};
use omma_types::{Clock as _, SystemClock};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::server::Ending;

/// Entries that wait to be written.
const MAX_WAITING: usize = 1024;

/// Entries in one transaction.
const AT_ONCE: usize = 256;

/// The same person watching the same thing is noted so often.
const AGAIN_AFTER: Duration = Duration::from_mins(10);

/// Who watches what that is remembered.
const MAX_WATCHING: usize = 4096;

/// How often old entries are forgotten.
const TIDY_EVERY: Duration = Duration::from_hours(1);

/// What anybody outside has a say in is cut to this: an address with a camera's name and two times,
/// all of it escaped, has room.
const LONGEST: usize = 500;

/// Takes notes.
#[derive(Debug)]
pub(crate) struct Audit {
    sender: mpsc::Sender<AuditEntry>,
    watching: Mutex<HashMap<(String, &'static str, String), Instant>>,
    lost: AtomicU64,
}

impl Audit {
    /// Notes go to what comes second, to be given to [`write`].
    pub(crate) fn new() -> (Self, mpsc::Receiver<AuditEntry>) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        (Self { sender, watching: Mutex::default(), lost: AtomicU64::new(0) }, receiver)
    }

    /// `who` did `what` on `target`.
    pub(crate) fn note(&self, who: &str, what: &'static str, target: &str, from: Option<IpAddr>) {
        let cut = |text: &str| text.chars().take(LONGEST).collect();
        let entry = AuditEntry {
            at: SystemClock.wall(),
            who: cut(who),
            what: what.to_owned(),
            target: cut(target),
            address: from.map(|ip| ip.to_canonical().to_string()).unwrap_or_default(),
        };
        if self.sender.try_send(entry).is_err() {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            if lost.is_power_of_two() {
                tracing::error!(lost, "the audit log misses entries: the store is too slow");
            }
        }
    }

    /// The same, which counts as the first of many: the next ones are
    /// [noted seldom](Self::note_seldom).
    pub(crate) fn note_always(
        &self,
        who: &str,
        what: &'static str,
        target: &str,
        from: Option<IpAddr>,
    ) {
        self.is_new(who, what, target, Instant::now());
        self.note(who, what, target, from);
    }

    /// The same, once in a while: players ask often.
    pub(crate) fn note_seldom(
        &self,
        who: &str,
        what: &'static str,
        target: &str,
        from: Option<IpAddr>,
    ) {
        if self.is_new(who, what, target, Instant::now()) {
            self.note(who, what, target, from);
        }
    }

    fn is_new(&self, who: &str, what: &'static str, target: &str, now: Instant) -> bool {
        let mut watching = self.watching.lock();
        let recent = |at: &Instant| now.saturating_duration_since(*at) < AGAIN_AFTER;
        let key = (who.to_owned(), what, target.to_owned());
        if watching.get(&key).is_some_and(recent) {
            return false;
        }
        if watching.len() >= MAX_WATCHING {
            watching.retain(|_, at| recent(at));
            if watching.len() >= MAX_WATCHING {
                // Rather a note too many than none.
                watching.clear();
            }
        }
        watching.insert(key, now);
        true
    }
}

/// Writes what is noted, and forgets what is older than `keep`, until the server ends.
pub(crate) async fn write(
    mut noted: mpsc::Receiver<AuditEntry>,
    store: Store,
    keep: Duration,
    mut ending: Ending,
) {
    let mut tidy = interval(TIDY_EVERY);
    tidy.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut entries = Vec::with_capacity(AT_ONCE);
    loop {
        tokio::select! {
            count = noted.recv_many(&mut entries, AT_ONCE) => {
                if count == 0 {
                    return;
                }
                add(&store, &mut entries).await;
            }
            _ = tidy.tick() => {
                let before = SystemClock.wall() - keep;
                if let Err(error) = store.forget_audit(before, MAX_AUDIT).await {
                    tracing::error!(%error, "old entries of the audit log could not be forgotten");
                }
            }
            () = ending.wait() => break,
        }
    }
    while let Ok(entry) = noted.try_recv() {
        entries.push(entry);
    }
    add(&store, &mut entries).await;
}

async fn add(store: &Store, entries: &mut Vec<AuditEntry>) {
    if let Err(error) = store.add_audit(entries).await {
        tracing::error!(%error, lost = entries.len(), "the audit log could not be written");
    }
    entries.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watching_is_noted_once_in_a_while() {
        let (audit, _noted) = Audit::new();
        let now = Instant::now();
        assert!(audit.is_new("anna", "watched", "door", now));
        assert!(!audit.is_new("anna", "watched", "door", now));
        assert!(audit.is_new("anna", "exported", "door", now));
        assert!(audit.is_new("ben", "watched", "door", now));
        assert!(audit.is_new("anna", "watched", "door", now + AGAIN_AFTER));
        for number in 0..2 * MAX_WATCHING {
            audit.is_new("anna", "watched", &number.to_string(), now);
        }
        assert!(audit.watching.lock().len() <= MAX_WATCHING);
    }

    #[test]
    fn what_nobody_writes_is_dropped_and_counted() {
        let (audit, _noted) = Audit::new();
        for _ in 0..MAX_WAITING + 3 {
            audit.note("anna", "login", &"x".repeat(10_000), None);
        }
        assert_eq!(audit.lost.load(Ordering::Relaxed), 3);
    }
}
