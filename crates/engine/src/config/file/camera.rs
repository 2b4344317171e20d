//! A camera's part of the file.

use std::collections::BTreeMap;
use std::time::Duration;

use omma_infer::{Card, EngineChoice};
use omma_media::{Hardware, Transport};
use omma_rules::{Anchor, Line, RuleError, Zone};
use omma_types::CameraId;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::Check;
use super::messaging::{FramesFile, RedactFile};
use super::values::{class_names, point};
use crate::config::error::{ConfigError, unknown};
use crate::config::{
    CameraConfig, DEFAULT_MIN_SCORE, DetectConfig, Detector, MOTION, ModelConfig, NamedModel,
    PassThroughConfig, Rate, RecordConfig, RecordMode, SegmentLength,
};

const DEFAULT_FPS: f64 = 5.0;
pub(crate) const DEFAULT_RING_BYTES: usize = 8 << 20;
pub(crate) const DEFAULT_HISTORY: Duration = Duration::from_secs(30);
pub(crate) const DEFAULT_SEGMENT: Duration = Duration::from_secs(60);
pub(crate) const DEFAULT_BEFORE: Duration = Duration::from_secs(5);
pub(crate) const DEFAULT_AFTER: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CameraFile {
    pub(super) url: Spanned<String>,
    pub(super) detect_url: Option<Spanned<String>>,
    #[serde(default)]
    transport: TransportFile,
    #[serde(default, rename = "loop")]
    looped: bool,
    #[serde(default)]
    paused: bool,
    audio: Option<bool>,
    stall: Option<Spanned<String>>,
    ring: Option<Spanned<String>>,
    history: Option<Spanned<String>>,
    #[serde(default)]
    decode: DecodeFile,
    detect: Option<Spanned<DetectFile>>,
    record: Option<Spanned<RecordFile>>,
    pass_through: Option<PassThroughFile>,
    frames: Option<Spanned<FramesFile>>,
    redact: Option<RedactFile>,
    #[serde(default)]
    lines: BTreeMap<String, Spanned<LineFile>>,
    #[serde(default)]
    zones: BTreeMap<String, Spanned<ZoneFile>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DecodeFile {
    #[serde(default)]
    hardware: HardwareFile,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum HardwareFile {
    #[default]
    None,
    Auto,
    Vaapi,
    Cuda,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordFile {
    mode: RecordModeFile,
    segment: Option<Spanned<String>>,
    before: Option<Spanned<String>>,
    after: Option<Spanned<String>>,
    keep: Option<Spanned<String>>,
    max_size: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RecordModeFile {
    Off,
    Always,
    Events,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PassThroughFile {
    url: Spanned<String>,
    #[serde(default)]
    start: bool,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TransportFile {
    #[default]
    Auto,
    Tcp,
    Udp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DetectFile {
    model: Spanned<String>,
    fps: Option<Spanned<FpsFile>>,
    classes: Option<Vec<String>>,
    min_score: Option<Spanned<f32>>,
    start_score: Option<Spanned<f32>>,
    #[serde(default)]
    gate: GateFile,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FpsFile {
    Number(f64),
    Word(String),
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum GateFile {
    #[default]
    None,
    Motion,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineFile {
    from: [f32; 2],
    to: [f32; 2],
    #[serde(default)]
    classes: Vec<String>,
    #[serde(default)]
    anchor: AnchorFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ZoneFile {
    polygon: Vec<[f32; 2]>,
    #[serde(default)]
    classes: Vec<String>,
    #[serde(default)]
    anchor: AnchorFile,
    dwell: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AnchorFile {
    #[default]
    Foot,
    Center,
}

impl From<AnchorFile> for Anchor {
    fn from(anchor: AnchorFile) -> Self {
        match anchor {
            AnchorFile::Foot => Self::Foot,
            AnchorFile::Center => Self::Center,
        }
    }
}

impl Check<'_> {
    pub(super) fn camera(
        &self,
        name: &str,
        camera: &Spanned<CameraFile>,
        models: &BTreeMap<String, NamedModel>,
    ) -> Result<CameraConfig, ConfigError> {
        let file = &camera.value;
        let id = CameraId::new(name)
            .map_err(|error| self.wrong(camera.referenced, format!("camera {error}")))?;
        let url = self.text(&file.url)?;
        if url.trim().is_empty() {
            return Err(self.wrong(file.url.referenced, format!("camera `{name}`: `url` is empty")));
        }
        let ring_bytes = match &file.ring {
            Some(text) => self.ring(text)?,
            None => DEFAULT_RING_BYTES,
        };
        let detect = match &file.detect {
            Some(detect) => Some(self.detect(name, &detect.value, models)?),
            None => None,
        };
        if detect.is_none() && !(file.lines.is_empty() && file.zones.is_empty()) {
            return Err(self.wrong(
                camera.referenced,
                format!(
                    "camera `{name}` has lines or zones but no `detect`, so nothing would ever be \
                     counted; add `detect: {{ model: {MOTION} }}` or a model"
                ),
            ));
        }
        if let Some(same) = file.lines.keys().find(|rule| file.zones.contains_key(*rule)) {
            return Err(self.wrong(
                camera.referenced,
                format!("camera `{name}`: a line and a zone are both called `{same}`; rename one"),
            ));
        }
        if let Some(detect) = &detect {
            for (rule, line) in &file.lines {
                self.rule_classes(name, rule, line.referenced, &line.value.classes, detect)?;
            }
            for (rule, zone) in &file.zones {
                self.rule_classes(name, rule, zone.referenced, &zone.value.classes, detect)?;
            }
        }
        let lines = file.lines.iter().map(|(rule, line)| self.line(name, rule, line));
        let zones = file.zones.iter().map(|(rule, zone)| self.zone(name, rule, zone));
        let detect_url = self.detect_url(name, file)?;
        let camera = CameraConfig {
            id,
            url,
            detect_url,
            transport: match file.transport {
                TransportFile::Auto => Transport::Auto,
                TransportFile::Tcp => Transport::Tcp,
                TransportFile::Udp => Transport::Udp,
            },
            looped: file.looped,
            paused: file.paused,
            audio: file.audio.unwrap_or(true),
            stall: file.stall.as_ref().map(|text| self.duration(text)).transpose()?,
            ring_bytes,
            history: self.duration_or(file.history.as_ref(), DEFAULT_HISTORY)?,
            relayed: false,
            hardware: match file.decode.hardware {
                HardwareFile::None => Hardware::None,
                HardwareFile::Auto => Hardware::Auto,
                HardwareFile::Vaapi => Hardware::Vaapi,
                HardwareFile::Cuda => Hardware::Cuda,
            },
            record: match &file.record {
                Some(record) => self.record(&record.value)?,
                None => None,
            },
            pass_through: match &file.pass_through {
                Some(file) => Some(self.pass_through(name, file)?),
                None => None,
            },
            frames: match &file.frames {
                Some(frames) => Some(self.frames(frames)?),
                None => None,
            },
            redact: match &file.redact {
                Some(redact) => Some(self.redact(redact)?),
                None => None,
            },
            detect,
            lines: lines.collect::<Result<_, _>>()?,
            zones: zones.collect::<Result<_, _>>()?,
        };
        crate::source::check_main(name, &camera.url)
            .map_err(|error| self.wrong(file.url.referenced, error.to_string()))?;
        self.fitting(&camera, file)?;
        Ok(camera)
    }

    fn detect_url(&self, name: &str, file: &CameraFile) -> Result<Option<String>, ConfigError> {
        let Some(text) = &file.detect_url else { return Ok(None) };
        if file.detect.is_none() {
            return Err(self.wrong(
                text.referenced,
                format!(
                    "camera `{name}` has a `detect_url` but no `detect`: nothing would read it"
                ),
            ));
        }
        let url = self.text(text)?;
        match crate::source::check(name, &url) {
            Ok(()) => Ok(Some(url)),
            Err(error) => Err(self.wrong(text.referenced, error.to_string())),
        }
    }

    pub(super) fn duration_or(
        &self,
        text: Option<&Spanned<String>>,
        default: Duration,
    ) -> Result<Duration, ConfigError> {
        text.map_or(Ok(default), |text| self.duration(text))
    }

    fn record(&self, file: &RecordFile) -> Result<Option<RecordConfig>, ConfigError> {
        let segment = match &file.segment {
            Some(text) if text.value == "gop" => SegmentLength::Gop,
            Some(text) => {
                let length = self.duration(text)?;
                if !(Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&length) {
                    return Err(
                        self.wrong(text.referenced, "`segment` must be `gop` or 1s to 60min")
                    );
                }
                SegmentLength::Duration(length)
            }
            None => SegmentLength::Duration(DEFAULT_SEGMENT),
        };
        let mode = match file.mode {
            RecordModeFile::Off => return Ok(None),
            RecordModeFile::Always => RecordMode::Always,
            RecordModeFile::Events => RecordMode::Events,
        };
        Ok(Some(RecordConfig {
            mode,
            segment,
            before: self.duration_or(file.before.as_ref(), DEFAULT_BEFORE)?,
            after: self.duration_or(file.after.as_ref(), DEFAULT_AFTER)?,
            keep: file.keep.as_ref().map(|text| self.duration(text)).transpose()?,
            max_bytes: file.max_size.as_ref().map(|text| self.size(text)).transpose()?,
        }))
    }

    fn pass_through(
        &self,
        name: &str,
        file: &PassThroughFile,
    ) -> Result<PassThroughConfig, ConfigError> {
        let url = self.text(&file.url)?;
        match PassThroughConfig::new(url, file.start) {
            Ok(checked) => Ok(checked),
            Err(reason) => {
                Err(self.wrong(file.url.referenced, format!("camera `{name}`: {reason}")))
            }
        }
    }

    fn detect(
        &self,
        camera: &str,
        file: &DetectFile,
        models: &BTreeMap<String, NamedModel>,
    ) -> Result<DetectConfig, ConfigError> {
        let model = models.get(&file.model.value);
        let detector = match model {
            Some(model) => model.detector.clone(),
            None if file.model.value == MOTION => Detector::Motion,
            // A card needs no name of its own: whoever fetched one can use it.
            None if Card::built_in_names().any(|card| card == file.model.value) => {
                let model = file.model.value.clone();
                Detector::Model(ModelConfig { model, engine: EngineChoice::Auto })
            }
            None => {
                let mut valid: Vec<&str> = models.keys().map(String::as_str).collect();
                valid.push(MOTION);
                for card in Card::built_in_names() {
                    valid.push(card);
                }
                let reason = unknown("model", &file.model.value, &valid);
                return Err(self.wrong(
                    file.model.referenced,
                    format!("camera `{camera}`: {reason}; models are named under `models:`"),
                ));
            }
        };
        let rate = match &file.fps {
            Some(fps) => self.rate(fps)?,
            None => Rate::Fps(DEFAULT_FPS),
        };
        let min_score = match &file.min_score {
            Some(score) => self.score(score)?,
            None => model.and_then(|model| model.min_score).unwrap_or(DEFAULT_MIN_SCORE),
        };
        let start_score = match &file.start_score {
            Some(score) => self.score(score)?,
            None => model
                .and_then(|model| model.start_score)
                .unwrap_or_else(|| detector.default_start_score().max(min_score)),
        };
        let classes = match &file.classes {
            Some(classes) => class_names(classes),
            None => model.map(|model| model.classes.clone()).unwrap_or_default(),
        };
        if let (Detector::Motion, Some(class)) = (&detector, classes.first()) {
            return Err(self.wrong(
                file.model.referenced,
                format!(
                    "camera `{camera}`: the motion detector cannot tell `{class}` from anything \
                     else; remove `classes` or choose a model"
                ),
            ));
        }
        if let (Detector::Bus(_), GateFile::Motion) = (&detector, file.gate) {
            return Err(self.wrong(
                file.model.referenced,
                format!(
                    "camera `{camera}`: `gate: motion` holds back models of Omma's own, not a \
                     program on the bus; remove it"
                ),
            ));
        }
        Ok(DetectConfig {
            name: file.model.value.clone(),
            detector,
            rate,
            classes,
            min_score,
            start_score,
            motion_gate: file.gate == GateFile::Motion,
        })
    }

    fn rate(&self, fps: &Spanned<FpsFile>) -> Result<Rate, ConfigError> {
        match &fps.value {
            FpsFile::Number(number) if *number > 0.0 && *number <= 1000.0 => Ok(Rate::Fps(*number)),
            FpsFile::Word(word) if word == "all" => Ok(Rate::All),
            FpsFile::Word(word) if word == "keyframes" => Ok(Rate::Keyframes),
            FpsFile::Number(_) | FpsFile::Word(_) => Err(self.wrong(
                fps.referenced,
                "`fps` must be a number above 0 and up to 1000, `all` or `keyframes`",
            )),
        }
    }

    fn line(
        &self,
        camera: &str,
        name: &str,
        line: &Spanned<LineFile>,
    ) -> Result<Line, ConfigError> {
        let file = &line.value;
        let checked = Line::new(name, point(file.from), point(file.to))
            .map_err(|error| self.rule(camera, line.referenced, &error))?;
        Ok(checked.with_classes(class_names(&file.classes)).with_anchor(file.anchor.into()))
    }

    fn zone(
        &self,
        camera: &str,
        name: &str,
        zone: &Spanned<ZoneFile>,
    ) -> Result<Zone, ConfigError> {
        let file = &zone.value;
        let polygon = file.polygon.iter().copied().map(point).collect();
        let checked =
            Zone::new(name, polygon).map_err(|error| self.rule(camera, zone.referenced, &error))?;
        let dwell = match &file.dwell {
            Some(text) => Some(self.duration(text)?),
            None => None,
        };
        let checked = checked.with_classes(class_names(&file.classes));
        Ok(checked.with_anchor(file.anchor.into()).with_dwell(dwell))
    }

    /// A rule for a class that the detector does not give would never count anything.
    fn rule_classes(
        &self,
        camera: &str,
        rule: &str,
        location: Location,
        classes: &[String],
        detect: &DetectConfig,
    ) -> Result<(), ConfigError> {
        let given = |class: &&String| {
            let kept = detect.classes.iter().any(|kept| kept.as_str() == class.as_str());
            let any_class = detect.classes.is_empty() && detect.detector != Detector::Motion;
            kept || any_class || class.as_str() == MOTION
        };
        let Some(class) = classes.iter().find(|class| !given(class)) else { return Ok(()) };
        Err(self.wrong(
            location,
            format!(
                "camera `{camera}`: `{rule}` counts `{class}`, which its detector does not give; \
                 add it to the detector's `classes` or remove it here"
            ),
        ))
    }

    fn rule(&self, camera: &str, location: Location, error: &RuleError) -> ConfigError {
        self.wrong(location, format!("camera `{camera}`: {error}"))
    }
}
