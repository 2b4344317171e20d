//! Who told an event, on a bus over which several processes share the work (`node.proto`).

use bytes::Bytes;
use prost::Message as _;

use super::message;
use crate::{BusError, proto};

/// An event's message ([`super::encode_event`]) with the word of who tells it. Fields of a
/// message may stand in any order and place: one more is put behind the others.
pub fn with_tenure(event: &Bytes, tenure: proto::Tenure) -> Bytes {
    let tenure = proto::Event { tenure: Some(tenure), ..proto::Event::default() };
    let mut told = Vec::with_capacity(event.len() + tenure.encoded_len());
    told.extend_from_slice(event);
    tenure.encode_raw(&mut told);
    told.into()
}

/// Who told the event in a message of `topic`; none where nobody shares the work.
///
/// # Errors
/// The message is none.
pub fn tenure_of(topic: &str, payload: Bytes) -> Result<Option<proto::Tenure>, BusError> {
    let event: proto::Event = message(topic, payload)?;
    Ok(event.tenure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::{decode_event, encode_event};
    use omma_types::{CameraId, Event, EventId, EventKind, MediaTime, WallTime};

    #[test]
    fn an_event_stays_what_it_is_whoever_tells_it() {
        let event = Event {
            id: EventId(7),
            camera: CameraId::new("door").expect("a name"),
            kind: EventKind::ZoneEntered,
            rule: Some("till".to_owned()),
            track: None,
            class: None,
            score: None,
            rect: None,
            media: MediaTime::ZERO,
            wall: WallTime::from_millis(1_700_000_000_000),
            path: Vec::new(),
            attributes: std::collections::BTreeMap::new(),
        };
        let plain = encode_event(3, &event);
        assert_eq!(tenure_of("events", plain.clone()).expect("an event"), None);
        let tenure = proto::Tenure { node: "east".to_owned(), run: 9, ..Default::default() };
        let told = with_tenure(&plain, tenure.clone());
        assert_eq!(tenure_of("events", told.clone()).expect("an event"), Some(tenure));
        assert_eq!(decode_event("events", told).expect("an event"), (3, event));
        assert!(tenure_of("events", Bytes::from_static(&[0xff])).is_err());
    }
}
