//! Whether a camera is there again, asked without opening it.
//!
//! Opening costs a camera a session and may lock an account whose password is wrong, so
//! attempts are spread by backoff. A knock costs a few packets: a connection, and for RTSP a
//! request for its options. So a camera that was gone is opened as soon as it answers, not
//! when a long wait is over.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// How long the other side may take to answer.
const PATIENCE: Duration = Duration::from_millis(700);

/// Where a network camera listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Door {
    host: String,
    port: u16,
    /// The request that a living RTSP server answers, whatever the answer is.
    request: Option<String>,
}

/// What came of knocking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Knock {
    /// Something answers.
    Answers,
    /// A connection can be made, but nothing answers.
    Mute,
    /// No connection can be made.
    Closed,
}

impl Door {
    /// From a camera's address; none for files and whatever else has no door.
    pub(super) fn of(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "rtsp" => 554,
            "rtsps" => 322,
            "rtmp" => 1935,
            "rtmps" | "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let authority = rest.split(['/', '?', '#']).next()?;
        let address =
            authority.rsplit_once('@').map_or(authority, |(_credentials, address)| address);
        let (host, port) = match address.strip_prefix('[') {
            Some(v6) => {
                let (host, rest) = v6.split_once(']')?;
                (host, rest.strip_prefix(':'))
            }
            None => match address.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (address, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok()?,
            None => default_port,
        };
        if host.is_empty() {
            return None;
        }
        // RFC 2326, section 10.1.
        let request = (scheme == "rtsp").then(|| {
            format!("OPTIONS rtsp://{address}/ RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: omma\r\n\r\n")
        });
        Some(Self { host: host.to_owned(), port, request })
    }

    /// Knocks once; takes at most a second and a half per address that the name stands for.
    pub(super) fn knock(&self) -> Knock {
        let Ok(addresses) = (self.host.as_str(), self.port).to_socket_addrs() else {
            return Knock::Closed;
        };
        let Some(mut stream) = addresses
            .filter_map(|address| TcpStream::connect_timeout(&address, PATIENCE).ok())
            .next()
        else {
            return Knock::Closed;
        };
        let Some(request) = &self.request else { return Knock::Answers };
        let answered = stream
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .and_then(|()| stream.write_all(request.as_bytes()))
            .and_then(|()| stream.read(&mut [0; 64]));
        match answered {
            Ok(bytes) if bytes > 0 => Knock::Answers,
            Ok(_) | Err(_) => Knock::Mute,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn addresses_have_doors() {
        let door = |url: &str| Door::of(url).map(|door| (door.host, door.port));
        assert_eq!(door("rtsp://u:p@ss@cam/s"), Some(("cam".to_owned(), 554)));
        assert_eq!(door("rtsp://[fe80::1]:8554/s"), Some(("fe80::1".to_owned(), 8554)));
        assert_eq!(door("rtmp://host/live"), Some(("host".to_owned(), 1935)));
        assert_eq!(door("https://host:8443"), Some(("host".to_owned(), 8443)));
        assert_eq!(door("clip.mp4"), None);
        assert_eq!(door("rtsp://host:port/"), None);
        let request = Door::of("rtsp://bob:geheim@cam/s").and_then(|door| door.request);
        assert!(request.is_some_and(|request| !request.contains("geheim")));
    }

    #[test]
    fn a_door_is_closed_or_mute_or_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let door = Door::of(&format!("rtsp://127.0.0.1:{port}/cam")).unwrap();
        assert_eq!(door.knock(), Knock::Mute, "connected by the system, never accepted");
        let server = std::thread::Builder::new().name("server".to_owned()).spawn(move || {
            // The connection of the mute knock comes first.
            drop(listener.accept());
            let (mut stream, _) = listener.accept().unwrap();
            assert!(stream.read(&mut [0; 512]).unwrap() > 0);
            stream.write_all(b"RTSP/1.0 200 OK\r\n\r\n").unwrap();
        });
        assert_eq!(door.knock(), Knock::Answers);
        server.unwrap().join().unwrap();
        assert_eq!(door.knock(), Knock::Closed);
    }
}
