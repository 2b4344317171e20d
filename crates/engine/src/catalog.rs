//! Which models there are, for people: whether their files are here, which cameras use them;
//! fetching them and timing them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use omma_infer::{
    BenchReport, Card, EngineChoice, EngineOptions, InferError, Model, ModelSource, bench, pull,
};
use omma_types::{CameraId, ErrorKind, Size, redact_url};
use parking_lot::Mutex;

use crate::Config;
use crate::config::{Detector, MOTION, ModelConfig, Remark};
use crate::handle::Handle;
use crate::models::Models;

/// The longest that fetching a model may take.
const PULL_WITHIN: Duration = Duration::from_mins(30);

/// How a model does.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelState {
    /// It can be used.
    Ready,
    /// Its file is not here.
    Missing,
    /// Its file is being fetched; the part that is here, 0 to 1, where that is known.
    Pulling(Option<f64>),
    /// Its file could not be fetched, for this reason.
    Failed(String),
    /// Its file can't be used, for this reason.
    Invalid(String),
}

/// A model as people see it.
#[derive(Clone, Debug)]
pub struct ModelStatus {
    /// Its card's name, or that under which the configuration knows it.
    pub name: String,
    /// Its card; none for a file or program of the user's own, and for motion.
    pub card: Option<Arc<Card>>,
    /// `motion`, `bus`, or a card's family; none for a file of the user's own.
    pub family: Option<&'static str>,
    /// Its file's length, where it is here.
    pub bytes: Option<u64>,
    /// How it does.
    pub state: ModelState,
    /// Under which names cameras can ask for it.
    pub names: Vec<String>,
    /// The cameras that use it.
    pub cameras: Vec<CameraId>,
}

impl ModelStatus {
    /// Columns and rows that it looks at, where its card says so.
    pub fn size(&self) -> Option<Size> {
        self.card.as_ref().map(|card| card.input.size)
    }

    /// Where its file can be had, without secrets.
    pub fn source(&self) -> Option<String> {
        self.card.as_ref()?.sources.first().map(|url| redact_url(url))
    }

    /// Whether its file is missing and can be fetched.
    pub fn can_pull(&self) -> bool {
        matches!(self.state, ModelState::Missing | ModelState::Failed(_)) && self.source().is_some()
    }

    /// Whether it can be timed.
    pub fn can_bench(&self) -> bool {
        self.bytes.is_some() && matches!(self.state, ModelState::Ready)
    }
}

/// Why a model can't be fetched or timed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is none of this name.
    #[error("no model is called `{name}`; there are: {}", .known.join(", "))]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// It is no model whose file Omma has to do with.
    #[error("`{name}` has no file; name a model of a card")]
    NoFile {
        /// Its name.
        name: String,
    },
    /// Its card names no source.
    #[error("nobody said where model `{name}` can be had; put {file} into a models folder")]
    NoSource {
        /// Its name.
        name: String,
        /// Its file's name.
        file: String,
    },
    /// Its file is here.
    #[error("model `{name}` is here already; there is nothing to fetch")]
    Here {
        /// Its name.
        name: String,
    },
    /// It is being fetched.
    #[error("model `{name}` is being fetched already; wait until it is here")]
    Pulling {
        /// Its name.
        name: String,
    },
    /// Two at once would slow each other down.
    #[error("a model is being timed already; try again when that is done")]
    Timing,
    /// It can't be loaded or run.
    #[error(transparent)]
    Infer(#[from] InferError),
}

impl CatalogError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unknown { .. } => ErrorKind::NotFound,
            Self::NoFile { .. } | Self::NoSource { .. } => ErrorKind::Unsupported,
            Self::Here { .. } => ErrorKind::Invalid,
            Self::Pulling { .. } | Self::Timing => ErrorKind::Busy,
            Self::Infer(error) => error.kind(),
        }
    }
}

/// What is being fetched, and what could not be.
#[derive(Default)]
pub(crate) struct Pulls(Mutex<BTreeMap<String, Pull>>);

#[derive(Clone, Debug, PartialEq)]
enum Pull {
    Running { done: u64, all: Option<u64> },
    Failed(String),
}

impl Pulls {
    /// Begins one; false where it runs already.
    fn begin(&self, name: &str) -> bool {
        let mut pulls = self.0.lock();
        if let Some(Pull::Running { .. }) = pulls.get(name) {
            return false;
        }
        pulls.insert(name.to_owned(), Pull::Running { done: 0, all: None });
        true
    }

    fn progress(&self, name: &str, done: u64, all: Option<u64>) {
        self.0.lock().insert(name.to_owned(), Pull::Running { done, all });
    }

    fn end(&self, name: &str, failure: Option<String>) {
        let mut pulls = self.0.lock();
        match failure {
            Some(reason) => pulls.insert(name.to_owned(), Pull::Failed(reason)),
            None => pulls.remove(name),
        };
    }

    /// Ends the one of `name` when it is dropped, however that comes: one that panicked would
    /// run for ever.
    fn guard<'a>(&'a self, name: &'a str) -> PullGuard<'a> {
        PullGuard { pulls: self, name }
    }

    fn state(&self, name: &str) -> Option<ModelState> {
        Some(match self.0.lock().get(name)? {
            Pull::Running { done, all } => {
                let part = |all: u64| (*done as f64 / all.max(1) as f64).clamp(0.0, 1.0);
                ModelState::Pulling(all.map(part))
            }
            Pull::Failed(reason) => ModelState::Failed(reason.clone()),
        })
    }
}

/// See [`Pulls::guard`].
struct PullGuard<'a> {
    pulls: &'a Pulls,
    name: &'a str,
}

impl Drop for PullGuard<'_> {
    fn drop(&mut self) {
        let mut pulls = self.pulls.0.lock();
        if let Some(pull @ Pull::Running { .. }) = pulls.get_mut(self.name) {
            *pull = Pull::Failed("it broke off; see the log".to_owned());
        }
    }
}

impl Handle {
    /// All models: those of the cards, those that the configuration names, and motion. Looks at
    /// the disk.
    pub async fn models(&self) -> Vec<ModelStatus> {
        let config = self.config().await;
        let shared = Arc::clone(&self.shared);
        let listed = move || list(shared.pool.models(), &config);
        // Only a mistake in it could make it panic.
        tokio::task::spawn_blocking(listed).await.unwrap_or_default()
    }

    /// Begins to fetch a model's file; how that goes, [`Self::models`] says. Cameras that wait
    /// for the model then use it.
    ///
    /// # Errors
    /// There is no such model, it is here or on its way, or nobody knows where it can be had.
    pub fn pull_model(&self, name: &str) -> Result<(), CatalogError> {
        let shared = Arc::clone(&self.shared);
        let models = shared.pool.models();
        let Ok(card) = models.registry.card(name).map(Arc::clone) else {
            return Err(self.no_card(name));
        };
        if models.registry.find(&card).is_some() {
            return Err(CatalogError::Here { name: name.to_owned() });
        }
        if card.sources.is_empty() {
            let file = card.file.clone();
            return Err(CatalogError::NoSource { name: name.to_owned(), file });
        }
        if !models.pulls.begin(name) {
            return Err(CatalogError::Pulling { name: name.to_owned() });
        }
        let folder = self.config_file().data_dir.join("models");
        self.shared.runtime.spawn_blocking(move || {
            fetch(shared.pool.models(), &card, &folder);
        });
        Ok(())
    }

    /// Runs a model for about `span` on one core and measures it. Blocks.
    ///
    /// # Errors
    /// There is no such model, it can't be run, or another one is being timed.
    pub fn bench_model(
        &self,
        name: &str,
        engine: EngineChoice,
        span: Duration,
    ) -> Result<BenchReport, CatalogError> {
        let models = self.shared.pool.models();
        let Some(_alone) = models.timing.try_lock() else { return Err(CatalogError::Timing) };
        let named = match self.config_file().models.get(name).map(|named| &named.detector) {
            Some(Detector::Model(config)) => Some(config.model.clone()),
            _ => None,
        };
        // A card goes before the name of a file: it is shown under its own.
        let model = match (models.registry.card(name), named) {
            (Ok(card), _) => card.name.clone(),
            (Err(_), Some(file)) => file,
            (Err(_), None) => return Err(self.no_card(name)),
        };
        let source = models.registry.resolve(&model)?;
        let library_dirs = models.library_dirs.clone();
        let options = EngineOptions { library_dirs, ..EngineOptions::new(engine) };
        let model = Model::load(&source, &options)?;
        Ok(bench(&model, span)?)
    }

    /// Why there is nothing to fetch or to time under a name that no card has.
    fn no_card(&self, name: &str) -> CatalogError {
        let config = self.config_file();
        if name == MOTION || config.models.contains_key(name) {
            return CatalogError::NoFile { name: name.to_owned() };
        }
        let cards = self.shared.pool.models().registry.list();
        let known = cards.into_iter().map(|listed| listed.card.name.clone()).collect();
        CatalogError::Unknown { name: name.chars().take(64).collect(), known }
    }
}

/// Fetches a model's file, and lets cameras try again that could not load it.
fn fetch(models: &Models, card: &Card, folder: &Path) {
    let name = card.name.as_str();
    let _guard = models.pulls.guard(name);
    let mut progress = |done, all| models.pulls.progress(name, done, all);
    match pull(card, folder, PULL_WITHIN, &mut progress) {
        Ok(pulled) => {
            let (bytes, source) = (pulled.bytes, pulled.source);
            tracing::info!(model = name, bytes, source, "the model was fetched");
            models.pulls.end(name, None);
            models.forget_failures();
        }
        Err(error) => {
            tracing::warn!(model = name, %error, "the model could not be fetched");
            models.pulls.end(name, Some(error.to_string()));
        }
    }
}

/// The models of `config` whose files are not here or can't be found: those that it names, and
/// the cards that its cameras name themselves.
pub(crate) fn missing(models: &Models, config: &Config) -> Vec<Remark> {
    let named = config.models.iter().map(|(name, named)| {
        (format!("models.{name}"), format!("model `{name}`"), &named.detector)
    });
    let own = config.cameras.iter().filter_map(|camera| {
        let detect = camera.detect.as_ref()?;
        let key = format!("cameras.{}.detect.model", camera.id);
        let is_own = !config.models.contains_key(&detect.name);
        is_own.then(|| (key, format!("camera `{}`", camera.id), &detect.detector))
    });
    let missing = named.chain(own).filter_map(|(key, what, detector)| {
        let Detector::Model(wanted) = detector else { return None };
        let error = models.registry.resolve(&wanted.model).err()?;
        Some(Remark { place: None, key: Some(key), message: format!("{what}: {error}") })
    });
    missing.collect()
}

fn list(models: &Models, config: &Config) -> Vec<ModelStatus> {
    let mut listed: BTreeMap<String, ModelStatus> = BTreeMap::new();
    for known in models.registry.list() {
        let status = of_card(models, &known.card, known.present.as_deref());
        listed.insert(status.name.clone(), status);
    }
    let motion = plain(MOTION, Some("motion"), ModelState::Ready);
    listed.insert(MOTION.to_owned(), ModelStatus { names: vec![MOTION.to_owned()], ..motion });
    for (name, named) in &config.models {
        let key = key_of(models, name, &named.detector);
        let entry = listed.entry(key).or_insert_with(|| own(models, name, &named.detector));
        entry.names.push(name.clone());
    }
    for camera in &config.cameras {
        let Some(detect) = &camera.detect else { continue };
        let key = key_of(models, &detect.name, &detect.detector);
        if let Some(entry) = listed.get_mut(&key) {
            entry.cameras.push(camera.id.clone());
            let failure = match &detect.detector {
                Detector::Model(config) => models.failure(config),
                Detector::Motion | Detector::Bus(_) => None,
            };
            if let (Some(failure), ModelState::Ready) = (failure, &entry.state) {
                entry.state = ModelState::Invalid(failure);
            }
        }
    }
    listed.into_values().collect()
}

/// Under which name a detector is listed that the configuration calls `name`.
fn key_of(models: &Models, name: &str, detector: &Detector) -> String {
    match detector {
        Detector::Model(ModelConfig { model, .. }) if models.registry.card(model).is_ok() => {
            model.clone()
        }
        _ => name.to_owned(),
    }
}

fn of_card(models: &Models, card: &Arc<Card>, present: Option<&Path>) -> ModelStatus {
    let state = match (present, models.pulls.state(&card.name)) {
        (Some(_), _) => ModelState::Ready,
        (None, Some(state)) => state,
        (None, None) => ModelState::Missing,
    };
    let status = plain(&card.name, Some(card.family.as_str()), state);
    ModelStatus { card: Some(Arc::clone(card)), bytes: present.and_then(length), ..status }
}

/// A model of the user's own.
fn own(models: &Models, name: &str, detector: &Detector) -> ModelStatus {
    let Detector::Model(config) = detector else {
        return plain(name, Some("bus"), ModelState::Ready);
    };
    match models.registry.resolve(&config.model) {
        Ok(ModelSource::File(file)) => {
            let status = plain(name, None, ModelState::Ready);
            ModelStatus { bytes: length(&file), ..status }
        }
        Ok(ModelSource::Card { card, file }) => {
            let status = plain(name, Some(card.family.as_str()), ModelState::Ready);
            ModelStatus { bytes: length(&file), card: Some(card), ..status }
        }
        Err(error) => plain(name, None, ModelState::Invalid(error.to_string())),
    }
}

fn plain(name: &str, family: Option<&'static str>, state: ModelState) -> ModelStatus {
    ModelStatus {
        name: name.to_owned(),
        card: None,
        family,
        bytes: None,
        state,
        names: Vec::new(),
        cameras: Vec::new(),
    }
}

fn length(file: &Path) -> Option<u64> {
    std::fs::metadata(file).ok().map(|metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_model_is_fetched_once_at_a_time_and_a_failure_is_told_until_the_next_try() {
        let pulls = Pulls::default();
        assert!(pulls.begin("a") && !pulls.begin("a") && pulls.begin("b"));
        assert_eq!(pulls.state("a"), Some(ModelState::Pulling(None)));
        pulls.progress("a", 1, Some(4));
        assert_eq!(pulls.state("a"), Some(ModelState::Pulling(Some(0.25))));
        pulls.end("a", Some("no net".to_owned()));
        assert_eq!(pulls.state("a"), Some(ModelState::Failed("no net".to_owned())));
        assert!(pulls.begin("a"));
        pulls.end("a", None);
        assert_eq!(pulls.state("a"), None);
    }

    #[test]
    fn one_that_panics_has_failed_and_can_be_tried_again() {
        let pulls = Pulls::default();
        assert!(pulls.begin("a"));
        let fetched = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _guard = pulls.guard("a");
            pulls.progress("a", 1, Some(4));
            panic!("while fetching");
        }));
        assert!(fetched.is_err());
        let failed = ModelState::Failed("it broke off; see the log".to_owned());
        assert_eq!(pulls.state("a"), Some(failed));
        assert!(pulls.begin("a"));
        let guard = pulls.guard("a");
        pulls.end("a", None);
        drop(guard);
        assert_eq!(pulls.state("a"), None, "one that is done stays done");
    }
}
