//! What can go wrong with pixels.

use omma_types::{ErrorKind, Size};

/// A failure of this crate.
#[derive(Debug, thiserror::Error)]
pub enum ImagingError {
    /// libjpeg-turbo did not start.
    #[error("libjpeg-turbo did not start: {reason}")]
    JpegInit {
        /// What the library says.
        reason: String,
    },
    /// A picture did not become a JPEG.
    #[error("a picture of {size} did not become a JPEG: {reason}")]
    JpegEncode {
        /// Size of the picture.
        size: Size,
        /// What the library says.
        reason: String,
    },
    /// JPEG has no more than 65535 columns and rows.
    #[error("a picture of {size} is too large for JPEG: 65500x65500 is the most")]
    JpegTooLarge {
        /// Size of the picture.
        size: Size,
    },
    /// A picture did not become blue, green and red.
    #[error("a picture of {size} did not become blue, green and red: {reason}")]
    Bgr {
        /// Size of the picture.
        size: Size,
        /// What the library says.
        reason: String,
    },
}

impl ImagingError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::JpegInit { .. } | Self::JpegEncode { .. } | Self::Bgr { .. } => {
                ErrorKind::Internal
            }
            Self::JpegTooLarge { .. } => ErrorKind::Unsupported,
        }
    }
}
