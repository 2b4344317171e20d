//! `omma config`: look at a configuration without running it.

use std::path::PathBuf;

use super::analyze::read_config;

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
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let Action::Check { file } = &args.action;
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
