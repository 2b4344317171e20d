//! What to open and how: a source's address with its options.

use std::fmt;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use omma_imaging::YuvImage;
use omma_types::{ErrorKind, Size, redact_url};

use crate::{MediaError, PacketFactory};

/// Renders pictures, one after the other: a simulated camera.
pub trait PictureProducer: Send {
    /// Size of every picture, both numbers even.
    fn size(&self) -> Size;
    /// Pictures a second, above 0.
    fn frame_rate(&self) -> f64;
    /// Draws the next picture. `into` has [`Self::size`] and holds the picture before it (at
    /// first: black).
    fn render(&mut self, into: &mut YuvImage);
}

/// Makes a producer that starts at its first picture; called each time the source is opened.
pub type ProducerFactory = Arc<dyn Fn() -> Box<dyn PictureProducer> + Send + Sync>;

/// How RTSP carries the pictures. Where the camera does not offer what is asked for, the other
/// is tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP, and UDP where the camera does not offer TCP.
    #[default]
    Auto,
    /// Inside the RTSP connection: nothing is lost.
    Tcp,
    /// RTP over UDP; TCP also where no datagram arrives within half of the time for opening.
    Udp,
}

/// The kinds of sources.
#[derive(Clone)]
pub(crate) enum SourceKind {
    File(PathBuf),
    Rtsp(String),
    Rtmp(String),
    Http(String),
    V4l2(String),
    Producer(ProducerFactory),
    Relay(PacketFactory),
}

impl fmt::Debug for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::Rtsp(_) => "Rtsp",
            Self::Rtmp(_) => "Rtmp",
            Self::Http(_) => "Http",
            Self::V4l2(_) => "V4l2",
            Self::Producer(_) => "Producer",
            Self::Relay(_) => "Relay",
        })
    }
}

/// What to open, and how.
#[derive(Clone, Debug)]
pub struct SourceSpec {
    pub(crate) kind: SourceKind,
    /// Without password, for messages.
    pub(crate) name: String,
    pub(crate) paced: bool,
    /// Whether the file is a pipe, of which neither the length nor anything further on is known.
    pub(crate) is_pipe: bool,
    pub(crate) looped: bool,
    pub(crate) with_audio: bool,
    pub(crate) transport: Transport,
    pub(crate) open_timeout: Duration,
    pub(crate) read_timeout: Option<Duration>,
}

/// How long opening may take unless said otherwise.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// A camera that sends no picture for so long has stalled: told within 5 s, the last part of
/// which others need to tell it.
const SILENCE: Duration = Duration::from_millis(4500);

const SCHEMES: &str = "use a path, file:, rtsp://, rtsps://, rtmp://, rtmps://, http://, \
                       https:// or v4l2:/dev/video0";

impl SourceSpec {
    /// From an address: `rtsp://`, `rtsps://`, `rtmp://`, `rtmps://`, `http://`, `https://`
    /// (HLS, MJPEG, files), `v4l2:/dev/video0`, `file:PATH`, or a path. A source is paced like
    /// a camera unless [`Self::paced`] says otherwise. `sim:` addresses are known to the
    /// engine alone, which hands over a producer (see [`Self::producer`]).
    ///
    /// `rtsps`, `rtmps` and `https` encrypt, but whose certificate it is, is not checked:
    /// cameras have certificates signed by themselves. This keeps listeners out, not somebody
    /// who can place himself between camera and Omma. `rtsps` always goes over TCP.
    pub fn parse(address: &str) -> Result<Self, MediaError> {
        let address = address.trim();
        if address.is_empty() {
            return Err(MediaError::new(ErrorKind::Invalid, "source", "it is empty", SCHEMES));
        }
        let scheme = address
            .split_once(':')
            .map(|(scheme, _)| scheme)
            .filter(|s| s.len() > 1 && s.chars().all(|c| c.is_ascii_alphanumeric() || c == '+'));
        let lower = scheme.map(str::to_ascii_lowercase);
        let rest = scheme.and_then(|s| address.get(s.len() + 1..)).unwrap_or("");
        let url = || {
            let host = rest.strip_prefix("//").unwrap_or("");
            if host.is_empty() || host.starts_with('/') {
                let reason = "the address names no host";
                return Err(MediaError::new(ErrorKind::Invalid, address, reason, SCHEMES));
            }
            Ok(format!("{}:{rest}", lower.as_deref().unwrap_or("")))
        };
        let kind = match lower.as_deref() {
            Some("rtsp" | "rtsps") => SourceKind::Rtsp(url()?),
            Some("rtmp" | "rtmps") => SourceKind::Rtmp(url()?),
            Some("http" | "https") => SourceKind::Http(url()?),
            Some("v4l2") if rest.starts_with('/') => SourceKind::V4l2(rest.to_owned()),
            Some("v4l2") => {
                let reason = "the address names no device";
                return Err(MediaError::new(
                    ErrorKind::Invalid,
                    address,
                    reason,
                    "write v4l2:/dev/video0",
                ));
            }
            Some("file") => SourceKind::File(rest.strip_prefix("//").unwrap_or(rest).into()),
            Some(_) if rest.starts_with("//") => {
                let reason = "this kind of address is not known";
                return Err(MediaError::new(ErrorKind::Unsupported, address, reason, SCHEMES));
            }
            _ => SourceKind::File(address.into()),
        };
        Ok(Self::new(kind, redact_url(address)))
    }

    /// A file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.display().to_string();
        Self::new(SourceKind::File(path), name)
    }

    /// What comes through a pipe as from a file, called `name` in messages; read as fast as it
    /// comes. `pipe` must live until the source is opened.
    pub fn pipe(pipe: &impl AsRawFd, name: &str) -> Self {
        // A name of the file descriptor itself; opened, it reads from the same pipe.
        let path = PathBuf::from(format!("/dev/fd/{}", pipe.as_raw_fd()));
        let spec = Self::new(SourceKind::File(path), name.to_owned());
        Self { paced: false, is_pipe: true, ..spec }
    }

    /// Pictures made here, called `name` in messages. They are encoded to H.264 like a
    /// camera's, with a keyframe every 2 s.
    pub fn producer(name: &str, factory: ProducerFactory) -> Self {
        Self::new(SourceKind::Producer(factory), redact_url(name))
    }

    /// Packets that are received elsewhere, from `name` in messages. Silence counts as for
    /// cameras.
    pub fn relay(name: &str, factory: PacketFactory) -> Self {
        Self::new(SourceKind::Relay(factory), redact_url(name))
    }

    fn new(kind: SourceKind, name: String) -> Self {
        Self {
            kind,
            name,
            paced: true,
            is_pipe: false,
            looped: false,
            with_audio: false,
            transport: Transport::Auto,
            open_timeout: OPEN_TIMEOUT,
            read_timeout: None,
        }
    }

    /// Whether packets of files and producers come when they are due (true, the default) or
    /// as fast as they can be read.
    #[must_use]
    pub fn paced(mut self, paced: bool) -> Self {
        self.paced = paced;
        self
    }

    /// Whether a file starts again at its end. Time stamps go on.
    #[must_use]
    pub fn looped(mut self, looped: bool) -> Self {
        self.looped = looped;
        self
    }

    /// Whether packets of sound come too, beside those of pictures (default: no).
    #[must_use]
    pub fn with_audio(mut self, with_audio: bool) -> Self {
        self.with_audio = with_audio;
        self
    }

    /// How RTSP carries the pictures.
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// How long opening may take in all (default 10 s).
    #[must_use]
    pub fn open_timeout(mut self, timeout: Duration) -> Self {
        self.open_timeout = timeout;
        self
    }

    /// How long a network source may go without a picture; sound alone does not count
    /// (default 4.5 s, so that a stall is noticed within 5 s; HLS and files over HTTP 30 s,
    /// because they come in segments).
    #[must_use]
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = Some(timeout);
        self
    }

    /// The address without password.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a file on this machine.
    pub fn is_file(&self) -> bool {
        matches!(self.kind, SourceKind::File(_))
    }

    /// None where waiting is no sign of failure. `steady` tells a stream of pictures from one
    /// of segments.
    pub(crate) fn silence_limit(&self, steady: bool) -> Option<Duration> {
        let usual = match self.kind {
            SourceKind::File(_) | SourceKind::Producer(_) => return None,
            SourceKind::Http(_) if !steady => Duration::from_secs(30),
            _ => SILENCE,
        };
        Some(self.read_timeout.unwrap_or(usual))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kind(address: &str) -> String {
        SourceSpec::parse(address).map_or_else(
            |error| error.kind().as_str().to_owned(),
            |spec| match spec.kind {
                SourceKind::File(path) => format!("file {}", path.display()),
                SourceKind::Rtsp(url) => format!("rtsp {url}"),
                SourceKind::Rtmp(url) => format!("rtmp {url}"),
                SourceKind::Http(url) => format!("http {url}"),
                SourceKind::V4l2(device) => format!("v4l2 {device}"),
                SourceKind::Producer(_) => "producer".to_owned(),
                SourceKind::Relay(_) => "relay".to_owned(),
            },
        )
    }

    #[test]
    fn addresses_say_what_they_are() {
        let cases = [
            ("clip.mp4", "file clip.mp4"),
            ("/a/b:c.mp4", "file /a/b:c.mp4"),
            ("file:/a/b.mp4", "file /a/b.mp4"),
            ("file:///a/b.mp4", "file /a/b.mp4"),
            ("12:30.mp4", "file 12:30.mp4"),
            ("rtsp://u:p@h/s", "rtsp rtsp://u:p@h/s"),
            ("RTSPS://h/s", "rtsp rtsps://h/s"),
            ("rtmp://h/live", "rtmp rtmp://h/live"),
            ("https://h/a.m3u8", "http https://h/a.m3u8"),
            ("v4l2:/dev/video0", "v4l2 /dev/video0"),
            ("v4l2:", "invalid"),
            ("rtsp:", "invalid"),
            ("http:///x", "invalid"),
            ("ftp://h/x", "unsupported"),
            ("  ", "invalid"),
        ];
        for (address, expected) in cases {
            assert_eq!(kind(address), expected, "{address}");
        }
    }

    #[test]
    fn names_hide_the_password() {
        let spec = SourceSpec::parse("rtsp://bob:geheim@cam/1").unwrap();
        assert_eq!(spec.name(), "rtsp://bob:***@cam/1");
        assert!(!format!("{spec:?}").contains("geheim"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(address in "\\PC{0,40}") {
            let _spec = SourceSpec::parse(&address);
        }
    }
}
