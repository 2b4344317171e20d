//! The UDP socket that all WebRTC sessions share. A datagram goes to the session whose name
//! stands in it (ICE's checks have one, RFC 8445, 7.2.2) or that last had one from its sender.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use omma_engine::config::WebrtcConfig;
use parking_lot::Mutex;
use str0m::Input;
use str0m::ice::StunMessage;
use str0m::net::{Protocol, Receive};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::addresses;
use crate::error::ServeError;
use crate::port::REST;
use crate::server::Ending;

/// Datagrams that wait for one session: what a viewer reports is little.
const QUEUE: usize = 256;

/// Sender addresses that one session may have; browsers try a few ways at once.
const MAX_PLACES: usize = 16;

/// Addresses of this machine that are told to a peer.
const MAX_ADDRESSES: usize = 12;

/// The largest datagram that is taken: WebRTC's are below 1500 bytes.
const MAX_DATAGRAM: usize = 2048;

/// A system whose buffers are full for so long loses the datagram: it is sent again if it is
/// missed.
const SEND_WITHIN: Duration = Duration::from_millis(50);

/// So many failures after each other are more than what some peers cause.
const MANY_FAILURES: u32 = 64;

/// A listening UDP socket.
pub(crate) struct Socket {
    udp: UdpSocket,
    address: SocketAddr,
    public: Vec<(IpAddr, Option<u16>)>,
}

impl Socket {
    /// Listens as configured; at the web port's own number where nothing is said, and then does
    /// without where that is taken.
    pub(crate) async fn open(
        config: &WebrtcConfig,
        web: SocketAddr,
    ) -> Result<Option<Self>, ServeError> {
        let wanted = config.listen.unwrap_or(web);
        let udp = match UdpSocket::bind(wanted).await {
            Ok(udp) => udp,
            Err(error) if config.listen.is_none() => {
                tracing::warn!(
                    address = %wanted, %error,
                    "no live video by WebRTC: its UDP port can't be had; choose another one \
                     with `webrtc.listen`"
                );
                return Ok(None);
            }
            Err(error) => return Err(ServeError::listening("webrtc", wanted, &error)),
        };
        let address = udp.local_addr().map_err(ServeError::Stopped)?;
        Ok(Some(Self { udp, address, public: config.public.clone() }))
    }

    /// All addresses at which it may be reached.
    fn addresses(&self) -> Vec<SocketAddr> {
        let port = self.address.port();
        let own = addresses::reachable(self.address.ip()).into_iter().map(|ip| (ip, port));
        let public = self.public.iter().map(|(ip, other)| (*ip, other.unwrap_or(port)));
        public.chain(own).take(MAX_ADDRESSES).map(SocketAddr::from).collect()
    }

    async fn send(&self, to: SocketAddr, bytes: &[u8]) {
        let to = match (self.address, to) {
            (SocketAddr::V6(_), SocketAddr::V4(v4)) => {
                SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port()))
            }
            _ => to,
        };
        match timeout(SEND_WITHIN, self.udp.send_to(bytes, to)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(%to, %error, "a datagram can't be sent"),
            Err(_elapsed) => tracing::debug!(%to, "no room for a datagram"),
        }
    }
}

/// A datagram for a session.
pub(super) struct Datagram {
    from: SocketAddr,
    came: Instant,
    bytes: Vec<u8>,
}

/// Hands datagrams to their sessions.
pub(super) struct Switchboard {
    socket: Socket,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    by_name: HashMap<String, Peer>,
    by_place: HashMap<SocketAddr, String>,
}

struct Peer {
    queue: mpsc::Sender<Datagram>,
    /// Where its datagrams come from, oldest first.
    places: VecDeque<SocketAddr>,
}

impl Lines {
    /// Where a datagram from `place` goes that names its session, or does not.
    fn find(&mut self, place: SocketAddr, name: Option<&str>) -> Option<&mpsc::Sender<Datagram>> {
        let Some(name) = name else {
            let name = self.by_place.get(&place)?;
            return self.by_name.get(name).map(|peer| &peer.queue);
        };
        let peer = self.by_name.get_mut(name)?;
        if !peer.places.contains(&place) {
            if peer.places.len() == MAX_PLACES
                && let Some(oldest) = peer.places.pop_front()
            {
                forget(&mut self.by_place, oldest, name);
            }
            peer.places.push_back(place);
        }
        self.by_place.insert(place, name.to_owned());
        Some(&peer.queue)
    }

    fn remove(&mut self, name: &str) {
        let Some(peer) = self.by_name.remove(name) else { return };
        for place in peer.places {
            forget(&mut self.by_place, place, name);
        }
    }
}

/// Takes `place` from the session `name`, unless another one has had it since.
fn forget(by_place: &mut HashMap<SocketAddr, String>, place: SocketAddr, name: &str) {
    if by_place.get(&place).is_some_and(|owner| owner == name) {
        by_place.remove(&place);
    }
}

impl Switchboard {
    /// Takes datagrams until `ending`.
    pub(super) fn start(socket: Socket, mut ending: Ending) -> Arc<Self> {
        let board = Arc::new(Self { socket, lines: Mutex::default() });
        let working = Arc::clone(&board);
        tokio::spawn(async move {
            let mut buffer = vec![0; MAX_DATAGRAM];
            let mut failures = 0_u32;
            loop {
                let received = tokio::select! {
                    received = working.socket.udp.recv_from(&mut buffer) => received,
                    () = ending.wait() => return,
                };
                let (length, from) = match received {
                    Ok(received) => received,
                    // What could not be delivered to somebody comes back as an error on some
                    // systems; one that comes again and again is another one, and stays.
                    Err(error) => {
                        failures = failures.saturating_add(1);
                        if failures >= MANY_FAILURES {
                            tracing::debug!(%error, failures, "no datagrams can be taken");
                            tokio::time::sleep(REST).await;
                        }
                        continue;
                    }
                };
                failures = 0;
                working.take(from, buffer.get(..length).unwrap_or_default());
            }
        });
        board
    }

    fn take(&self, from: SocketAddr, bytes: &[u8]) {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let mut lines = self.lines.lock();
        let Some(queue) = lines.find(from, name_in(bytes).as_deref()) else { return };
        let datagram = Datagram { from, came: Instant::now(), bytes: bytes.to_vec() };
        if queue.try_send(datagram).is_err() {
            tracing::debug!(peer = %from, "a WebRTC session has no room for a datagram");
        }
    }

    /// A line for the session with this name.
    pub(super) fn connect(self: &Arc<Self>, name: String) -> Line {
        let (queue, datagrams) = mpsc::channel(QUEUE);
        let peer = Peer { queue, places: VecDeque::new() };
        self.lines.lock().by_name.insert(name.clone(), peer);
        let addresses = self.socket.addresses();
        Line { board: Arc::clone(self), name, datagrams, addresses }
    }
}

/// The session that an ICE check is for.
fn name_in(bytes: &[u8]) -> Option<String> {
    // Everything else of WebRTC begins with a larger byte (RFC 7983).
    bytes.first().filter(|&&first| first < 2)?;
    let message = StunMessage::parse(bytes).ok()?;
    message.split_username().map(|(name, _theirs)| name.to_owned())
}

/// One session's way to its peer, until dropped.
pub(super) struct Line {
    board: Arc<Switchboard>,
    name: String,
    datagrams: mpsc::Receiver<Datagram>,
    addresses: Vec<SocketAddr>,
}

impl Line {
    /// Where this machine can be reached.
    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.addresses.iter().copied()
    }

    /// The next datagram.
    pub(super) async fn hear(&mut self) -> Option<Datagram> {
        self.datagrams.recv().await
    }

    /// A datagram in the form that a connection takes; none where it is nothing of WebRTC.
    pub(super) fn input<'a>(&self, datagram: &'a Datagram) -> Option<Input<'a>> {
        // One socket has all addresses: at which of them it came is not known, nor needed.
        let mine = |own: &SocketAddr| own.is_ipv4() == datagram.from.is_ipv4();
        let destination = self.addresses().find(mine)?;
        let contents = datagram.bytes.as_slice().try_into().ok()?;
        let (proto, source) = (Protocol::Udp, datagram.from);
        let receive = Receive { proto, source, destination, contents };
        Some(Input::Receive(datagram.came, receive))
    }

    /// Sends a datagram.
    pub(super) async fn send(&self, to: SocketAddr, bytes: &[u8]) {
        self.board.socket.send(to, bytes).await;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.board.lines.lock().remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn peer(lines: &mut Lines, name: &str) -> mpsc::Receiver<Datagram> {
        let (queue, datagrams) = mpsc::channel(1);
        lines.by_name.insert(name.to_owned(), Peer { queue, places: VecDeque::new() });
        datagrams
    }

    #[test]
    fn a_sender_belongs_to_the_session_that_it_named_last() {
        let mut lines = Lines::default();
        let (one, other) = (peer(&mut lines, "one"), peer(&mut lines, "other"));
        assert!(lines.find(place(1), None).is_none());
        assert!(lines.find(place(1), Some("nobody")).is_none());
        assert!(lines.find(place(1), Some("one")).is_some());
        let queue = lines.by_name["one"].queue.clone();
        assert!(lines.find(place(1), None).unwrap().same_channel(&queue));
        assert!(lines.find(place(1), Some("other")).is_some());
        drop(queue);
        lines.remove("one");
        assert!(one.is_closed() && !other.is_closed());
        assert!(lines.find(place(1), None).is_some(), "it is the other's since");
        lines.remove("other");
        assert!(lines.by_place.is_empty() && lines.by_name.is_empty());
    }

    #[test]
    fn a_session_has_only_so_many_places() {
        let mut lines = Lines::default();
        let _datagrams = peer(&mut lines, "one");
        for port in 1..100 {
            assert!(lines.find(place(port), Some("one")).is_some());
        }
        assert_eq!(lines.by_place.len(), MAX_PLACES);
        assert!(lines.find(place(99), None).is_some() && lines.find(place(1), None).is_none());
        lines.remove("one");
        assert!(lines.by_place.is_empty());
    }

    #[test]
    fn a_place_that_another_session_has_since_is_not_taken_from_it() {
        let mut lines = Lines::default();
        let (_one, _other) = (peer(&mut lines, "one"), peer(&mut lines, "other"));
        assert!(lines.find(place(1), Some("one")).is_some());
        assert!(lines.find(place(1), Some("other")).is_some());
        let queue = lines.by_name["other"].queue.clone();
        // One gets so many that its oldest, which is the other's now, falls out.
        for port in 2..=u16::try_from(MAX_PLACES).unwrap() + 1 {
            assert!(lines.find(place(port), Some("one")).is_some());
        }
        assert!(!lines.by_name["one"].places.contains(&place(1)));
        assert!(lines.find(place(1), None).is_some_and(|found| found.same_channel(&queue)));
    }

    #[test]
    fn what_is_no_check_names_nobody() {
        for bytes in [&[][..], &[0], &[1; 2048], &[22, 254, 253], &[128, 96]] {
            assert_eq!(name_in(bytes), None);
        }
    }
}
