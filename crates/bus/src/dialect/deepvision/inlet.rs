//! Reads a camera that another program writes: pictures as pickled arrays.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use omma_types::WallTime;
use redis::Value;
use redis::streams::StreamReadReply;

use super::entries::EntryId;
use super::pickle;
use crate::dialect::clock::StreamClock;
use crate::redis::{RedisConnection, connect_blocking};
use crate::{Broker, BrokerAddress, BrokerKind, BusError, Frame, FrameForm, Inbound, Inlet};

/// How long the server waits for a picture before it answers that there is none.
const BLOCK: Duration = Duration::from_secs(2);

/// The stream where an address names none.
const USUAL_STREAM: &str = "camera:0";

/// Stands for "from now on" in the place of an entry's number.
const FROM_NOW_ON: &str = "$";

/// Reads a stream of pictures, from the newest on.
pub struct Reader {
    broker: Broker,
    stream: String,
    camera: String,
    connection: Option<RedisConnection>,
    last: String,
    clock: StreamClock,
    left_out: u64,
    complained: bool,
}

impl Reader {
    /// A reader of the stream at `address`, whose pictures are of `camera`. Nothing is
    /// connected yet.
    ///
    /// # Errors
    /// It is not at a Redis, or has options that mean nothing.
    pub fn new(address: &BrokerAddress, camera: &str) -> Result<Self, BusError> {
        let wrong = |reason: String| BusError::Broker { url: address.broker.shown(), reason };
        if address.broker.kind != BrokerKind::Redis {
            return Err(wrong("`deepvision` is spoken on Redis only".to_owned()));
        }
        if let Some(option) = address.options.keys().next() {
            return Err(wrong(format!("the parameter `{option}` means nothing here")));
        }
        let stream = if address.name.is_empty() { USUAL_STREAM } else { &address.name };
        Ok(Self {
            broker: address.broker.clone(),
            stream: stream.to_owned(),
            camera: camera.to_owned(),
            connection: None,
            last: FROM_NOW_ON.to_owned(),
            clock: StreamClock::default(),
            left_out: 0,
            complained: false,
        })
    }

    async fn picture(&mut self) -> Result<Inbound, BusError> {
        loop {
            let connection = match &mut self.connection {
                Some(connection) => connection,
                none => none.insert(connect_blocking(&self.broker, BLOCK).await?),
            };
            let Some((id, mut fields)) = after(connection, &self.stream, &self.last, BLOCK).await?
            else {
                continue;
            };
            self.last.clone_from(&id);
            let image = fields.remove("image").and_then(bytes);
            let frame = match image {
                Some(image) => self.frame(&id, &image).map_err(|error| error.to_string()),
                None => Err("it has no field `image`".to_owned()),
            };
            match frame {
                Ok(frame) => return Ok(Inbound::Frame(Box::new(frame))),
                Err(reason) => self.complain(reason),
            }
        }
    }

    fn frame(&mut self, id: &str, image: &Bytes) -> Result<Frame, pickle::PickleError> {
        let (size, data) = pickle::read(image)?;
        let millis = EntryId::parse(id).map_or(0, |id| id.millis);
        let millis = i64::try_from(millis).unwrap_or(i64::MAX);
        let (seq, wall) = (self.clock.next_seq(), WallTime::from_millis(millis));
        let (stamp, stream_start) = self.clock.stamp(seq, wall, size);
        Ok(Frame {
            camera: self.camera.clone(),
            stamp,
            form: FrameForm::Bgr,
            keyframe: true,
            stream_start,
            data,
        })
    }

    /// Counts a message that is no picture, and says so of the first.
    fn complain(&mut self, reason: String) {
        super::note_left_out(&self.stream, "payload", 1);
        self.left_out += 1;
        if !self.complained {
            let error = BusError::Payload { topic: self.stream.clone(), reason };
            tracing::warn!(
                camera = self.camera, broker = self.broker.shown(), %error,
                "messages that are no pictures are left out"
            );
        }
        self.complained = true;
    }
}

impl Inlet for Reader {
    fn next(&mut self) -> BoxFuture<'_, Result<Inbound, BusError>> {
        Box::pin(self.picture())
    }

    fn left_out(&self) -> u64 {
        self.left_out
    }
}

/// An entry: its number and its fields.
type Read = (String, HashMap<String, Value>);

/// The number of the newest entry of `stream`; less than any where there is none.
pub(super) async fn newest(
    connection: &mut RedisConnection,
    stream: &str,
) -> Result<String, BusError> {
    let mut command = redis::cmd("XREVRANGE");
    command.arg(stream).arg("+").arg("-").arg("COUNT").arg(1);
    let reply: redis::streams::StreamRangeReply =
        command.query_async(connection).await.map_err(|error| connection.error(stream, &error))?;
    Ok(reply.ids.into_iter().next().map_or_else(|| "0-0".to_owned(), |entry| entry.id))
}

/// The entry of `stream` behind number `last`, if one comes in time. One at a time: a picture
/// has megabytes.
pub(super) async fn after(
    connection: &mut RedisConnection,
    stream: &str,
    last: &str,
    block: Duration,
) -> Result<Option<Read>, BusError> {
    let mut command = redis::cmd("XREAD");
    command.arg("COUNT").arg(1).arg("BLOCK").arg(block.as_millis() as u64);
    command.arg("STREAMS").arg(stream).arg(last);
    let reply: Option<StreamReadReply> =
        command.query_async(connection).await.map_err(|error| connection.error(stream, &error))?;
    let entry = reply.and_then(|reply| reply.keys.into_iter().next()?.ids.into_iter().next());
    Ok(entry.map(|entry| (entry.id, entry.map)))
}

/// The bytes of a field, not copied.
pub(super) fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::BulkString(bytes) => Some(bytes.into()),
        _ => None,
    }
}
