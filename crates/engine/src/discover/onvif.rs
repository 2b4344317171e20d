//! Devices that say that they are there, and what they tell without a password.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use omma_media::Stop;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout, timeout_at};

use super::soap::{self, Announced};
use crate::shared::random_seed;

/// Devices that are listened to.
const MOST_DEVICES: usize = 256;
/// Devices asked for their streams at a time.
const AT_A_TIME: usize = 16;
/// How long an answer of a device's service may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// How long all answers of a device may take.
const TOLD_WITHIN: Duration = Duration::from_secs(6);
/// All devices together: what was told until then is what there is.
const ASKED_WITHIN: Duration = Duration::from_secs(40);
/// So many errors one after the other, and nobody is listened to any more.
const MOST_ERRORS: u32 = 16;
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
    ask_within(places, wait, ASKED_WITHIN).await
}

async fn ask_within(
    places: &[(Ipv4Addr, SocketAddr)],
    wait: Duration,
    within: Duration,
) -> Vec<Found> {
    let until = Instant::now() + wait;
    let heard = join_all(places.iter().map(|(local, place)| listen(*local, *place, until))).await;
    let mut devices: BTreeMap<Ipv4Addr, Announced> = BTreeMap::new();
    for (address, device) in heard.into_iter().flatten() {
        if devices.len() < MOST_DEVICES {
            devices.entry(address).or_insert(device);
        }
    }
    let mut found: BTreeMap<Ipv4Addr, Found> = BTreeMap::new();
    let mut services = Vec::new();
    for (address, Announced { name, service }) in devices {
        services.extend(service.map(|service| (address, service)));
        found.insert(address, Found { address, name, sources: Vec::new() });
    }
    let stop = Stop::new();
    // Threads can't be ended from outside: they begin no further request.
    let _stopping = Stopping(stop.clone());
    let asking = services.into_iter().map(|(address, service)| {
        let stop = stop.clone();
        async move {
            // A thread waits for each: they are few, and not many at a time.
            let asked = tokio::task::spawn_blocking(move || {
                streams(&service, address, std::time::Instant::now() + TOLD_WITHIN, &stop)
            });
            (address, asked.await.unwrap_or_default())
        }
    });
    let mut asking = futures_util::stream::iter(asking).buffer_unordered(AT_A_TIME);
    let all = async {
        while let Some((address, sources)) = asking.next().await {
            if let Some(found) = found.get_mut(&address) {
                found.sources = sources;
            }
        }
    };
    if timeout(within, all).await.is_err() {
        tracing::info!("not all devices told their streams in time");
    }
    drop(asking);
    found.into_values().collect()
}

/// Stops others when it goes.
struct Stopping(Stop);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.stop();
    }
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
    let mut errors = 0;
    while found.len() < MOST_DEVICES
        && errors < MOST_ERRORS
        && let Ok(received) = timeout_at(until, socket.recv_from(&mut buffer)).await
    {
        // A closed port somewhere is no reason not to listen to the others; a socket that is
        // broken would answer at once for as long as it is asked.
        let (length, from) = match received {
            Ok(received) => received,
            Err(error) => {
                errors += 1;
                tracing::debug!(%local, %error, "an answer could not be heard");
                continue;
            }
        };
        errors = 0;
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

/// The addresses of a device's streams, as far as it tells them to everybody until `until`, and
/// nobody stops it. Blocks.
fn streams(service: &str, device: Ipv4Addr, until: std::time::Instant, stop: &Stop) -> Vec<String> {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        // Neither a device nor the environment sends us elsewhere.
        .max_redirects(0)
        .proxy(None)
        .build();
    let agent = ureq::Agent::new_with_config(config);
    let ask = |url: &str, question: String| -> Option<String> {
        let left = until.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() || stop.is_stopped() {
            return None;
        }
        let request = agent.post(url).content_type("application/soap+xml; charset=utf-8");
        let request = request.config().timeout_global(Some(left.min(ANSWERED_WITHIN))).build();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A device at `local`: where it is asked who is there, where its service is, and how often
    /// that was asked where a stream is. It only tells that if it `tells`.
    async fn device(local: Ipv4Addr, tells: bool) -> (SocketAddr, String, Arc<AtomicUsize>) {
        let http = TcpListener::bind((local, 0)).await.unwrap();
        let service = format!("http://{}/onvif", http.local_addr().unwrap());
        let udp = UdpSocket::bind((local, 0)).await.unwrap();
        let place = udp.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let own = service.clone();
        tokio::spawn(async move {
            let mut buffer = vec![0; DATAGRAM];
            loop {
                let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
                let question = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let id = question.split("MessageID>").nth(1).unwrap().trim_end_matches("</a:");
                let text = format!(
                    "<e><RelatesTo>{id}</RelatesTo><ProbeMatch><XAddrs>{own}</XAddrs></ProbeMatch>\
                     </e>"
                );
                udp.send_to(text.as_bytes(), from).await.unwrap();
            }
        });
        let (own, count) = (service.clone(), Arc::clone(&asked));
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = http.accept().await.unwrap();
                let (own, count) = (own.clone(), Arc::clone(&count));
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !String::from_utf8_lossy(&request).contains("</e:Envelope>") {
                        if connection.read_buf(&mut request).await.unwrap() == 0 {
                            return;
                        }
                    }
                    let request = String::from_utf8_lossy(&request).into_owned();
                    let body = if request.contains("GetCapabilities") {
                        format!("<a><Media><XAddr>{own}</XAddr></Media></a>")
                    } else if request.contains("GetProfiles") {
                        (0..8).map(|n| format!("<Profiles token='{n}'/>")).collect::<String>()
                            + "</a>"
                    } else {
                        count.fetch_add(1, Ordering::Relaxed);
                        if !tells {
                            return std::future::pending().await;
                        }
                        "<a><Uri>rtsp://127.0.0.1:1/one</Uri></a>".to_owned()
                    };
                    let body = body.replacen("<Profiles", "<a><Profiles", 1);
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    drop(connection.write_all(answer.as_bytes()).await);
                });
            }
        });
        (place, service, asked)
    }

    const FIRST: Ipv4Addr = Ipv4Addr::LOCALHOST;
    const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

    #[tokio::test(flavor = "multi_thread")]
    async fn a_device_that_never_answers_does_not_keep_what_the_others_told() {
        let (told, _, _) = device(FIRST, true).await;
        let (silent, _, _) = device(SECOND, false).await;
        let places = [(FIRST, told), (SECOND, silent)];
        // The silent one takes at least 6 s, until its time is over.
        let second = Duration::from_secs(2);
        let found = ask_within(&places, second, second).await;
        let found: Vec<_> = found.iter().map(|f| (f.address, f.sources.len())).collect();
        assert_eq!(found, [(FIRST, 1), (SECOND, 0)]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_device_has_one_deadline_for_all_it_is_asked_and_stops_when_told_to() {
        let (_, service, asked) = device(FIRST, false).await;
        let stop = Stop::new();
        let ask = |until: std::time::Instant, stop: &Stop| {
            let (service, stop) = (service.clone(), stop.clone());
            tokio::task::spawn_blocking(move || streams(&service, FIRST, until, &stop))
        };
        let soon = std::time::Instant::now() + Duration::from_secs(1);
        assert!(ask(soon, &stop).await.unwrap().is_empty());
        // Of eight profiles: with 2 s for each it would have been asked for all.
        let before = asked.load(Ordering::Relaxed);
        assert!(before <= 1, "{before}");
        stop.stop();
        let late = std::time::Instant::now() + TOLD_WITHIN;
        assert!(ask(late, &stop).await.unwrap().is_empty());
        assert_eq!(asked.load(Ordering::Relaxed), before, "nothing was asked");
    }
}
