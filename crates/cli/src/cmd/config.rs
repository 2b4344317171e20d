//! `omma config`: look at a configuration without running it.

use std::path::{Path, PathBuf};

use super::analyze::read_config;
use super::show::show;
use crate::sources::FileArgs;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Say whether a configuration is right, and what it would run
    Check {
        /// The configuration
        #[arg(default_value = "omma.yaml", value_name = "FILE")]
        file: PathBuf,
    },
    /// Print what is in force: the configuration, and over it what was changed through an API
    Show(FileArgs),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.action {
        Action::Check { file } => check(file),
        Action::Show(args) => show(args),
    }
}

fn check(file: &Path) -> anyhow::Result<()> {
    let config = read_config(file)?;
    println!("{}: right, {} cameras", file.display(), config.cameras.len());
    for camera in &config.cameras {
        println!(
            "  {}: {}, {} lines, {} zones",
            camera.id,
            omma_types::redact_url(&camera.url),
            camera.lines.len(),
            camera.zones.len()
        );
    }
    Ok(())
}
