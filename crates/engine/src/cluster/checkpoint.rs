//! What is remembered of a camera, on its way from one owner of the analysis to the next.

use std::time::Duration;

use bytes::Bytes;
use omma_bus::topic::{Start, Topic, Topics};
use omma_bus::{BusError, proto};
use omma_types::{CameraId, MediaTime, WallTime};
use prost::Message as _;

use super::record::{Duty, NodeId, Position, duty_form, duty_of, position_form, position_of};

/// The topic of checkpoints; the key is the camera.
const STATE: &str = "state";

/// Where nothing is known of the place of a picture's packets, they are looked for this much
/// before the picture: cameras send a keyframe every few seconds.
const KEYFRAMES_WITHIN: Duration = Duration::from_secs(10);

/// A camera's memory as of one picture.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checkpoint {
    /// When the picture that was analysed last was taken.
    pub(crate) frame: WallTime,
    /// When the next picture is due, on the stream's own clock.
    pub(crate) due: Option<MediaTime>,
    /// From where on packets are needed, by the broker's clock.
    pub(crate) read_from: Option<WallTime>,
    /// See [`crate::Pipeline::save`].
    pub(crate) memory: Bytes,
}

impl Checkpoint {
    /// From where on the topic of packets is to be read, to begin so much `early`.
    pub(crate) fn start(&self, early: Duration) -> Start {
        Start::Since(self.read_from.unwrap_or(self.frame - KEYFRAMES_WITHIN) - early)
    }
}

/// The word of the owner by the claim at `fence`.
pub(crate) fn tenure_form(node: &NodeId, duty: Duty, fence: Position) -> proto::Tenure {
    proto::Tenure {
        node: node.name().to_owned(),
        run: node.run(),
        duty: duty_form(duty).into(),
        fence: Some(position_form(fence)),
    }
}

/// Which duty a message claims to come from, and the place of the claim.
pub(crate) fn tenure_of(form: &proto::Tenure) -> Option<(Duty, Position)> {
    Some((duty_of(form.duty).ok()?, position_of(form.fence.as_ref()?)))
}

/// The topic.
pub(crate) fn topic() -> Topic {
    Topic::keyed(STATE)
}

/// A checkpoint as a message; without one it marks the begin of the tenure.
pub(crate) fn encode(
    camera: &CameraId,
    tenure: proto::Tenure,
    checkpoint: Option<&Checkpoint>,
) -> Bytes {
    let mut message = proto::Checkpoint {
        camera: camera.to_string(),
        tenure: Some(tenure),
        ..proto::Checkpoint::default()
    };
    if let Some(checkpoint) = checkpoint {
        message.frame_us = checkpoint.frame.as_micros();
        message.due_ns = checkpoint.due.map(MediaTime::as_nanos);
        message.read_from_us = checkpoint.read_from.map_or(0, WallTime::as_micros);
        message.memory = checkpoint.memory.clone();
    }
    message.encode_to_vec().into()
}

/// The newest checkpoint of `camera` that `was_owners` lets pass: it is asked about the place
/// of the claim and the time, by the broker's clock, at which the checkpoint was written. `own`
/// is the tenure that begins: its mark is written, and what stands before the mark is looked at.
///
/// # Errors
/// The broker refuses, or is away for too long.
pub(crate) async fn newest(
    topics: &Topics,
    camera: &CameraId,
    own: &proto::Tenure,
    was_owners: impl Fn(Position, WallTime) -> bool,
) -> Result<Option<Checkpoint>, BusError> {
    topics.publish(&topic(), camera.as_str(), encode(camera, own.clone(), None)).await?;
    let mut records = topics.subscribe(&topic(), Some(camera.as_str()), Start::Oldest).await?;
    let mut newest = None;
    loop {
        let record = records.next_record().await?;
        let Ok(message) = proto::Checkpoint::decode(record.payload) else { continue };
        let Some(tenure) = &message.tenure else { continue };
        if tenure == own {
            return Ok(newest);
        }
        let Some((Duty::Analyze, fence)) = tenure_of(tenure) else { continue };
        if !message.memory.is_empty() && was_owners(fence, record.time) {
            let read_from = WallTime::from_micros(message.read_from_us);
            newest = Some(Checkpoint {
                frame: WallTime::from_micros(message.frame_us),
                due: message.due_ns.map(MediaTime::from_nanos),
                read_from: (message.read_from_us > 0).then_some(read_from),
                memory: message.memory,
            });
        }
    }
}
