//! How far each client has seen each camera: its own view, so that none steals from another.
//! Pure: time is an argument.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use omma_types::CameraId;

/// A client that asks nothing for this long begins afresh.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(15);

/// Views that are remembered; then the one that is longest quiet is forgotten.
const MAX_VIEWS: usize = 4096;

/// Who asks: a connection, and, where several programs share one (behind a proxy), the name
/// that each gives itself in the metadata `omma-client`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Client {
    pub(super) address: SocketAddr,
    pub(super) name: Option<String>,
}

/// What a client was given of a camera.
#[derive(Clone, Copy, Debug)]
struct View {
    last: Option<u64>,
    asked: Instant,
}

/// The views of all clients.
#[derive(Debug, Default)]
pub(super) struct Views {
    by_client: HashMap<(Client, CameraId), View>,
}

/// Where a client is when it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of the last picture that it was given.
    pub(super) last: Option<u64>,
    /// Whether it asks for the first time, or after a long silence.
    pub(super) is_first: bool,
}

impl Views {
    /// A client asks for pictures of a camera.
    pub(super) fn ask(&mut self, client: &Client, camera: &CameraId, now: Instant) -> Place {
        let key = (client.clone(), camera.clone());
        let is_old = |view: &View| now.saturating_duration_since(view.asked) >= FORGOTTEN_AFTER;
        if let Some(view) = self.by_client.get_mut(&key)
            && !is_old(view)
        {
            view.asked = now;
            return Place { last: view.last, is_first: false };
        }
        if self.by_client.len() >= MAX_VIEWS {
            self.by_client.retain(|_, view| !is_old(view));
        }
        if self.by_client.len() >= MAX_VIEWS
            && let Some(quiet) = self.by_client.iter().min_by_key(|(_, view)| view.asked)
        {
            let quiet = quiet.0.clone();
            self.by_client.remove(&quiet);
        }
        self.by_client.insert(key, View { last: None, asked: now });
        Place { last: None, is_first: true }
    }

    /// Notes that a client gets picture `number`. False where another of its calls was given
    /// that one, or a newer one, meanwhile.
    pub(super) fn give(&mut self, client: &Client, camera: &CameraId, number: u64) -> bool {
        let Some(view) = self.by_client.get_mut(&(client.clone(), camera.clone())) else {
            return true;
        };
        let is_new = view.last.is_none_or(|last| number > last);
        if is_new {
            view.last = Some(number);
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(port: u16) -> Client {
        Client { address: SocketAddr::from(([192, 0, 2, 1], port)), name: None }
    }

    #[test]
    fn every_client_has_a_view_of_its_own() {
        let mut views = Views::default();
        let (door, yard) = (CameraId::new("door").unwrap(), CameraId::new("yard").unwrap());
        let now = Instant::now();
        let named = Client { name: Some("b".to_owned()), ..client(1) };
        assert_eq!(views.ask(&client(1), &door, now), Place { last: None, is_first: true });
        assert!(views.give(&client(1), &door, 7));
        assert!(!views.give(&client(1), &door, 7), "once");
        assert_eq!(views.ask(&client(1), &door, now), Place { last: Some(7), is_first: false });
        for (other, camera) in [(client(2), &door), (client(1), &yard), (named, &door)] {
            assert!(views.ask(&other, camera, now).is_first, "{other:?}");
            assert!(views.give(&other, camera, 7));
        }
        let later = now + FORGOTTEN_AFTER;
        assert!(views.ask(&client(1), &door, later).is_first, "forgotten");
    }

    #[test]
    fn the_longest_quiet_is_forgotten_where_there_are_too_many() {
        let mut views = Views::default();
        let door = CameraId::new("door").unwrap();
        let start = Instant::now();
        for n in 0..MAX_VIEWS as u32 + 10 {
            let client = client(n as u16);
            views.ask(&client, &door, start + Duration::from_millis(n.into()));
            views.give(&client, &door, 1);
        }
        assert_eq!(views.by_client.len(), MAX_VIEWS);
        let now = start + Duration::from_secs(5);
        assert!(!views.ask(&client(MAX_VIEWS as u16), &door, now).is_first);
        assert!(views.ask(&client(3), &door, now).is_first);
    }
}
