//! Reads and decodes a video and hands the pictures to the workers.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use cpu_time::ThreadTime;
use omma_media::{Decoder, DecoderOptions, Skip, Source, SourceSpec, Stop};
use omma_types::{Stage, StageTimings};

use super::worker::Work;
use crate::config::Rate;
use crate::error::EngineError;
use crate::pacer::Pacer;

/// How the reading went.
pub(super) struct Outcome {
    /// Pictures decoded.
    pub(super) frames: u64,
    pub(super) timings: StageTimings,
    /// Why it ended before the end of the video.
    pub(super) error: Option<EngineError>,
}

impl Outcome {
    pub(super) fn panicked() -> Self {
        let error = EngineError::System {
            what: "reading the video panicked".to_owned(),
            source: std::io::Error::other("see the log"),
        };
        Self { frames: 0, timings: StageTimings::default(), error: Some(error) }
    }
}

/// Opens `video` for reading as fast as possible.
pub(super) fn open(video: &Path, stop: &Stop) -> Result<Source, EngineError> {
    Ok(Source::open(&SourceSpec::file(video).paced(false), stop)?)
}

/// Decodes all of `source`. Pictures that the detector does not want are handed on only
/// where `keep_all` says that somebody else does. Ends early when all is `given_up`.
pub(super) fn read(
    mut source: Source,
    rate: Rate,
    keep_all: bool,
    pictures: &SyncSender<Work>,
    given_up: &AtomicBool,
) -> Outcome {
    let mut outcome = Outcome { frames: 0, timings: StageTimings::default(), error: None };
    if let Err(error) = decode_all(&mut source, rate, keep_all, pictures, given_up, &mut outcome) {
        outcome.error = Some(error);
    }
    outcome
}

fn decode_all(
    source: &mut Source,
    rate: Rate,
    keep_all: bool,
    pictures: &SyncSender<Work>,
    given_up: &AtomicBool,
    outcome: &mut Outcome,
) -> Result<(), EngineError> {
    let mut decoder = Decoder::new(source.info(), DecoderOptions::default())?;
    let keyframes_only = rate == Rate::Keyframes;
    if keyframes_only && !keep_all {
        decoder.set_skip(Skip::NonKey);
    }
    let mut pacer = Pacer::new(rate.interval());
    let mut order = 0;
    while !given_up.load(Ordering::Relaxed) {
        let demuxing = Clock::start();
        let packet = source.read();
        outcome.timings.add(Stage::Demux, demuxing.elapsed());
        let decoding = Clock::start();
        // A damaged file still gives what was decoded before the damage.
        let (ended, failure) = match packet {
            Ok(Some(packet)) => {
                decoder.send(&packet)?;
                (false, None)
            }
            Ok(None) => (true, decoder.flush().err()),
            Err(error) => (true, decoder.flush().err().or(Some(error))),
        };
        let mut decoded = Vec::new();
        while let Some(picture) = decoder.receive()? {
            decoded.push(picture);
        }
        outcome.timings.add(Stage::Decode, decoding.elapsed());
        for picture in decoded {
            outcome.frames += 1;
            let fits = !keyframes_only || picture.is_keyframe();
            let wanted = fits && pacer.is_due(picture.stamp().media);
            if !wanted && !keep_all {
                continue;
            }
            if pictures.send(Work { order, picture, wanted }).is_err() {
                return Ok(());
            }
            order += 1;
        }
        if let Some(error) = failure {
            return Err(error.into());
        }
        if ended {
            break;
        }
    }
    Ok(())
}

/// Processor time of this thread; zero where the system can't tell.
pub(super) struct Clock(Option<ThreadTime>);

impl Clock {
    pub(super) fn start() -> Self {
        Self(ThreadTime::try_now().ok())
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.0.and_then(|start| start.try_elapsed().ok()).unwrap_or_default()
    }
}
