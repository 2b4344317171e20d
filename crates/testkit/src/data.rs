//! Where clips, models and libraries for tests lie.

use std::path::{Path, PathBuf};

/// Says why something is not tested here; `tools/test.sh` collects these lines.
pub fn skipped(reason: impl std::fmt::Display) {
    #[expect(clippy::print_stderr, reason = "tests tell people what was not tested")]
    {
        eprintln!("skipped: {reason}");
    }
}

/// The project's clips, models and ground truth.
#[derive(Clone, Debug)]
pub struct Data(PathBuf);

/// `$OMMA_DATA`, else `../shared/data` beside the repository; none, with the reason printed,
/// where neither exists.
pub fn data() -> Option<Data> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = match std::env::var_os("OMMA_DATA").filter(|root| !root.is_empty()) {
        Some(root) => PathBuf::from(root),
        None => beside,
    };
    match root.canonicalize() {
        Ok(root) if root.join("clips").is_dir() => Some(Data(root)),
        _ => {
            skipped("no test data (set OMMA_DATA, or put it into ../shared/data)");
            None
        }
    }
}

impl Data {
    /// The folder.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// A clip by its file name.
    pub fn clip(&self, name: &str) -> PathBuf {
        self.0.join("clips").join(name)
    }

    /// A model by its file name.
    pub fn model(&self, name: &str) -> PathBuf {
        self.0.join("models").join(name)
    }

    /// A file of a MOTChallenge sequence: `gt.txt`, `det-yolox-nano.txt`.
    pub fn mot(&self, sequence: &str, file: &str) -> PathBuf {
        self.0.join("mot").join(sequence).join(file)
    }
}

/// ONNX Runtime's library: `$ORT_DYLIB_PATH`, else what `tools/setup.sh` fetched; none, with
/// the reason printed, where neither exists.
pub fn ort_library() -> Option<PathBuf> {
    let named = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from);
    let set_up = || {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.setup/onnxruntime");
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path()).collect();
        files.sort();
        files.into_iter().find(|file| file.to_string_lossy().contains("libonnxruntime.so"))
    };
    let found = named.filter(|path| path.is_file()).or_else(set_up);
    if found.is_none() {
        skipped("no ONNX Runtime library (set ORT_DYLIB_PATH, or run tools/setup.sh test)");
    }
    found
}
