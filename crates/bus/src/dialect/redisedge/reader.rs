//! Cameras that a `capture.py`, or whatever writes like it, puts into a stream.

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use omma_types::WallTime;
use redis::streams::StreamId;

use crate::dialect::clock::StreamClock;
use crate::dialect::jpeg;
use crate::dialect::tail::{Tail, millis};
use crate::{BrokerAddress, BusError, Frame, FrameForm, Inbound, Inlet};

/// The stream where the address names none.
const USUAL_STREAM: &str = "camera:0";

/// Larger pictures are left out, in bytes.
const MAX_IMAGE: usize = 32 << 20;

/// Reads a stream of JPEGs.
pub struct Reader {
    tail: Tail,
    stream: String,
    camera: String,
    clock: StreamClock,
    left_out: u64,
}

impl Reader {
    /// A reader of the stream that `address` names, not connected.
    ///
    /// # Errors
    /// The address is not that of a Redis.
    pub fn new(address: &BrokerAddress, camera: &str) -> Result<Self, BusError> {
        let stream = if address.name.is_empty() { USUAL_STREAM } else { &address.name };
        Ok(Self {
            tail: Tail::new(address.broker.clone(), stream)?,
            stream: stream.to_owned(),
            camera: camera.to_owned(),
            clock: StreamClock::default(),
            left_out: 0,
        })
    }

    async fn read(&mut self) -> Result<Inbound, BusError> {
        let nothing = redis::pipe();
        loop {
            let Some(entry) = self.tail.next(&nothing).await? else { continue };
            match self.frame(&entry) {
                Ok(frame) => return Ok(Inbound::Frame(Box::new(frame))),
                Err(reason) => {
                    if self.left_out == 0 {
                        tracing::warn!(
                            camera = self.camera,
                            stream = self.stream,
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
        let image: Vec<u8> = entry.get("image").ok_or("it has no field `image`")?;
        if image.len() > MAX_IMAGE {
            return Err("its picture is larger than 32 MiB");
        }
        let size = jpeg::size(&image).ok_or("its picture is no JPEG")?;
        // Programs that write no numbers are read all the same.
        let seq = match entry.get::<String>("count") {
            Some(count) => count.trim().parse().or(Err("its `count` is no number"))?,
            None => self.clock.next_seq(),
        };
        let wall = WallTime::from_millis(millis(&entry.id));
        let (stamp, stream_start) = self.clock.stamp(seq, wall, size);
        Ok(Frame {
            camera: self.camera.clone(),
            stamp,
            form: FrameForm::Jpeg,
            keyframe: true,
            stream_start,
            data: Bytes::from(image),
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
