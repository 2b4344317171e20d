//! Messages as jsonpickle 1.2 writes them on Python up to 3.10: members beside `py/object`,
//! keys in alphabetical order, an object or list that was written before as `{"py/id": n}`.
//!
//! Read as plain data, in that form and in that of Python 3.11 and later (members within
//! `py/state`). jsonpickle itself runs what a message names; here a message that names
//! anything but a picture's details and a time is refused.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use chrono::NaiveDateTime;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::message::{Detail, MAX_DEPTH, MAX_DETAILS, Message, from_ten_bytes, to_ten_bytes};

const CLASS: &str = "imagebusutil.FrameDetails";
const TIME: &str = "datetime.datetime";

/// Tags that are data.
const HARMLESS: [&str; 4] = ["py/object", "py/state", "py/id", "py/b64"];

/// What jsonpickle would write.
pub fn write(message: &Message) -> Vec<u8> {
    let mut writer = Writer {
        out: String::with_capacity(message.picture_bytes() / 3 * 4 + 4096),
        ids: 0,
        lists: Vec::new(),
    };
    writer.message(message);
    writer.out.into_bytes()
}

struct Writer<'a> {
    out: String,
    /// Objects and lists until now: each has a number.
    ids: u64,
    lists: Vec<(&'a Arc<Vec<Detail>>, u64)>,
}

impl<'a> Writer<'a> {
    fn message(&mut self, message: &'a Message) {
        self.number();
        self.out.push_str("{\"average\": ");
        self.float(message.average);
        self.out.push_str(", \"dateTime\": ");
        self.time(message.date_time);
        self.out.push_str(", \"details\": ");
        self.details(message.details.as_ref());
        self.integer(", \"frameRate\": ", message.frame_rate);
        self.integer(", \"frameReference\": ", message.frame_reference);
        self.out.push_str(", \"image\": ");
        match &message.image {
            Some(image) => {
                self.out.push_str("{\"py/b64\": \"");
                BASE64_STANDARD.encode_string(image, &mut self.out);
                self.out.push_str("\"}");
            }
            None => self.out.push_str("null"),
        }
        self.out.push_str(", \"name\": ");
        self.text(&message.name);
        self.out.push_str(", \"parent\": ");
        match message.parent.as_deref() {
            Some(parent) => self.message(parent),
            None => self.out.push_str("null"),
        }
        self.out.push_str(", \"py/object\": \"");
        self.out.push_str(CLASS);
        self.out.push_str("\", \"speed\": ");
        self.float(message.speed);
        self.out.push_str(", \"topic\": ");
        self.text(&message.topic);
        self.out.push_str(", \"url\": ");
        match &message.url {
            Some(url) => self.text(url),
            None => self.out.push_str("null"),
        }
        self.out.push('}');
    }

    fn number(&mut self) -> u64 {
        let id = self.ids;
        self.ids += 1;
        id
    }

    fn time(&mut self, time: Option<NaiveDateTime>) {
        let Some(bytes) = time.and_then(to_ten_bytes) else { return self.out.push_str("null") };
        self.number();
        self.out.push_str("{\"__reduce__\": [{\"py/type\": \"datetime.datetime\"}, [\"");
        BASE64_STANDARD.encode_string(bytes, &mut self.out);
        self.out.push_str("\"]], \"py/object\": \"datetime.datetime\"}");
    }

    fn details(&mut self, details: Option<&'a Arc<Vec<Detail>>>) {
        let Some(details) = details else { return self.out.push_str("null") };
        let known = self.lists.iter().find(|(list, _)| Arc::ptr_eq(list, details));
        if let Some(&(_, id)) = known {
            self.push(format_args!("{{\"py/id\": {id}}}"));
            return;
        }
        let id = self.number();
        self.lists.push((details, id));
        self.out.push('[');
        for (at, detail) in details.iter().enumerate() {
            self.number();
            self.out.push_str(if at == 0 { "{\"name\": " } else { ", {\"name\": " });
            self.text(&detail.name);
            self.out.push_str(", \"percentage_probability\": ");
            self.float(Some(detail.percentage));
            let [left, top, right, bottom] = detail.position;
            self.push(format_args!(", \"position\": [{left}, {top}, {right}, {bottom}]"));
            self.out.push_str(if detail.redacted { ", \"redacted\": true}" } else { "}" });
        }
        self.out.push(']');
    }

    fn integer(&mut self, key: &str, value: i64) {
        self.push(format_args!("{key}{value}"));
    }

    fn float(&mut self, value: Option<f64>) {
        match value.filter(|value| value.is_finite()) {
            Some(value) => push_float(&mut self.out, value),
            None => self.out.push_str("null"),
        }
    }

    /// As Python writes it: ASCII only.
    fn text(&mut self, text: &str) {
        self.out.push('"');
        for char in text.chars() {
            match char {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                ' '..='~' => self.out.push(char),
                _ => {
                    let mut units = [0; 2];
                    for unit in char.encode_utf16(&mut units) {
                        self.push(format_args!("\\u{unit:04x}"));
                    }
                }
            }
        }
        self.out.push('"');
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        push(&mut self.out, text);
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Memory is no place that fails to take text.
    out.write_fmt(text).unwrap_or_default();
}

/// As Python's `repr`: the shortest digits that mean the number, with an exponent below 1e-4
/// and from 1e16 on, which has a sign and at least two digits.
fn push_float(out: &mut String, value: f64) {
    let size = value.abs();
    if value == 0.0 || (1e-4..1e16).contains(&size) {
        return push(out, format_args!("{value:?}"));
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) =
                exponent.strip_prefix('-').map_or(("+", exponent), |exponent| ("-", exponent));
            push(out, format_args!("{digits}e{sign}{exponent:0>2}"));
        }
        None => out.push_str(&text),
    }
}

/// Reads a message.
///
/// # Errors
/// It is none, or names what would have to be run.
pub fn read(payload: &[u8]) -> Result<Message, String> {
    let tree: Json<'_> =
        serde_json::from_slice(payload).map_err(|error| format!("it is no JSON: {error}"))?;
    let mut objects = Objects(Vec::new());
    objects.collect(&tree, 0)?;
    objects.message(&tree, 0)
}

/// JSON whose texts lie where they came in: a picture is text of megabytes.
#[derive(Debug)]
enum Json<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Map(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(members) = self else { return None };
        // Of members that come twice, the last one holds, as in Python.
        members.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn float(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    fn integer(&self) -> Option<i64> {
        let number = self.float()?;
        // Whole numbers up to 2^53 are exact.
        (number.abs() < 9e15).then_some(number as i64)
    }

    fn list(&self) -> Option<&[Json<'a>]> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    fn is_object(&self, class: &str) -> bool {
        self.get("py/object").and_then(Json::text) == Some(class)
    }
}

/// What a message can point back at, by number, in the order in which jsonpickle numbers.
struct Objects<'t, 'a>(Vec<&'t Json<'a>>);

impl<'t, 'a> Objects<'t, 'a> {
    /// Numbers what is in `tree`, and refuses what is not data.
    fn collect(&mut self, tree: &'t Json<'a>, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH * 4 {
            return Err("it is nested too deeply".to_owned());
        }
        match tree {
            Json::List(list) => {
                self.0.push(tree);
                list.iter().try_for_each(|item| self.collect(item, depth + 1))
            }
            Json::Map(members) => {
                let tags = members.iter().filter(|(name, _)| name.starts_with("py/"));
                for (tag, _) in tags {
                    if !HARMLESS.contains(&tag.as_ref()) {
                        return Err(format!("it has `{tag}`, which is no picture's data"));
                    }
                }
                match tree.get("py/object") {
                    None => {}
                    // What a time has inside has no number.
                    Some(Json::Text(class)) if class == TIME => {
                        self.0.push(tree);
                        return Ok(());
                    }
                    Some(Json::Text(class)) if is_frame_details(class) => self.0.push(tree),
                    Some(_) => return Err("it holds an object of a class of its own".to_owned()),
                }
                let mut members: Vec<_> = members.iter().collect();
                members.sort_by(|(a, _), (b, _)| a.cmp(b));
                members.into_iter().try_for_each(|(_, value)| self.collect(value, depth + 1))
            }
            _ => Ok(()),
        }
    }

    /// `value`, or what it points back at.
    fn resolve(&self, value: &'t Json<'a>) -> &'t Json<'a> {
        let id = value.get("py/id").and_then(Json::integer);
        id.and_then(|id| self.0.get(usize::try_from(id).ok()?).copied()).unwrap_or(value)
    }

    fn message(&self, tree: &'t Json<'a>, depth: usize) -> Result<Message, String> {
        let class = tree.get("py/object").and_then(Json::text);
        if !class.is_some_and(is_frame_details) {
            return Err(format!("it is no {CLASS}"));
        }
        if depth > MAX_DEPTH {
            return Err(format!("it has more than {MAX_DEPTH} parents"));
        }
        let members = tree.get("py/state").unwrap_or(tree);
        let get = |name: &str| members.get(name).map_or(&Json::Null, |value| self.resolve(value));
        let text = |name: &str| get(name).text().map(str::to_owned);
        // A parent is written in full: one that points back would be its own parent.
        let parent = match members.get("parent") {
            Some(parent @ Json::Map(_)) if parent.get("py/id").is_none() => {
                Some(Arc::new(self.message(parent, depth + 1)?))
            }
            _ => None,
        };
        Ok(Message {
            name: text("name").unwrap_or_default(),
            url: text("url"),
            topic: text("topic").unwrap_or_default(),
            frame_rate: get("frameRate").integer().unwrap_or(0),
            frame_reference: get("frameReference").integer().unwrap_or(0),
            date_time: time(get("dateTime")),
            image: image(get("image"))?,
            details: self.details(get("details"))?.map(Arc::new),
            parent,
            speed: get("speed").float(),
            average: get("average").float(),
        })
    }

    fn details(&self, value: &'t Json<'a>) -> Result<Option<Vec<Detail>>, String> {
        let Some(list) = value.list() else { return Ok(None) };
        if list.len() > MAX_DETAILS {
            return Err(format!("it tells of more than {MAX_DETAILS} objects"));
        }
        let detail = |item: &'t Json<'a>| {
            let item = self.resolve(item);
            let position = self.resolve(item.get("position")?);
            let [left, top, right, bottom] = position.list()? else { return None };
            Some(Detail {
                name: item.get("name")?.text()?.to_owned(),
                percentage: item.get("percentage_probability")?.float()?,
                position: [left.integer()?, top.integer()?, right.integer()?, bottom.integer()?],
                redacted: matches!(item.get("redacted"), Some(Json::Bool(true))),
            })
        };
        let details: Option<Vec<Detail>> = list.iter().map(detail).collect();
        details.map(Some).ok_or_else(|| "its `details` are none".to_owned())
    }
}

/// Whatever module the class is in: that depends on how its program is started.
fn is_frame_details(class: &str) -> bool {
    class.rsplit('.').next() == Some("FrameDetails")
}

fn time(value: &Json<'_>) -> Option<NaiveDateTime> {
    if !value.is_object(TIME) {
        return None;
    }
    let [_type, arguments] = value.get("__reduce__")?.list()? else { return None };
    let [bytes] = arguments.list()? else { return None };
    from_ten_bytes(&BASE64_STANDARD.decode(bytes.text()?).ok()?)
}

fn image(value: &Json<'_>) -> Result<Option<Bytes>, String> {
    match value.get("py/b64").and_then(Json::text) {
        Some(text) => match BASE64_STANDARD.decode(text) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) => Err(format!("its `image` is no base64: {error}")),
        },
        None => Ok(None),
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Json::Number(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = access.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((key, value)) = access.next_entry::<Key<'de>, Json<'de>>()? {
            members.push((key.0, value));
        }
        Ok(Json::Map(members))
    }
}

/// A member's name; serde copies a plain `Cow`.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
