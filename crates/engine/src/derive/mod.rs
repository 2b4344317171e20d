//! Cameras that are made from another one: the same pictures with people hidden
//! (`redacted:NAME`), or with boxes, lines and counts drawn (`annotated:NAME`).
//!
//! To everybody else they are cameras: recorded, shown, passed on like any other. While nobody
//! wants their packets, nothing of theirs is decoded, drawn or encoded.
//!
//! What is to be hidden must not be seen in a single picture. So a redacted picture waits until
//! the detector has looked at it and well past it ([`RedactConfig::hold`]), and where that is
//! not known in time, all of it is hidden.

mod cover;
mod inbox;

use std::sync::Arc;

use omma_types::{CameraId, ClassName};

pub(crate) use cover::{Cover, Hiding, Sightings};
pub(crate) use inbox::{Inbox, Intake};

use crate::config::{CameraConfig, DetectConfig, Detector, MOTION, Rate, RecordMode, RedactConfig};
use crate::error::EngineError;
use crate::models::Models;

/// Between two looks boxes are put on a straight way. People change theirs more slowly than
/// this.
const LEAST_FPS_TO_HIDE: f64 = 2.0;

/// What is made of the other camera's pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Chosen classes are hidden.
    Redacted,
    /// What the detector found, and lines, zones and counts, are drawn.
    Annotated,
}

/// What a derived camera's `url` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Derived {
    pub(crate) kind: Kind,
    /// The camera that it is made from.
    pub(crate) parent: CameraId,
}

impl Derived {
    /// From a camera's `url`; none where it is no derived camera's.
    ///
    /// # Errors
    /// What stands behind the colon is no camera's name.
    pub(crate) fn of(url: &str) -> Option<Result<Self, String>> {
        let (kind, name) = match url.trim().split_once(':')? {
            ("redacted", name) => (Kind::Redacted, name),
            ("annotated", name) => (Kind::Annotated, name),
            _ => return None,
        };
        let parent = CameraId::new(name).map_err(|error| {
            format!("behind the colon of `{url}` must stand the name of a camera: {error}")
        });
        Some(parent.map(|parent| Self { kind, parent }))
    }

    /// Whether `parent` can be what `child` is made from.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub(crate) fn check(&self, child: &CameraConfig, parent: &CameraConfig) -> Result<(), String> {
        if Self::of(&parent.url).is_some() {
            return Err(format!(
                "`{0}` is made from another camera itself; name that one in place of `{0}`",
                parent.id
            ));
        }
        let has_no_events = child.detect.is_none();
        if has_no_events && child.record.as_ref().is_some_and(|r| r.mode == RecordMode::Events) {
            return Err("it raises no events itself, so `record: { mode: events }` would keep \
                        nothing; use `mode: always`"
                .to_owned());
        }
        if self.kind == Kind::Annotated {
            return Ok(());
        }
        let Some(detect) = &parent.detect else {
            return Err(format!(
                "`{}` has no `detect`: nothing would be found that could be hidden",
                parent.id
            ));
        };
        let redact = child.redact.clone().unwrap_or_default();
        check_rate(detect.rate)
            .and_then(|()| check_eyes(detect))
            .and_then(|()| check_classes(&redact, detect))
            .map_err(|reason| format!("`{}` {reason}", parent.id))
    }
}

/// Whether `camera`, if it is a derived one, can be made from one of `cameras`.
///
/// # Errors
/// Why not.
pub(crate) fn check_among(
    camera: &CameraConfig,
    cameras: &[CameraConfig],
) -> Result<(), EngineError> {
    let Some(Ok(derived)) = Derived::of(&camera.url) else { return Ok(()) };
    match cameras.iter().find(|other| other.id == derived.parent) {
        Some(parent) => derived
            .check(camera, parent)
            .map_err(|reason| EngineError::Source { camera: camera.id.to_string(), reason }),
        None => Err(EngineError::NoCamera {
            name: derived.parent.to_string(),
            known: cameras.iter().map(|other| other.id.to_string()).collect(),
        }),
    }
}

/// Whether pictures are looked at often enough for something to be hidden all the way.
///
/// # Errors
/// They are not.
pub(crate) fn check_rate(rate: Rate) -> Result<(), String> {
    let often = match rate {
        Rate::All => true,
        Rate::Fps(fps) => fps >= LEAST_FPS_TO_HIDE,
        Rate::Keyframes => false,
    };
    if often {
        return Ok(());
    }
    Err("the detector must look at 2 pictures a second or more, or people would walk out of \
         their cover"
        .to_owned())
}

/// Whether each picture that the detector gets is really looked at.
fn check_eyes(detect: &DetectConfig) -> Result<(), String> {
    if detect.motion_gate {
        return Err("rests while nothing moves, so whoever stands still would be shown; remove \
                    `gate: motion`"
            .to_owned());
    }
    if let Detector::Bus(model) = &detect.detector {
        return Err(format!(
            "has `{model}` on the bus for a detector, and what another program leaves out would \
             be shown; choose a model that Omma runs itself"
        ));
    }
    Ok(())
}

/// As far as it can be told without the model.
fn check_classes(redact: &RedactConfig, detect: &DetectConfig) -> Result<(), String> {
    let is_given = |class: &&ClassName| match &detect.detector {
        Detector::Motion => class.as_str() == MOTION,
        Detector::Model(_) | Detector::Bus(_) => {
            detect.classes.is_empty() || detect.classes.contains(class)
        }
    };
    let Some(class) = redact.classes.iter().find(|class| !is_given(class)) else { return Ok(()) };
    Err(match &detect.detector {
        Detector::Motion => format!(
            "has the motion detector, which cannot tell `{class}` from anything else; choose a \
             model, or leave `classes` of `redact` away to hide everything that moves"
        ),
        Detector::Model(_) | Detector::Bus(_) => {
            let kept: Vec<String> =
                detect.classes.iter().map(|class| format!("`{class}`")).collect();
            format!(
                "does not look for `{class}` (it does for {}), so it could not be hidden; add it \
                 to the `classes` of its `detect`, or remove it here",
                kept.join(", ")
            )
        }
    })
}

/// Whether the model gives what is to be hidden. May load the model. Says nothing where it
/// can't be loaded: then nothing is found, and everything is hidden.
///
/// # Errors
/// It knows no such class.
pub(crate) fn check_model(
    redact: &RedactConfig,
    detect: &DetectConfig,
    models: &Models,
) -> Result<(), String> {
    let Detector::Model(config) = &detect.detector else { return Ok(()) };
    let Ok(model) = models.get(config) else { return Ok(()) };
    let names: Vec<&str> = redact.classes.iter().map(ClassName::as_str).collect();
    model.wanted(detect.min_score, &names).map(drop).map_err(|error| Arc::new(error).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_words_make_a_derived_camera() {
        let derived = |url: &str| Derived::of(url).map(|derived| derived.map_err(drop));
        let yard = CameraId::new("yard").unwrap();
        assert_eq!(
            derived("redacted:yard"),
            Some(Ok(Derived { kind: Kind::Redacted, parent: yard.clone() }))
        );
        assert_eq!(
            derived(" annotated:yard"),
            Some(Ok(Derived { kind: Kind::Annotated, parent: yard }))
        );
        for url in ["rtsp://redacted:yard@h/", "yard.mp4", "redacted", "sim:street", "file:x"] {
            assert_eq!(derived(url), None, "{url}");
        }
        assert_eq!(derived("redacted:"), Some(Err(())));
        assert_eq!(derived("redacted:a/b"), Some(Err(())));
    }
}
