//! What other programs want to have written into the picture: the stream `ONA_DISPLAY`, whose
//! entries each hold all that is to be seen from then on.

use serde_json::Value;

use crate::dialect::tail::{Tail, take_bytes};
use crate::{Broker, BusError};

/// The stream.
pub const STREAM: &str = "ONA_DISPLAY";

/// A longer message is none.
const LONGEST: usize = 64 * 1024;

/// What of a message is shown at most.
const MOST_NOTES: usize = 64;

/// What of a text is shown at most.
const MOST_OF_A_TEXT: usize = 200;

const DEFAULT_LINE_WIDTH: f32 = 2.0;
const DEFAULT_FONT_SIZE: f32 = 20.0;
const RED: [u8; 3] = [255, 0, 0];
const BLACK: [u8; 3] = [0, 0, 0];

/// Something to be drawn. Positions are in pixels of the camera's picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// A line of text; may be empty.
    pub text: String,
    /// Its upper left corner.
    pub at: (f32, f32),
    /// A box: left, top, right, bottom.
    pub bounds: Option<[f32; 4]>,
    /// The box's colour: red, green, blue.
    pub color: [u8; 3],
    /// The thickness of the box's lines, in pixels.
    pub line_width: f32,
    /// Height of the text, in pixels.
    pub font_size: f32,
    /// The text's colour.
    pub font_color: [u8; 3],
}

/// Reads a message: a JSON list. What in it makes no sense is left out or gets its usual
/// value.
///
/// # Errors
/// Why it is none.
pub fn parse(message: &[u8]) -> Result<Vec<Note>, &'static str> {
    if message.len() > LONGEST {
        return Err("it is longer than 64 KiB");
    }
    let value: Value = serde_json::from_slice(message).or(Err("it is no JSON"))?;
    let single;
    let items = match &value {
        Value::Array(items) => items.as_slice(),
        Value::Object(_) => {
            single = [value];
            &single
        }
        _ => return Err("it is no list"),
    };
    Ok(items.iter().filter_map(note).take(MOST_NOTES).collect())
}

fn note(item: &Value) -> Option<Note> {
    let text = match item.get("message_text") {
        Some(Value::String(text)) => {
            text.chars().filter(|c| !c.is_control()).take(MOST_OF_A_TEXT).collect()
        }
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let bounds = item.get("bounding_box").and_then(bounds);
    if text.is_empty() && bounds.is_none() {
        return None;
    }
    let at = item.get("text_position").and_then(position);
    // A box's text without a place stands in its corner.
    let at = at.or(bounds.map(|[left, top, ..]| (left, top))).unwrap_or((0.0, 0.0));
    let length = |key: &str, usual: f32, most: f32| {
        item.get(key).and_then(number).map_or(usual, |length| length.clamp(1.0, most))
    };
    Some(Note {
        text,
        at,
        bounds,
        color: item.get("color").and_then(color).unwrap_or(RED),
        line_width: length("line_width", DEFAULT_LINE_WIDTH, 50.0),
        font_size: length("font_size", DEFAULT_FONT_SIZE, 200.0),
        font_color: item.get("font_color").and_then(color).unwrap_or(BLACK),
    })
}

/// A number, also one that is written as text.
fn number(value: &Value) -> Option<f32> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then(|| number.clamp(-100_000.0, 100_000.0) as f32)
}

fn position(value: &Value) -> Option<(f32, f32)> {
    match value {
        Value::Object(_) => Some((number(value.get("x")?)?, number(value.get("y")?)?)),
        Value::Array(pair) => Some((number(pair.first()?)?, number(pair.get(1)?)?)),
        _ => None,
    }
}

/// `[x1, y1, x2, y2]`, `[[x1, y1], [x2, y2]]`, or an object with these or with a width and a
/// height.
fn bounds(value: &Value) -> Option<[f32; 4]> {
    let corners = match value {
        Value::Array(list) if list.len() == 2 => {
            let ((left, top), (right, bottom)) = (position(&list[0])?, position(&list[1])?);
            [left, top, right, bottom]
        }
        Value::Array(list) if list.len() == 4 => {
            let numbers: Vec<f32> = list.iter().filter_map(number).collect();
            <[f32; 4]>::try_from(numbers).ok()?
        }
        Value::Object(_) => {
            let get = |names: &[&str]| names.iter().find_map(|name| number(value.get(*name)?));
            let (left, top) = (get(&["x1", "left", "x"])?, get(&["y1", "top", "y"])?);
            let right = get(&["x2", "right"]);
            let bottom = get(&["y2", "bottom"]);
            let right = right.or_else(|| Some(left + get(&["width", "w"])?))?;
            [left, top, right, bottom.or_else(|| Some(top + get(&["height", "h"])?))?]
        }
        _ => return None,
    };
    let [left, top, right, bottom] = corners;
    Some([left.min(right), top.min(bottom), left.max(right), top.max(bottom)])
}

/// `rgb(1, 2, 3)`, `#010203`, `#123`, `[1, 2, 3]`, or one of a few names.
fn color(value: &Value) -> Option<[u8; 3]> {
    let three = |parts: Vec<Option<u8>>| <[Option<u8>; 3]>::try_from(parts).ok();
    let text = match value {
        Value::String(text) => text.trim().to_lowercase(),
        Value::Array(list) => {
            let part = |v: &Value| number(v).map(|n| n.clamp(0.0, 255.0) as u8);
            let [r, g, b] = three(list.iter().take(3).map(part).collect())?;
            return Some([r?, g?, b?]);
        }
        _ => return None,
    };
    if let Some(hex) = text.strip_prefix('#') {
        let digits: Vec<u8> =
            hex.chars().map_while(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
        return match digits[..] {
            [r, g, b] => Some([r * 17, g * 17, b * 17]),
            [r, s, g, h, b, c, ..] => Some([r * 16 + s, g * 16 + h, b * 16 + c]),
            _ => None,
        };
    }
    if let Some((_, numbers)) = text.split_once('(') {
        let part = |n: &str| n.trim().parse::<f32>().ok().map(|n| n.clamp(0.0, 255.0) as u8);
        let numbers = numbers.trim_end_matches(')');
        let [r, g, b] = three(numbers.split(',').take(3).map(part).collect())?;
        return Some([r?, g?, b?]);
    }
    Some(match text.as_str() {
        "black" => BLACK,
        "white" => [255, 255, 255],
        "red" => RED,
        "green" => [0, 128, 0],
        "lime" => [0, 255, 0],
        "blue" => [0, 0, 255],
        "yellow" => [255, 255, 0],
        "orange" => [255, 165, 0],
        "cyan" => [0, 255, 255],
        "magenta" => [255, 0, 255],
        "gray" | "grey" => [128, 128, 128],
        _ => return None,
    })
}

/// Follows the stream.
pub struct Messages {
    broker: Broker,
    /// Made when it is first asked for.
    tail: Option<Tail>,
    complained: bool,
}

impl Messages {
    /// A reader of the messages at `broker`; nothing is connected yet. Messages from before
    /// are not shown.
    pub fn new(broker: &Broker) -> Self {
        Self { broker: broker.clone(), tail: None, complained: false }
    }

    /// The next message, however long it takes. One that makes no sense is counted, logged
    /// once and left out. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The broker is away, or refuses; the next call tries again.
    pub async fn next(&mut self) -> Result<Vec<Note>, BusError> {
        loop {
            let tail = match &mut self.tail {
                Some(tail) => tail,
                none => none.insert(Tail::new(self.broker.clone(), STREAM)?),
            };
            let Some(mut entry) = tail.next(&redis::pipe()).await? else { continue };
            let message = take_bytes(&mut entry, "message");
            match message.ok_or("it has no field `message`").and_then(|bytes| parse(&bytes)) {
                Ok(notes) => return Ok(notes),
                Err(reason) => {
                    super::note_left_out(STREAM, "payload", 1);
                    if !self.complained {
                        tracing::warn!(stream = STREAM, reason, "a message cannot be shown");
                    }
                    self.complained = true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_as_they_are_documented() {
        let message = br#"[{"message_text": "Person near door\n", "text_position": {"x": 10, "y":
            "20.5"}, "bounding_box": [100, 50, 20, 90], "color": "rgb(255, 128, 0)", "line_width":
            3, "font_size": 20, "font_color": "rgb(0, 0, 0)"}, {"message_text": ""}, 7]"#;
        let note = Note {
            text: "Person near door".to_owned(),
            at: (10.0, 20.5),
            bounds: Some([20.0, 50.0, 100.0, 90.0]),
            color: [255, 128, 0],
            line_width: 3.0,
            font_size: 20.0,
            font_color: BLACK,
        };
        assert_eq!(parse(message), Ok(vec![note]));
        assert_eq!(parse(b"[]"), Ok(Vec::new()), "nothing is to be seen any more");
    }

    #[test]
    fn what_is_missing_has_its_usual_value() {
        let notes = parse(br#"{"bounding_box": {"x": 5, "y": 6, "width": 10, "height": 20}}"#);
        let notes = notes.expect("a message");
        assert_eq!(notes[0].bounds, Some([5.0, 6.0, 15.0, 26.0]));
        assert_eq!((notes[0].at, notes[0].color, notes[0].line_width), ((5.0, 6.0), RED, 2.0));
        let color_of = |text: &str| color(&Value::from(text));
        assert_eq!(color_of("#0aF"), Some([0, 0xaa, 0xff]));
        assert_eq!(color_of("#0aff10"), Some([0x0a, 0xff, 0x10]));
        assert_eq!(color_of("RGB(300,-4, 7)"), Some([255, 0, 7]));
        assert_eq!(color_of("white"), Some([255; 3]));
        assert_eq!(color_of("rgb(1,2)"), None);
    }

    #[test]
    fn messages_are_bounded() {
        let many = format!("[{}]", vec![r#"{"message_text":"a"}"#; 1000].join(","));
        assert_eq!(parse(many.as_bytes()).map(|notes| notes.len()), Ok(MOST_NOTES));
        let long = format!(r#"[{{"message_text":"{}","font_size":1e30}}]"#, "ä".repeat(5000));
        let notes = parse(long.as_bytes()).expect("a message");
        assert_eq!((notes[0].text.chars().count(), notes[0].font_size), (200, 200.0));
        assert!(parse(&vec![b'['; LONGEST + 1]).is_err());
        assert!(parse(&[b'['; 60_000]).is_err(), "deeper than anybody needs");
        assert!(parse(b"7").is_err() && parse(b"").is_err() && parse(b"\xff").is_err());
    }

    proptest! {
        #[test]
        fn any_message_is_survived(text in ".{0,200}", number in any::<f64>()) {
            drop(parse(text.as_bytes()));
            let value = serde_json::json!([{
                "message_text": text, "text_position": [number, number], "color": text,
                "bounding_box": [number, 0, text, 1], "font_size": number,
            }]);
            let notes = parse(value.to_string().as_bytes()).expect("a list");
            prop_assert!(notes.iter().all(|n| n.at.0.is_finite() && n.font_size >= 1.0));
        }
    }
}
