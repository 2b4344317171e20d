//! Model cards: what Omma knows about a model file. Written in TOML, so that a new model of a
//! known family needs no code; those in `models/` are part of the binary.

use std::path::Path;

use omma_imaging::{ChannelOrder, Fit};
use omma_types::Size;
use serde::Deserialize;

use crate::{Family, InferError, classes};

/// What Omma knows about a model file.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// The name to ask for it by, e.g. `yolox-nano`.
    pub name: String,
    /// What it is good for, in a line.
    pub description: String,
    /// How it is fed and read.
    pub family: Family,
    /// The name of its file.
    pub file: String,
    /// Addresses of the file, best first; may be empty.
    pub sources: Vec<String>,
    /// The file's SHA-256 in lower-case hexadecimal, where it is known for sure.
    pub sha256: Option<String>,
    /// The licence of the weights, as an SPDX identifier.
    pub licence: String,
    /// What it is fed with.
    pub input: InputSpec,
    /// The names of its classes by index.
    pub classes: Vec<String>,
    /// Score below which its detections are not worth much.
    pub min_score: f32,
    /// Overlap (intersection over union) above which the weaker of two boxes is dropped;
    /// none for what its family usually takes.
    pub nms: Option<f32>,
}

/// What a model is fed with. Where the model's file fixes the size, the file is right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputSpec {
    /// Columns and rows of the tensor.
    pub size: Size,
    /// Which colour comes first.
    pub order: ChannelOrder,
    /// How a picture of another shape goes in.
    pub fit: Fit,
    /// Subtracted from each channel (0 to 255), in the order of `order`.
    pub mean: [f32; 3],
    /// Each channel is then divided by this.
    pub std: [f32; 3],
    /// The colour (0 to 255) around the picture.
    pub pad: f32,
}

/// The file's shape. Separate from [`Card`], which other crates see.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CardFile {
    name: String,
    #[serde(default)]
    description: String,
    family: String,
    file: String,
    #[serde(default)]
    sources: Vec<String>,
    sha256: Option<String>,
    licence: String,
    input: InputFile,
    classes: ClassesField,
    min_score: Option<f32>,
    nms: Option<f32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputFile {
    width: u32,
    height: u32,
    order: OrderField,
    fit: FitField,
    #[serde(default)]
    mean: [f32; 3],
    #[serde(default = "ones")]
    std: [f32; 3],
    #[serde(default)]
    pad: f32,
}

fn ones() -> [f32; 3] {
    [1.0; 3]
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum OrderField {
    Rgb,
    Bgr,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FitField {
    TopLeft,
    Center,
    Stretch,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ClassesField {
    Known(String),
    List(Vec<String>),
}

/// The side of a tensor at most: more would be a slip, and take gigabytes.
const MOST_PIXELS: u32 = 4096;

impl Card {
    /// Reads a card from the `text` of a file called `origin` in messages.
    pub fn parse(text: &str, origin: &str) -> Result<Self, InferError> {
        let refuse = |reason: String| InferError::Card { card: origin.to_owned(), reason };
        let file: CardFile = toml::from_str(text).map_err(|e| refuse(locate(text, &e)))?;
        Self::build(file).map_err(refuse)
    }

    /// Reads a card from a file.
    pub fn read(path: &Path) -> Result<Self, InferError> {
        let text = std::fs::read_to_string(path).map_err(|source| InferError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    fn build(file: CardFile) -> Result<Self, String> {
        let family = file.family.parse().map_err(|e| format!("key `family`: {e}"))?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if file.name.is_empty() || !file.name.chars().all(is_name) {
            return Err(format!(
                "key `name`: {:?} is no name; use letters, digits, '-', '_' and '.'",
                file.name
            ));
        }
        if Path::new(&file.file).file_name().is_none_or(|name| name != file.file.as_str()) {
            return Err(format!("key `file`: {:?} must be a file name without folders", file.file));
        }
        let sides = [("width", file.input.width), ("height", file.input.height)];
        for (key, side) in sides {
            if !(1..=MOST_PIXELS).contains(&side) {
                return Err(format!("key `input.{key}`: {side} is not within 1..={MOST_PIXELS}"));
            }
        }
        if file.input.std.iter().any(|s| !s.is_finite() || *s == 0.0)
            || file.input.mean.iter().any(|m| !m.is_finite())
        {
            return Err("keys `input.mean` and `input.std`: must be finite, std not 0".to_owned());
        }
        if let Some(digest) = &file.sha256
            && (digest.len() != 64 || !digest.chars().all(|c| c.is_ascii_hexdigit()))
        {
            return Err(format!("key `sha256`: {digest:?} is not 64 hexadecimal digits"));
        }
        let fraction = |key: &str, value: Option<f32>| match value {
            Some(v) if !(0.0..=1.0).contains(&v) => {
                Err(format!("key `{key}`: {v} is not within 0..=1"))
            }
            _ => Ok(value),
        };
        let classes = match file.classes {
            ClassesField::Known(name) if name == "coco80" => classes::coco80(),
            ClassesField::Known(name) if name == "coco91" => classes::coco91(),
            ClassesField::Known(name) => {
                return Err(format!(
                    "key `classes`: unknown list {name:?}: expected coco80, coco91 or names"
                ));
            }
            ClassesField::List(names) if names.is_empty() => {
                return Err("key `classes`: the list is empty".to_owned());
            }
            ClassesField::List(names) => names,
        };
        Ok(Self {
            name: file.name,
            description: file.description,
            family,
            file: file.file,
            sources: file.sources,
            sha256: file.sha256.map(|digest| digest.to_ascii_lowercase()),
            licence: file.licence,
            input: InputSpec {
                size: Size::new(file.input.width, file.input.height),
                order: match file.input.order {
                    OrderField::Rgb => ChannelOrder::Rgb,
                    OrderField::Bgr => ChannelOrder::Bgr,
                },
                fit: match file.input.fit {
                    FitField::TopLeft => Fit::TopLeft,
                    FitField::Center => Fit::Center,
                    FitField::Stretch => Fit::Stretch,
                },
                mean: file.input.mean,
                std: file.input.std,
                pad: file.input.pad,
            },
            classes,
            min_score: fraction("min_score", file.min_score)?.unwrap_or(0.3),
            nms: fraction("nms", file.nms)?,
        })
    }

    /// The cards that come with the binary.
    pub(crate) fn built_in() -> Result<Vec<Self>, InferError> {
        let parsed =
            |(name, text): &(&str, &str)| Self::parse(text, &format!("models/{name}.toml"));
        BUILT_IN.iter().map(parsed).collect()
    }

    /// The names of the cards that come with Omma.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _text)| *name)
    }
}

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        [$((
            $name,
            include_str!(concat!("../../../models/", $name, ".toml")),
        )),*]
    };
}

/// Name and text.
const BUILT_IN: [(&str, &str); 6] = built_in![
    "yolox-nano",
    "yolox-tiny",
    "nanodet-m-416",
    "nanodet-plus-m-1.5x-416",
    "d-fine-n",
    "rf-detr-nano",
];

/// The place of a TOML error with the line that it is about, which names the key.
fn locate(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().trim_end();
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return message.to_owned();
    };
    let number = before.matches('\n').count() + 1;
    let line = text.lines().nth(number - 1).unwrap_or_default().trim();
    format!("line {number} (`{line}`): {message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
name = "mine"
family = "yolo"
file = "mine.onnx"
licence = "MIT"
classes = ["cat", "dog"]
[input]
width = 640
height = 480
order = "rgb"
fit = "center"
std = [255.0, 255.0, 255.0]
pad = 114
"#;

    #[test]
    fn the_built_in_cards_are_good_and_permissive() {
        let cards = Card::built_in().unwrap();
        assert_eq!(cards.len(), BUILT_IN.len());
        for (card, (name, _text)) in cards.iter().zip(BUILT_IN) {
            assert_eq!(card.name, name);
            assert!(["Apache-2.0", "MIT", "BSD-3-Clause"].contains(&card.licence.as_str()));
            assert!(!card.sources.is_empty() && !card.description.is_empty());
            assert!(card.classes.iter().any(|c| c == "person"));
        }
    }

    #[test]
    fn a_card_is_read() {
        let card = Card::parse(GOOD, "mine.toml").unwrap();
        assert_eq!((card.family, card.input.fit), (Family::Yolo, Fit::Center));
        assert_eq!((card.input.mean, card.input.std), ([0.0; 3], [255.0; 3]));
        assert_eq!((card.classes.len(), card.min_score, card.sha256), (2, 0.3, None));
    }

    #[test]
    fn mistakes_name_the_file_and_the_key() {
        let cases = [
            ("family = \"yolo\"", "family = \"yolr\"", "yolox, yolo"),
            ("width = 640", "width = \"640\"", "width"),
            ("width = 640", "width = 0", "input.width"),
            ("order = \"rgb\"", "order = \"gbr\"", "order"),
            ("fit = \"center\"", "fitt = \"center\"", "fitt"),
            ("file = \"mine.onnx\"", "file = \"../mine.onnx\"", "`file`"),
            ("licence = \"MIT\"", "licence = \"MIT\"\nsha256 = \"12\"", "sha256"),
            ("licence = \"MIT\"", "licence = \"MIT\"\nmin_score = 3.0", "min_score"),
            ("licence = \"MIT\"\n", "", "licence"),
            ("classes = [\"cat\", \"dog\"]", "classes = \"coco\"", "coco80"),
            ("std = [255.0, 255.0, 255.0]", "std = [0.0, 1.0, 1.0]", "input.std"),
        ];
        for (good, bad, expected) in cases {
            let error = Card::parse(&GOOD.replace(good, bad), "mine.toml").unwrap_err();
            let text = error.to_string();
            assert!(text.contains("mine.toml") && text.contains(expected), "{bad}: {text}");
        }
    }
}
