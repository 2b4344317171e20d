//! The worker's side: compressed packets for its history.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use omma_types::Analysis;
use prost::Message as _;

use super::wire::video_frame;
use crate::dialect::link::Link;
use crate::proto::chrysalis::VideoCodec;
use crate::{Broker, BusError, Frame, FrameForm, Outlet, Wanted};

/// Writes a camera's own packets.
pub struct Packets {
    link: Link,
    device: String,
    keep: u64,
    /// What the packets were said to be of last.
    told: Option<Vec<u8>>,
    numbers: (i64, i64),
}

impl Packets {
    /// A writer that keeps this many packets of `device`, not connected.
    ///
    /// # Errors
    /// The broker is no Redis.
    pub fn new(broker: Broker, device: &str, keep: u64) -> Result<Self, BusError> {
        let link = Link::new(broker)?;
        Ok(Self { link, device: device.to_owned(), keep, told: None, numbers: (0, 0) })
    }

    async fn write(&mut self, frame: &Frame) -> Result<(), BusError> {
        let queue = format!("in_memory_queue_{}", self.device);
        let FrameForm::Packet(form) = &frame.form else {
            let reason = "its history is of packets".to_owned();
            return Err(BusError::Payload { topic: queue, reason });
        };
        let mut pipe = redis::pipe();
        let mut codec = None;
        if frame.keyframe {
            let told = codec_of(frame, &form.codec, form.extradata.clone()).encode_to_vec();
            if self.told.as_ref() != Some(&told) {
                pipe.cmd("SET").arg(format!("codec_video_info{}", self.device)).arg(&told);
                codec = Some(told);
            }
            pipe.cmd("XADD").arg(format!("memory_iframe_list_{}", self.device));
            pipe.arg("MAXLEN").arg("~").arg(self.keep).arg("*").arg("keyframe").arg(1);
        }
        let (packet, group) = self.numbers;
        let numbers = if frame.keyframe { (0, group + 1) } else { (packet + 1, group) };
        let message = video_frame(&self.device, frame, numbers.0, numbers.1);
        pipe.cmd("XADD").arg(&queue).arg("MAXLEN").arg("~").arg(self.keep).arg("*");
        pipe.arg("data").arg(message.encode_to_vec());
        pipe.arg("is_keyframe").arg(u8::from(frame.keyframe));
        self.link.all(&queue, &pipe).await?;
        self.numbers = numbers;
        if codec.is_some() {
            self.told = codec;
        }
        Ok(())
    }
}

fn codec_of(frame: &Frame, name: &str, extradata: bytes::Bytes) -> VideoCodec {
    let small = |side: u32| i32::try_from(side).unwrap_or(i32::MAX);
    VideoCodec {
        name: name.to_owned(),
        width: small(frame.stamp.size.width),
        height: small(frame.stamp.size.height),
        extradata_size: i32::try_from(extradata.len()).unwrap_or(i32::MAX),
        extradata,
        long_name: name.to_owned(),
        ..VideoCodec::default()
    }
}

impl Outlet for Packets {
    fn wanted(&self) -> Wanted {
        Wanted::Packets
    }

    fn frame<'a>(&'a mut self, frame: &'a Frame) -> BoxFuture<'a, Result<(), BusError>> {
        self.write(frame).boxed()
    }

    fn analysis<'a>(&'a mut self, _analysis: &'a Analysis) -> BoxFuture<'a, Result<(), BusError>> {
        futures_util::future::ready(Ok(())).boxed()
    }
}
