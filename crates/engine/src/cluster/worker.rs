//! Models for those who run none: takes pictures from the topic `detect.<model>`, shared with
//! all other processes of this role, and answers what is in them. The same way as for programs
//! of the user's own (`proto/omma/v1/detect.proto`).

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use omma_bus::BusError;
use omma_bus::native::{self, DetectAnswer, DetectResponse, DetectTask};
use omma_bus::topic::{LazyTopics, Topic};
use omma_infer::Session;
use omma_media::JpegDecoder;
use omma_types::{Detection, StageTimings};
use parking_lot::Mutex;

use super::member::Member;
use crate::backoff::Backoff;
use crate::config::{Config, Detector, ModelConfig};
use crate::remote::{DETECTIONS, work_topic};
use crate::shared::{Shared, random_seed};

/// Requests are not waited for longer than this: what lay around for more is left out.
const TOO_OLD: Duration = Duration::from_secs(2);

/// The models that cameras name, by the names that they have in the configuration.
pub(super) fn models_of(config: &Config) -> BTreeMap<String, ModelConfig> {
    let detects = config.cameras.iter().filter_map(|camera| camera.detect.as_ref());
    let models = detects.filter_map(|detect| match &detect.detector {
        Detector::Model(model) => Some((detect.name.clone(), model.clone())),
        Detector::Motion | Detector::Bus(_) => None,
    });
    models.collect()
}

/// Looks at pictures with one model, one after the other.
pub(super) struct Worker {
    name: String,
    model: ModelConfig,
    member: Arc<Mutex<Member>>,
    topics: LazyTopics,
    jpegs: JpegDecoder,
    session: Option<Session>,
}

impl Worker {
    pub(super) fn new(
        name: &str,
        model: ModelConfig,
        member: Arc<Mutex<Member>>,
        topics: LazyTopics,
    ) -> Self {
        Self {
            name: name.to_owned(),
            model,
            member,
            topics,
            jpegs: JpegDecoder::new(),
            session: None,
        }
    }

    /// Works for as long as there is an engine. On a thread of its own: models take their time.
    pub(super) async fn run(mut self, shared: Weak<Shared>) {
        let mut backoff = Backoff::new(random_seed());
        loop {
            let Err(error) = self.work(&shared).await else { return };
            tracing::warn!(model = self.name, %error, "no pictures come to be looked at; trying again");
            tokio::time::sleep(backoff.next_delay()).await;
        }
    }

    async fn work(&mut self, shared: &Weak<Shared>) -> Result<(), BusError> {
        let (topics, topic) = (self.topics.clone(), work_topic(&self.name));
        let topics = topics.get().await?;
        // A random end: the threads of a process are members of their own.
        let member = format!("{}-{:x}", self.member.lock().node(), random_seed());
        let mut requests = topics.join(&topic, &self.name, &member).await?;
        loop {
            let record = requests.next().await?;
            let Some(shared) = shared.upgrade() else { return Ok(()) };
            let task = native::decode_request(topic.name(), record.payload);
            requests.ack(record.position).await?;
            let Ok(task) = task else {
                shared.telemetry.foreign_messages.increment(1);
                continue;
            };
            // Both are the broker's times.
            let now = self.member.lock().ledger().now();
            if now.is_some_and(|now| now.since(record.time) > TOO_OLD) {
                continue;
            }
            let request = task.request;
            let camera = task.camera.clone();
            let answer = match self.look(&shared, task) {
                Ok(detections) => DetectAnswer::Found { request, detections },
                Err(reason) => DetectAnswer::Failed { request, reason },
            };
            let response =
                DetectResponse { camera: camera.clone(), model: self.name.clone(), answer };
            let message = native::encode_response(&response);
            topics.offer(&Topic::work(DETECTIONS), camera.as_str(), message);
        }
    }

    fn look(&mut self, shared: &Arc<Shared>, task: DetectTask) -> Result<Vec<Detection>, String> {
        let picture = self.jpegs.decode(task.jpeg, &task.frame).map_err(|e| e.to_string())?;
        let session = match &mut self.session {
            Some(session) => session,
            None => {
                let model = shared.pool.models().get(&self.model).map_err(|e| e.to_string())?;
                let session = model.session().map_err(|error| error.to_string())?;
                self.session.insert(session)
            }
        };
        let wanted = session.model().wanted(task.min_score, &task.classes);
        let wanted = wanted.map_err(|error| error.to_string())?;
        let mut timings = StageTimings::default();
        let mut found = session
            .detect(&[picture.view()], &wanted, &mut timings)
            .map_err(|error| error.to_string())?;
        shared.telemetry.looked_for_others.increment(1);
        Ok(found.pop().unwrap_or_default())
    }
}
