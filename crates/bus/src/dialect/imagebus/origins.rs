//! The messages that pictures came in, while the pictures are worked on: whoever publishes the
//! result puts them in.
//!
//! A picture goes from the reader through decoder, detector and tracker to the writer, and none
//! of these know of messages; what stays the same on the way is its camera and its time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use omma_types::WallTime;
use parking_lot::Mutex;

use super::Message;

/// Kept of each camera: the newest, for as long as a detector may take.
const MESSAGES: usize = 64;

/// Kept of each camera at most, of pictures.
const BYTES: usize = 64 * 1024 * 1024;

/// Stream clocks round by less.
const ROUNDING: Duration = Duration::from_millis(1);

/// The newest messages of cameras that are read from imagebus.
#[derive(Debug, Default)]
pub struct Origins {
    cameras: Mutex<BTreeMap<String, VecDeque<(WallTime, Arc<Message>)>>>,
}

impl Origins {
    /// Those of this process.
    pub fn shared() -> Arc<Self> {
        static SHARED: LazyLock<Arc<Origins>> = LazyLock::new(Arc::default);
        Arc::clone(&SHARED)
    }

    /// Whether the camera is read from imagebus.
    pub(super) fn has(&self, camera: &str) -> bool {
        self.cameras.lock().contains_key(camera)
    }

    /// Keeps what the camera's picture of that time came in.
    pub(super) fn keep(&self, camera: &str, wall: WallTime, message: Arc<Message>) {
        let mut cameras = self.cameras.lock();
        let kept = cameras.entry(camera.to_owned()).or_default();
        kept.push_back((wall, message));
        let bytes = |kept: &VecDeque<(WallTime, Arc<Message>)>| -> usize {
            kept.iter().map(|(_, message)| message.picture_bytes()).sum()
        };
        while kept.len() > MESSAGES || (kept.len() > 1 && bytes(kept) > BYTES) {
            kept.pop_front();
        }
    }

    /// What the camera's picture of that time came in.
    pub(super) fn find(&self, camera: &str, wall: WallTime) -> Option<Arc<Message>> {
        let cameras = self.cameras.lock();
        let kept = cameras.get(camera)?;
        let off = |at: WallTime| at.since(wall).max(wall.since(at));
        let nearest = kept.iter().min_by_key(|(at, _)| off(*at))?;
        (off(nearest.0) <= ROUNDING).then(|| Arc::clone(&nearest.1))
    }

    /// The camera is no longer read.
    pub(super) fn forget(&self, camera: &str) {
        self.cameras.lock().remove(camera);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn the_newest_are_kept_and_found_by_time() {
        let origins = Origins::default();
        let at = |number: i64| WallTime::from_millis(1_000 + number * 40);
        for number in 0..100 {
            let message = Message { frame_reference: number, ..Message::default() };
            origins.keep("door", at(number), message.into());
        }
        let found = |wall| origins.find("door", wall).map(|m| m.frame_reference);
        assert_eq!(found(at(99)), Some(99));
        assert_eq!(found(WallTime::from_micros(at(99).as_micros() + 300)), Some(99));
        assert_eq!(found(WallTime::from_micros(at(99).as_micros() + 20_000)), None);
        assert_eq!(found(at(0)), None, "only the newest are kept");
        assert!(origins.find("yard", at(99)).is_none());
        let large = Message { image: Some(vec![0; BYTES + 1].into()), ..Message::default() };
        origins.keep("door", at(100), large.into());
        assert_eq!((found(at(99)), found(at(100))), (None, Some(0)));
        let small = Message { image: Some(Bytes::from_static(b"x")), ..Message::default() };
        origins.keep("door", at(101), small.into());
        assert_eq!(found(at(100)), None, "a large one makes room");
        origins.forget("door");
        assert!(!origins.has("door"));
    }
}
