//! `omma demo`: Omma at work, with nothing but the binary.
//!
//! Two simulated cameras always; a real clip where one is at hand; a model where one is at
//! hand or can be fetched quickly, the motion detector otherwise.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use omma_api::Journal;
use omma_engine::Config;
use omma_engine::config::process_environment;
use omma_infer::{Download, Registry, download, pull};

use super::run::{Database, Listening, serve};
use crate::paths;

const MODEL: &str = "yolox-nano";

/// A clip with people, CC BY 4.0, from Intel's sample videos.
const CLIP: &str = "one-by-one-person-detection.mp4";
const CLIP_SOURCE: &str =
    "https://github.com/intel-iot-devkit/sample-videos/raw/master/one-by-one-person-detection.mp4";

/// Fetching model and clip may take this long in all; nobody waits longer for a demo.
const FETCH_WITHIN: Duration = Duration::from_secs(15);

/// Ports that are tried in turn where none is asked for.
const PORTS: std::ops::Range<u16> = 8080..8100;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    listening: Listening,
    /// Do not look for a model on the network
    #[arg(long)]
    offline: bool,
    /// Print the demo's configuration and end: a place to start from
    #[arg(long)]
    print_config: bool,
}

pub(crate) fn run(args: &Args, journal: Journal) -> anyhow::Result<()> {
    let data_dir = paths::user_data().join("demo");
    let registry = paths::registry(&data_dir)?;
    if !args.offline && !args.print_config {
        fetch_missing(&registry);
    }
    let model = has_model(&registry);
    let clip = if model { clip(&paths::user_data()) } else { None };
    let listen = match args.listening.listen {
        Some(listen) => listen,
        None => free_address(),
    };
    let text = configuration(&data_dir, listen, model, clip.as_deref());
    if args.print_config {
        print!("{text}");
        return Ok(());
    }
    let mut config = Config::from_yaml(&text, "demo", &process_environment)?;
    args.listening.apply(&mut config);
    // Counters of the last demo would only confuse; those of another one that still runs are
    // its own.
    serve(config, Database::OfPort, None, journal, |address| {
        let eyes = match (model, &clip) {
            (true, Some(clip)) => {
                format!("{MODEL} looks at two simulated cameras and {}", clip.display())
            }
            (true, None) => format!("{MODEL} looks at two simulated cameras"),
            (false, _) => format!(
                "no model is at hand, so the motion detector looks at two simulated cameras \
                 (`omma models pull {MODEL}` fetches one)"
            ),
        };
        println!("{eyes}");
        println!("Open {address} in a browser. Ctrl-C ends the demo.");
    })
}

fn has_model(registry: &Registry) -> bool {
    registry.card(MODEL).is_ok_and(|card| registry.find(card).is_some())
}

/// Tries to fetch what is not here; without it the demo goes on with less.
fn fetch_missing(registry: &Registry) {
    let deadline = Instant::now() + FETCH_WITHIN;
    let user_data = paths::user_data();
    if !has_model(registry)
        && let Ok(card) = registry.card(MODEL)
    {
        println!("Fetching the model {MODEL}…");
        let folder = user_data.join("models");
        if let Err(error) = pull(card, &folder, FETCH_WITHIN, &mut |_, _| {}) {
            tracing::debug!(%error, "the model could not be fetched");
        }
    }
    let left = deadline.saturating_duration_since(Instant::now());
    if has_model(registry) && clip(&user_data).is_none() && !left.is_zero() {
        println!("Fetching a clip…");
        let sources = [CLIP_SOURCE.to_owned()];
        let item = Download { name: "clip", file: CLIP, sources: &sources, sha256: None };
        if let Err(error) = download(&item, &user_data.join("clips"), left, &mut |_, _| {}) {
            tracing::debug!(%error, "the clip could not be fetched");
        }
    }
}

/// A real clip: from `$OMMA_DATA/clips`, else from the user's own `clips`.
fn clip(user_data: &Path) -> Option<PathBuf> {
    let folders = paths::extra_data().into_iter().chain([user_data.to_owned()]);
    folders.map(|root| root.join("clips")).find_map(|folder| {
        let known = folder.join("PETS09-S2L1.mp4");
        if known.is_file() {
            return Some(known);
        }
        let mut clips: Vec<PathBuf> = std::fs::read_dir(&folder)
            .ok()?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "mp4"))
            .collect();
        clips.sort();
        clips.into_iter().next()
    })
}

fn free_address() -> SocketAddr {
    let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
    PORTS.map(local).find(|address| TcpListener::bind(address).is_ok()).unwrap_or(local(0))
}

fn configuration(data_dir: &Path, listen: SocketAddr, model: bool, clip: Option<&Path>) -> String {
    let quoted = |path: &Path| serde_json::json!(path.display().to_string()).to_string();
    let (detector, models) = if model {
        let models = format!("models:\n  eyes: {{ card: {MODEL}, classes: [person, car] }}\n");
        ("eyes", models)
    } else {
        ("motion", String::new())
    };
    let mut text = format!(
        "version: 1\ndata_dir: {}\nhttp: {{ listen: '{listen}' }}\n{models}cameras:\n",
        quoted(data_dir)
    );
    text.push_str(&format!(
        "  street:
    url: sim:street?people=6&cars=2&seed=1
    detect: {{ model: {detector}, fps: 10 }}
    lines:
      shops: {{ from: [0.5, 1.0], to: [0.5, 0.3] }}
    zones:
      kerb: {{ polygon: [[0.06, 0.7], [0.38, 0.7], [0.34, 0.97], [0.02, 0.97]], dwell: 3s }}
  square:
    url: sim:street?people=12&cars=0&seed=7&size=960x540
    detect: {{ model: {detector}, fps: 10 }}
    lines:
      west: {{ from: [0.3, 1.0], to: [0.3, 0.3] }}
      east: {{ from: [0.7, 1.0], to: [0.7, 0.3] }}
"
    ));
    if let Some(clip) = clip {
        text.push_str(&format!(
            "  real:
    url: {}
    loop: true
    detect: {{ model: {detector}, fps: 10 }}
    lines:
      middle: {{ from: [0.5, 0.3], to: [0.5, 0.95] }}
    zones:
      lawn: {{ polygon: [[0.05, 0.35], [0.4, 0.35], [0.4, 0.9], [0.05, 0.9]], dwell: 5s }}
",
            quoted(clip)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_configures_itself_rightly_with_and_without_a_model() {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let clip = Path::new("/tmp/a \"b\".mp4");
        for (model, clip) in [(false, None), (true, None), (true, Some(clip))] {
            let text = configuration(Path::new("data"), listen, model, clip);
            let config = Config::from_yaml(&text, "demo", &|_| None).unwrap();
            assert_eq!(config.cameras.len(), 2 + usize::from(clip.is_some()));
        }
    }
}
