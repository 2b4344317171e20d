//! Pixels, and nothing but pixels: no files, no threads, no models.
//!
//! Pictures stay in the decoder's own format (YUV 4:2:0) from the camera to the screen: the
//! detector's tensor is made from the planes in one pass, boxes are drawn on the planes, and
//! JPEG and H.264 encoders take the planes. A full-size RGB copy is made only for programs that
//! ask for one ([`append_bgr`]).

mod bgr;
mod canvas;
mod color;
mod error;
mod jpeg;
mod letterbox;
mod mask;
mod overlay;
mod picture;
mod redact;
mod resize;
mod text;

pub use bgr::append_bgr;
pub use canvas::{Anchor, Canvas, LabelStyle, Painter};
pub use color::{Color, Yuv};
pub use error::ImagingError;
pub use jpeg::JpegEncoder;
pub use letterbox::{ChannelOrder, Fit, Layout, Letterbox, Mapping, TensorSpec};
pub use overlay::{LineMark, Overlay, TrackMark, ZoneMark};
pub use picture::{ColorMatrix, ColorRange, Plane, YuvImage, YuvView};
pub use redact::Redaction;
