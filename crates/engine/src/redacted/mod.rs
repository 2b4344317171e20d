//! Footage with people hidden, to be given away: decoded, looked at, hidden and encoded anew
//! while it is read, so that nothing of it lies on a disk.
//!
//! What live redaction does, but with the future at hand: each picture waits until the detector
//! has looked well past it, and where that is not enough to be sure, all of it is hidden.

mod film;
mod outlet;
mod pipe;

use std::sync::Arc;
use std::time::Duration;

use omma_infer::{EngineChoice, Model};
use omma_types::{CameraId, ErrorKind, WallTime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::{Config, Detector, ModelConfig};
use crate::handle::Handle;
use crate::models::Models;
use crate::record::Footage;
use film::{Eyes, Film};
use outlet::{Pieces, outlet};

/// Films at once. Each takes about one core and the model.
const AT_ONCE: usize = 2;

/// The longest footage that a film is made of.
const LONGEST: Duration = Duration::from_mins(10);

/// So much more is taken for what lies between a keyframe and the beginning that was asked for.
const LEAD: Duration = Duration::from_secs(30);

/// What finds people where the camera has nothing that does.
const USUAL_MODEL: &str = "yolox-nano";

/// Who must not be recognised.
const PERSON: &str = "person";

/// What else gives somebody away, in the words of models that know it.
const TELLING: [&str; 2] = ["face", "plate"];

/// Why there is no such film.
#[derive(Debug, thiserror::Error)]
pub enum RedactionError {
    /// There is nothing that could find people.
    #[error(
        "nothing here can find people, so they could not be hidden: {reason}; fetch a model with \
         `omma models pull {USUAL_MODEL}`, or give the camera one that knows the class `person`"
    )]
    NoModel {
        /// Why the models that were tried can't be used.
        reason: String,
    },
    /// The footage is too long.
    #[error(
        "people are hidden in at most {} min of footage at once; ask for a shorter time",
        LONGEST.as_secs() / 60
    )]
    TooLong,
    /// As many as may are being made.
    #[error("{AT_ONCE} such films are being made already; try again in a minute")]
    Full,
    /// Making it failed on the way.
    #[error("hiding people in the footage of camera `{camera}` failed: {reason}")]
    Failed {
        /// The camera.
        camera: CameraId,
        /// Why.
        reason: String,
    },
}

impl RedactionError {
    /// What kind of failure it is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NoModel { .. } => ErrorKind::NotFound,
            Self::TooLong => ErrorKind::Invalid,
            Self::Full => ErrorKind::Full,
            Self::Failed { .. } => ErrorKind::Internal,
        }
    }
}

/// Who makes films, and how many there are.
#[derive(Debug)]
pub(crate) struct Darkroom {
    seats: Arc<Semaphore>,
}

impl Default for Darkroom {
    fn default() -> Self {
        Self { seats: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Darkroom {
    fn sit(&self) -> Result<OwnedSemaphorePermit, RedactionError> {
        Arc::clone(&self.seats).try_acquire_owned().map_err(|_full| RedactionError::Full)
    }
}

/// A film in which people are hidden, as it is made. Dropped, no more of it is made.
pub struct RedactedFilm {
    start: WallTime,
    name: String,
    pieces: Pieces,
}

impl RedactedFilm {
    /// The time of day of time zero in it.
    pub fn start(&self) -> WallTime {
        self.start
    }

    /// A name for the file.
    pub fn file_name(&self) -> &str {
        &self.name
    }

    /// The next bytes of the film, a fragmented MP4; none at its end.
    ///
    /// # Errors
    /// It failed, or was taken too slowly: what came so far is not all.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, RedactionError>> {
        self.pieces.next().await
    }
}

impl Handle {
    /// Footage of a camera in which people are hidden, faces and number plates too where the
    /// model knows them. Without sound: voices tell who speaks. Gaps of more than 10 s are
    /// closed.
    ///
    /// # Errors
    /// There is no model that finds people, the footage is too long, or others are being made.
    pub async fn redact(&self, footage: Footage) -> Result<RedactedFilm, RedactionError> {
        if footage.end().since(footage.start()) > LONGEST + LEAD {
            return Err(RedactionError::TooLong);
        }
        let seat = self.shared.darkroom.sit()?;
        let camera = footage.camera().clone();
        let candidates = candidates(&self.config().await, &camera);
        let pool = Arc::clone(&self.shared.pool);
        let eyes = tokio::task::spawn_blocking(move || open(pool.models(), candidates));
        let failed = |_panic| RedactionError::Failed {
            camera: camera.clone(),
            reason: "loading the model panicked; see the log".to_owned(),
        };
        let eyes = eyes.await.map_err(failed)??;
        let start = footage.start();
        let (outlet, pieces) = outlet(camera.clone(), footage.end().since(start));
        let name = footage.file_name().replace(".mp4", "_redacted.mp4");
        tokio::task::spawn_blocking(move || {
            Film::new(camera, eyes, outlet).make(footage);
            drop(seat);
        });
        Ok(RedactedFilm { start, name, pieces })
    }
}

/// What could find people, best first: the camera's own model, others that are in use, the usual
/// one. Each with the score from which what it finds may be believed.
fn candidates(config: &Config, camera: &CameraId) -> Vec<(ModelConfig, f32)> {
    let own = config.camera(camera).into_iter();
    let detects = own.chain(&config.cameras).filter_map(|camera| camera.detect.as_ref());
    let mut candidates: Vec<(ModelConfig, f32)> = Vec::new();
    for detect in detects {
        if let Detector::Model(model) = &detect.detector
            && !candidates.iter().any(|(known, _)| known == model)
        {
            candidates.push((model.clone(), detect.start_score));
        }
    }
    let usual = ModelConfig { model: USUAL_MODEL.to_owned(), engine: EngineChoice::Auto };
    let score = Detector::Model(usual.clone()).default_start_score();
    candidates.push((usual, score));
    candidates
}

/// Whether a class must not be seen.
fn is_telling(class: &str) -> bool {
    class == PERSON || TELLING.iter().any(|word| class.contains(word))
}

/// The first of `candidates` that finds people. May load it.
fn open(models: &Models, candidates: Vec<(ModelConfig, f32)>) -> Result<Eyes, RedactionError> {
    let mut reasons = Vec::new();
    for (config, start_score) in candidates {
        let model: Arc<Model> = match models.get(&config) {
            Ok(model) => model,
            Err(error) => {
                reasons.push(error.to_string());
                continue;
            }
        };
        let names: Vec<&str> = model.classes().iter().map(|class| class.as_str()).collect();
        let telling: Vec<&str> = names.into_iter().filter(|class| is_telling(class)).collect();
        if !telling.contains(&PERSON) {
            reasons.push(format!("`{}` does not know the class `person`", model.name()));
            continue;
        }
        match Eyes::open(&model, &telling, start_score) {
            Ok(eyes) => return Ok(eyes),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    Err(RedactionError::NoModel { reason: reasons.join("; ") })
}

#[cfg(test)]
mod tests {
    use omma_infer::Registry;

    use super::*;

    #[test]
    fn the_camera_s_own_model_comes_first_and_the_usual_one_last() {
        let text = "version: 1\nmodels:\n  a: { file: /a.onnx }\n  b: { file: /b.onnx }\ncameras:\n  \
                    one: { url: x.mp4, detect: { model: a } }\n  \
                    two: { url: x.mp4, detect: { model: b } }\n  \
                    three: { url: x.mp4, detect: { model: motion } }\n  four: { url: x.mp4 }\n";
        let config = Config::from_yaml(text, "omma.yaml", &|_| None).unwrap();
        let names = |camera: &str| -> Vec<String> {
            let camera = CameraId::new(camera).unwrap();
            candidates(&config, &camera).into_iter().map(|(model, _)| model.model).collect()
        };
        assert_eq!(names("one"), ["/a.onnx", "/b.onnx", USUAL_MODEL]);
        assert_eq!(names("two"), ["/b.onnx", "/a.onnx", USUAL_MODEL]);
        assert_eq!(names("four").last().map(String::as_str), Some(USUAL_MODEL));
        assert_eq!(names("gone").len(), 3, "footage outlives its camera");
    }

    #[test]
    fn people_faces_and_plates_are_hidden_and_the_rest_is_not() {
        for (class, telling) in [
            ("person", true),
            ("face", true),
            ("license_plate", true),
            ("number plate", true),
            ("car", false),
            ("persona", false),
        ] {
            assert_eq!(is_telling(class), telling, "{class}");
        }
    }

    #[test]
    fn without_a_model_it_is_said_what_to_do() {
        let models = Models::new(Registry::new(None, &[]).unwrap(), Vec::new());
        let none = ModelConfig { model: "/nowhere.onnx".to_owned(), engine: EngineChoice::Auto };
        let error = open(&models, vec![(none, 0.5)]).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let text = error.to_string();
        assert!(text.contains("nowhere") && text.contains("omma models pull"), "{text}");
    }

    #[test]
    fn no_more_are_made_at_once_than_may() {
        let darkroom = Darkroom::default();
        let seats: Vec<_> = (0..AT_ONCE).map(|_| darkroom.sit().unwrap()).collect();
        assert!(matches!(darkroom.sit(), Err(RedactionError::Full)));
        drop(seats);
        assert!(darkroom.sit().is_ok());
    }
}
