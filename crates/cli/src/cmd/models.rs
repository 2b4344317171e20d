//! `omma models`: list, fetch, check and time models.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};
use omma_infer::{EngineChoice, EngineOptions, Model, bench, check, pull};

use super::analyze::EngineArg;
use crate::{paths, text};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
    /// Where models are kept, besides $OMMA_DATA/models
    #[arg(long, global = true, value_name = "DIR", default_value_os_t = paths::user_data())]
    data_dir: PathBuf,
}

#[derive(clap::Subcommand)]
enum Action {
    /// List the models that Omma knows, and where their files are
    List,
    /// Fetch a model's file
    Pull {
        /// The card's name
        card: String,
        /// Give up after this many seconds
        #[arg(long, default_value = "600", value_name = "S")]
        timeout: u64,
    },
    /// Say what a model file is and whether Omma can use it
    Check {
        /// An ONNX file
        file: PathBuf,
    },
    /// Time a model on one core
    Bench {
        /// A card's name or an ONNX file
        card: String,
        /// What runs it
        #[arg(long, default_value = "auto")]
        engine: EngineArg,
        /// How long to measure, in seconds
        #[arg(long, default_value = "5", value_name = "S")]
        seconds: f64,
    },
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let dir = args.data_dir;
    match args.action {
        Action::List => list(&dir),
        Action::Pull { card, timeout } => fetch(&card, &dir, Duration::from_secs(timeout)),
        Action::Check { file } => report(&file, &dir),
        Action::Bench { card, engine, seconds } => time(&card, engine.into(), seconds, &dir),
    }
}

fn list(dir: &Path) -> anyhow::Result<()> {
    for listed in paths::registry(dir)?.list() {
        let card = &listed.card;
        let size = card.input.size;
        let place = match &listed.present {
            Some(path) => path.display().to_string(),
            None if card.sources.is_empty() => {
                format!("not here; put {} into a models folder", card.file)
            }
            None => format!("not here; `omma models pull {}` fetches it", card.name),
        };
        println!("{:<24} {size}, {}, {}", card.name, card.family, card.licence);
        println!("{:<24} {}", "", card.description);
        println!("{:<24} {place}", "");
    }
    Ok(())
}

fn fetch(name: &str, dir: &Path, timeout: Duration) -> anyhow::Result<()> {
    let registry = paths::registry(dir)?;
    let card = registry.card(name)?;
    if let Some(path) = registry.find(card) {
        println!("{name} is here already: {}", path.display());
        return Ok(());
    }
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {bytes}/{total_bytes}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(card.file.clone());
    let pulled = pull(card, &dir.join("models"), timeout, &mut |done, all| {
        if let Some(all) = all {
            bar.set_length(all);
        }
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let pulled = pulled?;
    println!("{}: {} bytes from {}", pulled.path.display(), pulled.bytes, pulled.source);
    let verdict = if pulled.verified {
        "as the card says"
    } else {
        "not verified: the card names no digest to compare with"
    };
    println!("sha256 {} ({verdict})", pulled.sha256);
    Ok(())
}

fn report(file: &Path, dir: &Path) -> anyhow::Result<()> {
    let options = EngineOptions {
        library_dirs: paths::library_dirs(dir),
        ..EngineOptions::new(EngineChoice::Auto)
    };
    let report = check(file, &options);
    println!("{}", file.display());
    if let Some(signature) = &report.signature {
        for port in &signature.inputs {
            println!("  input    {port}");
        }
        for port in &signature.outputs {
            println!("  output   {port}");
        }
    }
    match report.family {
        Some(family) => println!("  family   {family}{}", in_brackets(report.layout)),
        None => println!("  family   not recognised"),
    }
    if let Some(size) = report.size {
        println!("  picture  {size}{}", in_brackets(report.batch.as_deref()));
    }
    if let Some(classes) = report.classes {
        println!("  classes  {classes}");
    }
    for engine in &report.engines {
        match &engine.problem {
            None => println!("  engine   {}: runs it", engine.engine),
            Some(problem) => println!("  engine   {}: {problem}", engine.engine),
        }
    }
    if report.usable() {
        println!("  Omma can use it.");
        return Ok(());
    }
    bail!("{}: Omma cannot use it: {}", file.display(), report.problems.join("; "))
}

fn in_brackets(text: Option<&str>) -> String {
    text.map_or(String::new(), |text| format!(" ({text})"))
}

fn time(name: &str, engine: EngineChoice, seconds: f64, dir: &Path) -> anyhow::Result<()> {
    if !(seconds > 0.0 && seconds <= 3600.0) {
        bail!("--seconds must be above 0 and up to 3600");
    }
    let source = paths::registry(dir)?.resolve(name)?;
    let options =
        EngineOptions { library_dirs: paths::library_dirs(dir), ..EngineOptions::new(engine) };
    let model = Model::load(&source, &options)?;
    let result = bench(&model, Duration::from_secs_f64(seconds))?;
    println!(
        "{} on {}, one thread: median {}, p95 {}, fastest {} ({} runs)",
        model.name(),
        result.engine,
        text::short_duration(result.median),
        text::short_duration(result.p95),
        text::short_duration(result.min),
        result.runs
    );
    Ok(())
}
