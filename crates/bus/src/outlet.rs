//! What every dialect is, seen from the engine: an [`Outlet`] writes a camera in another
//! system's form, an [`Inlet`] reads one.

use futures_util::future::BoxFuture;
use omma_types::{Analysis, Detection, WallTime};

use crate::{BusError, Frame};

/// In which form an outlet wants pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// As JPEG of this quality, 1 to 100.
    Jpeg(u8),
    /// As pixels, see [`crate::FrameForm::Bgr`].
    Bgr,
    /// The camera's own packets, from a keyframe on and without a gap between two keyframes.
    Packets,
}

/// Writes one camera for programs of another system. Called for one thing at a time; a call
/// that fails may be followed by others, and the outlet finds its way back by itself.
pub trait Outlet: Send {
    /// In which form it wants pictures.
    fn wanted(&self) -> Wanted;

    /// Whether the picture taken at `wall` shall be made and handed over: a dialect's own rule
    /// of leaving pictures out. Asked for each due picture, in order.
    fn is_due(&mut self, _wall: WallTime) -> bool {
        true
    }

    /// Writes a picture.
    fn frame<'a>(&'a mut self, frame: &'a Frame) -> BoxFuture<'a, Result<(), BusError>>;

    /// Writes what was found in a picture: one that was written before, or one that was not.
    fn analysis<'a>(&'a mut self, analysis: &'a Analysis) -> BoxFuture<'a, Result<(), BusError>>;

    /// How readers know the picture that was written last, for the dialect's page.
    fn newest_id(&self) -> Option<String> {
        None
    }

    /// Figures that the dialect's dashboards ask Prometheus for, by their names there.
    fn figures(&mut self, _now: WallTime) -> Vec<Figure> {
        Vec::new()
    }
}

/// A figure as a dialect's dashboards know it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The metric's name.
    pub name: &'static str,
    /// The value of its label `camera`.
    pub camera: String,
    /// The figure.
    pub value: f64,
}

/// What an inlet reads.
#[derive(Clone, Debug)]
pub enum Inbound {
    /// A picture.
    Frame(Box<Frame>),
    /// A picture with what its sender found in it.
    Detected(Box<Frame>, Vec<Detection>),
}

/// Reads a camera that another program writes.
pub trait Inlet: Send {
    /// The next picture, however long it takes. A message that is none is counted, logged
    /// once and left out. Dropping the future loses nothing.
    ///
    /// Failures: the broker is away, or refuses. The inlet is opened anew then.
    fn next(&mut self) -> BoxFuture<'_, Result<Inbound, BusError>>;

    /// Messages so far that were no pictures, and pictures that were passed over.
    fn left_out(&self) -> u64 {
        0
    }
}
