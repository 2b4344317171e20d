//! Loading ONNX Runtime's library, in a process of its own: a process can load it only once,
//! and here it has to fail first.

use std::path::{Path, PathBuf};
use std::process::Command;

use omma_infer::{
    EngineChoice, EngineKind, EngineOptions, InferError, Model, ModelSource, find_ort,
};
use omma_types::ErrorKind;

fn with(library: &Path) -> EngineOptions {
    EngineOptions { library: Some(library.to_owned()), ..EngineOptions::new(EngineChoice::Ort) }
}

fn refused(library: &Path, expected: &str) -> ErrorKind {
    let error = find_ort(&with(library)).expect_err("refused");
    let text = error.to_string();
    assert!(matches!(error, InferError::Library { .. }), "{text}");
    assert!(text.contains(expected) && text.contains(&library.display().to_string()), "{text}");
    assert!(text.contains("ORT_DYLIB_PATH"), "{text}");
    error.kind()
}

/// Some library that every process on this system has loaded.
fn foreign_library() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let path = maps.lines().find(|line| line.contains("libc.so"))?.split_whitespace().last()?;
    Some(path.into())
}

/// A library that looks like ONNX Runtime from the outside and is ancient.
fn ancient_library(dir: &Path) -> Option<PathBuf> {
    let (source, library) = (dir.join("old.c"), dir.join("libold.so"));
    let code = r#"
static const void *api(unsigned version) { return 0; }
static const char *version(void) { return "1.2.0"; }
static const struct { const void *(*api)(unsigned); const char *(*version)(void); }
    base = { api, version };
const void *OrtGetApiBase(void) { return &base; }
"#;
    std::fs::write(&source, code).ok()?;
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    built.is_ok_and(|status| status.success()).then_some(library)
}

#[test]
fn a_bad_library_is_a_clear_error_and_a_good_one_still_loads_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("libonnxruntime.so");
    assert_eq!(refused(&missing, "no such file"), ErrorKind::NotFound);

    let text = dir.path().join("text.so");
    std::fs::write(&text, "not a library ".repeat(99)).unwrap();
    assert_eq!(refused(&text, "invalid ELF header"), ErrorKind::Unsupported);

    match foreign_library() {
        Some(library) => {
            assert_eq!(refused(&library, "not ONNX Runtime"), ErrorKind::Unsupported);
        }
        None => eprintln!("skipped: no foreign library found"),
    }
    match ancient_library(dir.path()) {
        Some(library) => assert_eq!(refused(&library, "1.2.0"), ErrorKind::Unsupported),
        None => eprintln!("skipped: no C compiler for an old library"),
    }

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = std::env::var_os("OMMA_DATA").map_or(root.join("../shared/data"), PathBuf::from);
    let model = data.join("models/yolox_nano.onnx");
    if model.is_file() {
        let options = EngineOptions { choice: EngineChoice::Auto, ..with(&missing) };
        let model = Model::load(&ModelSource::File(model), &options).unwrap();
        assert_eq!(model.engine(), EngineKind::Rten);
        let reason = model.fallback().unwrap();
        assert!(reason.contains("no such file"), "{reason}");
    } else {
        eprintln!("skipped: no test data (set OMMA_DATA, or put it into ../shared/data)");
    }

    let set_up = EngineOptions {
        library_dirs: vec![root.join(".setup/onnxruntime")],
        ..EngineOptions::new(EngineChoice::Ort)
    };
    match find_ort(&set_up) {
        Ok(path) => {
            assert_eq!(find_ort(&set_up).unwrap(), path);
            refused(&missing, "is loaded already");
        }
        Err(error) => eprintln!("skipped: {error}"),
    }
}
