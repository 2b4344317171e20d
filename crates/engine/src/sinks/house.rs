//! What an MQTT sink says beside events: retained topics that tell how things stand, and
//! messages by which Home Assistant finds them.
//!
//! ```text
//! NAME/status                         online, offline (the broker says so when we are gone)
//! NAME/CAMERA/state                   connecting, online, stalled, offline, failed, ended, paused
//! NAME/CAMERA/people                  people in the picture now
//! NAME/CAMERA/zones/ZONE/occupancy    objects in the zone now
//! NAME/CAMERA/lines/LINE/forward      crossings so far, restarts included; also `backward`
//! PREFIX/…/config                     Home Assistant's discovery
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use omma_bus::sink::MqttLink;
use omma_types::CameraId;
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use crate::handle::Handle;
use crate::shared::Shared;
use crate::status::{CameraState, Totals};

/// Topics change at most so often.
const EVERY: Duration = Duration::from_secs(1);

/// What is told, and where.
#[derive(Clone, Debug)]
pub(crate) struct House {
    /// Begins the topics.
    pub(crate) name: String,
    /// Begins Home Assistant's.
    pub(crate) home_assistant: Option<String>,
    /// Only these cameras; empty tells of all.
    pub(crate) cameras: Vec<CameraId>,
}

/// How a camera stands.
#[derive(Clone, Debug)]
struct Room {
    camera: String,
    state: CameraState,
    people: usize,
    totals: Totals,
}

/// What was written: none where that was on an earlier connection.
type Written = BTreeMap<String, Option<Bytes>>;

/// Keeps the topics as things stand. Never returns.
pub(crate) async fn keep(house: House, link: MqttLink, shared: Arc<Shared>) {
    let handle = Handle { shared };
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut written = Written::new();
    let mut connection = None;
    loop {
        tick.tick().await;
        let Some(number) = link.connection() else { continue };
        if connection != Some(number) {
            // The broker may have lost everything.
            connection = Some(number);
            written.values_mut().for_each(|body| *body = None);
        }
        if let Err(error) = write(&house.topics(&house.rooms(&handle)), &mut written, &link).await {
            // The next second may be better; the sink itself says what is wrong.
            tracing::debug!(%error, "retained topics could not be written");
        }
    }
}

/// Writes what has changed.
async fn write(
    wanted: &BTreeMap<String, Bytes>,
    written: &mut Written,
    link: &MqttLink,
) -> Result<(), omma_bus::BusError> {
    let gone: Vec<String> =
        written.keys().filter(|topic| !wanted.contains_key(*topic)).cloned().collect();
    for topic in gone {
        link.retain(&topic, Bytes::new()).await?;
        written.remove(&topic);
    }
    for (topic, body) in wanted {
        if written.get(topic).is_none_or(|old| old.as_ref() != Some(body)) {
            link.retain(topic, body.clone()).await?;
            written.insert(topic.clone(), Some(body.clone()));
        }
    }
    Ok(())
}

impl House {
    fn rooms(&self, handle: &Handle) -> Vec<Room> {
        let wanted = |id: &CameraId| self.cameras.is_empty() || self.cameras.contains(id);
        let cameras = handle.cameras().into_iter().filter(|camera| wanted(&camera.id));
        cameras
            .map(|camera| Room {
                totals: handle.totals(&camera.id).unwrap_or_default(),
                camera: camera.id.as_str().to_owned(),
                state: camera.state,
                people: camera.people,
            })
            .collect()
    }

    /// All topics and what they should say.
    fn topics(&self, rooms: &[Room]) -> BTreeMap<String, Bytes> {
        let mut topics = BTreeMap::new();
        for room in rooms {
            let begin = self.begin(room);
            let mut set = |end: &str, body: String| {
                topics.insert(format!("{begin}/{end}"), Bytes::from(body));
            };
            set("state", room.state.as_str().to_owned());
            set("people", room.people.to_string());
            for zone in &room.totals.zones {
                set(&occupancy(&zone.name), zone.occupancy.to_string());
            }
            for line in &room.totals.lines {
                set(&format!("lines/{}/forward", level(&line.name)), line.forward.to_string());
                set(&format!("lines/{}/backward", level(&line.name)), line.backward.to_string());
            }
            if let Some(prefix) = &self.home_assistant {
                topics.extend(self.discovery(prefix, room));
            }
        }
        topics
    }

    fn begin(&self, room: &Room) -> String {
        format!("{}/{}", self.name, level(&room.camera))
    }

    /// By these Home Assistant finds a camera's sensors.
    fn discovery(&self, prefix: &str, room: &Room) -> Vec<(String, Bytes)> {
        let begin = self.begin(room);
        let node = identifier(&format!("{}_{}", self.name, room.camera));
        let mut all = vec![
            (
                "sensor",
                "people".to_owned(),
                json!({
                    "name": "People",
                    "state_topic": format!("{begin}/people"),
                    "state_class": "measurement",
                    "icon": "mdi:account-group",
                }),
            ),
            (
                "binary_sensor",
                "state".to_owned(),
                json!({
                    "name": "Connection",
                    "state_topic": format!("{begin}/state"),
                    "device_class": "connectivity",
                    "entity_category": "diagnostic",
                    "value_template": "{{ 'ON' if value == 'online' else 'OFF' }}",
                    "payload_on": "ON",
                    "payload_off": "OFF",
                }),
            ),
        ];
        for zone in &room.totals.zones {
            all.push((
                "sensor",
                identifier(&format!("zone_{}", zone.name)),
                json!({
                    "name": format!("Zone {}", zone.name),
                    "state_topic": format!("{begin}/{}", occupancy(&zone.name)),
                    "state_class": "measurement",
                    "icon": "mdi:map-marker-account",
                }),
            ));
        }
        let messages = all.into_iter().map(|(component, object, mut config)| {
            self.complete(&mut config, &node, &object, &room.camera);
            let topic = format!("{prefix}/{component}/{node}/{object}/config");
            (topic, Bytes::from(config.to_string()))
        });
        messages.collect()
    }

    /// Adds what all sensors have.
    fn complete(&self, config: &mut Value, node: &str, object: &str, camera: &str) {
        config["unique_id"] = json!(format!("omma_{node}_{object}"));
        config["availability"] = json!([{
            "topic": format!("{}/status", self.name),
            "payload_available": "online",
            "payload_not_available": "offline",
        }]);
        config["device"] = json!({
            "identifiers": [format!("omma_{node}")],
            "name": camera,
            "manufacturer": "Omma",
            "model": "Camera",
            "sw_version": env!("CARGO_PKG_VERSION"),
        });
        config["origin"] = json!({ "name": "Omma", "sw_version": env!("CARGO_PKG_VERSION") });
    }
}

fn occupancy(zone: &str) -> String {
    format!("zones/{}/occupancy", level(zone))
}

/// A name as one level of a topic.
fn level(name: &str) -> String {
    let fits = |c: char| !matches!(c, '/' | '+' | '#') && !c.is_control();
    name.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}

/// A name with no other characters than Home Assistant takes in its topics.
fn identifier(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    name.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{LineTotals, ZoneTotals};

    fn room() -> Room {
        Room {
            camera: "door".to_owned(),
            state: CameraState::Online,
            people: 3,
            totals: Totals {
                lines: vec![LineTotals { name: "kerb".to_owned(), forward: 2, backward: 1 }],
                zones: vec![ZoneTotals {
                    name: "till/1 #".to_owned(),
                    occupancy: 4,
                    ..ZoneTotals::default()
                }],
            },
        }
    }

    fn house(home_assistant: Option<&str>) -> House {
        let home_assistant = home_assistant.map(str::to_owned);
        House { name: "omma".to_owned(), home_assistant, cameras: Vec::new() }
    }

    #[test]
    fn topics_say_how_things_stand() {
        let topics = house(None).topics(&[room()]);
        let told: Vec<(&str, &[u8])> =
            topics.iter().map(|(topic, body)| (topic.as_str(), body.as_ref())).collect();
        assert_eq!(
            told,
            [
                ("omma/door/lines/kerb/backward", &b"1"[..]),
                ("omma/door/lines/kerb/forward", b"2"),
                ("omma/door/people", b"3"),
                ("omma/door/state", b"online"),
                ("omma/door/zones/till_1 _/occupancy", b"4"),
            ]
        );
    }

    /// The keys that Home Assistant's MQTT integration asks for, and topics that are there.
    #[test]
    fn home_assistant_finds_what_it_needs() {
        let topics = house(Some("homeassistant")).topics(&[room()]);
        let configs: Vec<(&String, Value)> = topics
            .iter()
            .filter(|(topic, _)| topic.ends_with("/config"))
            .map(|(topic, body)| (topic, serde_json::from_slice(body).expect("JSON")))
            .collect();
        assert_eq!(configs.len(), 3);
        let mut ids = std::collections::BTreeSet::new();
        for (topic, config) in &configs {
            let levels: Vec<&str> = topic.split('/').collect();
            assert!(matches!(levels[..], ["homeassistant", _, _, _, "config"]), "{topic}");
            let word = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
            assert!(levels[1..].iter().all(|level| level.chars().all(word)), "{topic}");
            assert!(ids.insert(config["unique_id"].as_str().expect("an id").to_owned()));
            let state = config["state_topic"].as_str().expect("a topic");
            assert!(topics.contains_key(state), "{state}");
            assert_eq!(config["availability"][0]["topic"], "omma/status");
            assert_eq!(config["device"]["identifiers"][0], "omma_omma_door");
            assert!(config["name"].is_string() && config["origin"]["name"].is_string());
        }
        let kinds: Vec<&str> = configs.iter().filter_map(|(t, _)| t.split('/').nth(1)).collect();
        assert_eq!(kinds, ["binary_sensor", "sensor", "sensor"]);
    }
}
