//! The binary `omma`: commands, configuration file, logging, wiring. Thin: what the commands
//! do is done in the rooms behind it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks to people")]

mod cmd;
mod json;
mod paths;
mod server;
mod sources;
mod text;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use omma_api::Journal;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// Turns cameras into events: detects, tracks and counts people and things in live and
/// recorded video.
#[derive(Parser)]
#[command(name = "omma", version, max_term_width = 100)]
struct Cli {
    /// What to log: error, warn, info, debug, or per part, e.g. `warn,omma_media=debug`
    #[arg(long, global = true, value_name = "FILTER", env = "OMMA_LOG")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show Omma at work: simulated cameras, and a real one where a model is at hand
    Demo(cmd::demo::Args),
    /// Run the cameras of a configuration file
    Run(cmd::run::Args),
    /// Watch a running Omma in the terminal
    Top(cmd::top::Args),
    /// Look after what was recorded
    Recordings(cmd::recordings::Args),
    /// See where events are sent, and have them sent once more
    Events(cmd::events::Args),
    /// List the processes that share the work, and who does what
    Nodes(cmd::nodes::Args),
    /// Detect, track and count in finished videos
    Analyze(Box<cmd::analyze::Args>),
    /// List, fetch, check and time models
    Models(cmd::models::Args),
    /// Turn detections of a MOTChallenge file into tracks
    Track(cmd::track::Args),
    /// Score tracks against ground truth
    Eval(cmd::eval::Args),
    /// Make a video of the simulated street, with its exact ground truth
    Sim(cmd::sim::Args),
    /// Watch a camera for some seconds: what it sends, and what to change
    Probe(cmd::probe::Args),
    /// Look for cameras in the network: ONVIF devices, and what answers RTSP
    Discover(cmd::discover::Args),
    /// Measure what this machine can do
    Bench(cmd::bench::Args),
    /// Check a configuration file
    Config(cmd::config::Args),
}

fn main() -> ExitCode {
    say_nothing_to_a_closed_pipe();
    let cli = Cli::parse();
    let default = match &cli.command {
        Command::Run(_) => "info",
        _ => "warn",
    };
    // What serves shows its log to those who may read it.
    let journal = match &cli.command {
        Command::Demo(_) | Command::Run(_) => Some(Journal::default()),
        _ => None,
    };
    log_to_stderr(cli.log.as_deref(), default, journal.clone());
    let journal = journal.unwrap_or_default();
    let outcome = match cli.command {
        Command::Demo(args) => cmd::demo::run(&args, journal),
        Command::Run(args) => cmd::run::run(&args, journal),
        Command::Top(args) => cmd::top::run(&args),
        Command::Recordings(args) => cmd::recordings::run(&args),
        Command::Events(args) => cmd::events::run(&args),
        Command::Nodes(args) => cmd::nodes::run(&args),
        Command::Analyze(args) => cmd::analyze::run(&args),
        Command::Models(args) => cmd::models::run(args),
        Command::Track(args) => cmd::track::run(&args),
        Command::Eval(args) => cmd::eval::run(&args),
        Command::Sim(args) => cmd::sim::run(&args),
        Command::Probe(args) => cmd::probe::run(&args),
        Command::Discover(args) => cmd::discover::run(&args),
        Command::Bench(args) => cmd::bench::run(&args),
        Command::Config(args) => cmd::config::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `omma models list | head -1` closes our output early. Printing then panics, which ends the
/// command as it should; but it is no news.
fn say_nothing_to_a_closed_pipe() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default();
        if !(text.starts_with("failed printing to") && text.contains("Broken pipe")) {
            usual(panic);
        }
    }));
}

/// Logs what `wanted` says, or where it says nothing, what is `usual`. The journal keeps at least
/// what is usual for a server: nobody can ask for it afterwards.
fn log_to_stderr(wanted: Option<&str>, usual: &str, journal: Option<Journal>) {
    let filter = |usual: &str| {
        let filter = wanted.unwrap_or(usual);
        EnvFilter::try_new(filter).unwrap_or_else(|error| {
            eprintln!("warning: `{filter}` is no log filter ({error}); logging warnings");
            EnvFilter::new("warn")
        })
    };
    let stderr = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_filter(filter(usual));
    let journal = journal.map(|journal| journal.with_filter(filter("info")));
    tracing_subscriber::registry().with(stderr).with(journal).init();
}
