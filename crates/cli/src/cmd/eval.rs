//! `omma eval`: how good tracks are, against ground truth.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use omma_track::metrics::{Scores, SequenceCounts};
use omma_track::mot;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Ground truth as MOTChallenge rows; several for several sequences
    #[arg(long, required = true, num_args = 1.., value_name = "gt.txt")]
    gt: Vec<PathBuf>,
    /// Tracks as MOTChallenge rows, in the order of the ground truths
    #[arg(long, required = true, num_args = 1.., value_name = "tracks.txt")]
    tracks: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if args.gt.len() != args.tracks.len() {
        bail!(
            "{} ground truths but {} files of tracks; give one of each a sequence",
            args.gt.len(),
            args.tracks.len()
        );
    }
    let mut all = SequenceCounts::default();
    for (gt, tracks) in args.gt.iter().zip(&args.tracks) {
        let truth = mot::parse_truth(&read(gt)?).with_context(|| gt.display().to_string())?;
        let result = mot::parse(&read(tracks)?).with_context(|| tracks.display().to_string())?;
        let counts = SequenceCounts::measure(&truth, &result)
            .with_context(|| format!("{} against {}", tracks.display(), gt.display()))?;
        print_scores(&tracks.display().to_string(), &counts.scores());
        all.add(&counts);
    }
    print_scores("all", &all.scores());
    Ok(())
}

fn print_scores(name: &str, scores: &Scores) {
    println!(
        "{name}: HOTA {:.4} DetA {:.4} AssA {:.4} MOTA {:.4} IDF1 {:.4} IDSW {}",
        scores.hota, scores.det_a, scores.ass_a, scores.mota, scores.idf1, scores.idsw
    );
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
