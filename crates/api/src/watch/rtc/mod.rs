//! Video by WebRTC, the way with the least delay: viewers by WHEP ([`whep`]), and cameras that send
//! by themselves by WHIP ([`whip`]).
//!
//! All share one UDP socket ([`net`]), where each peer's datagrams find its task; nothing but
//! that is shared, so that none slows another. What a camera sends is brought into the form that
//! RTP wants once, however many watch ([`share`]).

mod clock;
mod connection;
mod net;
mod offer;
mod sender;
mod share;
mod signal;
mod viewer;
pub(crate) mod whep;
pub(crate) mod whip;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use omma_engine::Handle;
use omma_types::ErrorKind;
use parking_lot::Mutex;
use str0m::config::{CryptoProvider, DtlsCert};
use str0m::{Candidate, IceCreds, Rtc, RtcConfig};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

pub(crate) use net::Socket;
use net::{Line, Switchboard};
use share::Shares;

use super::Viewers;
use crate::accounts::secret;
use crate::error::{ApiError, ApiResult};
use crate::server::Ending;

/// Viewers by WebRTC at a time.
const MAX_VIEWERS: u32 = 256;

/// Sessions at a time, of viewers and of those who send.
const MAX_SESSIONS: u32 = MAX_VIEWERS + 64;

/// What all sessions have in common.
pub(crate) struct Webrtc {
    board: Arc<Switchboard>,
    crypto: Arc<CryptoProvider>,
    certificate: DtlsCert,
    pub(crate) viewers: Viewers,
    shares: Shares,
    room: Arc<Semaphore>,
    sessions: Mutex<HashMap<String, Session>>,
}

/// A session as the routes know it.
struct Session {
    /// The path below which it was asked for.
    place: String,
    end: Arc<Notify>,
}

/// Takes its session off the list when it ends, however that is.
pub(super) struct Registered {
    webrtc: Arc<Webrtc>,
    id: String,
    /// Somebody asks the session to end.
    pub(super) end: Arc<Notify>,
    _room: OwnedSemaphorePermit,
}

impl Webrtc {
    /// Answers on `socket` until `ending`.
    pub(crate) fn start(socket: Socket, handle: &Handle, ending: Ending) -> Option<Arc<Self>> {
        let crypto = Arc::new(str0m::crypto::from_feature_flags());
        let certificate = crypto.dtls_provider.generate_certificate().or_else(|| {
            tracing::error!("no certificate can be made for WebRTC, which is off therefore");
            None
        })?;
        let board = Switchboard::start(socket, ending);
        Some(Arc::new(Self {
            board,
            crypto,
            certificate,
            viewers: Viewers::new(MAX_VIEWERS, handle.viewer_metrics("webrtc")),
            shares: Shares::default(),
            room: Arc::new(Semaphore::new(MAX_SESSIONS as usize)),
            sessions: Mutex::default(),
        }))
    }

    /// A connection that knows all our addresses and no codec, and the line over which its
    /// datagrams come.
    fn connection(&self) -> ApiResult<(RtcConfig, Line)> {
        let name = random_text(8)?;
        let credentials = IceCreds { ufrag: name.clone(), pass: random_text(24)? };
        let config = RtcConfig::new()
            .set_crypto_provider(Arc::clone(&self.crypto))
            .set_dtls_cert(self.certificate.clone())
            .set_local_ice_credentials(credentials)
            .set_ice_lite(true)
            .clear_codecs();
        Ok((config, self.board.connect(name)))
    }

    /// The connection built, with all addresses at which the socket may be reached.
    fn build(config: RtcConfig, line: &Line) -> ApiResult<Box<Rtc>> {
        let mut rtc = Box::new(config.build(Instant::now()));
        for address in line.addresses() {
            // One that no candidate can have, such as a multicast address, is left out.
            if let Ok(candidate) = Candidate::host(address, "udp") {
                rtc.add_local_candidate(candidate);
            }
        }
        Ok(rtc)
    }

    /// Puts a session on the list, to be ended by whoever knows its name.
    fn register(self: &Arc<Self>, place: &str) -> ApiResult<Registered> {
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            let message = format!("there are {MAX_SESSIONS} sessions already, as many as may");
            return Err(ApiError::unavailable(ErrorKind::Full, message));
        };
        let (id, end) = (random_text(22)?, Arc::new(Notify::new()));
        let session = Session { place: place.to_owned(), end: Arc::clone(&end) };
        self.sessions.lock().insert(id.clone(), session);
        Ok(Registered { webrtc: Arc::clone(self), id, end, _room: room })
    }

    /// Returns when nobody looks or sends any more.
    pub(crate) async fn all_gone(&self) {
        self.viewers.all_gone().await;
        drop(self.room.acquire_many(MAX_SESSIONS).await);
    }

    /// Ends a session; whether there was one.
    fn end(&self, place: &str, id: &str) -> bool {
        let sessions = self.sessions.lock();
        let session = sessions.get(id).filter(|session| session.place == place);
        session.inspect(|session| session.end.notify_one()).is_some()
    }
}

impl Registered {
    /// Where the session is ended.
    fn location(&self) -> String {
        let place = self.webrtc.sessions.lock().get(&self.id).map(|session| session.place.clone());
        format!("{}/{}", place.unwrap_or_default(), self.id)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.webrtc.sessions.lock().remove(&self.id);
    }
}

/// Letters and digits that nobody guesses: ICE allows no other characters.
fn random_text(length: usize) -> ApiResult<String> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ab";
    let mut bytes = vec![0; length];
    secret::fill(&mut bytes)?;
    let letter = |byte: &u8| LETTERS.get(usize::from(byte & 63)).copied().unwrap_or(b'A');
    Ok(bytes.iter().map(|byte| char::from(letter(byte))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_letters_that_differ() {
        let (one, other) = (random_text(24).ok().unwrap(), random_text(24).ok().unwrap());
        assert!(one.len() == 24 && one != other);
        assert!(one.chars().all(|letter| letter.is_ascii_alphanumeric()));
    }
}
