//! `omma track`: the tracker alone, on detections from a file.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Context as _;
use omma_track::{TrackerConfig, mot, offline};

use crate::text;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Detections as MOTChallenge rows: frame, id (ignored), left, top, width, height, score
    #[arg(long, value_name = "det.txt")]
    detections: PathBuf,
    /// Pictures a second of the video
    #[arg(long, value_name = "F")]
    fps: f64,
    /// Where the tracks go
    #[arg(long, value_name = "tracks.txt")]
    out: PathBuf,
    /// Score from which a detection may start a track
    #[arg(long, value_name = "S", value_parser = text::parse_score)]
    start_score: Option<f32>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let path = &args.detections;
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let detections = mot::parse(&text).with_context(|| path.display().to_string())?;
    let mut config = TrackerConfig::default();
    if let Some(score) = args.start_score {
        config.high_score = score;
    }
    let tracks = offline::track_rows(&detections, args.fps, &config)?;
    std::fs::write(&args.out, mot::write(&tracks))
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    let ids: BTreeSet<i64> = tracks.iter().map(|row| row.id).collect();
    println!(
        "{} detections, {} tracks in {} rows, written to {}",
        detections.len(),
        ids.len(),
        tracks.len(),
        args.out.display()
    );
    Ok(())
}
