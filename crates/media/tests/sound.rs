//! Sound beside the pictures: on the same clock, and no sign of life of a camera.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failed test should stop")]

mod common;

use std::fs;
use std::io::Write as _;
use std::time::Duration;

use common::http::{path_of, serve};
use common::{clip, ffmpeg, read_all};
use omma_media::{Medium, Packet, Source, SourceSpec, Stop};
use omma_types::{ErrorKind, MediaTime};

fn of(packets: &[Packet], medium: Medium) -> Vec<&Packet> {
    packets.iter().filter(|packet| packet.medium == medium).collect()
}

#[test]
fn sound_comes_beside_the_pictures_where_it_is_asked_for() {
    let Some(path) = clip("car-detection.mp4") else { return };
    let spec = SourceSpec::file(&path).paced(false);
    let mut quiet = Source::open(&spec, &Stop::new()).unwrap();
    let audio = quiet.info().audio.clone().unwrap();
    assert_eq!((audio.codec, audio.sample_rate), ("aac", 48_000));
    let (pictures, _) = read_all(&mut quiet);
    assert!(pictures.iter().all(|packet| packet.medium == Medium::Video));

    let mut source = Source::open(&spec.with_audio(true), &Stop::new()).unwrap();
    assert_ne!(source.info().fingerprint(), quiet.info().fingerprint());
    let (packets, error) = read_all(&mut source);
    assert_eq!(error, None);
    let (video, audio) = (of(&packets, Medium::Video), of(&packets, Medium::Audio));
    assert_eq!((video.len(), audio.len()), (377, 1414));
    for (medium, length) in [(&video, 30.16), (&audio, 30.16)] {
        assert!(medium.iter().enumerate().all(|(at, packet)| packet.seq == at as u64));
        assert!(medium.windows(2).all(|pair| pair[0].dts < pair[1].dts));
        let last = medium.last().unwrap();
        let end = (last.pts + last.duration).as_secs_f64();
        assert!((end - length).abs() < 0.05, "{end}");
    }
    assert!(audio.iter().all(|packet| !packet.keyframe && !packet.is_empty()));
    assert_eq!(audio[1].pts, MediaTime::from_ticks(1024, 1, 48_000));
    // Neither runs ahead of the other in the order of reading.
    let mut newest = MediaTime::ZERO;
    for packet in &packets {
        assert!(newest.since(packet.dts) < Duration::from_secs(1), "{newest:?} {packet:?}");
        newest = newest.max(packet.dts);
    }
}

#[test]
fn sound_goes_on_where_a_file_starts_again() {
    let dir = tempfile::tempdir().unwrap();
    // The sound is longer than the pictures.
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=size=64x48:rate=10:duration=1 -f lavfi -i sine=duration=1.3 \
         -c:v libx264 -pix_fmt yuv420p -c:a aac x.mp4",
    );
    let spec = SourceSpec::file(dir.path().join("x.mp4")).paced(false).with_audio(true);
    let mut source = Source::open(&spec.looped(true), &Stop::new()).unwrap();
    let packets: Vec<Packet> = (0..300).map(|_| source.read().unwrap().unwrap()).collect();
    let audio = of(&packets, Medium::Audio);
    // Each pass begins with the encoder's run-up of 1024 samples, which is never heard.
    let run_up = Duration::from_millis(24);
    for pair in audio.windows(2) {
        let end = pair[0].pts + pair[0].duration;
        assert!(end <= pair[1].pts + run_up, "{pair:?}");
        assert!(pair[1].pts.since(end) < Duration::from_millis(50), "{pair:?}");
    }
    let video = of(&packets, Medium::Video);
    assert!(video.len() > 30, "{}", video.len());
    let firsts: Vec<f64> =
        video.iter().step_by(10).map(|packet| packet.pts.as_secs_f64()).collect();
    for pair in firsts.windows(2) {
        assert!((1.25..1.45).contains(&(pair[1] - pair[0])), "{firsts:?}");
    }
}

#[test]
fn a_camera_that_sends_sound_alone_is_silent() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=size=64x48:rate=25:duration=2 -f lavfi -i sine=duration=60 \
         -c:v libx264 -tune zerolatency -pix_fmt yuv420p -c:a aac -b:a 32k -f mpegts x.ts",
    );
    let film = fs::read(dir.path().join("x.ts")).unwrap();
    // All pictures at once, then sound without end, a little at a time.
    let port = serve(move |mut stream| {
        path_of(&stream);
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n";
        let (start, rest) = film.split_at(film.len() / 20);
        let mut sent = stream.write_all(head).and_then(|()| stream.write_all(start));
        for piece in rest.chunks(2 * 188) {
            if sent.is_err() {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(20));
            sent = stream.write_all(piece);
        }
    });
    let spec = SourceSpec::parse(&format!("http://127.0.0.1:{port}/x.ts")).unwrap();
    for with_audio in [true, false] {
        let spec = spec.clone().paced(false).with_audio(with_audio);
        let spec = spec.read_timeout(Duration::from_secs(1));
        let mut source = Source::open(&spec, &Stop::new()).unwrap();
        let (packets, error) = read_all(&mut source);
        let error = error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(error.reason().contains("no picture came for 1.0 s"), "{error}");
        // The container gives the last two only with what follows them.
        assert!((48..=50).contains(&of(&packets, Medium::Video).len()));
        let sound = packets.iter().rev().take_while(|p| p.medium == Medium::Audio).count();
        assert_eq!(sound > 10, with_audio, "{sound}");
    }
}
