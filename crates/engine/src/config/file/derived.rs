//! Cameras that are made from other cameras of the file.

use std::collections::BTreeMap;

use serde_saphyr::Spanned;

use super::Check;
use super::camera::CameraFile;
use crate::config::CameraConfig;
use crate::config::error::{ConfigError, unknown};
use crate::derive::{Derived, Kind};

impl Check<'_> {
    /// Whether what is derived can be made from what it names.
    pub(super) fn derived(
        &self,
        files: &BTreeMap<String, Spanned<CameraFile>>,
        cameras: &[CameraConfig],
    ) -> Result<(), ConfigError> {
        for camera in cameras {
            let Some(Ok(derived)) = Derived::of(&camera.url) else { continue };
            let Some(file) = files.get(camera.id.as_str()) else { continue };
            let outcome = match cameras.iter().find(|other| other.id == derived.parent) {
                Some(parent) => derived.check(camera, parent),
                None => {
                    let others = cameras.iter().filter(|other| Derived::of(&other.url).is_none());
                    let names: Vec<&str> = others.map(|other| other.id.as_str()).collect();
                    Err(unknown("camera", derived.parent.as_str(), &names))
                }
            };
            outcome.map_err(|reason| {
                let place = file.value.url.referenced;
                self.wrong(place, format!("camera `{}`: {reason}", camera.id))
            })?;
        }
        Ok(())
    }

    /// What of a camera's settings does not go with its `url`.
    pub(super) fn fitting(
        &self,
        camera: &CameraConfig,
        file: &CameraFile,
    ) -> Result<(), ConfigError> {
        let derived = Derived::of(&camera.url).and_then(Result::ok);
        let is_redacted = derived.as_ref().is_some_and(|derived| derived.kind == Kind::Redacted);
        if camera.redact.is_some() && !is_redacted {
            return Err(self.wrong(
                file.url.referenced,
                format!(
                    "camera `{0}` has `redact`, which hides nothing here: it goes with a camera \
                     of its own that has `url: redacted:{0}`",
                    camera.id
                ),
            ));
        }
        if let (Some(_), Some(detect_url)) = (&derived, &file.detect_url) {
            return Err(self.wrong(
                detect_url.referenced,
                format!(
                    "camera `{}` is made from another one and has no second stream; remove \
                     `detect_url`",
                    camera.id
                ),
            ));
        }
        Ok(())
    }
}
