//! For the tests of this crate: where data and ONNX Runtime's library are, and a writer of
//! tiny ONNX files whose outputs are constants or the input itself.

use std::path::{Path, PathBuf};

use crate::{EngineChoice, EngineOptions, Registry};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder with real models and clips; None, with a printed reason, where there is none.
pub(crate) fn data() -> Option<PathBuf> {
    let asked = std::env::var_os("OMMA_DATA").map(PathBuf::from);
    let dir = asked.unwrap_or_else(|| root().join("../shared/data"));
    let there = dir.join("models").is_dir();
    if !there {
        eprintln!("skipped: no test data (set OMMA_DATA, or put it into ../shared/data)");
    }
    there.then_some(dir)
}

/// All built-in cards over the data folder's models.
pub(crate) fn registry(data: &Path) -> Registry {
    Registry::new(None, &[data.join("models")]).unwrap()
}

/// Options for `choice`, with the places where the set-up puts ONNX Runtime. None, with a
/// printed reason, where ONNX Runtime is asked for and not there.
pub(crate) fn engine(choice: EngineChoice) -> Option<EngineOptions> {
    let set_up = root().join(".setup/onnxruntime");
    let options = EngineOptions { library_dirs: vec![set_up], ..EngineOptions::new(choice) };
    if choice == EngineChoice::Ort
        && let Err(error) = crate::engine::find_ort(&options)
    {
        eprintln!("skipped: {error}");
        return None;
    }
    Some(options)
}
