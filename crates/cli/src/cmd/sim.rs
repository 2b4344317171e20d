//! `omma sim`: a video of the simulated street with its exact ground truth, to measure
//! detectors and trackers against.

use std::path::PathBuf;

use anyhow::Context as _;
use omma_imaging::{ColorMatrix, ColorRange, YuvImage};
use omma_media::{FrameRate, VideoWriter, WriterOptions};
use omma_sim::{Street, StreetConfig};
use omma_track::mot;
use omma_types::MediaTime;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The street, e.g. `people=6&cars=2&seed=1&size=1280x720&fps=25`
    #[arg(default_value = "", value_name = "STREET")]
    street: String,
    /// Length of the video in seconds
    #[arg(long, default_value = "30", value_name = "S")]
    seconds: f64,
    /// The video
    #[arg(long, value_name = "street.mp4")]
    out: PathBuf,
    /// The ground truth of people as MOTChallenge rows, for `omma eval --gt`
    #[arg(long, value_name = "gt.txt")]
    gt: Option<PathBuf>,
}

/// A person of whom less than this can be seen can't be expected to be found.
const LEAST_VISIBLE: f32 = 0.25;

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let config = args
        .street
        .trim_start_matches("sim:")
        .trim_start_matches("street?")
        .parse::<StreetConfig>()?;
    anyhow::ensure!(
        args.seconds > 0.0 && args.seconds <= 86_400.0,
        "--seconds must be above 0 and up to 86400 (a day)"
    );
    let mut street = Street::new(config);
    let (size, fps) = (street.config().size, street.config().fps);
    let frames = (args.seconds * fps).round().max(1.0) as u64;
    let mut image = YuvImage::black(size, ColorRange::Limited, ColorMatrix::Bt601);
    let options = WriterOptions::default();
    let mut writer = VideoWriter::create(&args.out, size, FrameRate::Constant(fps), options)?;
    let mut rows = Vec::new();
    for frame in 0..frames {
        let truth = street.next(&mut image);
        writer.write(&image.view(), MediaTime::from_secs_f64(frame as f64 / fps))?;
        for object in
            truth.objects.iter().filter(|o| o.class.as_str() == "person" && o.visible > 0.0)
        {
            let number = u32::try_from(frame + 1).unwrap_or(u32::MAX);
            let id = i64::try_from(object.id.0).unwrap_or(i64::MAX);
            let counts = if object.visible >= LEAST_VISIBLE { 1.0 } else { 0.0 };
            rows.push(mot::Row::new(number, id, object.rect.to_pixels(size), counts));
        }
    }
    writer.finish()?;
    println!("{}: {frames} frames, {size}", args.out.display());
    if let Some(gt) = &args.gt {
        std::fs::write(gt, mot::write(&rows))
            .with_context(|| format!("cannot write {}", gt.display()))?;
        println!("{}: ground truth of people", gt.display());
    }
    Ok(())
}
