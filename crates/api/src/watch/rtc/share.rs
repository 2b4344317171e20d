//! What viewers of one camera share: each packet is brought into the form that RTP wants once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Instant;

use omma_media::{ByteStream, Packet};
use omma_types::CameraId;
use parking_lot::Mutex;

/// What is held of a camera for viewers a little behind the first, in bytes.
const HELD_BYTES: usize = 4 << 20;

/// The cameras that somebody watches.
#[derive(Default)]
pub(super) struct Shares(Mutex<HashMap<CameraId, Weak<Share>>>);

impl Shares {
    /// What this camera's viewers share.
    pub(super) fn of(&self, camera: &CameraId) -> Arc<Share> {
        let mut shares = self.0.lock();
        if let Some(share) = shares.get(camera).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Share::default());
        shares.insert(camera.clone(), Arc::downgrade(&share));
        share
    }
}

/// One camera's packets of the last moments, as RTP wants them.
#[derive(Default)]
pub(super) struct Share(Mutex<Held>);

#[derive(Default)]
struct Held {
    packets: VecDeque<(Key, Arc<[u8]>)>,
    bytes: usize,
}

/// No two packets came at the same moment with the same number and length.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key(Instant, u64, usize);

impl Share {
    /// The packet in the form `form`.
    pub(super) fn bytes(&self, packet: &Packet, form: &ByteStream) -> Arc<[u8]> {
        let key = Key(packet.arrival, packet.seq, packet.len());
        let mut held = self.0.lock();
        // The newest is asked for most.
        if let Some((_, bytes)) = held.packets.iter().rev().find(|(other, _)| *other == key) {
            return Arc::clone(bytes);
        }
        let bytes: Arc<[u8]> = form.bytes(packet).into();
        held.bytes += bytes.len();
        held.packets.push_back((key, Arc::clone(&bytes)));
        while held.bytes > HELD_BYTES
            && let Some((_, oldest)) = held.packets.pop_front()
        {
            held.bytes -= oldest.len();
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use omma_media::{Source, SourceSpec, Stop};
    use omma_testkit::ffmpeg;

    use super::*;

    #[test]
    fn viewers_get_the_same_bytes_of_a_packet_and_all_packets() {
        let dir = tempfile::tempdir().unwrap();
        ffmpeg(dir.path(), "-f lavfi -i testsrc=size=64x64:rate=10 -t 2 -c:v libx264 film.mp4");
        let spec = SourceSpec::file(dir.path().join("film.mp4")).paced(false);
        let mut source = Source::open(&spec, &Stop::new()).unwrap();
        let form = ByteStream::of(source.info());
        let shares = Shares::default();
        let camera = CameraId::new("door").unwrap();
        let (one, other) = (shares.of(&camera), shares.of(&camera));
        let mut seen: Vec<Arc<[u8]>> = Vec::new();
        while let Ok(Some(packet)) = source.read() {
            let bytes = one.bytes(&packet, &form);
            assert!(Arc::ptr_eq(&bytes, &other.bytes(&packet, &form)));
            assert!(seen.iter().all(|before| !Arc::ptr_eq(before, &bytes)));
            seen.push(bytes);
        }
        assert_eq!(seen.len(), 20);
        drop((one, other));
        assert!(shares.0.lock()[&camera].upgrade().is_none(), "nobody watches");
    }
}
