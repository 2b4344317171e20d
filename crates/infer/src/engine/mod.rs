//! What runs an ONNX graph: ONNX Runtime, loaded at run time, or rten, always there.

mod ort;
mod rten;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Once};

use crate::InferError;

/// An engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EngineKind {
    /// ONNX Runtime, a C++ library found at run time.
    Ort,
    /// rten, in pure Rust.
    Rten,
}

impl EngineKind {
    /// The word used in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ort => "ort",
            Self::Rten => "rten",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which engine somebody asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EngineChoice {
    /// ONNX Runtime where it can be had, rten otherwise.
    #[default]
    Auto,
    /// ONNX Runtime or an error.
    Ort,
    /// rten.
    Rten,
}

impl EngineChoice {
    /// The word used in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ort => "ort",
            Self::Rten => "rten",
        }
    }
}

impl FromStr for EngineChoice {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "auto" => Ok(Self::Auto),
            "ort" => Ok(Self::Ort),
            "rten" => Ok(Self::Rten),
            other => Err(format!("unknown engine {other:?}: expected auto, ort or rten")),
        }
    }
}

/// Which engine to use and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// Which engine.
    pub choice: EngineChoice,
    /// ONNX Runtime's library. Where it is given, no other is tried.
    pub library: Option<PathBuf>,
    /// Folders to look into for ONNX Runtime's library, after `ORT_DYLIB_PATH`, the binary's
    /// own folder and `$OMMA_HOME/lib`, and before the system's loader.
    pub library_dirs: Vec<PathBuf>,
    /// Threads that one session computes with, at least 1. Sessions run side by side, so one
    /// is best wherever there are as many cameras as cores.
    pub threads: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { choice: EngineChoice::Auto, library: None, library_dirs: Vec::new(), threads: 1 }
    }
}

impl EngineOptions {
    /// One engine, everything else as usual.
    pub fn new(choice: EngineChoice) -> Self {
        Self { choice, ..Self::default() }
    }
}

/// The numbers of a tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Numbers<'a> {
    F32(&'a [f32]),
    I64(&'a [i64]),
    I32(&'a [i32]),
}

impl Numbers<'_> {
    pub(crate) fn to_f32(self) -> Vec<f32> {
        match self {
            Self::F32(numbers) => numbers.to_vec(),
            Self::I64(numbers) => numbers.iter().map(|n| *n as f32).collect(),
            Self::I32(numbers) => numbers.iter().map(|n| *n as f32).collect(),
        }
    }
}

/// A tensor going in or coming out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tensor<'a> {
    pub(crate) name: &'a str,
    pub(crate) shape: &'a [usize],
    pub(crate) numbers: Numbers<'a>,
}

/// One runnable instance of a model: may be moved between threads, not shared.
pub(crate) trait Runner: Send {
    /// Feeds `inputs` and hands all outputs, in the model's order, to `read`. The error is
    /// the engine's own text.
    fn run(
        &mut self,
        inputs: &[Tensor<'_>],
        read: &mut dyn FnMut(&[Tensor<'_>]),
    ) -> Result<(), String>;
}

/// A model loaded by an engine; makes runners.
pub(crate) trait Loaded: Send + Sync {
    /// A runner for one thread.
    fn runner(&self) -> Result<Box<dyn Runner>, String>;

    /// Takes back a runner that was only needed for a trial, where making one is expensive.
    fn give_back(&self, runner: Box<dyn Runner>);
}

/// A loaded model with the engine that has it.
pub(crate) struct Opened {
    pub(crate) loaded: Arc<dyn Loaded>,
    pub(crate) kind: EngineKind,
    /// Why `auto` did not take ONNX Runtime.
    pub(crate) fallback: Option<String>,
}

/// Loads `file` with the engine that `options` ask for.
pub(crate) fn open(file: &Path, name: &str, options: &EngineOptions) -> Result<Opened, InferError> {
    let with_rten =
        |fallback| {
            let loaded = rten::load(file, options.threads).map_err(|reason| {
                InferError::Engine { engine: EngineKind::Rten, model: name.to_owned(), reason }
            })?;
            Ok(Opened { loaded: Arc::new(loaded), kind: EngineKind::Rten, fallback })
        };
    let with_ort = || {
        let (environment, _) = ort::environment(options)?;
        let loaded = ort::load(environment, file, options.threads).map_err(|reason| {
            InferError::Engine { engine: EngineKind::Ort, model: name.to_owned(), reason }
        })?;
        Ok(Opened { loaded: Arc::new(loaded), kind: EngineKind::Ort, fallback: None })
    };
    match options.choice {
        EngineChoice::Rten => with_rten(None),
        EngineChoice::Ort => with_ort(),
        EngineChoice::Auto => with_ort().or_else(|error: InferError| {
            static TOLD: Once = Once::new();
            TOLD.call_once(|| tracing::warn!(error = %error, "onnx runtime not used, taking rten"));
            // Where rten can't either, ONNX Runtime's complaint about the model is the one
            // to show; a missing library only matters if rten fails.
            let is_library = matches!(error, InferError::Library { .. });
            with_rten(Some(error.to_string())).map_err(|e| if is_library { e } else { error })
        }),
    }
}

/// Loads ONNX Runtime's library, if that has not happened yet, and gives its path.
pub fn find_ort(options: &EngineOptions) -> Result<PathBuf, InferError> {
    ort::environment(options).map(|(_, path)| path.clone())
}

#[cfg(test)]
mod tests;
