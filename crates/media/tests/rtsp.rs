//! Network cameras: GStreamer's RTSP server, and servers that misbehave.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failed test should stop")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::ffmpeg;
use common::http::{path_of, reply, serve, stay_silent};
use omma_media::{
    Decoder, DecoderOptions, FragmentMuxer, MediaError, Medium, Packet, Source, SourceSpec, Stop,
    StreamInfo, Transport, survey,
};
use omma_testkit::RtspCamera as Camera;
use omma_types::{ErrorKind, Size, WallSource};

/// Generous: a loaded machine must not fail a test.
const SOON: Duration = Duration::from_secs(20);

fn spec(address: &str) -> SourceSpec {
    SourceSpec::parse(address).unwrap().open_timeout(SOON)
}

fn encrypted(camera: &Camera, path: &str) -> SourceSpec {
    spec(&format!("rtsps://127.0.0.1:{}/{path}", camera.port()))
}

fn open(spec: &SourceSpec) -> Result<Source, MediaError> {
    Source::open(spec, &Stop::new())
}

fn error_of(spec: &SourceSpec) -> MediaError {
    match open(spec) {
        Ok(_) => panic!("{} can be opened", spec.name()),
        Err(error) => error,
    }
}

fn take(source: &mut Source, count: usize) -> Vec<Packet> {
    (0..count).map(|_| source.read().unwrap().expect("a camera has no end")).collect()
}

#[test]
fn a_camera_is_read_and_decoded_over_each_transport() {
    let cases: [(&[&str], Transport); 4] = [
        (&["--tcp-only"], Transport::Tcp),
        (&["--udp-only"], Transport::Udp),
        (&["--tcp-only"], Transport::Auto),
        (&["--udp-only"], Transport::Auto),
    ];
    for (arguments, transport) in cases {
        let Some(camera) = Camera::start(arguments) else { return };
        let mut source = open(&spec(&camera.address("", "cam")).transport(transport)).unwrap();
        let info = source.info().clone();
        assert_eq!((info.codec, info.size), ("h264", Some(Size::new(320, 240))), "{arguments:?}");
        let packets = take(&mut source, 30);
        let mut decoder = Decoder::new(&info, DecoderOptions::default()).unwrap();
        let mut stamps = Vec::new();
        for packet in &packets {
            decoder.send(packet).unwrap();
            while let Some(picture) = decoder.receive().unwrap() {
                stamps.push(picture.stamp());
            }
        }
        assert!(stamps.len() >= 14, "{transport:?}: {} pictures of 30 packets", stamps.len());
        assert!(packets.iter().filter(|p| p.keyframe).count() >= 1);
        assert!(stamps.windows(2).all(|pair| pair[0].media < pair[1].media), "{stamps:?}");
        assert!(stamps.windows(2).all(|pair| pair[0].seq < pair[1].seq), "{stamps:?}");
    }
}

/// A camera's usual certificate: signed by nobody but itself, for another name.
fn self_signed(dir: &Path) -> (String, String) {
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=camera.invalid"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(dir)
        .output()
        .expect("the openssl program is needed for tests (apt-get install openssl)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = |file: &str| dir.join(file).to_str().unwrap().to_owned();
    (text("certificate.pem"), text("key.pem"))
}

#[test]
fn an_encrypted_camera_is_read_also_with_a_certificate_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key) = self_signed(dir.path());
    let secured = ["--certificate", &certificate, "--key", &key];
    let Some(mut camera) = Camera::start(&secured) else { return };
    // Encryption allows only one transport; asking for another is no obstacle.
    for transport in [Transport::Udp, Transport::Tcp, Transport::Auto] {
        let spec = encrypted(&camera, "cam").transport(transport);
        let mut source = open(&spec).unwrap();
        let packets = take(&mut source, 20);
        let mut decoder = Decoder::new(source.info(), DecoderOptions::default()).unwrap();
        let pictures = common::decode_all(&mut decoder, &packets);
        assert!(pictures.len() >= 5, "{transport:?}: {} pictures", pictures.len());
        assert!(pictures.iter().all(|p| p.stamp().size == Size::new(320, 240)));
    }
    let error = error_of(&encrypted(&camera, "nowhere"));
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let error = error_of(&spec(&camera.address("", "cam")));
    assert_eq!(error.kind(), ErrorKind::Corrupt, "not encrypted: {error}");

    let spec = encrypted(&camera, "cam").read_timeout(Duration::from_secs(3));
    let mut source = open(&spec).unwrap();
    take(&mut source, 5);
    camera.kill();
    let died = Instant::now();
    let error = common::last_error(&mut source);
    assert!(
        [ErrorKind::Unreachable, ErrorKind::Timeout].contains(&error.kind()),
        "a dead camera: {error}"
    );
    assert!(died.elapsed() < SOON);
}

#[test]
fn a_camera_without_encryption_is_not_taken_for_an_encrypted_one() {
    let Some(camera) = Camera::start(&[]) else { return };
    let error = error_of(&encrypted(&camera, "cam").open_timeout(SOON / 4));
    assert!([ErrorKind::Unreachable, ErrorKind::Timeout].contains(&error.kind()), "{error}");
}

#[test]
fn where_the_camera_has_only_the_other_transport_that_one_is_taken() {
    for (offered, wanted) in [("--udp-only", Transport::Tcp), ("--tcp-only", Transport::Udp)] {
        let Some(camera) = Camera::start(&[offered]) else { return };
        let mut source = open(&spec(&camera.address("", "cam")).transport(wanted)).unwrap();
        take(&mut source, 20);
    }
}

/// In front of a camera: leads its datagrams astray, as a firewall does.
fn without_datagrams(port: u16) -> u16 {
    fn copy(mut from: TcpStream, mut to: TcpStream, astray: bool) {
        let mut buffer = [0; 65536];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let bytes = &mut buffer[..count];
            if let Some(at) = bytes.windows(12).position(|w| w == b"client_port=")
                && astray
            {
                for digit in bytes[at + 12..].iter_mut().take_while(|b| **b != b'\r') {
                    if digit.is_ascii_digit() {
                        *digit = b'1';
                    }
                }
            }
            if to.write_all(bytes).is_err() {
                break;
            }
        }
        // Whichever side hangs up first ends both.
        drop(to.shutdown(Shutdown::Both));
    }
    serve(move |client| {
        let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        std::thread::scope(|scope| {
            scope.spawn(move || copy(from, to, false));
            copy(client, server, true);
        });
    })
}

#[test]
fn where_no_datagram_arrives_tcp_is_taken() {
    let Some(camera) = Camera::start(&[]) else { return };
    let address = format!("rtsp://127.0.0.1:{}/cam", without_datagrams(camera.port()));
    let limit = Duration::from_secs(8);
    let started = Instant::now();
    let mut source = open(&spec(&address).transport(Transport::Udp).open_timeout(limit)).unwrap();
    assert!(started.elapsed() > limit / 2, "datagrams came: {:?}", started.elapsed());
    take(&mut source, 20);
    // Where there is no TCP either, the time is not exceeded.
    let Some(camera) = Camera::start(&["--udp-only"]) else { return };
    let address = format!("rtsp://127.0.0.1:{}/cam", without_datagrams(camera.port()));
    let limit = Duration::from_secs(3);
    let started = Instant::now();
    let error = error_of(&spec(&address).transport(Transport::Udp).open_timeout(limit));
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(started.elapsed() < limit + SOON / 4, "{:?}", started.elapsed());
}

/// Reads so much of a camera, and says what ffprobe sees in a file made of it.
fn recorded(arguments: &[&str], count: usize) -> Option<(StreamInfo, Vec<Packet>, String)> {
    let camera = Camera::start(arguments)?;
    let mut source = open(&spec(&camera.address("", "cam")).with_audio(true)).unwrap();
    let packets = take(&mut source, count);
    let info = source.info().clone();
    let mut muxer = FragmentMuxer::new(&info, None).unwrap();
    let mut film = muxer.header().unwrap();
    for packet in packets.iter().skip_while(|packet| !packet.keyframe) {
        muxer.push(packet).unwrap();
    }
    film.extend(muxer.finish().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.mp4");
    std::fs::write(&file, film).unwrap();
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "csv=p=0", "-show_entries", "stream=codec_name"])
        .arg(&file)
        .output()
        .unwrap();
    let codecs = String::from_utf8(output.stdout).unwrap().trim().replace('\n', " ");
    let pictures: usize = common::ffprobe(&file, "nb_read_frames").parse().unwrap();
    let sent = packets.iter().skip_while(|packet| !packet.keyframe);
    let sent = sent.filter(|packet| packet.medium == Medium::Video).count();
    assert!(pictures + 2 >= sent && pictures > 5, "{pictures} of {sent}: {arguments:?}");
    Some((info, packets, codecs))
}

#[test]
fn cameras_with_sound_and_other_codecs_are_read_and_recorded() {
    let cases: [(&[&str], &str, Option<(&str, u32)>); 4] = [
        (&["--audio", "aac"], "h264 aac", Some(("aac", 48_000))),
        (&["--codec", "h265", "--audio", "alaw"], "hevc aac", Some(("pcm_alaw", 8_000))),
        (&["--codec", "mjpeg", "--audio", "mulaw"], "mjpeg aac", Some(("pcm_mulaw", 8_000))),
        (&["--b-frames", "2", "--gop", "30"], "h264", None),
    ];
    for (arguments, expected, sound) in cases {
        let Some((info, packets, codecs)) = recorded(arguments, 120) else { return };
        assert_eq!(codecs, expected, "{arguments:?}");
        assert_eq!(info.audio.map(|audio| (audio.codec, audio.sample_rate)), sound);
        let heard = packets.iter().filter(|packet| packet.medium == Medium::Audio).count();
        assert_eq!(heard > 20, sound.is_some(), "{arguments:?}: {heard}");
        // Sound and pictures run side by side.
        let last = |medium| {
            let packet = packets.iter().rev().find(|packet| packet.medium == medium);
            packet.map(|packet| packet.pts.as_secs_f64())
        };
        if let (Some(video), Some(audio)) = (last(Medium::Video), last(Medium::Audio)) {
            assert!((video - audio).abs() < 1.0, "{arguments:?}: {video} {audio}");
        }
    }
}

#[test]
fn a_survey_tells_what_a_camera_sends() {
    let arguments = ["--b-frames", "2", "--gop", "1000", "--fps", "25/1", "--audio", "alaw"];
    let Some(camera) = Camera::start(&arguments) else { return };
    let spec = spec(&camera.address("", "cam"));
    let seen = survey(&spec, Duration::from_millis(4500), &Stop::new()).unwrap();
    let rate = seen.frame_rate.unwrap();
    assert!((24.0..26.0).contains(&rate), "{rate}");
    assert!(seen.b_frames && seen.gop.at_least && seen.gop.pictures > 80, "{:?}", seen.gop);
    assert!(seen.sound_bit_rate.is_some_and(|rate| (50_000..80_000).contains(&rate)));
    let told = seen.advice.join("; ");
    for word in ["keyframes are at least", "B-frames", "pcm_alaw"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    let error = survey(&encrypted(&camera, "x").open_timeout(SOON / 8), SOON, &Stop::new());
    assert!([ErrorKind::Unreachable, ErrorKind::Timeout].contains(&error.unwrap_err().kind()));
}

#[test]
fn one_server_has_many_cameras() {
    let Some(camera) = Camera::start(&["--cameras", "3"]) else { return };
    for path in ["cam", "cam0", "cam2"] {
        take(&mut open(&spec(&camera.address("", path))).unwrap(), 3);
    }
    let error = error_of(&spec(&camera.address("", "cam3")));
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[test]
fn the_cameras_clock_is_taken_from_its_sender_reports() {
    let Some(camera) = Camera::start(&["--tcp-only"]) else { return };
    let mut source = open(&spec(&camera.address("", "cam"))).unwrap();
    let deadline = Instant::now() + SOON;
    loop {
        let packet = source.read().unwrap().unwrap();
        if packet.wall_source == WallSource::SenderReport {
            let now = omma_types::WallTime::from(std::time::SystemTime::now());
            assert!(now.since(packet.wall) < Duration::from_secs(5), "{} {now}", packet.wall);
            assert!(packet.wall.since(now) < Duration::from_secs(1), "{} {now}", packet.wall);
            return;
        }
        assert!(Instant::now() < deadline, "no sender report came");
    }
}

#[test]
fn credentials_and_paths_are_judged_by_the_camera() {
    let Some(camera) = Camera::start(&["--user", "bob", "--password", "ge:heim"]) else { return };
    let mut source = open(&spec(&camera.address("bob:ge:heim@", "cam"))).unwrap();
    take(&mut source, 3);
    for credentials in ["bob:falsch@", ""] {
        let error = error_of(&spec(&camera.address(credentials, "cam")));
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        assert!(!error.to_string().contains("falsch"), "{error}");
    }
    let Some(camera) = Camera::start(&[]) else { return };
    let error = error_of(&spec(&camera.address("", "nowhere")));
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[test]
fn a_camera_that_dies_is_noticed() {
    for transport in [Transport::Tcp, Transport::Udp] {
        let Some(mut camera) = Camera::start(&[]) else { return };
        let spec = spec(&camera.address("", "cam"))
            .transport(transport)
            .read_timeout(Duration::from_secs(3));
        let mut source = open(&spec).unwrap();
        take(&mut source, 5);
        camera.kill();
        let died = Instant::now();
        let error = common::last_error(&mut source);
        assert!(
            [ErrorKind::Unreachable, ErrorKind::Timeout].contains(&error.kind()),
            "{transport:?}: {error}"
        );
        assert!(died.elapsed() < SOON, "{transport:?}");
    }
}

#[test]
fn a_closed_port_is_unreachable() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for address in [
        format!("rtsp://u:geheim@127.0.0.1:{port}/cam"),
        format!("http://u:geheim@127.0.0.1:{port}/clip.mp4"),
        format!("rtmp://u:geheim@127.0.0.1:{port}/live/cam"),
    ] {
        let error = error_of(&spec(&address));
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
        assert!(error.to_string().contains("refused"), "{error}");
        assert!(!error.to_string().contains("geheim"), "{error}");
    }
}

#[test]
fn a_silent_server_is_given_up_in_time() {
    let port = serve(stay_silent);
    for scheme in ["rtsp", "rtsps", "http", "https", "rtmp", "rtmps"] {
        let started = Instant::now();
        let address = format!("{scheme}://127.0.0.1:{port}/cam/x");
        let error = error_of(&spec(&address).open_timeout(Duration::from_millis(400)));
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(started.elapsed() < Duration::from_secs(8), "{scheme}");
    }
}

#[test]
fn a_stop_ends_opening() {
    let (connected, wait) = std::sync::mpsc::sync_channel(1);
    let port = serve(move |stream| {
        connected.send(()).unwrap();
        stay_silent(stream);
    });
    let stop = Stop::new();
    let opener = {
        let (stop, spec) = (stop.clone(), spec(&format!("rtsp://127.0.0.1:{port}/cam")));
        std::thread::Builder::new()
            .name("opener".to_owned())
            .spawn(move || Source::open(&spec, &stop).err())
            .unwrap()
    };
    wait.recv_timeout(SOON).unwrap();
    let started = Instant::now();
    stop.stop();
    let error = opener.join().unwrap().expect("nothing to open");
    assert!(error.is_stopped(), "{error}");
    assert!(started.elapsed() < SOON / 2);
}

#[test]
fn a_stop_ends_reading() {
    let Some(camera) = Camera::start(&["--tcp-only"]) else { return };
    let stop = Stop::new();
    let mut source = Source::open(&spec(&camera.address("", "cam")), &stop).unwrap();
    take(&mut source, 2);
    stop.stop();
    assert!(source.read().unwrap_err().is_stopped());
}

#[test]
fn http_gives_files_hls_and_clear_refusals() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=size=128x96:rate=25:duration=2 -c:v libx264 -g 25 -bf 0 \
         -pix_fmt yuv420p a.mp4",
    );
    ffmpeg(dir.path(), "-i a.mp4 -c copy -f hls -hls_time 1 -hls_list_size 0 a.m3u8");
    let root = dir.path().to_owned();
    let port = serve(move |mut stream| {
        let path = path_of(&stream);
        let file = root.join(path.trim_start_matches('/'));
        match (path.as_str(), std::fs::read(&file)) {
            ("/secret.mp4", _) => reply(&mut stream, "401 Unauthorized", "text/plain", b""),
            ("/broken.m3u8", _) => {
                let text = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nmissing.ts\n";
                reply(&mut stream, "200 OK", "application/vnd.apple.mpegurl", text);
            }
            ("/page", _) => reply(&mut stream, "200 OK", "text/html", b"<html>Hello!</html>"),
            ("/error", _) => reply(&mut stream, "503 Busy", "text/plain", b""),
            (_, Ok(body)) => reply(&mut stream, "200 OK", "application/octet-stream", &body),
            (_, Err(_)) => reply(&mut stream, "404 Not Found", "text/plain", b""),
        }
    });
    let http = |path: &str| spec(&format!("http://127.0.0.1:{port}{path}")).paced(false);
    for path in ["/a.mp4", "/a.m3u8"] {
        let mut source = open(&http(path)).unwrap();
        let (packets, error) = common::read_all(&mut source);
        assert_eq!((packets.len(), error), (50, None), "{path}");
    }
    for (path, kind) in [
        ("/missing.mp4", ErrorKind::NotFound),
        ("/secret.mp4", ErrorKind::Denied),
        ("/page", ErrorKind::Corrupt),
        ("/error", ErrorKind::Unreachable),
    ] {
        let error = error_of(&http(path));
        assert_eq!(error.kind(), kind, "{path}: {error}");
    }
    let error = error_of(&http("/broken.m3u8").open_timeout(Duration::from_secs(3)));
    assert!(!error.is_stopped(), "{error}");
}

#[test]
fn motion_jpeg_over_http_counts_time_by_arrival() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=size=64x48:rate=1:duration=1 -c:v mjpeg -pix_fmt yuvj420p \
         -f image2 -update 1 a.jpg",
    );
    let jpeg = std::fs::read(dir.path().join("a.jpg")).unwrap();
    let port = serve(move |mut stream| {
        let path = path_of(&stream);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=frame\
                    \r\nConnection: close\r\n\r\n";
        let part = format!(
            "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
            jpeg.len()
        );
        let mut send = || {
            stream.write_all(head.as_bytes())?;
            for _ in 0..40 {
                stream.write_all(part.as_bytes())?;
                stream.write_all(&jpeg)?;
                stream.write_all(b"\r\n")?;
            }
            stream.flush()
        };
        let _gone = send();
        if path == "/silent.mjpg" {
            stay_silent(stream);
        }
    });
    let spec_of = |path: &str| {
        spec(&format!("http://127.0.0.1:{port}{path}")).read_timeout(Duration::from_millis(500))
    };
    let mut source = open(&spec_of("/silent.mjpg")).unwrap();
    assert_eq!(source.info().codec, "mjpeg");
    let packets = take(&mut source, 20);
    let mut decoder = Decoder::new(source.info(), DecoderOptions::default()).unwrap();
    assert_eq!(common::decode_all(&mut decoder, &packets).len(), 20);
    for pair in packets.windows(2) {
        let (media, real) = (pair[1].pts.since(pair[0].pts), pair[1].arrival - pair[0].arrival);
        assert!(media.abs_diff(real) < Duration::from_millis(100), "{media:?} {real:?}");
    }
    // What is silent afterwards is noticed.
    let error = common::last_error(&mut source);
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    // So is a server that hangs up.
    let mut source = open(&spec_of("/hangs-up.mjpg")).unwrap();
    take(&mut source, 20);
    let error = common::last_error(&mut source);
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
}
