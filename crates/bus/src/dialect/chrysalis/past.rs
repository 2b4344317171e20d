//! The worker's side: pictures of the recent past, decoded when somebody asks for them on
//! `memory_buffer_channel`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use futures_util::StreamExt as _;
use omma_types::WallTime;
use prost::Message as _;
use serde::Deserialize;

use super::wire::video_frame;
use crate::dialect::link::Link;
use crate::proto::chrysalis::VideoFrame;
use crate::redis::Channel;
use crate::{Broker, BusError, Frame, FrameForm};

/// The channel of requests; those for all devices come over it.
const CHANNEL: &str = "memory_buffer_channel";

/// Pictures that wait for the reader. The writer waits then, and not for ever.
const MOST_WAITING: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// An answer that nobody fetched vanishes.
const FORGOTTEN_SECS: u64 = 60;

/// Longest name of an answer that a request may ask for.
const LONGEST_ID: usize = 128;

/// Somebody asks for pictures of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastRequest {
    /// From here on; none begins with the oldest picture that there is.
    pub from: Option<WallTime>,
    /// Up to here.
    pub to: WallTime,
    /// The stream of the answer.
    key: String,
}

/// Hears requests for one device.
pub struct PastRequests {
    broker: Broker,
    device: String,
    channel: Option<Channel>,
}

impl PastRequests {
    /// Requests for pictures of `device`, not connected.
    pub fn new(broker: Broker, device: &str) -> Self {
        Self { broker, device: device.to_owned(), channel: None }
    }

    /// The next request, however long it takes. What is none is left out.
    ///
    /// # Errors
    /// The broker is away, or refuses; what is asked for meanwhile is lost. May be called again.
    pub async fn next(&mut self) -> Result<PastRequest, BusError> {
        loop {
            let channel = match &mut self.channel {
                Some(channel) => channel,
                None => self.channel.insert(Channel::open(&self.broker, CHANNEL).await?),
            };
            let Some(message) = channel.next().await else {
                self.channel = None;
                let reason = "the connection broke".to_owned();
                return Err(BusError::Unreachable { broker: self.broker.shown(), reason });
            };
            if let Some(request) = request_for(&self.device, message.get_payload_bytes()) {
                return Ok(request);
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestForm {
    device_id: String,
    #[serde(default)]
    from_timestamp: i64,
    #[serde(default)]
    to_timestamp: i64,
    request_id: String,
}

/// The request in a message of the channel, if it is one for `device`.
fn request_for(device: &str, message: &[u8]) -> Option<PastRequest> {
    let json = STANDARD.decode(message).or_else(|_| STANDARD_NO_PAD.decode(message)).ok()?;
    let form: RequestForm = serde_json::from_slice(&json).ok()?;
    if form.device_id != device || form.request_id.len() > LONGEST_ID {
        return None;
    }
    Some(PastRequest {
        from: (form.from_timestamp > 0).then(|| WallTime::from_millis(form.from_timestamp)),
        to: WallTime::from_millis(form.to_timestamp),
        key: format!("memory_decoded_{device}{}", form.request_id),
    })
}

/// Writes the answer to one request.
pub struct PastAnswer {
    link: Link,
    device: String,
    key: String,
    numbers: (i64, i64),
}

impl PastAnswer {
    /// The answer to `request` for pictures of `device`, not connected.
    ///
    /// # Errors
    /// The broker is no Redis.
    pub fn new(broker: Broker, device: &str, request: &PastRequest) -> Result<Self, BusError> {
        let (device, key) = (device.to_owned(), request.key.clone());
        Ok(Self { link: Link::new(broker)?, device, key, numbers: (0, 0) })
    }

    /// Writes a picture, as soon as the reader has taken enough of those before. False where it
    /// takes none any more.
    ///
    /// # Errors
    /// The picture is not one of pixels; the broker is away or refuses.
    pub async fn frame(&mut self, frame: &Frame) -> Result<bool, BusError> {
        if frame.form != FrameForm::Bgr {
            let reason = "its pictures are pixels".to_owned();
            return Err(BusError::Payload { topic: self.key.clone(), reason });
        }
        if !self.is_read().await {
            return Ok(false);
        }
        let (packet, group) = self.numbers;
        self.numbers = if frame.keyframe { (0, group + 1) } else { (packet + 1, group) };
        let message = video_frame(&self.device, frame, packet, group);
        self.write(&message).await.map(|()| true)
    }

    /// Says that nothing follows, as soon as the reader has taken enough; nothing where it takes
    /// none any more.
    ///
    /// # Errors
    /// The broker is away or refuses.
    pub async fn end(mut self) -> Result<(), BusError> {
        if !self.is_read().await {
            return Ok(());
        }
        self.write(&VideoFrame::default()).await
    }

    /// Whether there is room for one more before patience with the reader ends.
    async fn is_read(&mut self) -> bool {
        tokio::time::timeout(PATIENCE, self.wait_for_reader()).await.is_ok()
    }

    async fn wait_for_reader(&mut self) {
        let mut length = redis::pipe();
        length.cmd("XLEN").arg(&self.key);
        loop {
            let waiting = self
                .link
                .all(&self.key, &length)
                .await
                .ok()
                .and_then(|answers| redis::from_redis_value_ref::<u64>(answers.first()?).ok());
            // What is in the way the writing itself tells.
            if waiting.is_none_or(|waiting| waiting < MOST_WAITING) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn write(&mut self, message: &VideoFrame) -> Result<(), BusError> {
        let mut pipe = redis::pipe();
        pipe.cmd("XADD").arg(&self.key).arg("MAXLEN").arg("~").arg(MOST_WAITING).arg("*");
        pipe.arg("data").arg(message.encode_to_vec());
        pipe.cmd("EXPIRE").arg(&self.key).arg(FORGOTTEN_SECS);
        self.link.all(&self.key, &pipe).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requests_for_others_and_nonsense_are_left_out() {
        let message = |json: &str| STANDARD.encode(json).into_bytes();
        let whole = r#"{"deviceId":"yard","fromTimestamp":0,"toTimestamp":2000,"requestId":"a1"}"#;
        let request = request_for("yard", &message(whole)).expect("one for the yard");
        assert_eq!((request.from, request.to), (None, WallTime::from_millis(2000)));
        assert_eq!(request.key, "memory_decoded_yarda1");
        assert_eq!(request_for("door", &message(whole)), None);
        assert_eq!(request_for("yard", whole.as_bytes()), None, "not in base64");
        assert_eq!(request_for("yard", &message(r#"{"deviceId":"yard"}"#)), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            drop(request_for("yard", &bytes));
        }
    }
}
