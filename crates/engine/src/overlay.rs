//! What runs: the cameras of the configuration file, and over them what was changed at run
//! time through an API.
//!
//! A change is kept in the store in the form of the file, so it is checked like the file, and
//! holds over the file until it is taken back.

use std::collections::BTreeMap;

use omma_store::CameraChange;
use omma_types::{CameraId, redact_url};
use serde_json::Value;

use crate::config::{CameraConfig, Config};

/// The file, what changed since, and what follows from both.
pub(crate) struct Overlay {
    /// The configuration file's.
    pub(crate) file: Config,
    /// What the API changed.
    pub(crate) changes: BTreeMap<CameraId, CameraChange>,
    /// What follows from both.
    pub(crate) config: Config,
    /// What of it runs in this process: all of it, unless several share the work.
    pub(crate) running: Config,
}

/// What runs where `file` is the configuration file's and `changes` are kept in the store.
/// Also tells what of them could not be used, for people.
pub fn overlaid(file: Config, changes: Vec<CameraChange>) -> (Config, Vec<String>) {
    let (overlay, problems) = Overlay::new(file, changes);
    (overlay.config, problems)
}

impl Overlay {
    /// Joins both. Also tells what could not be used, for people.
    pub(crate) fn new(file: Config, changes: Vec<CameraChange>) -> (Self, Vec<String>) {
        let changes = changes.into_iter().map(|c| (c.camera.clone(), c)).collect();
        let mut overlay = Self { config: file.clone(), running: file.clone(), file, changes };
        let problems = overlay.join();
        (overlay, problems)
    }

    /// Works out what is to run, after the file or a change is another.
    pub(crate) fn join(&mut self) -> Vec<String> {
        let mut cameras: BTreeMap<CameraId, CameraConfig> =
            self.file.cameras.iter().map(|camera| (camera.id.clone(), camera.clone())).collect();
        let mut problems = Vec::new();
        for (id, change) in &self.changes {
            if change.removed {
                cameras.remove(id);
                continue;
            }
            if let Some(settings) = &change.settings {
                match self.file.parse_camera(id.as_str(), settings) {
                    Ok(camera) => {
                        cameras.insert(id.clone(), camera);
                    }
                    // The file's camera, if there is one, is better than none.
                    Err(error) => problems.push(format!("settings made at run time: {error}")),
                }
            }
            if let (Some(paused), Some(camera)) = (change.paused, cameras.get_mut(id)) {
                camera.paused = paused;
            }
        }
        self.config = Config { cameras: cameras.into_values().collect(), ..self.file.clone() };
        problems
    }

    /// Where a camera's settings come from.
    pub(crate) fn is_of_file(&self, id: &CameraId) -> bool {
        self.file.camera(id).is_some()
    }

    /// Settings that came over an API, with `***` for a secret that stays as it is.
    pub(crate) fn with_secrets(&self, id: &CameraId, settings: &str) -> String {
        let Some(old) = self.config.camera(id) else { return settings.to_owned() };
        let Ok(mut new) = serde_json::from_str::<Value>(settings) else {
            return settings.to_owned();
        };
        put_back(new.get_mut("url"), &old.url, &redact_url(&old.url));
        if let Some(url) = &old.detect_url {
            put_back(new.get_mut("detect_url"), url, &redact_url(url));
        }
        if let Some(pass_through) = &old.pass_through {
            let url = new.get_mut("pass_through").and_then(|p| p.get_mut("url"));
            put_back(url, &pass_through.url, &pass_through.redacted());
        }
        new.to_string()
    }
}

/// Where `value` is the old one without its secret, it becomes the old one.
fn put_back(value: Option<&mut Value>, old: &str, shown: &str) {
    if let Some(value) = value
        && value.as_str() == Some(shown)
    {
        *value = Value::from(old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "version: 1\ncameras:\n  a: { url: 'rtsp://u:pw@h/a' }\n  b: { url: b.mp4 }\n";

    fn overlay(changes: Vec<CameraChange>) -> (Overlay, Vec<String>) {
        Overlay::new(Config::from_yaml(FILE, "omma.yaml", &|_| None).unwrap(), changes)
    }

    fn change(camera: &str, settings: Option<&str>) -> CameraChange {
        CameraChange {
            camera: CameraId::new(camera).unwrap(),
            settings: settings.map(str::to_owned),
            paused: None,
            removed: false,
        }
    }

    fn running(overlay: &Overlay) -> Vec<(&str, &str, bool)> {
        let cameras = overlay.config.cameras.iter();
        cameras.map(|c| (c.id.as_str(), c.url.as_str(), c.paused)).collect()
    }

    #[test]
    fn changes_lie_over_the_file() {
        let (overlay, problems) = overlay(vec![
            CameraChange { paused: Some(true), ..change("a", None) },
            CameraChange { removed: true, ..change("b", None) },
            change("c", Some(r#"{"url": "c.mp4"}"#)),
            change("d", Some(r#"{"url": "ftp://x/"}"#)),
        ]);
        assert_eq!(running(&overlay), [("a", "rtsp://u:pw@h/a", true), ("c", "c.mp4", false)]);
        assert!(problems.len() == 1 && problems[0].contains("camera `d`"), "{problems:?}");
    }

    #[test]
    fn a_secret_that_was_only_seen_as_stars_stays() {
        let (overlay, _) = overlay(Vec::new());
        let a = CameraId::new("a").unwrap();
        let same = overlay.with_secrets(&a, r#"{"url": "rtsp://u:***@h/a", "audio": false}"#);
        assert!(same.contains("rtsp://u:pw@h/a"), "{same}");
        let other = overlay.with_secrets(&a, r#"{"url": "rtsp://u:***@elsewhere/a"}"#);
        assert!(!other.contains("pw"), "a password is never sent to another host: {other}");
    }
}
