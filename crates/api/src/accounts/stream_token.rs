//! Short-lived tokens for what one camera shows: for players and pictures that can send neither
//! a header nor a cookie. They are signed and not kept: the key is new at each start. Each names
//! the session or the token that it was made with, and is good no longer than that.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use omma_types::{CameraId, WallTime};
use sha2::Sha256;

/// With what a token was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    /// A browser's session, by what is kept of its token.
    Session([u8; 32]),
    /// A user's token, by its number.
    UserToken(i64),
    /// A token of the configuration, by what [`seal`] makes of its digest: people think those
    /// up, and a plain digest would let others try them out.
    ConfigToken([u8; 32]),
}

impl Maker {
    /// How a token writes it down: no `.` in it.
    fn text(&self) -> String {
        match self {
            Self::Session(digest) => format!("s{}", URL_SAFE_NO_PAD.encode(digest)),
            Self::UserToken(id) => format!("t{id}"),
            Self::ConfigToken(sealed) => format!("c{}", URL_SAFE_NO_PAD.encode(sealed)),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok();
        match (text.strip_prefix('s'), text.strip_prefix('t'), text.strip_prefix('c')) {
            (Some(digest), _, _) => bytes(digest).map(Self::Session),
            (_, Some(id), _) => id.parse().ok().map(Self::UserToken),
            (_, _, Some(sealed)) => bytes(sealed).map(Self::ConfigToken),
            _ => None,
        }
    }
}

/// What a token says: which camera may be seen until when, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamToken {
    pub(crate) camera: CameraId,
    pub(crate) by: Maker,
    pub(crate) until: WallTime,
}

impl StreamToken {
    /// As it is handed out. Nothing in it needs to be escaped in an address.
    pub(crate) fn signed(&self, key: &[u8; 32]) -> String {
        let said = format!("{}.{}.{}", self.camera, self.by.text(), self.until.as_millis());
        let mac = URL_SAFE_NO_PAD.encode(mac(key, said.as_bytes()).finalize().into_bytes());
        format!("{said}.{mac}")
    }

    /// What `text` says, if it was signed here and its time is not over.
    pub(crate) fn read(text: &str, key: &[u8; 32], now: WallTime) -> Option<Self> {
        let (said, signature) = text.rsplit_once('.')?;
        // Compares in constant time.
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        mac(key, said.as_bytes()).verify_slice(&signature).ok()?;
        let mut parts = said.split('.');
        let camera = CameraId::new(parts.next()?).ok()?;
        let by = Maker::read(parts.next()?)?;
        let until = WallTime::from_millis(parts.next()?.parse().ok()?);
        (now < until).then_some(Self { camera, by, until })
    }
}

/// A digest that tells nothing to whoever does not have the key.
pub(crate) fn seal(key: &[u8; 32], digest: &[u8; 32]) -> [u8; 32] {
    // No name of a camera begins so: a seal is never a signature.
    mac(key, &[b"\0", digest.as_slice()].concat()).finalize().into_bytes().into()
}

fn mac(key: &[u8; 32], said: &[u8]) -> Hmac<Sha256> {
    // HMAC fills short keys up with zeros (RFC 2104, section 2): so any length is a key.
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(said);
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
        let by = Maker::Session([7; 32]);
        StreamToken { camera, by, until: NOW + Duration::from_secs(60) }
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

    #[test]
    fn it_names_what_it_was_made_with() {
        let sealed = seal(&[1; 32], &[7; 32]);
        assert!(sealed != seal(&[2; 32], &[7; 32]) && sealed != [7; 32]);
        for by in [Maker::Session([9; 32]), Maker::UserToken(4711), Maker::ConfigToken(sealed)] {
            let token = StreamToken { by, ..token("door") };
            let text = token.signed(&[1; 32]);
            assert_eq!(StreamToken::read(&text, &[1; 32], NOW), Some(token));
        }
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
