//! ONNX Runtime through the crate `ort`, its library loaded at run time.
//!
//! One process can load one library once. `ort` loads it by itself, with a panic where that
//! fails, at the first use of any of its functions; [`environment`] therefore comes before
//! every other call and does the loading by the one function that reports failure.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ::ort::environment::Environment;
use ::ort::logging::LogLevel;
use ::ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ::ort::session::{Session, SessionInputValue};
use ::ort::value::TensorRef;

use super::{EngineOptions, Loaded, Numbers, Runner, Tensor};
use crate::InferError;

static LOADED: OnceLock<(Environment, PathBuf)> = OnceLock::new();

/// ONNX Runtime, loaded at the first call that finds it, and where it was found.
pub(super) fn environment(
    options: &EngineOptions,
) -> Result<&'static (Environment, PathBuf), InferError> {
    // Two threads must not both try to load.
    static LOADING: Mutex<()> = Mutex::new(());
    let _guard = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = LOADED.get() {
        let path = &loaded.1;
        return match &options.library {
            Some(asked) if !same_file(asked, path) => Err(InferError::Library {
                reason: format!(
                    "{} was asked for, but {} is loaded already, and a process can hold only one",
                    asked.display(),
                    path.display()
                ),
                missing: !asked.is_file(),
            }),
            _ => Ok(loaded),
        };
    }
    let mut reasons = Vec::new();
    let mut missing = true;
    for candidate in candidates(options) {
        match load_library(&candidate) {
            Ok(environment) => {
                let loaded = LOADED.get_or_init(|| (environment, candidate));
                tracing::info!(library = %loaded.1.display(), "onnx runtime loaded");
                return Ok(loaded);
            }
            Err(reason) => {
                missing &= !candidate.is_file();
                reasons.push(format!("{}: {reason}", candidate.display()));
            }
        }
    }
    if reasons.is_empty() {
        reasons.push("none found".to_owned());
    }
    Err(InferError::Library { reason: reasons.join("; "), missing })
}

fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// Where the library may be. What somebody names is the only candidate; the folders are
/// guesses and count only where something is there.
fn candidates(options: &EngineOptions) -> Vec<PathBuf> {
    if let Some(path) = &options.library {
        return vec![path.clone()];
    }
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH").filter(|p| !p.is_empty()) {
        return vec![path.into()];
    }
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
    let home = std::env::var_os("OMMA_HOME").map(|home| PathBuf::from(home).join("lib"));
    let dirs = beside.into_iter().chain(home).chain(options.library_dirs.iter().cloned());
    let mut found: Vec<PathBuf> = dirs.filter_map(|dir| in_folder(&dir)).collect();
    found.push(format!("libonnxruntime{}", std::env::consts::DLL_SUFFIX).into());
    found
}

/// The library in a folder, whatever version its name carries; the highest name wins.
fn in_folder(dir: &Path) -> Option<PathBuf> {
    let names = std::fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path());
    let is_library = |path: &PathBuf| {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        name.strip_prefix("libonnxruntime.").is_some_and(|rest| {
            rest == "dylib" || rest == "so" || rest.starts_with("so.") || rest.ends_with(".dylib")
        })
    };
    names.filter(is_library).max()
}

fn load_library(path: &Path) -> Result<Environment, String> {
    let named = path.components().count() > 1;
    if named && !path.is_file() {
        return Err("no such file".to_owned());
    }
    // A relative path would be taken as relative to the binary.
    let path = if named { path.canonicalize().map_err(|e| e.to_string())? } else { path.into() };
    let builder = ::ort::init_from(path).map_err(|error| match error {
        ::ort::LoadDynamicError::MissingApi { .. } => {
            "it is a library, but not ONNX Runtime".to_owned()
        }
        ::ort::LoadDynamicError::BadVersion { version_str, .. } => {
            format!("its version is {version_str}, needed is 1.{} or newer", ::ort::MINOR_VERSION)
        }
        ::ort::LoadDynamicError::Dlopen { error, .. } => error.to_string(),
        other => other.to_string(),
    })?;
    builder
        .with_name("omma")
        .with_telemetry(false)
        .with_logger(Arc::new(|level, _category, _id, place, text| match level {
            LogLevel::Error | LogLevel::Fatal => tracing::debug!(place, text, "onnx runtime error"),
            _ => tracing::trace!(place, text, "onnx runtime"),
        }))
        .build()
        .map_err(|e| e.to_string())
}

pub(super) struct OrtModel {
    environment: &'static Environment,
    file: PathBuf,
    threads: usize,
    /// A session that nobody uses at the moment, for the next runner.
    spare: Mutex<Option<Box<dyn Runner>>>,
}

pub(super) fn load(
    environment: &'static Environment,
    file: &Path,
    threads: usize,
) -> Result<OrtModel, String> {
    let runner: Box<dyn Runner> =
        Box::new(OrtRunner { session: commit(environment, file, threads)? });
    Ok(OrtModel { environment, file: file.into(), threads, spare: Mutex::new(Some(runner)) })
}

fn commit(environment: &Environment, file: &Path, threads: usize) -> Result<Session, String> {
    let text = |error: ::ort::Error<SessionBuilder>| error.to_string();
    let mut builder = Session::builder(environment)
        .map_err(|e| e.to_string())?
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(text)?
        .with_intra_threads(threads.max(1))
        .map_err(text)?
        .with_inter_threads(1)
        .map_err(text)?
        .with_intra_op_spinning(false)
        .map_err(text)?
        .with_inter_op_spinning(false)
        .map_err(text)?;
    builder.commit_from_file(file).map_err(|e| e.to_string())
}

impl Loaded for OrtModel {
    fn runner(&self) -> Result<Box<dyn Runner>, String> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        match spare {
            Some(runner) => Ok(runner),
            None => {
                let session = commit(self.environment, &self.file, self.threads)?;
                Ok(Box::new(OrtRunner { session }))
            }
        }
    }

    fn give_back(&self, runner: Box<dyn Runner>) {
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(runner);
    }
}

/// One session. `ort` wants a session a thread: `Session::run` takes `&mut self`, because not
/// all of ONNX Runtime's parts may run twice at the same time.
struct OrtRunner {
    session: Session,
}

impl Runner for OrtRunner {
    fn run(
        &mut self,
        inputs: &[Tensor<'_>],
        read: &mut dyn FnMut(&[Tensor<'_>]),
    ) -> Result<(), String> {
        let mut feeds: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
        for input in inputs {
            let value: SessionInputValue<'_> = match input.numbers {
                Numbers::F32(data) => TensorRef::from_array_view((input.shape, data))
                    .map_err(|e| e.to_string())?
                    .into(),
                Numbers::I64(data) => TensorRef::from_array_view((input.shape, data))
                    .map_err(|e| e.to_string())?
                    .into(),
                Numbers::I32(data) => TensorRef::from_array_view((input.shape, data))
                    .map_err(|e| e.to_string())?
                    .into(),
            };
            feeds.push((input.name, value));
        }
        let outputs = self.session.run(feeds).map_err(|e| e.to_string())?;
        let mut shapes = Vec::with_capacity(outputs.len());
        let mut found = Vec::with_capacity(outputs.len());
        let values: Vec<_> = outputs.iter().collect();
        for (name, value) in &values {
            let (shape, numbers) = if let Ok((shape, data)) = value.try_extract_tensor::<f32>() {
                (shape, Numbers::F32(data))
            } else if let Ok((shape, data)) = value.try_extract_tensor::<i64>() {
                (shape, Numbers::I64(data))
            } else if let Ok((shape, data)) = value.try_extract_tensor::<i32>() {
                (shape, Numbers::I32(data))
            } else {
                return Err(format!("output {name} is of an unsupported type: {}", value.dtype()));
            };
            shapes.push(shape.iter().map(|n| usize::try_from(*n).unwrap_or(0)).collect::<Vec<_>>());
            found.push((*name, numbers));
        }
        let outputs: Vec<Tensor<'_>> = found
            .iter()
            .zip(&shapes)
            .map(|((name, numbers), shape)| Tensor { name, shape, numbers: *numbers })
            .collect();
        read(&outputs);
        Ok(())
    }
}
