//! Detectors that are programs of the user's own: pictures go to the topic `detect.<model>`,
//! from where each reaches one of the programs that share the work, and what they found comes
//! back over the topic `detections`. Messages: `proto/omma/v1/detect.proto`.

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use bytes::Bytes;
use omma_bus::BusError;
use omma_bus::native::{self, DetectRequest};
use omma_bus::topic::{LazyTopics, Start, Topic};
use omma_imaging::JpegEncoder;
use omma_media::Picture;
use omma_types::CameraId;
use parking_lot::Mutex;

use crate::backoff::Backoff;
use crate::config::DetectConfig;
use crate::error::EngineError;
use crate::shared::{Shared, random_seed};

/// Of the JPEGs: above it boxes get no better.
const QUALITY: u8 = 85;

/// The topic of answers.
pub(crate) const DETECTIONS: &str = "detections";

/// The topic of pictures that the model called `name` is to look at.
pub(crate) fn work_topic(name: &str) -> Topic {
    Topic::work(&format!("detect.{name}"))
}

/// What is said while there is no connection.
const NO_BUS: &str = "the bus cannot be reached, so nobody looks at the pictures";

/// The way to the programs; see the module's description.
pub(crate) struct Remote {
    topics: LazyTopics,
    encoder: Mutex<Option<JpegEncoder>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    stop: tokio::sync::watch::Sender<bool>,
}

impl Remote {
    pub(crate) fn new(topics: LazyTopics) -> Arc<Self> {
        let (stop, _) = tokio::sync::watch::channel(false);
        Arc::new(Self { topics, encoder: Mutex::new(None), thread: Mutex::new(None), stop })
    }

    /// The topics of the bus.
    pub(crate) fn topics(&self) -> &LazyTopics {
        &self.topics
    }

    /// Puts a picture onto the bus. Never waits for the broker.
    pub(crate) fn ask(
        &self,
        camera: &CameraId,
        detect: &DetectConfig,
        request: u64,
        picture: &Picture,
    ) -> Result<(), String> {
        // Not connected yet: the picture is given up when its answer does not come.
        let Some(topics) = self.topics.now() else { return Err(NO_BUS.to_owned()) };
        let message = native::encode_request(DetectRequest {
            camera,
            model: &detect.name,
            request,
            frame: picture.stamp(),
            jpeg: self.jpeg(picture)?,
            classes: detect.classes.iter().map(|class| class.as_str().to_owned()).collect(),
            min_score: detect.min_score,
        });
        topics.offer(&work_topic(&detect.name), camera.as_str(), message);
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
        self.stop.send_replace(true);
        if self.thread.lock().take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that takes detections from the bus ended in a panic");
        }
    }
}

/// Hands on answers for as long as there is an engine.
async fn hear(topics: &LazyTopics, shared: &Weak<Shared>) {
    let mut backoff = Backoff::new(random_seed());
    let (mut trouble, mut foreign) = (false, false);
    loop {
        let failed = listen(topics, shared, &mut foreign).await;
        let Err(error) = failed else { return };
        if !std::mem::replace(&mut trouble, true) {
            tracing::warn!(%error, "no detections come from the bus; trying again");
        }
        tokio::time::sleep(backoff.next_delay()).await;
    }
}

/// Hands on answers until the broker fails, or the engine is gone.
async fn listen(
    topics: &LazyTopics,
    shared: &Weak<Shared>,
    foreign: &mut bool,
) -> Result<(), BusError> {
    let topic = Topic::work(DETECTIONS);
    let mut answers = topics.get().await?.subscribe(&topic, None, Start::Newest).await?;
    loop {
        let record = answers.next_record().await?;
        let Some(shared) = shared.upgrade() else { return Ok(()) };
        match native::decode_response(DETECTIONS, record.payload) {
            Ok(response) => {
                if let Some(camera) = shared.camera(&response.camera)
                    && let Some(analyst) = camera.analyst()
                {
                    analyst.answered(&response.model, response.answer);
                }
            }
            Err(error) => {
                shared.telemetry.foreign_messages.increment(1);
                if !std::mem::replace(foreign, true) {
                    tracing::warn!(%error, "left out; further ones are only counted");
                }
            }
        }
    }
}
