//! The newest of the log, kept in memory for those who may read it over the API: a tracing layer
//! in front of a ring that is bounded in bytes.
//!
//! Addresses lose their secrets once more here, since what other libraries log is not in our
//! hands.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use omma_types::{Clock as _, SystemClock, WallTime, redact_text};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Bytes that the ring may hold.
const ROOM: usize = 2 << 20;
/// Characters of one text that are kept.
const LONGEST_TEXT: usize = 2000;
/// Fields of one entry that are kept.
const MOST_FIELDS: usize = 32;
/// What an entry and a field take beside their texts, about.
const OVERHEAD: usize = 128;

/// What Omma has said of itself. Clones share it; it is a layer of a tracing subscriber.
#[derive(Clone)]
pub struct Journal(Arc<Mutex<Ring>>);

struct Ring {
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    room: usize,
    next: u64,
    dropped: u64,
}

/// One entry of the log.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) at: WallTime,
    pub(crate) level: Level,
    pub(crate) part: String,
    pub(crate) message: String,
    pub(crate) fields: Map<String, Value>,
    bytes: usize,
}

/// Which entries are wanted.
#[derive(Debug)]
pub(crate) struct Filter {
    /// The least level.
    pub(crate) level: Level,
    pub(crate) part: Option<String>,
    pub(crate) camera: Option<String>,
    /// In lower case.
    pub(crate) text: Option<String>,
    pub(crate) before: Option<u64>,
    pub(crate) after: Option<u64>,
    pub(crate) limit: usize,
}

impl Default for Journal {
    fn default() -> Self {
        Self::with_room(ROOM)
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}

impl Journal {
    fn with_room(room: usize) -> Self {
        let entries = VecDeque::new();
        Self(Arc::new(Mutex::new(Ring { entries, bytes: 0, room, next: 1, dropped: 0 })))
    }

    /// The entries that are wanted, oldest first, and how many are gone.
    pub(crate) fn read(&self, filter: &Filter) -> (Vec<Arc<Entry>>, u64) {
        // Whoever logs waits for the ring: nothing is searched while it is held.
        let (all, dropped) = {
            let ring = self.0.lock();
            (ring.entries.iter().cloned().collect::<Vec<_>>(), ring.dropped)
        };
        let wanted = all.into_iter().filter(|entry| filter.takes(entry));
        let entries = match filter.after {
            Some(_) => wanted.take(filter.limit).collect(),
            None => {
                let mut newest: Vec<_> = wanted.rev().take(filter.limit).collect();
                newest.reverse();
                newest
            }
        };
        (entries, dropped)
    }

    fn keep(&self, at: WallTime, level: Level, part: &str, fields: Fields) {
        let Fields { message, fields } = fields;
        let texts: usize = fields.iter().map(|(k, v)| k.len() + text_of(v).len()).sum();
        let overhead = OVERHEAD * (1 + fields.len());
        let bytes = part.len() + message.len() + texts + overhead;
        let mut ring = self.0.lock();
        let seq = ring.next;
        ring.next += 1;
        ring.bytes += bytes;
        let part = part.to_owned();
        ring.entries.push_back(Arc::new(Entry { seq, at, level, part, message, fields, bytes }));
        while ring.bytes > ring.room
            && let Some(oldest) = ring.entries.pop_front()
        {
            ring.bytes -= oldest.bytes;
            ring.dropped += 1;
        }
    }
}

impl Filter {
    fn takes(&self, entry: &Entry) -> bool {
        let is_within = |part: &String| {
            entry
                .part
                .strip_prefix(part.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let is_of = |camera: &String| {
            entry.fields.get("camera").and_then(Value::as_str) == Some(camera.as_str())
        };
        let holds = |text: &String| {
            let has = |value: &str| value.to_lowercase().contains(text.as_str());
            has(&entry.message) || entry.fields.values().any(|value| has(&text_of(value)))
        };
        // Levels grow with what they let through: ERROR is the least.
        entry.level <= self.level
            && self.before.is_none_or(|before| entry.seq < before)
            && self.after.is_none_or(|after| entry.seq > after)
            && self.part.as_ref().is_none_or(is_within)
            && self.camera.as_ref().is_none_or(is_of)
            && self.text.as_ref().is_none_or(holds)
    }
}

/// A field's value as a text.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        self.keep(SystemClock.wall(), *metadata.level(), metadata.target(), fields);
    }
}

/// Takes an event's fields.
#[derive(Default)]
struct Fields {
    message: String,
    fields: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        if self.fields.len() < MOST_FIELDS {
            self.fields.insert(field.name().to_owned(), value);
        }
    }

    fn put_text(&mut self, field: &Field, text: &str) {
        let text = kept(text);
        if field.name() == "message" {
            self.message = text;
        } else {
            self.put(field, text.into());
        }
    }
}

/// A text as it is kept: not endless, and without secrets.
fn kept(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST_TEXT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    redact_text(&short)
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tracing_subscriber::layer::SubscriberExt as _;

    fn all() -> Filter {
        Filter {
            level: Level::TRACE,
            part: None,
            camera: None,
            text: None,
            before: None,
            after: None,
            limit: 1000,
        }
    }

    fn journal(room: usize) -> (Journal, impl Subscriber) {
        let journal = Journal::with_room(room);
        (journal.clone(), tracing_subscriber::registry().with(journal))
    }

    fn messages(journal: &Journal, filter: &Filter) -> Vec<String> {
        journal.read(filter).0.iter().map(|entry| entry.message.clone()).collect()
    }

    #[test]
    fn entries_are_found_by_all_that_they_say() {
        let (journal, subscriber) = journal(ROOM);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "omma_engine::stream", camera = "door", "it is Online");
            tracing::warn!(target: "omma_engine::stream", camera = "yard", tries = 3, "offline");
            tracing::debug!(target: "omma_media", "a packet");
            tracing::error!(target: "omma_engines", reason = "Full", "not kept");
        });
        let found = |filter| messages(&journal, &filter).join(", ");
        assert_eq!(found(Filter { level: Level::WARN, ..all() }), "offline, not kept");
        let part = Some("omma_engine".to_owned());
        assert_eq!(found(Filter { part, ..all() }), "it is Online, offline");
        assert_eq!(found(Filter { camera: Some("yard".to_owned()), ..all() }), "offline");
        assert_eq!(found(Filter { text: Some("online".to_owned()), ..all() }), "it is Online");
        assert_eq!(found(Filter { text: Some("full".to_owned()), ..all() }), "not kept");
        assert_eq!(found(Filter { limit: 1, ..all() }), "not kept", "the newest");
        assert_eq!(found(Filter { limit: 1, before: Some(3), ..all() }), "offline");
        assert_eq!(found(Filter { limit: 2, after: Some(1), ..all() }), "offline, a packet");
        let (entries, dropped) = journal.read(&all());
        assert_eq!((entries[1].fields["tries"].as_u64(), dropped), (Some(3), 0));
        assert_eq!(entries.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
    }

    #[test]
    fn secrets_and_endless_texts_are_not_kept() {
        let (journal, subscriber) = journal(ROOM);
        tracing::subscriber::with_default(subscriber, || {
            let url = "rtsp://u:geheim@h/1";
            tracing::info!(url, error = %format!("open {url}: refused"), "asked {url}");
            tracing::info!("{}", "ü".repeat(3 * LONGEST_TEXT));
        });
        let (entries, _) = journal.read(&all());
        assert!(!format!("{entries:?}").contains("geheim"), "{entries:?}");
        assert_eq!(entries[0].fields["url"], "rtsp://u:***@h/1");
        assert_eq!(entries[1].message.chars().count(), LONGEST_TEXT + 1);
    }

    proptest! {
        #[test]
        fn memory_is_bounded_and_what_went_is_counted(
            texts in prop::collection::vec(".{0,300}", 1..60),
        ) {
            const SMALL: usize = 4000;
            let (journal, subscriber) = journal(SMALL);
            tracing::subscriber::with_default(subscriber, || {
                for text in &texts {
                    tracing::info!(text, "said");
                }
            });
            let (entries, dropped) = journal.read(&all());
            let bytes: usize = entries.iter().map(|entry| entry.bytes).sum();
            prop_assert!(bytes <= SMALL && bytes == journal.0.lock().bytes);
            prop_assert_eq!(entries.len() as u64 + dropped, texts.len() as u64);
            prop_assert_eq!(entries.last().map(|e| e.seq), Some(texts.len() as u64));
        }
    }
}
