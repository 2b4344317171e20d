//! Short-lived tokens for what one camera shows: for players and pictures that can send neither
//! a header nor a cookie. They are signed and not kept: the key is new at each start.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use omma_types::{CameraId, WallTime};
use sha2::Sha256;

/// What a token says: who may see which camera until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamToken {
    pub(crate) camera: CameraId,
    /// The user's number; 0 for a token of the configuration.
    pub(crate) user: i64,
    pub(crate) until: WallTime,
}

impl StreamToken {
    /// As it is handed out. Nothing in it needs to be escaped in an address.
    pub(crate) fn signed(&self, key: &[u8; 32]) -> String {
        let said = format!("{}.{}.{}", self.camera, self.user, self.until.as_millis());
        let mac = URL_SAFE_NO_PAD.encode(mac(key, &said).finalize().into_bytes());
        format!("{said}.{mac}")
    }

    /// What `text` says, if it was signed here and its time is not over.
    pub(crate) fn read(text: &str, key: &[u8; 32], now: WallTime) -> Option<Self> {
        let (said, signature) = text.rsplit_once('.')?;
        // Compares in constant time.
        mac(key, said).verify_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        let mut parts = said.split('.');
        let camera = CameraId::new(parts.next()?).ok()?;
        let user = parts.next()?.parse().ok()?;
        let until = WallTime::from_millis(parts.next()?.parse().ok()?);
        (now < until).then_some(Self { camera, user, until })
    }
}

fn mac(key: &[u8; 32], said: &str) -> Hmac<Sha256> {
    // HMAC fills short keys up with zeros (RFC 2104, section 2): so any length is a key.
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(said.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const NOW: WallTime = WallTime::from_millis(1_795_132_800_000);

    fn token(camera: &str) -> StreamToken {
        let camera = CameraId::new(camera).unwrap();
        StreamToken { camera, user: 7, until: NOW + Duration::from_secs(60) }
    }

    #[test]
    fn it_is_good_for_its_camera_until_its_end_and_with_its_key() {
        let door = token("door");
        let text = door.signed(&[1; 32]);
        assert_eq!(StreamToken::read(&text, &[1; 32], NOW), Some(door.clone()));
        assert_eq!(StreamToken::read(&text, &[1; 32], door.until), None, "over");
        assert_eq!(StreamToken::read(&text, &[2; 32], NOW), None, "after the next start");
        let other = text.replacen("door", "yard", 1);
        assert_eq!(StreamToken::read(&other, &[1; 32], NOW), None, "another camera");
    }

    proptest! {
        #[test]
        fn whatever_is_changed_is_refused(at in 0_usize..60, with in "[A-Za-z0-9_.-]") {
            let text = token("a-long_name").signed(&[1; 32]);
            let at = at.min(text.len() - 2);
            let mut changed = text.clone();
            changed.replace_range(at..=at, &with);
            let read = StreamToken::read(&changed, &[1; 32], NOW);
            prop_assert_eq!(read.is_some(), changed == text);
        }

        #[test]
        fn rubbish_is_refused(text in ".{0,200}") {
            prop_assert_eq!(StreamToken::read(&text, &[1; 32], NOW), None);
        }
    }
}
