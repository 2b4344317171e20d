//! The server's side: the pictures of another worker, which writes them while it is asked.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use omma_types::{Clock as _, SystemClock, WallTime};
use prost::Message as _;
use redis::streams::StreamId;

use super::last_access;
use super::wire::size_of;
use crate::dialect::clock::StreamClock;
use crate::dialect::tail::{Tail, millis};
use crate::proto::chrysalis::VideoFrame;
use crate::{BrokerAddress, BusError, Frame, FrameForm, Inbound, Inlet};

/// A time further from the entry's than this is no time in milliseconds.
const DAY_MILLIS: i64 = 86_400_000;

/// Reads the pictures of a worker.
pub struct Reader {
    tail: Tail,
    device: String,
    camera: String,
    clock: StreamClock,
    left_out: u64,
}

impl Reader {
    /// A reader of the device that `address` names, not connected.
    ///
    /// # Errors
    /// The address is not that of a Redis, or names no device.
    pub fn new(address: &BrokerAddress, camera: &str) -> Result<Self, BusError> {
        if address.name.is_empty() {
            let reason = "it names no device, e.g. redis+chrysalis://host/yard".to_owned();
            return Err(crate::dialect::wrong(address, reason));
        }
        Ok(Self {
            tail: Tail::new(address.broker.clone(), &address.name)?,
            device: address.name.clone(),
            camera: camera.to_owned(),
            clock: StreamClock::default(),
            left_out: 0,
        })
    }

    async fn read(&mut self) -> Result<Inbound, BusError> {
        loop {
            let mut asking = redis::pipe();
            let now = SystemClock.wall().as_millis();
            asking.cmd("HSET").arg(last_access(&self.device)).arg("last_query").arg(now);
            let Some(entry) = self.tail.next(&asking).await? else { continue };
            match self.frame(&entry) {
                Ok(frame) => return Ok(Inbound::Frame(Box::new(frame))),
                Err(reason) => {
                    if self.left_out == 0 {
                        tracing::warn!(
                            camera = self.camera,
                            device = self.device,
                            entry = entry.id,
                            reason,
                            "an entry is left out; further ones are only counted"
                        );
                    }
                    self.left_out += 1;
                }
            }
        }
    }

    /// The picture in `entry`, or why there is none.
    fn frame(&mut self, entry: &StreamId) -> Result<Frame, &'static str> {
        let data: Vec<u8> = entry.get("data").ok_or("it has no field `data`")?;
        let message = VideoFrame::decode(bytes::Bytes::from(data))
            .map_err(|_not_one: prost::DecodeError| "its `data` is no VideoFrame")?;
        let size = size_of(&message).ok_or("its pixels are not of the size that it tells")?;
        let written = millis(&entry.id);
        let told = message.timestamp;
        // Some generations of its workers tell other units.
        let is_close = told.saturating_sub(written).saturating_abs() < DAY_MILLIS;
        let wall = WallTime::from_millis(if is_close { told } else { written });
        let seq = self.clock.next_seq();
        let (stamp, stream_start) = self.clock.stamp(seq, wall, size);
        Ok(Frame {
            camera: self.camera.clone(),
            stamp,
            form: FrameForm::Bgr,
            keyframe: true,
            stream_start,
            data: message.data,
        })
    }
}

impl Inlet for Reader {
    fn next(&mut self) -> BoxFuture<'_, Result<Inbound, BusError>> {
        self.read().boxed()
    }

    fn left_out(&self) -> u64 {
        self.left_out + self.tail.skipped
    }
}
