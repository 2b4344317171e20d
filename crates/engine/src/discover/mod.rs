//! Cameras that are around: those that say so by ONVIF's WS-Discovery, and those that answer
//! RTSP in the local IPv4 networks.
//!
//! Nothing here runs by itself: it knocks at others' doors, and is done only when somebody asks.

mod network;
mod onvif;
mod rtsp;
mod soap;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use omma_types::CameraId;

use crate::config::CameraConfig;

pub use network::{MOST_HOSTS, Network};

/// Where RTSP is usually spoken.
const RTSP_PORTS: [u16; 2] = [554, 8554];

/// The group and port where devices listen for questions (WS-Discovery 1.1, section 2.4).
const EVERYBODY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 255, 255, 250), 3702);

/// How to look for cameras.
#[derive(Clone, Debug)]
pub struct Search {
    /// How long to wait for answers of ONVIF devices.
    pub wait: Duration,
    /// The networks whose machines are asked for RTSP, [`MOST_HOSTS`] addresses in all.
    pub networks: Vec<Network>,
    /// The ports that are asked.
    pub ports: Vec<u16>,
    /// Where ONVIF devices are asked, each through the local address beside it.
    pub ask: Vec<(Ipv4Addr, SocketAddr)>,
    /// What is not looked at, for people.
    pub notes: Vec<String>,
}

impl Search {
    /// Looks around in the networks that this machine is in, or only in `network`.
    ///
    /// # Errors
    /// `network` is none of this neighbourhood, or too large; what to do is said behind a
    /// semicolon.
    pub fn new(wait: Duration, network: Option<Network>) -> Result<Self, String> {
        let own = network::own();
        let mut notes = Vec::new();
        let networks = match network {
            Some(network) => {
                network.check(&own)?;
                vec![network]
            }
            None => network::to_scan(&own, &mut notes),
        };
        let ask = own.iter().map(|own| (own.address(), SocketAddr::V4(EVERYBODY))).collect();
        Ok(Self { wait, networks, ports: RTSP_PORTS.to_vec(), ask, notes })
    }
}

/// How a device was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceKind {
    /// It said so itself.
    Onvif,
    /// It speaks RTSP.
    Rtsp,
}

impl DeviceKind {
    /// The word used in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Onvif => "onvif",
            Self::Rtsp => "rtsp",
        }
    }
}

/// Something that may be a camera.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Where it is.
    pub address: Ipv4Addr,
    /// What it calls itself.
    pub name: Option<String>,
    /// How it was found.
    pub kind: DeviceKind,
    /// The ports at which it speaks RTSP.
    pub ports: Vec<u16>,
    /// Addresses to try, the largest picture first; without secrets.
    pub sources: Vec<String>,
    /// The camera that is read from there already.
    pub known: Option<CameraId>,
}

/// Looks for cameras, for about a minute at the longest. Where it is dropped nothing new is begun;
/// a request that is under way at a device's service ends within 2 s.
pub async fn discover(search: &Search, cameras: &[CameraConfig]) -> Vec<Device> {
    let (announced, speaking) = tokio::join!(
        onvif::ask(&search.ask, search.wait),
        rtsp::scan(&search.networks, &search.ports),
    );
    let mut devices: BTreeMap<Ipv4Addr, Device> = BTreeMap::new();
    for found in announced {
        devices.insert(
            found.address,
            Device {
                address: found.address,
                name: found.name,
                kind: DeviceKind::Onvif,
                ports: Vec::new(),
                sources: found.sources,
                known: None,
            },
        );
    }
    for found in speaking {
        let (address, port) = (*found.at.ip(), found.at.port());
        let device = devices.entry(address).or_insert_with(|| Device {
            address,
            name: found.server.clone(),
            kind: DeviceKind::Rtsp,
            ports: Vec::new(),
            sources: Vec::new(),
            known: None,
        });
        device.ports.push(port);
    }
    let mut devices: Vec<Device> = devices.into_values().collect();
    for device in &mut devices {
        device.ports.sort_unstable();
        if device.sources.is_empty() {
            // Its paths are for those who have its password, or its handbook.
            let address = device.address;
            device.sources =
                device.ports.iter().map(|port| format!("rtsp://{address}:{port}/")).collect();
        }
        device.known = cameras.iter().find(|camera| is_at(camera, device)).map(|c| c.id.clone());
    }
    devices
}

/// Whether a camera is read from a device.
fn is_at(camera: &CameraConfig, device: &Device) -> bool {
    let urls = [Some(&camera.url), camera.detect_url.as_ref()];
    urls.into_iter().flatten().filter_map(|url| place_of(url)).any(|(host, port)| {
        host == device.address && (device.kind == DeviceKind::Onvif || device.ports.contains(&port))
    })
}

/// The IPv4 address and the port that an RTSP address names.
fn place_of(url: &str) -> Option<(Ipv4Addr, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("rtsp") {
        return None;
    }
    // A password may hold a slash that somebody forgot to escape.
    let rest = rest.rsplit_once('@').map_or(rest, |(_credentials, place)| place);
    let place = rest.split(['/', '?']).next()?;
    match place.split_once(':') {
        Some((host, port)) => Some((host.parse().ok()?, port.parse().ok()?)),
        None => Some((place.parse().ok()?, 554)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_camera_is_found_in_its_address() {
        let place = |url| place_of(url).map(|(host, port)| format!("{host} {port}"));
        assert_eq!(place("rtsp://u:p@ss/@192.0.2.7/s").as_deref(), Some("192.0.2.7 554"));
        assert_eq!(place("RTSP://192.0.2.7:8554/a?b").as_deref(), Some("192.0.2.7 8554"));
        assert_eq!(place("rtsp://door.example/s"), None);
        assert_eq!(place("clip.mp4"), None);
    }
}
