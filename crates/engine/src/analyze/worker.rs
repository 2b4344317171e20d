//! Runs the detector on pictures, several at a time.

use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex};

use omma_infer::{EngineKind, MotionDetector, MotionOptions, Session, Wanted};
use omma_media::Picture;
use omma_types::{ClassName, Detection, Stage, StageTimings};

use super::reader::Clock;
use crate::config::{DetectConfig, Detector, MOTION};
use crate::error::EngineError;
use crate::models::Models;

/// A picture on its way to a worker.
pub(super) struct Work {
    /// Its place among the pictures handed on, from 0 without gaps.
    pub(super) order: u64,
    pub(super) picture: Picture,
    /// Whether the detector is to look at it.
    pub(super) wanted: bool,
}

/// A picture that has passed the workers.
pub(super) struct Seen {
    pub(super) order: u64,
    pub(super) picture: Picture,
    /// None where the detector did not look.
    pub(super) detections: Option<Vec<Detection>>,
    pub(super) timings: StageTimings,
}

enum Eye {
    Motion(MotionDetector),
    Model(Session, Wanted),
}

/// Names of the detector and of what runs it; loads the model.
pub(super) fn describe(
    detector: &Detector,
    models: &Models,
) -> Result<(String, String), EngineError> {
    match detector {
        Detector::Motion => Ok((MOTION.to_owned(), MOTION.to_owned())),
        Detector::Model(config) => {
            let model = models.get(config)?;
            Ok((model.name().to_owned(), model.engine().as_str().to_owned()))
        }
        Detector::Bus(model) => Err(EngineError::LiveOnly { model: model.clone() }),
    }
}

/// Whether what is to be hidden will be found, and often enough to be hidden all the way.
pub(super) fn check_redaction(
    hide: &[ClassName],
    detect: &DetectConfig,
    models: &Models,
) -> Result<(), EngineError> {
    let Some(first) = hide.first() else { return Ok(()) };
    let refused = |class: &ClassName, reason: &str| EngineError::Redaction {
        class: class.to_string(),
        reason: reason.to_owned(),
    };
    if let Err(reason) = crate::derive::check_rate(detect.rate) {
        return Err(refused(first, &reason));
    }
    match &detect.detector {
        Detector::Motion => match hide.iter().find(|class| class.as_str() != MOTION) {
            Some(class) => {
                Err(refused(class, "the motion detector does not know what moves; use a model"))
            }
            None => Ok(()),
        },
        Detector::Model(config) => {
            let names: Vec<&str> = hide.iter().map(ClassName::as_str).collect();
            models.get(config)?.wanted(detect.min_score, &names).map(drop).map_err(Arc::new)?;
            Ok(())
        }
        Detector::Bus(model) => Err(EngineError::LiveOnly { model: model.clone() }),
    }
}

/// Works until there are no more pictures or nobody wants the results. Classes in `also` are
/// found besides those that `detect` keeps.
pub(super) fn run(
    detect: &DetectConfig,
    also: &[ClassName],
    models: &Models,
    pictures: &Mutex<Receiver<Work>>,
    results: &SyncSender<Result<Seen, EngineError>>,
) {
    let mut eye = match open(detect, also, models) {
        Ok(eye) => eye,
        Err(error) => {
            // If nobody listens any more, the failure that ended that was told already.
            drop(results.send(Err(error)));
            return;
        }
    };
    loop {
        let next = match pictures.lock() {
            Ok(queue) => queue.recv(),
            Err(_another_worker_panicked) => return,
        };
        let Ok(work) = next else { return };
        // A panic must not leave a hole: everything behind it would wait for it, in memory.
        let looking = std::panic::AssertUnwindSafe(|| look(&mut eye, work));
        let seen = std::panic::catch_unwind(looking).unwrap_or_else(|_panic| {
            Err(EngineError::System {
                what: "looking at a picture panicked".to_owned(),
                source: std::io::Error::other("see the log"),
            })
        });
        if results.send(seen).is_err() {
            return;
        }
    }
}

fn open(detect: &DetectConfig, also: &[ClassName], models: &Models) -> Result<Eye, EngineError> {
    Ok(match &detect.detector {
        Detector::Motion => Eye::Motion(MotionDetector::new(MotionOptions::default())),
        Detector::Model(config) => {
            let model = models.get(config)?;
            let mut classes: Vec<&str> = detect.classes.iter().map(ClassName::as_str).collect();
            if !classes.is_empty() {
                // What is to be hidden must be found, also where it is not to be counted.
                classes.extend(also.iter().map(ClassName::as_str));
            }
            let wanted = model.wanted(detect.min_score, &classes).map_err(Arc::new)?;
            Eye::Model(model.session().map_err(Arc::new)?, wanted)
        }
        Detector::Bus(model) => return Err(EngineError::LiveOnly { model: model.clone() }),
    })
}

fn look(eye: &mut Eye, work: Work) -> Result<Seen, EngineError> {
    let Work { order, picture, wanted } = work;
    let mut timings = StageTimings::default();
    let detections = match eye {
        _ if !wanted => None,
        Eye::Motion(motion) => {
            let clock = Clock::start();
            let found = motion.update(&picture.view(), picture.stamp().media);
            timings.add(Stage::Infer, clock.elapsed());
            Some(found)
        }
        Eye::Model(session, wanted) => {
            let clock = Clock::start();
            let mut walls = StageTimings::default();
            let seen = session.detect(&[picture.view()], wanted, &mut walls);
            let mut found = seen.map_err(Arc::new)?;
            // The session measures wall time; its share of the processor time is what
            // counts when several workers compete.
            let cpu = clock.elapsed();
            let (prepare, infer) = (walls.get(Stage::Prepare), walls.get(Stage::Infer));
            if session.model().engine() == EngineKind::Rten {
                // It computes on threads of its own while this one waits: what they took
                // is known at the end, as what remains of the process's time.
                timings.add(Stage::Prepare, cpu);
                let detections = Some(found.pop().unwrap_or_default());
                return Ok(Seen { order, picture, detections, timings });
            }
            let prepare_share = prepare.div_duration_f64((prepare + infer).max(MIN_SPAN));
            let prepare = cpu.mul_f64(prepare_share.clamp(0.0, 1.0));
            timings.add(Stage::Prepare, prepare);
            timings.add(Stage::Infer, cpu.saturating_sub(prepare));
            Some(found.pop().unwrap_or_default())
        }
    };
    Ok(Seen { order, picture, detections, timings })
}

/// Keeps the share finite where the clock did not move.
const MIN_SPAN: std::time::Duration = std::time::Duration::from_nanos(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Rate;

    #[test]
    fn what_cannot_be_found_is_not_promised_to_be_hidden() {
        let registry = omma_infer::Registry::new(None, &[]).unwrap();
        let models = Models::new(registry, Vec::new());
        let names = |names: &[&str]| names.iter().map(|n| ClassName::new(n)).collect::<Vec<_>>();
        let check = |hide: &[&str], classes: &[&str], rate| {
            let detect = DetectConfig {
                name: "motion".to_owned(),
                detector: Detector::Motion,
                rate,
                classes: names(classes),
                min_score: 0.1,
                start_score: 0.5,
                motion_gate: false,
            };
            let outcome = check_redaction(&names(hide), &detect, &models);
            outcome.map_err(|error| error.to_string())
        };
        assert_eq!(check(&[], &["car"], Rate::Keyframes), Ok(()));
        assert_eq!(check(&["motion"], &[], Rate::Fps(5.0)), Ok(()));
        assert!(check(&["person"], &["car"], Rate::All).unwrap_err().contains("`person`"));
        assert!(check(&["person"], &[], Rate::All).unwrap_err().contains("use a model"));
        assert!(check(&["motion"], &[], Rate::Fps(0.5)).unwrap_err().contains("2 pictures"));
        assert!(check(&["motion"], &[], Rate::Keyframes).is_err());
    }
}
