//! The few messages of WS-Discovery and ONVIF that are needed to find a camera's streams: written
//! and read. What comes is from whoever is in the network: nothing of it is believed beyond what
//! is checked here.

use std::net::{Ipv4Addr, SocketAddrV4};

use omma_types::redact_url;
use roxmltree::{Document, Node, ParsingOptions};

/// Elements of one message; no real one comes near.
const MOST_NODES: u32 = 20_000;
/// Profiles of one device that are looked at.
const MOST_PROFILES: usize = 8;

/// The question who is there, under the id `message`.
pub(super) fn who_is_there(message: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
         xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\" \
         xmlns:n=\"http://www.onvif.org/ver10/network/wsdl\"><e:Header>\
         <a:MessageID>{message}</a:MessageID>\
         <a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>\
         <a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>\
         </e:Header><e:Body><d:Probe><d:Types>n:NetworkVideoTransmitter</d:Types></d:Probe>\
         </e:Body></e:Envelope>"
    )
}

fn request(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:d=\"http://www.onvif.org/ver10/device/wsdl\" \
         xmlns:m=\"http://www.onvif.org/ver10/media/wsdl\" \
         xmlns:s=\"http://www.onvif.org/ver10/schema\"><e:Body>{body}</e:Body></e:Envelope>"
    )
}

/// The question where the media service is.
pub(super) fn where_is_media() -> String {
    request("<d:GetCapabilities><d:Category>Media</d:Category></d:GetCapabilities>")
}

/// The question which profiles there are.
pub(super) fn which_profiles() -> String {
    request("<m:GetProfiles/>")
}

/// The question where the stream of a profile is.
pub(super) fn where_is_stream(profile: &str) -> String {
    request(&format!(
        "<m:GetStreamUri><m:StreamSetup><s:Stream>RTP-Unicast</s:Stream><s:Transport>\
         <s:Protocol>RTSP</s:Protocol></s:Transport></m:StreamSetup>\
         <m:ProfileToken>{}</m:ProfileToken></m:GetStreamUri>",
        escaped(profile)
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What a device says of itself.
#[derive(Debug, PartialEq)]
pub(super) struct Announced {
    pub(super) name: Option<String>,
    /// Its device service.
    pub(super) service: Option<String>,
}

/// What the device at `from` answered to the question `message`.
pub(super) fn announced(text: &str, message: &str, from: Ipv4Addr) -> Option<Announced> {
    let document = read(text)?;
    if text_of(&document, "RelatesTo")? != message {
        return None;
    }
    let matched = document.descendants().find(|node| is(node, "ProbeMatch"))?;
    let words = |name: &str| {
        let node = matched.descendants().find(|node| is(node, name));
        node.and_then(|node| node.text()).unwrap_or_default().split_whitespace()
    };
    let scope = |what: &str| {
        let prefix = format!("onvif://www.onvif.org/{what}/");
        words("Scopes").find_map(|scope| scope.strip_prefix(prefix.as_str())).map(unescaped)
    };
    Some(Announced {
        name: scope("name").or_else(|| scope("hardware")).filter(|name| !name.is_empty()),
        service: words("XAddrs").find(|url| is_at(url, from)).map(str::to_owned),
    })
}

/// Where the media service of the device at `from` is.
pub(super) fn media_service(text: &str, from: Ipv4Addr) -> Option<String> {
    let document = read(text)?;
    let media = document.descendants().find(|node| is(node, "Media"))?;
    let url = media.descendants().find(|node| is(node, "XAddr"))?.text()?.trim();
    is_at(url, from).then(|| url.to_owned())
}

/// The tokens of the profiles, that of the largest picture first.
pub(super) fn profiles(text: &str) -> Vec<String> {
    let Some(document) = read(text) else { return Vec::new() };
    let mut profiles: Vec<(u64, String)> = Vec::new();
    for node in document.descendants().filter(|node| is(node, "Profiles")).take(MOST_PROFILES) {
        let Some(token) = node.attribute("token") else { continue };
        let number = |name: &str| -> u64 {
            let encoder = node.descendants().find(|n| is(n, "VideoEncoderConfiguration"));
            let side = encoder.and_then(|n| n.descendants().find(|n| is(n, name)));
            side.and_then(|n| n.text()).and_then(|text| text.trim().parse().ok()).unwrap_or(0)
        };
        profiles.push((number("Width").saturating_mul(number("Height")), token.to_owned()));
    }
    profiles.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    profiles.into_iter().map(|(_, token)| token).collect()
}

/// Where a stream is; a password that stands in it is left out.
pub(super) fn stream(text: &str) -> Option<String> {
    let document = read(text)?;
    let url = text_of(&document, "Uri")?;
    let is_rtsp = url.starts_with("rtsp://") || url.starts_with("rtsps://");
    let is_plain = url.len() <= 1000 && url.chars().all(|c| c.is_ascii_graphic());
    (is_rtsp && is_plain).then(|| redact_url(&url))
}

fn read(text: &str) -> Option<Document<'_>> {
    // Without a DTD nothing can grow.
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).ok()
}

/// Devices differ in how they name the namespaces, and in which versions of them they use.
fn is(node: &Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

fn text_of(document: &Document<'_>, name: &str) -> Option<String> {
    let node = document.descendants().find(|node| is(node, name))?;
    Some(node.text()?.trim().to_owned())
}

/// Whether an address leads to the machine that gave it: nobody sends us elsewhere.
fn is_at(url: &str, from: Ipv4Addr) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let place = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // Nothing but an address, and perhaps a port: what stands before an `@` is no host.
    let host = place.parse::<SocketAddrV4>().map(|at| *at.ip()).or_else(|_no_port| place.parse());
    host == Ok(from)
}

/// A scope without `%20` and the like.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let code = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match code {
            Some(code) if *byte == b'%' => {
                bytes.push(code);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CAMERA: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

    fn answer(relates: &str, addresses: &str) -> String {
        format!(
            "<s:Envelope xmlns:s='soap' xmlns:a='addressing' xmlns:d='discovery'><s:Header>\
             <a:RelatesTo>{relates}</a:RelatesTo></s:Header><s:Body><d:ProbeMatches>\
             <d:ProbeMatch><d:Scopes>onvif://www.onvif.org/type/x \
             onvif://www.onvif.org/hardware/HW onvif://www.onvif.org/name/Front%20door</d:Scopes>\
             <d:XAddrs>{addresses}</d:XAddrs></d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"
        )
    }

    #[test]
    fn a_device_is_known_by_its_answer_and_sends_nobody_elsewhere() {
        let good = "http://[fe80::1]/onvif http://192.0.2.7:8000/onvif/device_service";
        let device = announced(&answer("uuid:1", good), "uuid:1", CAMERA).unwrap();
        assert_eq!(device.name.as_deref(), Some("Front door"));
        assert_eq!(device.service.as_deref(), Some("http://192.0.2.7:8000/onvif/device_service"));
        assert_eq!(announced(&answer("uuid:2", good), "uuid:1", CAMERA), None, "of no question");
        let wrong = [
            "http://192.0.2.8/x",
            "https://192.0.2.7/x",
            "http://192.0.2.7@evil/x",
            "http://192.0.2.7:x@evil/x",
            "http://192.0.2.7:80@169.254.169.254/latest",
            "http://192.0.2.7:80:80/x",
            "http://192.0.2.7:/x",
            "http://192.0.2.7:65536/x",
            "http://192.0.2.7\\@evil/x",
            "",
        ];
        for bad in wrong {
            let device = announced(&answer("uuid:1", bad), "uuid:1", CAMERA).unwrap();
            assert_eq!(device.service, None, "{bad}");
        }
    }

    #[test]
    fn the_largest_picture_comes_first_and_no_password_is_told() {
        let profile = |token: &str, width| {
            format!(
                "<Profiles token='{token}'><VideoSourceConfiguration><Width>9999</Width>\
                 </VideoSourceConfiguration><VideoEncoderConfiguration><Resolution>\
                 <Width>{width}</Width><Height>10</Height></Resolution>\
                 </VideoEncoderConfiguration></Profiles>"
            )
        };
        let text = format!("<a>{}{}</a>", profile("small", 640), profile("a&lt;b", 1920));
        assert_eq!(profiles(&text), ["a<b", "small"]);
        assert!(where_is_stream("a<b").contains("a&lt;b"));
        let uri = |url: &str| stream(&format!("<a><MediaUri><Uri>{url}</Uri></MediaUri></a>"));
        assert_eq!(uri("rtsp://u:pw@h/1").as_deref(), Some("rtsp://u:***@h/1"));
        assert_eq!(uri("file:///etc/passwd"), None);
    }

    #[test]
    fn entities_do_not_grow() {
        let bomb = "<!DOCTYPE a [<!ENTITY b 'bbbb'>]><a><Uri>rtsp://&b;</Uri></a>";
        assert_eq!(stream(bomb), None);
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(text in "[<>/a-zA-Z:&;%'=\" ]{0,200}") {
            drop(announced(&text, "", CAMERA));
            drop(announced(&answer("", &text), "", CAMERA));
            drop((media_service(&text, CAMERA), profiles(&text), stream(&text), unescaped(&text)));
        }
    }
}
