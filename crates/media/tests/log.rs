//! FFmpeg's own messages: none on standard error, all in `tracing`, none with a password.

#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::fmt::{Debug, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use omma_media::{Source, SourceSpec, Stop};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Keeps what FFmpeg said.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<String>>);

impl Visit for Lines {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "omma_media::ffmpeg"
    }
    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

#[test]
fn ffmpeg_speaks_through_tracing_without_passwords() {
    let lines = Lines::default();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    tracing::subscriber::with_default(lines.clone(), || {
        let address = format!("http://bob:geheim@127.0.0.1:{port}/clip.mp4?token=abc123");
        let spec = SourceSpec::parse(&address).unwrap();
        assert!(Source::open(&spec, &Stop::new()).is_err());
    });
    let lines = lines.0.lock().unwrap();
    assert!(lines.contains("Connection to tcp://127.0.0.1"), "{lines}");
    assert!(!lines.contains("geheim") && !lines.contains("abc123"), "{lines}");
}
