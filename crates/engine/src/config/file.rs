//! The YAML file as it is written, and its way to a checked [`Config`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use omma_infer::EngineChoice;
use omma_media::Transport;
use omma_rules::{Anchor, Line, RuleError, Zone};
use omma_types::{CameraId, ClassName, Point};
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::env::{Lookup, expand};
use super::error::{ConfigError, unknown};
use super::{
    CameraConfig, Config, DEFAULT_MIN_SCORE, DetectConfig, Detector, MOTION, ModelConfig, Rate,
};

const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
const DEFAULT_FPS: f64 = 5.0;
const DEFAULT_RING_BYTES: usize = 8 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    version: Spanned<u32>,
    data_dir: Option<Spanned<String>>,
    http: Option<HttpFile>,
    #[serde(default)]
    models: BTreeMap<String, Spanned<ModelFile>>,
    #[serde(default)]
    cameras: BTreeMap<String, Spanned<CameraFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpFile {
    listen: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    card: Option<String>,
    file: Option<Spanned<String>>,
    #[serde(default)]
    engine: EngineFile,
    #[serde(default)]
    classes: Vec<String>,
    min_score: Option<Spanned<f32>>,
    start_score: Option<Spanned<f32>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EngineFile {
    #[default]
    Auto,
    Ort,
    Rten,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CameraFile {
    url: Spanned<String>,
    #[serde(default)]
    transport: TransportFile,
    #[serde(default, rename = "loop")]
    looped: bool,
    ring: Option<Spanned<String>>,
    detect: Option<Spanned<DetectFile>>,
    #[serde(default)]
    lines: BTreeMap<String, Spanned<LineFile>>,
    #[serde(default)]
    zones: BTreeMap<String, Spanned<ZoneFile>>,
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

/// Reads and checks `text`.
pub(super) fn parse(text: &str, name: &str, env: &Lookup<'_>) -> Result<Config, ConfigError> {
    let options = serde_saphyr::options! { with_snippet: false };
    let file: ConfigFile = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| ConfigError::from_yaml(name, &error))?;
    let check = Check { name, env };
    if file.version.value != 1 {
        return Err(check.wrong(
            file.version.referenced,
            format!("version {} is not known; this Omma reads version 1", file.version.value),
        ));
    }
    let data_dir = match &file.data_dir {
        Some(text) => PathBuf::from(check.text(text)?),
        None => PathBuf::from("./omma-data"),
    };
    let listen = match file.http.as_ref().and_then(|http| http.listen.as_ref()) {
        Some(text) => check.address(text)?,
        None => SocketAddr::from(([127, 0, 0, 1], 8080)),
    };
    let cameras = file
        .cameras
        .iter()
        .map(|(id, camera)| check.camera(id, camera, &file.models))
        .collect::<Result<_, _>>()?;
    for (model_name, model) in &file.models {
        // A model that no camera uses must be right too.
        check.model(model_name, model)?;
    }
    Ok(Config { data_dir, listen, cameras })
}

/// What the checks share: where they are and what `${NAME}` means.
struct Check<'a> {
    name: &'a str,
    env: &'a Lookup<'a>,
}

impl Check<'_> {
    fn wrong(&self, location: Location, reason: impl Into<String>) -> ConfigError {
        ConfigError::at(self.name, location, reason)
    }

    fn text(&self, text: &Spanned<String>) -> Result<String, ConfigError> {
        expand(&text.value, self.env).map_err(|reason| self.wrong(text.referenced, reason))
    }

    fn address(&self, text: &Spanned<String>) -> Result<SocketAddr, ConfigError> {
        let address = self.text(text)?;
        address.parse().map_err(|_not_an_address: std::net::AddrParseError| {
            self.wrong(
                text.referenced,
                format!(
                    "`{address}` is no address to listen on; expected one like {DEFAULT_LISTEN}"
                ),
            )
        })
    }

    fn camera(
        &self,
        name: &str,
        camera: &Spanned<CameraFile>,
        models: &BTreeMap<String, Spanned<ModelFile>>,
    ) -> Result<CameraConfig, ConfigError> {
        let file = &camera.value;
        let id = CameraId::new(name)
            .map_err(|error| self.wrong(camera.referenced, format!("camera {error}")))?;
        let url = self.text(&file.url)?;
        if url.trim().is_empty() {
            return Err(self.wrong(file.url.referenced, format!("camera `{name}`: `url` is empty")));
        }
        let ring_bytes = match &file.ring {
            Some(text) => self.bytes(text)?,
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
        let camera = CameraConfig {
            id,
            url,
            transport: match file.transport {
                TransportFile::Auto => Transport::Auto,
                TransportFile::Tcp => Transport::Tcp,
                TransportFile::Udp => Transport::Udp,
            },
            looped: file.looped,
            ring_bytes,
            detect,
            lines: lines.collect::<Result<_, _>>()?,
            zones: zones.collect::<Result<_, _>>()?,
        };
        match crate::source::resolve(&camera) {
            Ok(_source) => Ok(camera),
            Err(error) => Err(self.wrong(file.url.referenced, error.to_string())),
        }
    }

    fn detect(
        &self,
        camera: &str,
        file: &DetectFile,
        models: &BTreeMap<String, Spanned<ModelFile>>,
    ) -> Result<DetectConfig, ConfigError> {
        let model = models.get(&file.model.value);
        let detector = match model {
            Some(model) => Detector::Model(self.model(&file.model.value, model)?),
            None if file.model.value == MOTION => Detector::Motion,
            None => {
                let mut valid: Vec<&str> = models.keys().map(String::as_str).collect();
                valid.push(MOTION);
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
        let model_file = model.map(|m| &m.value);
        let min_score = file.min_score.as_ref().or(model_file.and_then(|m| m.min_score.as_ref()));
        let start_score =
            file.start_score.as_ref().or(model_file.and_then(|m| m.start_score.as_ref()));
        let min_score = match min_score {
            Some(score) => self.score(score)?,
            None => DEFAULT_MIN_SCORE,
        };
        let start_score = match start_score {
            Some(score) => self.score(score)?,
            None => detector.default_start_score().max(min_score),
        };
        let classes = file.classes.as_ref().or(model_file.map(|m| &m.classes)).map(Vec::as_slice);
        let classes = class_names(classes.unwrap_or_default());
        if let (Detector::Motion, Some(class)) = (&detector, classes.first()) {
            return Err(self.wrong(
                file.model.referenced,
                format!(
                    "camera `{camera}`: the motion detector cannot tell `{class}` from anything \
                     else; remove `classes` or choose a model"
                ),
            ));
        }
        Ok(DetectConfig {
            detector,
            rate,
            classes,
            min_score,
            start_score,
            motion_gate: file.gate == GateFile::Motion,
        })
    }

    fn model(&self, name: &str, model: &Spanned<ModelFile>) -> Result<ModelConfig, ConfigError> {
        let file = &model.value;
        for score in [&file.min_score, &file.start_score].into_iter().flatten() {
            self.score(score)?;
        }
        if name == MOTION {
            return Err(self.wrong(
                model.referenced,
                format!("`{MOTION}` is the built-in motion detector; give this model another name"),
            ));
        }
        let name_or_path = match (&file.card, &file.file) {
            (Some(card), None) => card.clone(),
            (None, Some(path)) => as_path(&self.text(path)?),
            _ => {
                return Err(self.wrong(
                    model.referenced,
                    format!(
                        "model `{name}` needs either `card` (a name from `omma models list`) \
                             or `file` (an ONNX file)"
                    ),
                ));
            }
        };
        let engine = match file.engine {
            EngineFile::Auto => EngineChoice::Auto,
            EngineFile::Ort => EngineChoice::Ort,
            EngineFile::Rten => EngineChoice::Rten,
        };
        Ok(ModelConfig { model: name_or_path, engine })
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

    fn score(&self, score: &Spanned<f32>) -> Result<f32, ConfigError> {
        if (0.0..=1.0).contains(&score.value) {
            Ok(score.value)
        } else {
            Err(self.wrong(score.referenced, "a score must be between 0 and 1"))
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

    fn duration(&self, text: &Spanned<String>) -> Result<Duration, ConfigError> {
        let units = [("ms", 0.001), ("s", 1.0), ("min", 60.0), ("h", 3600.0), ("d", 86_400.0)];
        match scaled(&text.value, &units) {
            Some(secs) if secs > 0.0 && secs < 1e9 => Ok(Duration::from_secs_f64(secs)),
            _ => Err(self.wrong(
                text.referenced,
                format!(
                    "`{}` is no duration; expected one like 500ms, 10s, 5min, 2h, 7d",
                    text.value
                ),
            )),
        }
    }

    fn bytes(&self, text: &Spanned<String>) -> Result<usize, ConfigError> {
        let units = [("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("B", 1.0)];
        match scaled(&text.value, &units) {
            Some(bytes) if (1e5..=1e10).contains(&bytes) => Ok(bytes as usize),
            _ => Err(self.wrong(
                text.referenced,
                format!("`{}` is no size for a ring; expected 100kB to 10GB, like 8MB", text.value),
            )),
        }
    }
}

/// `"10s"` with `("s", 1.0)` is 10. None where the number or the unit can't be read.
fn scaled(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let unit_start = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text.get(..unit_start)?.trim().parse().ok()?;
    let unit = text.get(unit_start..)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    Some(number * factor)
}

/// A path that can't be mistaken for a card's name.
fn as_path(text: &str) -> String {
    let is_plain_name = !text.contains('/') && !text.ends_with(".onnx");
    if is_plain_name { format!("./{text}") } else { text.to_owned() }
}

fn point([x, y]: [f32; 2]) -> Point {
    Point::new(x, y)
}

fn class_names(names: &[String]) -> Vec<ClassName> {
    names.iter().map(|name| ClassName::new(name)).collect()
}
