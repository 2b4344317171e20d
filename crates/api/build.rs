//! Makes Rust of `proto/`: messages and servers, and the description that reflection tells.
//! In pure Rust, so that building Omma needs no `protoc`.

use std::error::Error;
use std::path::{Path, PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    // A macro puts the portal into the program, which looks at it only when it is compiled. Where
    // it was not built yet, anything in its sources that is new may be it.
    let web = root.join("../web");
    let built = web.join("dist");
    println!("cargo::rerun-if-changed={}", if built.exists() { built } else { web }.display());
    let mut files = vec![root.join("chrysalis/video_streaming.proto")];
    for entry in std::fs::read_dir(root.join("omma/v1"))? {
        files.push(entry?.path());
    }
    files.sort();
    let description = protox::compile(files, [&root])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("description.bin"), description.encode_to_vec())?;
    // Pixels are shared, not copied (`bytes`).
    tonic_prost_build::configure()
        .build_client(false)
        .bytes(".")
        .btree_map(".")
        // Made in the crate of the bus, which sends the same messages.
        .extern_path(".omma.v1", "::omma_bus::proto")
        .compile_fds(description)?;
    Ok(())
}
