//! What can go wrong between a camera and a picture, in words for people and as a kind.

use omma_types::{ErrorKind, redact_text, redact_url};

use crate::av::AvError;

/// A failure of this room: what it was about, why, and what to do. Never holds a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{subject}: {reason}; {advice}")]
pub struct MediaError {
    kind: ErrorKind,
    stopped: bool,
    subject: String,
    reason: String,
    advice: &'static str,
}

impl MediaError {
    /// A failure of `subject`, for `reason`, with what to do. Secrets in them are left out.
    pub fn new(
        kind: ErrorKind,
        subject: &str,
        reason: impl Into<String>,
        advice: &'static str,
    ) -> Self {
        Self {
            kind,
            stopped: false,
            subject: redact_url(subject),
            reason: redact_text(&reason.into()),
            advice,
        }
    }

    /// The end that somebody asked for by [`crate::Stop`].
    pub(crate) fn stopped(subject: &str) -> Self {
        Self {
            stopped: true,
            ..Self::new(ErrorKind::Unreachable, subject, "stopped on request", "start it again")
        }
    }

    pub(crate) fn out_of_memory(subject: &str) -> Self {
        Self::new(
            ErrorKind::Full,
            subject,
            "memory is exhausted",
            "use fewer cameras or smaller pictures",
        )
    }

    /// The kind of failure. Ask [`Self::is_stopped`] first: an end on request is no failure,
    /// and its kind says no more than that no further packet comes.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether it was no failure but an end that [`crate::Stop`] asked for.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The file or address, without password.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Why, without subject and advice.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What the reader can do about it.
    pub fn advice(&self) -> &'static str {
        self.advice
    }

    /// For an FFmpeg error while reading from a network address or a device.
    pub(crate) fn from_network(subject: &str, error: AvError) -> Self {
        use ErrorKind as K;
        let (kind, reason, advice) = match error {
            AvError::UNAUTHORIZED => (
                K::Denied,
                "the server wants other credentials (401)",
                "check user name and password in the address",
            ),
            AvError::FORBIDDEN => (
                K::Denied,
                "the server forbids access (403)",
                "check the user's rights on the camera",
            ),
            AvError::NOT_FOUND => (
                K::NotFound,
                "the server does not know this path (404)",
                "check the path of the address",
            ),
            AvError::BAD_REQUEST | AvError::OTHER_4XX => {
                (K::Invalid, "the server refuses the request (4xx)", "check address and transport")
            }
            AvError::SERVER_ERROR => (
                K::Unreachable,
                "the server reports an error of its own (5xx)",
                "check the camera, or try again later",
            ),
            AvError::PROTOCOL_NOT_SUPPORTED => (
                K::Unsupported,
                "the server does not offer this transport",
                "choose transport auto, tcp or udp",
            ),
            AvError::INVALID_DATA => (
                K::Corrupt,
                "the answer is no video that can be understood",
                "check that the address leads to a video stream",
            ),
            AvError::PROTOCOL_NOT_FOUND | AvError::DEMUXER_NOT_FOUND => (
                K::Unsupported,
                "this FFmpeg was built without this protocol",
                "install a complete FFmpeg",
            ),
            AvError::END => (
                K::Unreachable,
                "the server closed the connection",
                "check the camera, or try again later",
            ),
            AvError::IO => (
                K::Unreachable,
                "the connection broke off",
                "check the camera and the address, or try again later",
            ),
            AvError::NO_MEMORY => return Self::out_of_memory(subject),
            other => return Self::from_errno(subject, other),
        };
        Self::new(kind, subject, reason, advice)
    }

    /// For an FFmpeg error while sending to a network address.
    pub(crate) fn from_sending(subject: &str, error: AvError) -> Self {
        let (kind, reason, advice) = match error {
            AvError::END | AvError::IO | AvError::BROKEN_PIPE | AvError::CONNECTION_RESET => (
                ErrorKind::Unreachable,
                "the server refused the stream, or closed the connection",
                "check the address and its key, or try again later",
            ),
            other => return Self::from_network(subject, other),
        };
        Self::new(kind, subject, reason, advice)
    }

    fn from_errno(subject: &str, error: AvError) -> Self {
        use ErrorKind as K;
        let (kind, advice) = match error.errno() {
            Some(libc::ECONNREFUSED) => {
                (K::Unreachable, "check that the server runs and the port is right")
            }
            Some(libc::ETIMEDOUT) => (K::Timeout, "check the network, or try again later"),
            Some(libc::EHOSTUNREACH | libc::ENETUNREACH | libc::ENETDOWN) => {
                (K::Unreachable, "check the address and the network")
            }
            Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => {
                (K::NotFound, "check the name and that the device is plugged in")
            }
            Some(libc::ENOTTY) => (K::Invalid, "name a camera's device, for example /dev/video0"),
            Some(libc::EACCES | libc::EPERM) => (K::Denied, "give this user the right to read it"),
            Some(libc::EBUSY) => (K::Busy, "end the program that uses it"),
            Some(libc::ENOSPC | libc::EDQUOT) => (K::Full, "make room on the disk"),
            _ => (K::Unreachable, "check address and network, or try again later"),
        };
        Self::new(kind, subject, error.text(), advice)
    }

    /// For an error of the operating system on a file that is read.
    pub(crate) fn from_reading(subject: &str, error: &std::io::Error) -> Self {
        use ErrorKind as K;
        use std::io::ErrorKind as Io;
        let (kind, reason, advice) = match error.kind() {
            Io::NotFound => (K::NotFound, "no such file".to_owned(), "check the path"),
            Io::PermissionDenied => (
                K::Denied,
                "no permission to read it".to_owned(),
                "give this user the right to read it",
            ),
            _ => (K::Unreachable, error.to_string(), "check the disk"),
        };
        Self::new(kind, subject, reason, advice)
    }

    /// For an FFmpeg error on a file that is written.
    pub(crate) fn from_writing(subject: &str, error: AvError) -> Self {
        use ErrorKind as K;
        let (kind, reason, advice) = match error.errno() {
            Some(libc::ENOSPC | libc::EDQUOT) => {
                (K::Full, "the disk is full".to_owned(), "make room, or choose another disk")
            }
            Some(libc::EFBIG) => (
                K::Full,
                "the file is larger than the system allows".to_owned(),
                "raise the limit, or choose another disk",
            ),
            Some(libc::EACCES | libc::EPERM | libc::EROFS) => (
                K::Denied,
                format!("no permission to write it ({})", error.text()),
                "choose a folder that this user may write to",
            ),
            Some(libc::ENOENT | libc::ENOTDIR) => (
                K::NotFound,
                "the folder does not exist".to_owned(),
                "make the folder, or choose another",
            ),
            Some(libc::EISDIR) => {
                (K::Invalid, "it is a folder".to_owned(), "give the name of a file")
            }
            Some(libc::ENOMEM) => return Self::out_of_memory(subject),
            _ => (K::Internal, error.text(), "choose another place for the file"),
        };
        Self::new(kind, subject, reason, advice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_thing_the_reason_and_what_to_do_without_the_password() {
        let error = MediaError::from_network("rtsp://bob:geheim@cam/1", AvError::UNAUTHORIZED);
        assert_eq!(
            error.to_string(),
            "rtsp://bob:***@cam/1: the server wants other credentials (401); \
             check user name and password in the address"
        );
        assert_eq!(error.kind(), ErrorKind::Denied);
    }

    #[test]
    fn system_errors_keep_their_meaning() {
        let kinds = [
            (libc::ECONNREFUSED, ErrorKind::Unreachable),
            (libc::ETIMEDOUT, ErrorKind::Timeout),
            (libc::EBUSY, ErrorKind::Busy),
            (libc::EACCES, ErrorKind::Denied),
            (libc::ENOTTY, ErrorKind::Invalid),
            (libc::EIO, ErrorKind::Unreachable),
        ];
        for (errno, kind) in kinds {
            assert_eq!(MediaError::from_network("v4l2:/dev/video0", AvError(-errno)).kind(), kind);
        }
        assert_eq!(
            MediaError::from_writing("out.mp4", AvError(-libc::ENOSPC)).kind(),
            ErrorKind::Full
        );
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        assert_eq!(MediaError::from_reading("a.mp4", &denied).kind(), ErrorKind::Denied);
    }
}
