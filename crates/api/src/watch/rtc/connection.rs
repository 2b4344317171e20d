//! One peer's connection, whoever of both sends video: its datagrams to and fro, and its end.

use std::pin::Pin;
use std::time::{Duration, Instant};

use str0m::{Event, Input, Output, Rtc, RtcError};
use tokio::time::sleep_until;

use super::Registered;
use super::net::{Datagram, Line};
use crate::leave::Leave;
use crate::server::Ending;

/// A peer that was given an answer begins within this time, or does not.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);

/// A browser reports every second at least. One that has gone says goodbye, mostly.
const SILENT_FOR: Duration = Duration::from_secs(8);

/// Datagrams sent at a stretch, and the rest after them: a browser's own queue is short.
const STRETCH: u32 = 48;
const REST: Duration = Duration::from_millis(1);

/// Why it ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    /// The other side said so, or is silent.
    #[error("the peer has gone")]
    Left,
    /// With a goodbye of ours.
    #[error("{0}")]
    Ours(&'static str),
    /// It can't go on.
    #[error("the connection is broken: {0}")]
    Broken(#[from] RtcError),
}

/// A peer's connection.
pub(super) struct Connection {
    pub(super) rtc: Box<Rtc>,
    line: Line,
    registered: Registered,
    ending: Ending,
    /// Done when whoever asked for this may no longer have it.
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// When something was heard of the peer.
    heard: Instant,
    connected: bool,
    sent: u32,
    /// When it wants to be asked again.
    due: Instant,
}

impl Connection {
    pub(super) fn new(
        rtc: Box<Rtc>,
        line: Line,
        registered: Registered,
        ending: Ending,
        leave: Leave,
    ) -> Self {
        let now = Instant::now();
        let (connected, sent) = (false, 0);
        let over = Box::pin(leave.over());
        Self { rtc, line, registered, ending, over, heard: now, connected, sent, due: now }
    }

    /// Sends all that is ready, up to the next event; none where all is done.
    pub(super) async fn flush(&mut self) -> Result<Option<Event>, End> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(due) if self.rtc.is_alive() => {
                    (self.due, self.sent) = (due, 0);
                    return Ok(None);
                }
                Output::Timeout(_) | Output::Event(Event::Closed) => return Err(End::Left),
                Output::Transmit(datagram) => {
                    self.line.send(datagram.destination, &datagram.contents).await;
                    self.sent += 1;
                    if self.sent.is_multiple_of(STRETCH) {
                        tokio::time::sleep(REST).await;
                    }
                }
                Output::Event(event) => {
                    self.connected |= matches!(event, Event::Connected);
                    return Ok(Some(event));
                }
            }
        }
    }

    /// Waits for the peer, or until the connection wants to be flushed. Nothing is lost with the
    /// future.
    pub(super) async fn wait(&mut self) -> Result<(), End> {
        let patience = if self.connected { SILENT_FOR } else { CONNECT_WITHIN };
        let gone = self.heard + patience;
        if Instant::now() >= gone {
            return Err(End::Left);
        }
        tokio::select! {
            datagram = self.line.hear() => match datagram {
                Some(datagram) => self.hear(&datagram)?,
                None => return Err(End::Left),
            },
            () = sleep_until(self.due.min(gone).into()) => {}
            () = self.registered.end.notified() => return Err(End::Ours("it was asked to")),
            () = &mut self.over => return Err(End::Ours("whoever asked may no longer")),
            () = self.ending.wait() => return Err(End::Ours("the server stops")),
        }
        self.pass_time()
    }

    /// Says that it is later, or that something is to be sent.
    pub(super) fn pass_time(&mut self) -> Result<(), End> {
        Ok(self.rtc.handle_input(Input::Timeout(Instant::now()))?)
    }

    fn hear(&mut self, datagram: &Datagram) -> Result<(), End> {
        let Some(input) = self.line.input(datagram) else { return Ok(()) };
        if self.rtc.accepts(&input) {
            self.heard = Instant::now();
            self.rtc.handle_input(input)?;
        }
        Ok(())
    }

    /// Says goodbye, where that is for us to do.
    pub(super) async fn end(&mut self, end: &End) {
        if matches!(end, End::Ours(_)) && self.rtc.close().is_ok() {
            while let Ok(Some(_event)) = self.flush().await {}
        }
    }
}
