//! WatchCameras: how the cameras do, and each change of it.

use std::collections::BTreeMap;
use std::time::Duration;

use omma_engine::{CameraState, CameraStatus, Handle, Message};
use omma_types::{CameraId, EventKind, WallTime};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval};
use tonic::Status;

use super::convert;
use crate::grpc::answer::Teller;
use crate::grpc::proto::omma::{WatchCamerasResponse, watch_cameras_response::Change};

/// Cameras that come and go, or connect, make no event: it is looked for them this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a client knows of a camera.
type Known = (CameraState, WallTime, String);

/// Tells all cameras of `wanted` (of all, where it is empty), and then what changes.
pub(super) async fn watch(
    handle: Handle,
    wanted: Vec<CameraId>,
    mut teller: Teller<WatchCamerasResponse>,
) -> Result<(), Status> {
    let mut news = handle.subscribe();
    let mut known = BTreeMap::new();
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut cameras = handle.cameras();
        cameras.retain(|camera| wanted.is_empty() || wanted.contains(&camera.id));
        for change in changes(&mut known, cameras) {
            teller.tell(WatchCamerasResponse { change: Some(change) }).await?;
        }
        loop {
            tokio::select! {
                _ = tick.tick() => break,
                message = news.recv() => match message {
                    Ok(Message::Event(_, event))
                        if matches!(event.kind, EventKind::CameraState { .. }) => break,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return Ok(()),
                },
            }
        }
    }
}

/// What is new in `cameras` for a client that knows `known`, which is brought up to date.
fn changes(known: &mut BTreeMap<CameraId, Known>, cameras: Vec<CameraStatus>) -> Vec<Change> {
    let gone: Vec<CameraId> =
        known.keys().filter(|id| !cameras.iter().any(|c| c.id == **id)).cloned().collect();
    let mut changes = Vec::new();
    for id in gone {
        known.remove(&id);
        changes.push(Change::Removed(id.as_str().to_owned()));
    }
    for camera in cameras {
        let now = (camera.state, camera.since, camera.reason.clone());
        if known.get(&camera.id) != Some(&now) {
            known.insert(camera.id.clone(), now);
            changes.push(Change::Camera(convert::camera(camera)));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use omma_engine::FrameCounts;

    use super::*;

    fn camera(name: &str, state: CameraState) -> CameraStatus {
        CameraStatus {
            id: CameraId::new(name).unwrap(),
            source: String::new(),
            state,
            reason: String::new(),
            since: WallTime::default(),
            attempts: 0,
            stream: None,
            decoding: false,
            detector: None,
            frames: FrameCounts::default(),
            people: 0,
            objects: 0,
        }
    }

    #[test]
    fn each_change_is_told_once() {
        let mut known = BTreeMap::new();
        let mut told = |cameras: &[(&str, CameraState)]| -> Vec<String> {
            let cameras = cameras.iter().map(|(name, state)| camera(name, *state)).collect();
            let name = |change| match change {
                Change::Camera(camera) => camera.name,
                Change::Removed(name) => format!("-{name}"),
            };
            changes(&mut known, cameras).into_iter().map(name).collect()
        };
        let (on, off) = (CameraState::Online, CameraState::Offline);
        assert_eq!(told(&[("door", on), ("yard", on)]), ["door", "yard"]);
        assert_eq!(told(&[("door", on), ("yard", on)]), [""; 0]);
        assert_eq!(told(&[("door", on), ("yard", off)]), ["yard"]);
        assert_eq!(told(&[("door", on), ("gate", on)]), ["-yard", "gate"]);
        assert_eq!(told(&[("yard", off), ("gate", on)]), ["-door", "yard"]);
    }
}
