//! Makes Rust of the messages in `proto/`, in pure Rust: building Omma needs no `protoc`.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = vec![root.join("chrysalis/video_streaming.proto")];
    for entry in std::fs::read_dir(root.join("omma/v1"))? {
        files.push(entry?.path());
    }
    files.sort();
    let description = protox::compile(files, [&root])?;
    // Pictures are shared, not copied (`bytes`).
    prost_build::Config::new().bytes(["."]).btree_map(["."]).compile_fds(description)?;
    Ok(())
}
