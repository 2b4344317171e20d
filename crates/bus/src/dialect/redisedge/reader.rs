//! Cameras that a `capture.py`, or whatever writes like it, puts into a stream.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use omma_types::WallTime;
use redis::streams::StreamId;

use crate::dialect::jpeg;
use crate::dialect::pictures::{Pictures, Seen};
use crate::dialect::tail::{millis, take_bytes};
use crate::{BrokerAddress, BusError, FrameForm, Inbound, Inlet};

/// The stream where the address names none.
const USUAL_STREAM: &str = "camera:0";

/// Larger pictures are left out, in bytes.
const MAX_IMAGE: usize = 32 << 20;

/// Reads a stream of JPEGs.
pub struct Reader(Pictures);

impl Reader {
    /// A reader of the stream that `address` names, not connected.
    ///
    /// # Errors
    /// The address is not that of a Redis.
    pub fn new(address: &BrokerAddress, camera: &str) -> Result<Self, BusError> {
        let stream = if address.name.is_empty() { USUAL_STREAM } else { &address.name };
        Pictures::new(&address.broker, stream, camera).map(Self)
    }
}

/// The picture in `entry`, or why there is none.
fn read(entry: &mut StreamId) -> Result<Seen, String> {
    let data = take_bytes(entry, "image").ok_or("it has no field `image`")?;
    if data.len() > MAX_IMAGE {
        return Err("its picture is larger than 32 MiB".to_owned());
    }
    let size = jpeg::size(&data).ok_or("its picture is no JPEG")?;
    // Programs that write no numbers are read all the same.
    let seq = match entry.get::<String>("count") {
        Some(count) => Some(count.trim().parse().or(Err("its `count` is no number"))?),
        None => None,
    };
    let wall = WallTime::from_millis(millis(&entry.id));
    Ok(Seen { seq, wall, size, form: FrameForm::Jpeg, data })
}

impl Inlet for Reader {
    fn next(&mut self) -> BoxFuture<'_, Result<Inbound, BusError>> {
        self.0.next(redis::pipe, read).boxed()
    }

    fn left_out(&self) -> u64 {
        self.0.left_out()
    }
}
