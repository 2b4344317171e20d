//! `omma recordings`: look after what was recorded.

use std::path::PathBuf;

use anyhow::Context as _;
use omma_engine::{CheckReport, Recordings};
use omma_store::Store;

use super::analyze::read_config;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Compare the recorded files with their index; fails where they disagree
    Check {
        /// Make them agree: cut off what a crash left half-written, add files to the index,
        /// take out what is gone. Not while omma runs
        #[arg(long)]
        repair: bool,
        /// The configuration that says where they are
        #[arg(short, long, value_name = "FILE", default_value = "omma.yaml")]
        config: PathBuf,
    },
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let Action::Check { repair, config } = &args.action;
    let config = read_config(config)?;
    let database = config.data_dir.join("omma.db");
    if !database.is_file() {
        anyhow::bail!("there is no index {}: has omma run yet?", database.display());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let report = runtime.block_on(async {
        let store = Store::open(&database).await?;
        let report = Recordings::new(store.clone(), &config.recordings.dir).check(*repair).await;
        store.close().await;
        anyhow::Ok(report?)
    })?;
    print(&report);
    match report.left() {
        0 => Ok(()),
        1 if !*repair => anyhow::bail!("1 file does not agree with the index; --repair mends it"),
        left if *repair => anyhow::bail!("{left} files could not be mended"),
        left => anyhow::bail!("{left} files do not agree with the index; --repair mends them"),
    }
}

fn print(report: &CheckReport) {
    for finding in &report.findings {
        let outcome = match (finding.done, &finding.failure) {
            (Some(done), _) => format!(": {done}"),
            (None, Some(failure)) => format!(": not mended: {failure}"),
            (None, None) => String::new(),
        };
        println!("{} {}{outcome}", finding.path, finding.trouble.as_str());
    }
    let CheckReport { segments, files, bytes, .. } = report;
    println!("{segments} segments in the index, {files} files, {bytes} bytes");
}
