//! Pictures into a video file.
//!
//! A film is written under the name `PATH.part` and renamed when it is complete, so that a
//! failure never leaves half a film under the good name, nor destroys an older one there.
//! With [`Layout::Fragmented`] the file grows under its own name and can be played up to the
//! last fragment at any time; there a failure leaves what was written so far.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use omma_imaging::YuvView;
use omma_types::{ErrorKind, MediaTime, Size};

use crate::MediaError;
use crate::av::{AvError, EncoderContext, EncoderSettings, Output};
use crate::encoder::{H264Encoder, even};

/// Ticks a second: divides all usual frame rates.
const TICKS: i32 = 90_000;

/// How many pictures a second a file has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FrameRate {
    /// The same all the time; written into the header.
    Constant(f64),
    /// As the pictures' times say.
    Variable,
}

/// How the file is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// The index in front: plays while it downloads. Complete or not there at all.
    #[default]
    FastStart,
    /// A fragment a keyframe: what is written survives a crash. For MP4 and MOV.
    Fragmented,
}

/// How to encode.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// Constant rate factor of libx264: 0 (lossless) to 51, lower is better and larger.
    pub crf: u8,
    /// Preset of libx264, from `ultrafast` to `veryslow`.
    pub preset: String,
    /// Encoder threads; 0 lets it choose.
    pub threads: u32,
    /// How the file is built.
    pub layout: Layout,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self { crf: 23, preset: "veryfast".to_owned(), threads: 1, layout: Layout::FastStart }
    }
}

const PRESETS: [&str; 9] = [
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
];

/// Writes H.264 into `.mp4`, `.m4v`, `.mov` or `.mkv`.
pub struct VideoWriter {
    path: PathBuf,
    /// The file while it is written.
    part: PathBuf,
    name: String,
    size: Size,
    rate: FrameRate,
    options: WriterOptions,
    is_matroska: bool,
    output: Option<Output>,
    /// From the first picture on, whose colours it takes.
    encoder: Option<H264Encoder>,
    first: Option<MediaTime>,
    last_ticks: Option<i64>,
    interval: i64,
    frames: u64,
}

impl VideoWriter {
    /// Creates the file for pictures of `size` (odd sizes lose their last column or row).
    ///
    /// # Errors
    /// `Invalid` for an unknown ending or impossible options, `Denied` or `NotFound` for a
    /// folder that can't be written to, `Full`, `Unsupported` without an encoder.
    pub fn create(
        path: &Path,
        size: Size,
        rate: FrameRate,
        options: WriterOptions,
    ) -> Result<Self, MediaError> {
        let name = path.display().to_string();
        let invalid = |reason: String, advice| {
            Err(MediaError::new(ErrorKind::Invalid, &name, reason, advice))
        };
        let ending = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        let format = match ending.as_deref() {
            Some("mp4" | "m4v") => "mp4",
            Some("mov") => "mov",
            Some("mkv") => "matroska",
            Some(other) => {
                let reason = format!("'.{other}' is no known kind of video file");
                return invalid(reason, "end the name with .mp4, .mov or .mkv");
            }
            None => {
                let reason = "the name has no ending".to_owned();
                return invalid(reason, "end the name with .mp4, .mov or .mkv");
            }
        };
        if even(size).width == 0 || even(size).height == 0 {
            return invalid(format!("{size} is too small for a video"), "use 2x2 or more");
        }
        if options.crf > 51 {
            return invalid(
                format!("quality (crf) {} is out of range", options.crf),
                "use 0 to 51",
            );
        }
        if !PRESETS.contains(&options.preset.as_str()) {
            let reason = format!("preset '{}' is not known", options.preset);
            return invalid(reason, "use ultrafast, veryfast, medium, slow, …");
        }
        if let FrameRate::Constant(rate) = rate
            && !(0.01..=1000.0).contains(&rate)
        {
            return invalid(format!("{rate} pictures a second are impossible"), "use 0.01 to 1000");
        }
        if path.is_dir() {
            return invalid("it is a folder".to_owned(), "give the name of a file");
        }
        EncoderContext::check_available().map_err(|error| encoder_error(&name, error))?;
        let part = if options.layout == Layout::FastStart {
            let mut part = OsString::from(path);
            part.push(".part");
            PathBuf::from(part)
        } else {
            path.to_owned()
        };
        let output = Output::create(part.as_os_str().as_bytes(), format)
            .map_err(|error| MediaError::from_writing(&name, error))?;
        let interval = match rate {
            FrameRate::Constant(rate) => (f64::from(TICKS) / rate).round().max(1.0) as i64,
            FrameRate::Variable => i64::from(TICKS) / 25,
        };
        Ok(Self {
            path: path.to_owned(),
            part,
            name,
            size: even(size),
            rate,
            options,
            is_matroska: format == "matroska",
            output: Some(output),
            encoder: None,
            first: None,
            last_ticks: None,
            interval,
            frames: 0,
        })
    }

    /// Adds a picture to be shown at `at`; the first one is shown at 0. Times must rise; one
    /// that does not is put right behind the one before it. Pictures of another size than the
    /// file's are scaled.
    ///
    /// # Errors
    /// `Full`, `Denied` and other failures of the disk; after an error the file is lost.
    pub fn write(&mut self, view: &YuvView<'_>, at: MediaTime) -> Result<(), MediaError> {
        if self.encoder.is_none() {
            self.start(view)?;
        }
        let first = *self.first.get_or_insert(at);
        let elapsed = at.since(first);
        let wanted = (elapsed.as_secs_f64() * f64::from(TICKS)).round() as i64;
        let ticks = self.last_ticks.map_or(wanted, |last| wanted.max(last + 1));
        if let (FrameRate::Variable, Some(last)) = (self.rate, self.last_ticks) {
            self.interval = ticks - last;
        }
        self.last_ticks = Some(ticks);
        if let Some(encoder) = &mut self.encoder {
            encoder.encode(view, ticks).map_err(|error| encoder_error(&self.name, error))?;
        }
        self.frames += 1;
        self.drain()
    }

    fn start(&mut self, view: &YuvView<'_>) -> Result<(), MediaError> {
        let frame_rate = match self.rate {
            FrameRate::Constant(rate) => Some(rate),
            FrameRate::Variable => None,
        };
        let encoder = H264Encoder::new(&EncoderSettings {
            size: self.size,
            range: view.range,
            matrix: view.matrix,
            ticks: TICKS,
            frame_rate,
            // A keyframe every 2 s keeps seeking quick.
            gop: (frame_rate.unwrap_or(25.0) * 2.0).round().max(1.0) as u32,
            threads: self.options.threads,
            options: &[
                ("preset", self.options.preset.clone()),
                ("crf", self.options.crf.to_string()),
            ],
        })
        .map_err(|error| encoder_error(&self.name, error))?;
        let parameters = encoder.parameters().map_err(|error| encoder_error(&self.name, error))?;
        let flags = match self.options.layout {
            _ if self.is_matroska => None,
            Layout::FastStart => Some("+faststart"),
            Layout::Fragmented => Some("+frag_keyframe+empty_moov+default_base_moof"),
        };
        let options: Vec<_> =
            flags.map(|flags| ("movflags", flags.to_owned())).into_iter().collect();
        if let Some(output) = &mut self.output {
            output
                .write_header(&parameters, TICKS, frame_rate, &options)
                .map_err(|error| MediaError::from_writing(&self.name, error))?;
        }
        self.encoder = Some(encoder);
        Ok(())
    }

    fn drain(&mut self) -> Result<(), MediaError> {
        let (Some(encoder), Some(output)) = (&mut self.encoder, &mut self.output) else {
            return Ok(());
        };
        while let Some(mut packet) =
            encoder.receive().map_err(|error| encoder_error(&self.name, error))?
        {
            packet.set_duration(self.interval);
            output
                .write(&mut packet)
                .map_err(|error| MediaError::from_writing(&self.name, error))?;
        }
        Ok(())
    }

    /// Pictures written so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Length of the film so far.
    pub fn duration(&self) -> Duration {
        let ticks = self.last_ticks.map_or(0, |last| last + self.interval);
        Duration::from_secs_f64(ticks.max(0) as f64 / f64::from(TICKS))
    }

    /// Completes the file. A film without pictures is not kept.
    ///
    /// # Errors
    /// `Invalid` where no picture was written; failures of the disk, of which some only show
    /// now. Nothing is left behind then (but see [`Layout::Fragmented`]).
    pub fn finish(mut self) -> Result<(), MediaError> {
        let Some(encoder) = &mut self.encoder else {
            return Err(MediaError::new(
                ErrorKind::Invalid,
                &self.name,
                "no picture was written, so there is no film",
                "check that the source has pictures",
            ));
        };
        encoder.end().map_err(|error| encoder_error(&self.name, error))?;
        self.drain()?;
        let Some(output) = self.output.take() else { return Ok(()) };
        // On failure the half file is still there for `drop` to remove.
        let written = output.finish().map_err(|error| MediaError::from_writing(&self.name, error));
        if let Err(error) = written {
            self.remove_part();
            return Err(error);
        }
        if self.part != self.path {
            fs::rename(&self.part, &self.path).map_err(|error| {
                self.remove_part();
                let code = AvError(-error.raw_os_error().unwrap_or(libc::EIO));
                MediaError::from_writing(&self.name, code)
            })?;
        }
        Ok(())
    }

    fn remove_part(&self) {
        if self.part == self.path && self.encoder.is_some() {
            return; // Fragments written so far can be played.
        }
        if let Err(error) = fs::remove_file(&self.part) {
            tracing::warn!(file = %self.part.display(), %error, "half a film is left behind");
        }
    }
}

impl Drop for VideoWriter {
    fn drop(&mut self) {
        if let Some(output) = self.output.take() {
            drop(output);
            self.remove_part();
        }
    }
}

fn encoder_error(name: &str, error: AvError) -> MediaError {
    MediaError::new(
        ErrorKind::Unsupported,
        name,
        format!("encoding to H.264 failed: {}", error.text()),
        "install an FFmpeg with libx264, or choose another size or preset",
    )
}
