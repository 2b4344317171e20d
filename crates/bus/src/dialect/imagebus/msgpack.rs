//! Messages as imagebus wrote them before December 2019: a map of msgpack with a JPEG and a
//! time, and behind the detector also what was found and the time of the source's picture.
//!
//! Times are those on the writer's wall, packed as if they were UTC (extension type -1).

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, NaiveDateTime};
use rmpv::ValueRef;

use super::message::{Detail, MAX_DETAILS, Message};

const TIMESTAMP: i8 = -1;

/// Deeper nesting is not read. A message needs four levels, each of which the reader counts more
/// than once.
const MAX_NESTING: usize = 32;

/// What u-msgpack would write.
pub fn write(message: &Message) -> Vec<u8> {
    let image = message.image.as_deref().unwrap_or_default();
    let time = message.date_time.map(timestamp);
    let original_time = message.root().date_time.map(timestamp);
    let mut members = vec![
        (ValueRef::from("image"), ValueRef::Binary(image)),
        (ValueRef::from("time"), extension(time.as_ref())),
    ];
    if let Some(details) = &message.details {
        members.push((ValueRef::from("original_time"), extension(original_time.as_ref())));
        let details = details.iter().map(packed).collect();
        members.push((ValueRef::from("details"), ValueRef::Array(details)));
    }
    let mut out = Vec::with_capacity(image.len() + 1024);
    // Memory is no place that fails to take bytes.
    rmpv::encode::write_value_ref(&mut out, &ValueRef::Map(members)).unwrap_or_default();
    out
}

fn packed(detail: &Detail) -> ValueRef<'_> {
    let position = detail.position.into_iter().map(ValueRef::from).collect();
    ValueRef::Map(vec![
        (ValueRef::from("name"), ValueRef::from(detail.name.as_str())),
        (ValueRef::from("percentage_probability"), ValueRef::F64(detail.percentage)),
        (ValueRef::from("position"), ValueRef::Array(position)),
    ])
}

fn extension(time: Option<&Vec<u8>>) -> ValueRef<'_> {
    time.map_or(ValueRef::Nil, |bytes| ValueRef::Ext(TIMESTAMP, bytes))
}

fn timestamp(time: NaiveDateTime) -> Vec<u8> {
    let utc = time.and_utc();
    let (seconds, nanos) = (utc.timestamp(), utc.timestamp_subsec_nanos());
    match (u32::try_from(seconds), u64::try_from(seconds)) {
        (Ok(seconds), _) if nanos == 0 => seconds.to_be_bytes().to_vec(),
        (_, Ok(seconds)) if seconds < 1 << 34 => {
            (u64::from(nanos) << 34 | seconds).to_be_bytes().to_vec()
        }
        _ => [&nanos.to_be_bytes()[..], &seconds.to_be_bytes()[..]].concat(),
    }
}

/// Reads a message.
///
/// # Errors
/// It is none.
pub fn read(payload: &Bytes) -> Result<Message, String> {
    let mut rest: &[u8] = payload;
    let tree = rmpv::decode::read_value_ref_with_max_depth(&mut rest, MAX_NESTING)
        .map_err(|error| format!("it is no msgpack: {error}"))?;
    if !rest.is_empty() {
        return Err(format!("{} bytes stand behind it", rest.len()));
    }
    if !matches!(tree, ValueRef::Map(_)) {
        return Err("it is no map".to_owned());
    }
    let image = match get(&tree, "image") {
        // A part of the payload, not a copy of it.
        Some(ValueRef::Binary(image)) => payload.slice_ref(image),
        _ => return Err("it has no `image`".to_owned()),
    };
    let details = match get(&tree, "details") {
        Some(ValueRef::Array(details)) if details.len() > MAX_DETAILS => {
            return Err(format!("it tells of more than {MAX_DETAILS} objects"));
        }
        Some(ValueRef::Array(details)) => {
            let details: Option<Vec<Detail>> = details.iter().map(detail).collect();
            Some(Arc::new(details.ok_or("its `details` are none")?))
        }
        _ => None,
    };
    let parent = get(&tree, "original_time")
        .map(|time| Arc::new(Message { date_time: from_timestamp(time), ..Message::default() }));
    let date_time = get(&tree, "time").and_then(from_timestamp);
    Ok(Message { image: Some(image), date_time, details, parent, ..Message::default() })
}

fn get<'t, 'a>(tree: &'t ValueRef<'a>, key: &str) -> Option<&'t ValueRef<'a>> {
    let ValueRef::Map(members) = tree else { return None };
    let is_key =
        |name: &ValueRef<'_>| matches!(name, ValueRef::String(s) if s.as_str() == Some(key));
    members.iter().rev().find(|(name, _)| is_key(name)).map(|(_, value)| value)
}

fn detail(item: &ValueRef<'_>) -> Option<Detail> {
    let ValueRef::String(name) = get(item, "name")? else { return None };
    let percentage = match get(item, "percentage_probability")? {
        ValueRef::F64(number) => *number,
        ValueRef::F32(number) => f64::from(*number),
        ValueRef::Integer(number) => number.as_f64()?,
        _ => return None,
    };
    let ValueRef::Array(position) = get(item, "position")? else { return None };
    let edge = |value: &ValueRef<'_>| match value {
        ValueRef::Integer(number) => number.as_i64(),
        _ => None,
    };
    let [left, top, right, bottom] = position.as_slice() else { return None };
    Some(Detail {
        name: name.as_str()?.to_owned(),
        percentage,
        position: [edge(left)?, edge(top)?, edge(right)?, edge(bottom)?],
        redacted: false,
    })
}

fn from_timestamp(value: &ValueRef<'_>) -> Option<NaiveDateTime> {
    let ValueRef::Ext(TIMESTAMP, bytes) = value else { return None };
    let (seconds, nanos) = match bytes.len() {
        4 => (u32::from_be_bytes((*bytes).try_into().ok()?).into(), 0),
        8 => {
            let both = u64::from_be_bytes((*bytes).try_into().ok()?);
            (i64::try_from(both & ((1 << 34) - 1)).ok()?, u32::try_from(both >> 34).ok()?)
        }
        12 => {
            let (nanos, seconds) = bytes.split_at_checked(4)?;
            let nanos = u32::from_be_bytes(nanos.try_into().ok()?);
            (i64::from_be_bytes(seconds.try_into().ok()?), nanos)
        }
        _ => return None,
    };
    DateTime::from_timestamp(seconds, nanos).map(|time| time.naive_utc())
}
