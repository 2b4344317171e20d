//! Cameras that are around are found: by what they say of themselves, and by what answers RTSP.
//! The ONVIF device is made up here; the RTSP server is GStreamer's.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use omma_engine::Config;
use omma_engine::discover::{DeviceKind, Search, discover};
use omma_testkit::{RtspCamera, free_port};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};

const LOCAL: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn search(wait: Duration) -> Search {
    let search = Search::new(wait, Some("127.0.0.1/32".parse().unwrap())).unwrap();
    Search { ask: Vec::new(), ports: Vec::new(), ..search }
}

#[tokio::test]
async fn what_answers_rtsp_is_found_also_where_it_wants_a_password_and_nothing_else() {
    let Some(open) = RtspCamera::start(&[]) else { return };
    let Some(locked) = RtspCamera::start(&["--user", "u", "--password", "geheim"]) else { return };
    // Something that listens and never says a word.
    let silent = TcpListener::bind((LOCAL, 0)).await.unwrap();
    let silent = silent.local_addr().unwrap().port();
    let ports = vec![open.port(), silent, free_port(), locked.port()];
    let search = Search { ports, ..search(Duration::from_millis(1)) };
    let url = locked.address("u:geheim@", "cam");
    let text =
        format!("version: 1\ncameras:\n  door: {{ url: '{url}' }}\n  yard: {{ url: a.mp4 }}");
    let cameras = Config::from_yaml(&text, "test", &|_| None).unwrap().cameras;
    let found = discover(&search, &cameras).await;
    let [device] = &found[..] else { panic!("{found:?}") };
    let mut ports = [open.port(), locked.port()];
    ports.sort_unstable();
    assert_eq!((device.kind, &device.ports[..]), (DeviceKind::Rtsp, &ports[..]));
    assert_eq!(device.sources, ports.map(|port| format!("rtsp://127.0.0.1:{port}/")));
    assert_eq!(device.known.as_ref().map(|id| id.as_str()), Some("door"));
}

/// A device whose services answer what they are asked, or that they want a password. Where it is
/// asked who is there.
async fn device(locked: bool) -> SocketAddr {
    let http = TcpListener::bind((LOCAL, 0)).await.unwrap();
    let service = format!("http://{}/onvif/device_service", http.local_addr().unwrap());
    let udp = UdpSocket::bind((LOCAL, 0)).await.unwrap();
    let address = udp.local_addr().unwrap();
    let own = service.clone();
    tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        loop {
            let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
            let question = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let id = question.split("MessageID>").nth(1).unwrap().trim_end_matches("</a:");
            let answer = |id: &str, name: &str| {
                format!(
                    "<s:Envelope xmlns:s='soap' xmlns:a='addressing' xmlns:d='discovery'>\
                     <s:Header><a:RelatesTo>{id}</a:RelatesTo></s:Header><s:Body>\
                     <d:ProbeMatches><d:ProbeMatch><d:Scopes>onvif://www.onvif.org/name/{name}\
                     </d:Scopes><d:XAddrs>{own}</d:XAddrs></d:ProbeMatch></d:ProbeMatches>\
                     </s:Body></s:Envelope>"
                )
            };
            // What was not asked and what is no answer does no harm.
            for text in ["nonsense", &answer("uuid:of-others", "liar"), &answer(id, "Front%20door")]
            {
                udp.send_to(text.as_bytes(), from).await.unwrap();
            }
        }
    });
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = http.accept().await.unwrap();
            let mut request = Vec::new();
            while !String::from_utf8_lossy(&request).contains("</e:Envelope>") {
                if connection.read_buf(&mut request).await.unwrap() == 0 {
                    break;
                }
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let body = if request.contains("GetCapabilities") {
                format!(
                    "<a><Capabilities><Media><XAddr>{service}</XAddr></Media></Capabilities></a>"
                )
            } else if request.contains("GetProfiles") {
                "<a><Profiles token='one'/><Profiles token='two'><VideoEncoderConfiguration>\
                 <Resolution><Width>1920</Width><Height>1080</Height></Resolution>\
                 </VideoEncoderConfiguration></Profiles></a>"
                    .to_owned()
            } else {
                let token = request.split("ProfileToken>").nth(1).unwrap().trim_end_matches("</m:");
                format!("<a><Uri>rtsp://127.0.0.1:1/{token}</Uri></a>")
            };
            let status = if locked && !request.contains("GetCapabilities") {
                "401 Unauthorized"
            } else {
                "200 OK"
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            // Whoever asked may be gone.
            drop(connection.write_all(answer.as_bytes()).await);
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_says_so_is_found_with_its_streams() {
    for (locked, sources) in
        [(false, vec!["rtsp://127.0.0.1:1/two", "rtsp://127.0.0.1:1/one"]), (true, vec![])]
    {
        let ask = vec![(LOCAL, device(locked).await)];
        let search = Search { ask, ..search(Duration::from_secs(2)) };
        let found = discover(&search, &[]).await;
        let [device] = &found[..] else { panic!("{found:?}") };
        assert_eq!(device.kind, DeviceKind::Onvif);
        assert_eq!(device.name.as_deref(), Some("Front door"));
        assert_eq!(device.sources, sources);
    }
}
