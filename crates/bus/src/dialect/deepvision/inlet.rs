//! Reads a camera that another program writes: pictures as pickled arrays.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use omma_types::WallTime;
use redis::streams::StreamId;

use super::pickle;
use crate::dialect::pictures::{Pictures, Seen};
use crate::dialect::tail::{millis, take_bytes};
use crate::{BrokerAddress, BusError, FrameForm, Inbound, Inlet};

/// The stream where an address names none.
const USUAL_STREAM: &str = "camera:0";

/// Reads a stream of pictures, from the newest on.
pub struct Reader(Pictures);

impl Reader {
    /// A reader of the stream at `address`, whose pictures are of `camera`. Nothing is
    /// connected yet.
    ///
    /// # Errors
    /// It is not at a Redis, or has options that mean nothing.
    pub fn new(address: &BrokerAddress, camera: &str) -> Result<Self, BusError> {
        if let Some(option) = address.options.keys().next() {
            let reason = format!("the parameter `{option}` means nothing here");
            return Err(crate::dialect::wrong(address, reason));
        }
        let stream = if address.name.is_empty() { USUAL_STREAM } else { &address.name };
        Pictures::new(&address.broker, stream, camera).map(Self)
    }
}

/// The picture in `entry`, or why there is none.
fn read(entry: &mut StreamId) -> Result<Seen, String> {
    let image = take_bytes(entry, "image").ok_or("it has no field `image`")?;
    let (size, data) = pickle::read(&image).map_err(|error| error.to_string())?;
    let wall = WallTime::from_millis(millis(&entry.id));
    Ok(Seen { seq: None, wall, size, form: FrameForm::Bgr, data })
}

impl Inlet for Reader {
    fn next(&mut self) -> BoxFuture<'_, Result<Inbound, BusError>> {
        self.0.next(redis::pipe, read).boxed()
    }

    fn left_out(&self) -> u64 {
        self.0.left_out()
    }
}
