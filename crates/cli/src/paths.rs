//! Where Omma looks for models, libraries and clips.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use omma_engine::Models;
use omma_infer::Registry;

/// Data that somebody points at with `$OMMA_DATA`: clips and models to try things with.
pub(crate) fn extra_data() -> Option<PathBuf> {
    std::env::var_os("OMMA_DATA").filter(|dir| !dir.is_empty()).map(PathBuf::from)
}

/// Where downloads go when no configuration says otherwise.
pub(crate) fn user_data() -> PathBuf {
    let from = |name: &str| std::env::var_os(name).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    match (from("XDG_DATA_HOME"), from("HOME")) {
        (Some(dir), _) => dir.join("omma"),
        (None, Some(home)) => home.join(".local/share/omma"),
        (None, None) => PathBuf::from("omma-data"),
    }
}

/// `data_dir`, and the user's own data where that is another folder.
fn roots(data_dir: &Path) -> Vec<PathBuf> {
    let user = user_data();
    let mut roots = vec![data_dir.to_owned()];
    if user != data_dir {
        roots.push(user);
    }
    roots
}

/// The models that a process with its data in `data_dir` knows. Cards of one's own lie in
/// `models/*.toml` of the data directory; `$OMMA_DATA/models` is looked into first.
pub(crate) fn registry(data_dir: &Path) -> anyhow::Result<Registry> {
    let roots = extra_data().into_iter().chain(roots(data_dir));
    let folders: Vec<PathBuf> = roots.map(|root| root.join("models")).collect();
    Registry::new(Some(&data_dir.join("models")), &folders).context("model cards")
}

/// Folders that may hold ONNX Runtime's library.
pub(crate) fn library_dirs(data_dir: &Path) -> Vec<PathBuf> {
    roots(data_dir).iter().map(|root| root.join("lib")).collect()
}

/// The models of a process with its data in `data_dir`, ready to be loaded.
pub(crate) fn models(data_dir: &Path) -> anyhow::Result<Models> {
    Ok(Models::new(registry(data_dir)?, library_dirs(data_dir)))
}
