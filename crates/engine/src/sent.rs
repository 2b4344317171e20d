//! Cameras that are not fetched but send: a browser or an encoder, whom a server takes packets
//! from (`whip://`). What it takes goes through here to the camera's thread, which otherwise is
//! like any other's.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use metrics::Counter;
use omma_media::{MediaError, PacketProducer, RelayedPacket, SourceSpec};
use omma_types::ErrorKind;
use parking_lot::{Condvar, Mutex};

/// The address of all cameras that send: what is to be sent where, the server says.
const SCHEME: &str = "whip://";

/// What waits for the camera's thread, in bytes. More is a thread that has no time, or somebody
/// who floods it.
const QUEUE_BYTES: usize = 8 << 20;

/// Whether a camera with this address sends by itself.
pub(crate) fn is_sent(url: &str) -> bool {
    url.starts_with(SCHEME)
}

/// Whether the address of a camera that sends can be understood.
///
/// # Errors
/// There is something behind it.
pub(crate) fn check(url: &str) -> Result<(), String> {
    match url.strip_prefix(SCHEME) {
        Some("") => Ok(()),
        _ => Err(format!(
            "`{url}` must be `{SCHEME}` alone: a sender finds the camera by its name, at \
             /api/v1/cameras/NAME/whip"
        )),
    }
}

/// What lies between whoever sends and the camera's thread.
pub(crate) struct Inlet {
    state: Mutex<State>,
    came: Condvar,
    left_out: Counter,
}

#[derive(Default)]
struct State {
    packets: VecDeque<RelayedPacket>,
    bytes: usize,
    /// Which sender it is; the newest one counts.
    sender: u64,
    is_there: bool,
    waits_for_keyframe: bool,
}

impl Inlet {
    pub(crate) fn new(left_out: Counter) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), came: Condvar::new(), left_out })
    }

    /// Whether somebody sends.
    pub(crate) fn has_sender(&self) -> bool {
        self.state.lock().is_there
    }

    /// Takes packets from a new sender; one that there was is none any more.
    pub(crate) fn open(self: &Arc<Self>) -> PacketSender {
        let mut state = self.state.lock();
        state.sender += 1;
        (state.is_there, state.waits_for_keyframe, state.bytes) = (true, true, 0);
        state.packets.clear();
        PacketSender { inlet: Arc::clone(self), number: state.sender, has_begun: false }
    }

    /// The source that the camera's thread reads.
    pub(crate) fn source(self: &Arc<Self>) -> SourceSpec {
        let inlet = Arc::clone(self);
        let factory = move |_stop: &omma_media::Stop| -> Result<Box<dyn PacketProducer>, _> {
            if !inlet.has_sender() {
                return Err(nobody());
            }
            Ok(Box::new(Reading(Arc::clone(&inlet))) as Box<dyn PacketProducer>)
        };
        SourceSpec::relay(SCHEME, Arc::new(factory))
    }
}

fn nobody() -> MediaError {
    let advice = "open the page for it in a browser, or let an encoder send by WHIP";
    MediaError::new(ErrorKind::Unreachable, SCHEME, "nobody sends at present", advice)
}

/// The camera's thread at its inlet.
struct Reading(Arc<Inlet>);

impl PacketProducer for Reading {
    fn next(&mut self, deadline: Instant) -> Result<Option<RelayedPacket>, MediaError> {
        let mut state = self.0.state.lock();
        loop {
            if let Some(packet) = state.packets.pop_front() {
                state.bytes -= packet.data.len();
                return Ok(Some(packet));
            }
            if !state.is_there {
                return Err(nobody());
            }
            if self.0.came.wait_until(&mut state, deadline).timed_out() {
                return Ok(None);
            }
        }
    }
}

/// Whoever sends a camera's packets, until dropped.
pub struct PacketSender {
    inlet: Arc<Inlet>,
    number: u64,
    has_begun: bool,
}

impl PacketSender {
    /// Gives a packet. Never waits: what finds no room is left out and counted, up to the next
    /// keyframe. False where another sender has taken the camera over.
    pub fn send(&mut self, mut packet: RelayedPacket) -> bool {
        let mut state = self.inlet.state.lock();
        if state.sender != self.number {
            return false;
        }
        let has_room = state.bytes + packet.data.len() <= QUEUE_BYTES;
        if !has_room || (state.waits_for_keyframe && !packet.keyframe) {
            // What comes in front of the first keyframe is nobody's fault.
            self.inlet.left_out.increment(u64::from(self.has_begun));
            state.waits_for_keyframe = true;
            return true;
        }
        packet.stream_start = !self.has_begun;
        (state.waits_for_keyframe, self.has_begun) = (false, true);
        state.bytes += packet.data.len();
        state.packets.push_back(packet);
        self.inlet.came.notify_one();
        true
    }

    /// Whether what is sent is of no use before the next keyframe.
    pub fn needs_keyframe(&self) -> bool {
        self.inlet.state.lock().waits_for_keyframe
    }
}

impl Drop for PacketSender {
    fn drop(&mut self) {
        let mut state = self.inlet.state.lock();
        if state.sender == self.number {
            state.is_there = false;
            self.inlet.came.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use omma_types::{CameraId, MediaTime, WallSource, WallTime};

    use super::*;
    use crate::telemetry::Telemetry;

    fn packet(seq: u64, keyframe: bool, bytes: usize) -> RelayedPacket {
        RelayedPacket {
            codec: "h264".to_owned(),
            extradata: Vec::new(),
            size: None,
            stream_start: false,
            seq,
            pts: MediaTime::from_nanos(0),
            dts: MediaTime::from_nanos(0),
            duration: Duration::ZERO,
            keyframe,
            wall: WallTime::from_millis(0),
            wall_source: WallSource::Arrival,
            data: Bytes::from(vec![0; bytes]),
        }
    }

    fn inlet() -> (Arc<Inlet>, Telemetry) {
        let telemetry = Telemetry::new();
        let left_out = telemetry.camera(&CameraId::new("phone").unwrap()).left_out.clone();
        (Inlet::new(left_out), telemetry)
    }

    /// What there is to be read now: numbers, with a star where a stream starts.
    fn read(inlet: &Arc<Inlet>) -> Vec<String> {
        let mut reading = Reading(Arc::clone(inlet));
        let mut read = Vec::new();
        while let Ok(Some(packet)) = reading.next(Instant::now()) {
            read.push(format!("{}{}", packet.seq, if packet.stream_start { "*" } else { "" }));
        }
        read
    }

    #[test]
    fn a_sender_begins_with_a_keyframe() {
        let (inlet, _telemetry) = inlet();
        assert!(Reading(Arc::clone(&inlet)).next(Instant::now()).is_err(), "nobody sends");
        let mut sender = inlet.open();
        assert!(sender.needs_keyframe());
        for (seq, keyframe) in [(0, false), (1, true), (2, false)] {
            assert!(sender.send(packet(seq, keyframe, 10)));
        }
        assert!(!sender.needs_keyframe());
        assert_eq!(read(&inlet), ["1*", "2"]);
        assert!(inlet.has_sender());
        drop(sender);
        assert!(Reading(Arc::clone(&inlet)).next(Instant::now()).is_err());
    }

    #[test]
    fn the_newest_sender_counts() {
        let (inlet, _telemetry) = inlet();
        let mut first = inlet.open();
        assert!(first.send(packet(0, true, 10)));
        let mut second = inlet.open();
        assert!(!first.send(packet(1, true, 10)));
        assert!(second.send(packet(2, true, 10)));
        drop(first);
        assert!(inlet.has_sender());
        assert_eq!(read(&inlet), ["2*"]);
    }

    #[test]
    fn what_finds_no_room_is_counted_and_it_goes_on_at_a_keyframe() {
        let (inlet, telemetry) = inlet();
        let mut sender = inlet.open();
        assert!(sender.send(packet(0, true, QUEUE_BYTES - 5)));
        for seq in 1..4 {
            assert!(sender.send(packet(seq, false, 10)));
        }
        assert!(sender.needs_keyframe());
        assert_eq!(read(&inlet), ["0*"]);
        assert!(sender.send(packet(4, false, 10)));
        assert!(sender.send(packet(5, true, 10)));
        assert_eq!(read(&inlet), ["5"]);
        let told = telemetry.render();
        assert!(told.contains("omma_bus_left_out_total{camera=\"phone\"} 4"), "{told}");
    }

    #[test]
    fn the_address_stands_alone() {
        assert!(is_sent("whip://") && !is_sent("rtsp://whip"));
        assert!(check("whip://").is_ok());
        assert!(check("whip://phone").unwrap_err().contains("/whip"));
    }
}
