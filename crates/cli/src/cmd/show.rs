//! `omma config show`: what is in force, in the form of the configuration file.

use anyhow::Context as _;
use omma_engine::config::written;
use omma_engine::overlaid;
use omma_store::{CameraChange, Store};

use crate::sources::{FileArgs, Sources};

/// Prints the configuration with what was changed at run time.
pub(crate) fn show(args: &FileArgs) -> anyhow::Result<()> {
    let sources = Sources::open(args)?;
    let file = sources.read()?;
    let database = file.data_dir.join("omma.db");
    // Nothing was changed where nothing ever ran; looking must not make a database.
    let changes = if database.exists() { changes(database)? } else { Vec::new() };
    let (config, problems) = overlaid(file.clone(), changes.clone());
    for problem in problems {
        eprintln!("warning: {problem}");
    }
    let from = sources.file().map_or("conf.yaml".to_owned(), |path| path.display().to_string());
    print!("{}", written(&config, &file, &changes, &from)?);
    Ok(())
}

fn changes(database: std::path::PathBuf) -> anyhow::Result<Vec<CameraChange>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let store = Store::open(database).await?;
        let changes = store.camera_changes().await;
        store.close().await;
        Ok(changes?)
    })
}
