//! Devices that say that they are there, and what they tell without a password.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::soap::{self, Announced};
use crate::shared::random_seed;

/// Devices that are listened to.
const MOST_DEVICES: usize = 256;
/// Devices asked for their streams at a time.
const AT_A_TIME: usize = 16;
/// How long an answer of a device's service may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// Bytes of an answer that are read.
const LONGEST_ANSWER: u64 = 1 << 20;
/// No datagram is longer.
const DATAGRAM: usize = 65_536;

/// A device that answered.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) address: Ipv4Addr,
    pub(super) name: Option<String>,
    /// Its streams, as far as it tells them without a password.
    pub(super) sources: Vec<String>,
}

/// Asks at each of `places`, through the local address beside it, who is there, and listens for
/// `wait`. Then asks those who answered for their streams.
pub(super) async fn ask(places: &[(Ipv4Addr, SocketAddr)], wait: Duration) -> Vec<Found> {
    let until = Instant::now() + wait;
    let heard = join_all(places.iter().map(|(local, place)| listen(*local, *place, until))).await;
    let mut devices: BTreeMap<Ipv4Addr, Announced> = BTreeMap::new();
    for (address, device) in heard.into_iter().flatten() {
        if devices.len() < MOST_DEVICES {
            devices.entry(address).or_insert(device);
        }
    }
    let asking = devices.into_iter().map(|(address, device)| async move {
        let sources = match device.service {
            // A thread waits for each: they are few, and not many at a time.
            Some(service) => tokio::task::spawn_blocking(move || streams(&service, address))
                .await
                .unwrap_or_default(),
            None => Vec::new(),
        };
        Found { address, name: device.name, sources }
    });
    futures_util::stream::iter(asking).buffer_unordered(AT_A_TIME).collect().await
}

/// Those who answer at `place`.
async fn listen(local: Ipv4Addr, place: SocketAddr, until: Instant) -> Vec<(Ipv4Addr, Announced)> {
    let message = message_id();
    let mut found = Vec::new();
    let socket = match UdpSocket::bind((local, 0)).await {
        Ok(socket) => socket,
        Err(error) => {
            tracing::debug!(%local, %error, "nobody can be asked through this address");
            return found;
        }
    };
    let question = soap::who_is_there(&message);
    if let Err(error) = socket.send_to(question.as_bytes(), place).await {
        tracing::debug!(%local, %error, "nobody can be asked through this address");
        return found;
    }
    let mut buffer = vec![0; DATAGRAM];
    while found.len() < MOST_DEVICES
        && let Ok(received) = timeout_at(until, socket.recv_from(&mut buffer)).await
    {
        // A closed port somewhere is no reason not to listen to the others.
        let Ok((length, from)) = received else { continue };
        let IpAddr::V4(from) = from.ip() else { continue };
        let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
        found.extend(soap::announced(&text, &message, from).map(|device| (from, device)));
    }
    found
}

/// A random UUID (RFC 9562, version 4).
fn message_id() -> String {
    let (high, low) = (random_seed(), random_seed());
    let high = high & 0xffff_ffff_ffff_0fff | 0x4000;
    let low = low & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
    format!(
        "uuid:{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// The addresses of a device's streams, as far as it tells them to everybody. Blocks.
fn streams(service: &str, device: Ipv4Addr) -> Vec<String> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(ANSWERED_WITHIN))
        .http_status_as_error(false)
        // Neither a device nor the environment sends us elsewhere.
        .max_redirects(0)
        .proxy(None)
        .build();
    let agent = ureq::Agent::new_with_config(config);
    let ask = |url: &str, question: String| -> Option<String> {
        let request = agent.post(url).content_type("application/soap+xml; charset=utf-8");
        let mut answer = request.send(question).ok()?;
        if !answer.status().is_success() {
            return None;
        }
        answer.body_mut().with_config().limit(LONGEST_ANSWER).read_to_string().ok()
    };
    let found = || -> Option<Vec<String>> {
        let media = soap::media_service(&ask(service, soap::where_is_media())?, device)?;
        let profiles = soap::profiles(&ask(&media, soap::which_profiles())?);
        let mut streams: Vec<String> = Vec::new();
        for profile in profiles {
            let stream = ask(&media, soap::where_is_stream(&profile));
            if let Some(stream) = stream.and_then(|text| soap::stream(&text))
                && !streams.contains(&stream)
            {
                streams.push(stream);
            }
        }
        Some(streams)
    };
    found().unwrap_or_default()
}
