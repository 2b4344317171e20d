//! Key and secret that sign annotations, as clients of video-edge-ai-proxy set them.
//!
//! They lie in a file of their own in the data directory, which only Omma's user can read:
//! the configuration file is the operator's and is never written to.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use omma_engine::Config;
use omma_types::{Secret, WallTime};
use serde::{Deserialize, Serialize};

use super::dto::{NewSettingsDto, SettingsDto};

/// The file's name in the data directory.
const FILE: &str = "chrysalis.json";

/// What a secret looks like from outside.
const HIDDEN: &str = "***";

/// What was set, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    name: String,
    edge_key: String,
    edge_secret: Option<Secret>,
    created: Option<WallTime>,
    modified: Option<WallTime>,
}

/// How it lies on disk.
#[derive(Serialize, Deserialize)]
struct Kept {
    name: String,
    edge_key: String,
    edge_secret: Option<String>,
    created_ms: i64,
    modified_ms: i64,
}

/// Settings that can't be used as they were sent.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unusable(&'static str);

impl Settings {
    /// What was set in a process with its data in `data_dir`; nothing where nobody has.
    ///
    /// # Errors
    /// The file can't be read; the text names it.
    pub fn load(data_dir: &Path) -> std::io::Result<Self> {
        let path = data_dir.join(FILE);
        let named = |error: std::io::Error| {
            std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(named(error)),
        };
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| named(error.into()))?;
        Ok(Self {
            name: kept.name,
            edge_key: kept.edge_key,
            edge_secret: kept.edge_secret.map(Secret::new),
            created: Some(WallTime::from_millis(kept.created_ms)),
            modified: Some(WallTime::from_millis(kept.modified_ms)),
        })
    }

    /// Keeps them, in one step: a crash leaves the old ones or the new ones.
    pub(super) fn save(&self, data_dir: &Path) -> std::io::Result<()> {
        let millis = |time: Option<WallTime>| time.map_or(0, WallTime::as_millis);
        let kept = Kept {
            name: self.name.clone(),
            edge_key: self.edge_key.clone(),
            edge_secret: self.edge_secret.as_ref().map(|secret| secret.reveal().to_owned()),
            created_ms: millis(self.created),
            modified_ms: millis(self.modified),
        };
        let bytes = serde_json::to_vec_pretty(&kept)?;
        let fresh = data_dir.join(format!("{FILE}.new"));
        let mut file = private_file(&fresh)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(fresh, data_dir.join(FILE))
    }

    /// These with what somebody sent at `now`.
    pub(super) fn changed(self, new: &NewSettingsDto, now: WallTime) -> Result<Self, Unusable> {
        let key = new.edge_key.trim();
        let edge_secret = match new.edge_secret.trim() {
            "" => None,
            HIDDEN => self.edge_secret,
            secret => Some(Secret::new(secret)),
        };
        if key.is_empty() != edge_secret.is_none() {
            return Err(Unusable(
                "`edge_key` and `edge_secret` belong together: send both, or neither to sign \
                 nothing",
            ));
        }
        if key.chars().any(|c| c.is_control() || c == ':') {
            return Err(Unusable("`edge_key` must hold neither `:` nor control characters"));
        }
        Ok(Self {
            name: new.name.trim().to_owned(),
            edge_key: key.to_owned(),
            edge_secret,
            created: self.created.or(Some(now)),
            modified: Some(now),
        })
    }

    /// Signs the annotations of `config`, where its file gives them no key of their own.
    pub fn sign(&self, config: &mut Config) {
        if let Some(annotations) = &mut config.annotations
            && annotations.key.is_empty()
            && annotations.secret.is_none()
        {
            annotations.key.clone_from(&self.edge_key);
            annotations.secret.clone_from(&self.edge_secret);
        }
    }

    pub(super) fn shown(&self) -> SettingsDto {
        let millis = |time: Option<WallTime>| time.map_or(0, WallTime::as_millis);
        let hidden = self.edge_secret.as_ref().map(|_secret| HIDDEN.to_owned());
        SettingsDto {
            name: self.name.clone(),
            edge_key: self.edge_key.clone(),
            edge_secret: hidden.unwrap_or_default(),
            gateway_id: String::new(),
            created: millis(self.created),
            modified: millis(self.modified),
        }
    }
}

/// A file that nobody else can read, also when an older one could be.
fn private_file(path: &PathBuf) -> std::io::Result<std::fs::File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(key: &str, secret: &str) -> NewSettingsDto {
        NewSettingsDto { edge_key: key.into(), edge_secret: secret.into(), name: "site".into() }
    }

    #[test]
    fn they_are_kept_and_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Settings::load(dir.path()).unwrap(), Settings::default());
        let first = WallTime::from_millis(1000);
        let settings = Settings::default().changed(&new("key", "hush"), first).unwrap();
        settings.save(dir.path()).unwrap();
        let again = Settings::load(dir.path()).unwrap();
        assert_eq!(again, settings);
        let shown = again.shown();
        assert_eq!((shown.edge_key.as_str(), shown.edge_secret.as_str()), ("key", "***"));
        assert!(!format!("{again:?}").contains("hush"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }

        // What was shown can be sent back.
        let later = WallTime::from_millis(2000);
        let renamed = again.changed(&new("other", "***"), later).unwrap();
        assert_eq!(renamed.edge_secret, Some(Secret::new("hush")));
        assert_eq!((renamed.shown().created, renamed.shown().modified), (1000, 2000));
    }

    #[test]
    fn halves_are_refused() {
        let set =
            |key, secret| Settings::default().changed(&new(key, secret), WallTime::from_millis(0));
        assert!(set("key", "").is_err());
        assert!(set("", "secret").is_err());
        assert!(set("key", "***").is_err(), "there is none to keep");
        assert!(set("a:b", "secret").is_err());
        assert!(set("", "").is_ok());
    }

    #[test]
    fn a_key_of_the_configuration_wins() {
        let settings =
            Settings::default().changed(&new("mine", "hush"), WallTime::from_millis(0)).unwrap();
        for (text, key) in [
            ("annotations: { url: 'http://a' }", Some("mine")),
            ("annotations: { url: 'http://a', key: file }", Some("file")),
            ("", None),
        ] {
            let text = format!("version: 1\n{text}");
            let mut config = Config::from_yaml(&text, "a", &|_| None).unwrap();
            settings.sign(&mut config);
            assert_eq!(config.annotations.map(|a| a.key).as_deref(), key);
        }
    }
}
