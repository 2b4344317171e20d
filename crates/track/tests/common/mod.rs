//! Where the data of tests lies.
#![expect(clippy::print_stderr, reason = "a test says why it shows nothing")]

use std::path::PathBuf;

/// The text of a file under the data folder; says so where it is missing.
pub(crate) fn data(path: &str) -> Option<String> {
    let root = std::env::var_os("OMMA_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(root.join(path)).ok();
    if text.is_none() {
        eprintln!("skipped: no {path} in $OMMA_DATA or ../shared/data");
    }
    text
}
