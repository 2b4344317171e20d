//! Detectors that are programs of the user's own: pictures go to the topic `detect.<model>`,
//! from where each reaches one of the programs that share the work, and what they found comes
//! back over the topic `detections`. Messages: `proto/omma/v1/detect.proto`.

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use bytes::Bytes;
use omma_bus::topic::{LazyTopics, Start, Topic};
use omma_bus::{BusError, native};
use omma_imaging::JpegEncoder;
use omma_media::Picture;
use omma_types::{CameraId, Detection, FrameStamp};
use parking_lot::Mutex;
use prost::Message as _;

use crate::config::DetectConfig;
use crate::error::EngineError;
use crate::shared::Shared;

/// Of the JPEGs: above it boxes get no better.
const QUALITY: u8 = 85;

/// What a program on the bus says.
pub(crate) enum Answer {
    /// It looked at the picture of this request.
    Found { request: u64, detections: Vec<Detection> },
    /// It looked at a picture that it took from the stream itself.
    Unasked { stamp: FrameStamp, detections: Vec<Detection> },
    /// It could not look at the picture of this request.
    Failed { request: u64, reason: String },
}

/// The way to the programs; see the module's description.
pub(crate) struct Remote {
    topics: Topics,
    encoder: Mutex<Option<JpegEncoder>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    stop: tokio::sync::watch::Sender<bool>,
}

impl Remote {
    pub(crate) fn new(topics: Topics) -> Arc<Self> {
        let (stop, _) = tokio::sync::watch::channel(false);
        Arc::new(Self { topics, encoder: Mutex::new(None), thread: Mutex::new(None), stop })
    }

    /// Puts a picture onto the bus. Never waits for the broker.
    pub(crate) fn ask(
        &self,
        camera: &CameraId,
        detect: &DetectConfig,
        request: u64,
        picture: &Picture,
    ) -> Result<(), String> {
        let message = proto::DetectRequest {
            camera: camera.as_str().to_owned(),
            model: detect.name.clone(),
            request,
            frame: Some(native::stamp(&picture.stamp())),
            jpeg: self.jpeg(picture)?,
            classes: detect.classes.iter().map(|class| class.as_str().to_owned()).collect(),
            min_score: detect.min_score,
        };
        let topic = Topic::work(&format!("detect.{}", detect.name));
        self.topics.offer(&topic, camera.as_str(), message.encode_to_vec().into());
        Ok(())
    }

    fn jpeg(&self, picture: &Picture) -> Result<Bytes, String> {
        // One after the other is enough: whoever waits here would else wait for the program.
        let mut encoder = self.encoder.lock();
        let encoder = match &mut *encoder {
            Some(encoder) => encoder,
            None => encoder.insert(JpegEncoder::new().map_err(|error| error.to_string())?),
        };
        let jpeg = encoder.encode(&picture.view(), QUALITY).map_err(|error| error.to_string())?;
        Ok(Bytes::copy_from_slice(jpeg))
    }

    /// Starts to hand answers to their cameras, on a thread: events that come of them may have
    /// to wait for the disk.
    pub(crate) fn start(self: &Arc<Self>, shared: &Arc<Shared>) -> Result<(), EngineError> {
        let (topics, mut stop) = (self.topics.clone(), self.stop.subscribe());
        let (cameras, runtime) = (Arc::downgrade(shared), shared.runtime.clone());
        let run = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = hear(&topics, &cameras) => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("detections".to_owned()).spawn(run).map_err(
            |source| EngineError::System {
                what: "cannot start the thread that takes detections from the bus".to_owned(),
                source,
            },
        )?;
        *self.thread.lock() = Some(thread);
        Ok(())
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        drop(self.stop.send(true));
        if self.thread.lock().take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that takes detections from the bus ended in a panic");
        }
    }
}

async fn hear(topics: &Topics, shared: &Weak<Shared>) {
    let topic = Topic::work("detections");
    let mut said = false;
    let mut answers = topics.subscribe(&topic, None, From::Newest);
    loop {
        let record = answers.next().await;
        let Some(shared) = shared.upgrade() else { return };
        let camera = match read(&record.payload) {
            Ok((camera, answer)) => {
                if let Some(camera) = shared.camera(&camera)
                    && let Some(analyst) = camera.analyst()
                {
                    analyst.answered(answer);
                }
                continue;
            }
            Err(reason) => reason,
        };
        shared.telemetry.foreign_messages.increment(1);
        if !said {
            said = true;
            tracing::warn!(topic = "detections", reason = camera, "a message is no detection");
        }
    }
}

/// Whose it is, and what it says.
fn read(payload: &[u8]) -> Result<(CameraId, Answer), String> {
    let message = proto::DetectResponse::decode(payload).map_err(|error| error.to_string())?;
    let camera = CameraId::new(&message.camera).map_err(|error| error.to_string())?;
    if !message.error.is_empty() {
        let reason = omma_types::redact_text(&message.error);
        return Ok((camera, Answer::Failed { request: message.request, reason }));
    }
    let detections = message.detections.iter().map(native::detection_from);
    let detections = detections.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    if message.request > 0 {
        return Ok((camera, Answer::Found { request: message.request, detections }));
    }
    let stamp = message.frame.as_ref().ok_or("neither `request` nor `frame` is set")?;
    let stamp = native::stamp_from(stamp).map_err(|error| error.to_string())?;
    Ok((camera, Answer::Unasked { stamp, detections }))
}
