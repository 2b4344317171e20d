//! Models that are loaded, each once for all cameras that use it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use omma_infer::{EngineOptions, InferError, Model, Registry};
use parking_lot::Mutex;

use crate::catalog::Pulls;
use crate::config::ModelConfig;

type Loaded = Result<Arc<Model>, Arc<InferError>>;

/// Loads models on first use and keeps them.
pub struct Models {
    pub(crate) registry: Registry,
    pub(crate) library_dirs: Vec<PathBuf>,
    pub(crate) pulls: Pulls,
    /// Held while a model is timed.
    pub(crate) timing: Mutex<()>,
    cells: Mutex<HashMap<ModelConfig, Arc<OnceLock<Loaded>>>>,
}

impl Models {
    /// Models are found by `registry`, ONNX Runtime's library also in `library_dirs`.
    pub fn new(registry: Registry, library_dirs: Vec<PathBuf>) -> Self {
        Self {
            registry,
            library_dirs,
            pulls: Pulls::default(),
            timing: Mutex::new(()),
            cells: Mutex::new(HashMap::new()),
        }
    }

    /// The model, loaded now if it was not before. Blocks while it is being loaded; threads
    /// that want another model go on.
    ///
    /// # Errors
    /// Why it can't be used; the same answer each time, until [`Models::forget_failures`].
    pub fn get(&self, config: &ModelConfig) -> Loaded {
        let cell = Arc::clone(self.cells.lock().entry(config.clone()).or_default());
        cell.get_or_init(|| self.load(config).map_err(Arc::new)).clone()
    }

    /// Why a model could not be loaded; none where it could, or was not wanted yet.
    pub(crate) fn failure(&self, config: &ModelConfig) -> Option<String> {
        let cell = self.cells.lock().get(config).cloned()?;
        cell.get()?.as_ref().err().map(ToString::to_string)
    }

    /// Models that could not be loaded are tried again on next use.
    pub fn forget_failures(&self) {
        self.cells.lock().retain(|_, cell| !matches!(cell.get(), Some(Err(_))));
    }

    fn load(&self, config: &ModelConfig) -> Result<Arc<Model>, InferError> {
        let source = self.registry.resolve(&config.model)?;
        let options = EngineOptions {
            library_dirs: self.library_dirs.clone(),
            ..EngineOptions::new(config.engine)
        };
        let model = Model::load(&source, &options)?;
        if let Some(reason) = model.fallback() {
            tracing::info!(model = model.name(), reason, "the built-in engine runs the model");
        }
        Ok(model)
    }
}
