//! The server's side: the pictures of another worker, which writes them while it is asked.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use omma_types::{Clock as _, SystemClock, WallTime};
use prost::Message as _;
use redis::streams::StreamId;

use super::last_access;
use super::wire::size_of;
use crate::dialect::pictures::{Pictures, Seen};
use crate::dialect::tail::{millis, take_bytes};
use crate::proto::chrysalis::VideoFrame;
use crate::{BrokerAddress, BusError, FrameForm, Inbound, Inlet};

/// A time further from the entry's than this is no time in milliseconds.
const DAY_MILLIS: i64 = 86_400_000;

/// Reads the pictures of a worker.
pub struct Reader {
    pictures: Pictures,
    /// Written whenever pictures are wanted: without, the worker writes none.
    last_access: String,
}

impl Reader {
    /// A reader of the device that `address` names, not connected.
    ///
    /// # Errors
    /// The address is not that of a Redis, or names no device.
    pub fn new(address: &BrokerAddress, camera: &str) -> Result<Self, BusError> {
        let device = &address.name;
        if device.is_empty() {
            let reason = "it names no device, e.g. redis+chrysalis://host/yard".to_owned();
            return Err(crate::dialect::wrong(address, reason));
        }
        let pictures = Pictures::new(&address.broker, device, camera)?;
        Ok(Self { pictures, last_access: last_access(device) })
    }
}

/// The picture in `entry`, or why there is none.
fn read(entry: &mut StreamId) -> Result<Seen, String> {
    let data = take_bytes(entry, "data").ok_or("it has no field `data`")?;
    let message = VideoFrame::decode(data)
        .map_err(|_not_one: prost::DecodeError| "its `data` is no VideoFrame")?;
    let size = size_of(&message).ok_or("its pixels are not of the size that it tells")?;
    let written = millis(&entry.id);
    let told = message.timestamp;
    // Some generations of its workers tell other units.
    let is_close = told.saturating_sub(written).saturating_abs() < DAY_MILLIS;
    let wall = WallTime::from_millis(if is_close { told } else { written });
    Ok(Seen { seq: None, wall, size, form: FrameForm::Bgr, data: message.data })
}

impl Inlet for Reader {
    fn next(&mut self) -> BoxFuture<'_, Result<Inbound, BusError>> {
        let Self { pictures, last_access } = self;
        let asking = || {
            let mut asking = redis::pipe();
            let now = SystemClock.wall().as_millis();
            asking.cmd("HSET").arg(last_access.as_str()).arg("last_query").arg(now);
            asking
        };
        async move { pictures.next(asking, read).await }.boxed()
    }

    fn left_out(&self) -> u64 {
        self.pictures.left_out()
    }
}
