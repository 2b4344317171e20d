//! Real streams of the other kinds: RTMP, live HLS, films over HTTP; and a device that is
//! not there. The streams are made by the `ffmpeg` program.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failed test should stop")]

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::ffmpeg;
use common::http::{FileServer, path_of, reply, serve};
use omma_media::{Decoder, DecoderOptions, MediaError, Source, SourceSpec, Stop};
use omma_types::{ErrorKind, Size};

/// Generous: a loaded machine must not fail a test.
const SOON: Duration = Duration::from_secs(30);
/// How long the sources here may be silent.
const SILENCE: Duration = Duration::from_secs(3);

fn spec(address: &str) -> SourceSpec {
    SourceSpec::parse(address).unwrap().open_timeout(SOON).read_timeout(SILENCE)
}

fn open(spec: &SourceSpec) -> Result<Source, MediaError> {
    Source::open(spec, &Stop::new())
}

/// An `ffmpeg` that goes on until it is killed or dropped.
struct Encoder(Child);

impl Encoder {
    fn start(dir: &Path, arguments: &str) -> Self {
        let process = Command::new("ffmpeg")
            .args(["-hide_banner", "-loglevel", "info", "-nostats", "-y", "-nostdin"])
            .args(arguments.split_whitespace())
            .current_dir(dir)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the ffmpeg program is needed for tests (apt-get install ffmpeg)");
        Self(process)
    }

    /// Reads the program's messages up to one that contains `words`.
    fn wait_for(&mut self, words: &str) {
        let mut lines = BufReader::new(self.0.stderr.take().unwrap()).lines();
        let found = lines.by_ref().map_while(Result::ok).any(|line| line.contains(words));
        assert!(found, "ffmpeg ended without {words:?}");
        // Somebody must read on, or the program stands still once the pipe is full.
        std::thread::Builder::new()
            .name("messages".to_owned())
            .spawn(move || lines.map_while(Result::ok).for_each(drop))
            .unwrap();
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads `count` packets and decodes them.
fn look(source: &mut Source, count: usize, size: Size) {
    let packets: Vec<_> = (0..count).map(|_| source.read().unwrap().unwrap()).collect();
    assert!(packets.windows(2).all(|pair| pair[0].pts < pair[1].pts), "times go forward");
    let mut decoder = Decoder::new(source.info(), DecoderOptions::default()).unwrap();
    let pictures = common::decode_all(&mut decoder, &packets);
    assert_eq!(pictures.len(), count, "{:?}", decoder.stats());
    assert!(pictures.iter().all(|picture| picture.stamp().size == size));
}

/// Reads until the source fails, which must be soon and clearly said.
fn fails_soon(source: &mut Source, kinds: &[ErrorKind]) -> MediaError {
    let died = Instant::now();
    let error = common::last_error(source);
    assert!(kinds.contains(&error.kind()), "{:?}: {error}", error.kind());
    assert!(died.elapsed() < SILENCE + SOON, "{:?}: {error}", died.elapsed());
    error
}

#[test]
fn rtmp_is_read_until_its_server_dies() {
    for sound in ["", "-f lavfi -i sine -c:a aac"] {
        let dir = tempfile::tempdir().unwrap();
        let port = omma_testkit::free_port();
        let mut server = Encoder::start(
            dir.path(),
            &format!(
                "-re -f lavfi -i testsrc=size=320x240:rate=25 {sound} -c:v libx264 \
                 -preset ultrafast -tune zerolatency -g 25 -pix_fmt yuv420p -f flv \
                 -listen 1 rtmp://127.0.0.1:{port}/live/x"
            ),
        );
        // It serves one client and starts with it: who comes before it listens is refused.
        let started = Instant::now();
        let mut source = loop {
            match open(&spec(&format!("rtmp://127.0.0.1:{port}/live/x"))) {
                Ok(source) => break source,
                Err(error) if started.elapsed() < SOON => {
                    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
                    std::thread::yield_now();
                }
                Err(error) => panic!("{error}"),
            }
        };
        let info = source.info();
        assert_eq!((info.codec, info.size), ("h264", Some(Size::new(320, 240))));
        assert_eq!(info.audio.is_some(), !sound.is_empty());
        look(&mut source, 50, Size::new(320, 240));
        server.kill();
        let error = fails_soon(&mut source, &[ErrorKind::Unreachable]);
        assert!(error.reason().contains("broke off"), "{error}");
    }
}

/// A growing playlist that forgets its beginning, in pieces of a second.
fn live_hls(dir: &Path) -> Encoder {
    let mut encoder = Encoder::start(
        dir,
        "-re -f lavfi -i testsrc=size=320x240:rate=24 -c:v libx264 -preset ultrafast \
         -tune zerolatency -g 24 -pix_fmt yuv420p -f hls -hls_time 1 -hls_list_size 4 \
         -hls_flags delete_segments+temp_file live.m3u8",
    );
    // The list is there before the second piece is begun.
    encoder.wait_for("live1.ts");
    encoder
}

#[test]
fn live_hls_is_followed_until_its_encoder_dies() {
    let dir = tempfile::tempdir().unwrap();
    let mut encoder = live_hls(dir.path());
    let server = FileServer::start(dir.path().to_owned(), None);
    let mut source = open(&spec(&server.url("live.m3u8"))).unwrap();
    let info = source.info();
    assert_eq!((info.codec, info.size), ("h264", Some(Size::new(320, 240))));
    // More than was listed at first.
    look(&mut source, 72, Size::new(320, 240));
    encoder.kill();
    let error = fails_soon(&mut source, &[ErrorKind::Timeout]);
    assert!(error.reason().contains("3.0 s"), "{error}");
}

#[test]
fn live_hls_is_followed_until_its_server_dies() {
    let dir = tempfile::tempdir().unwrap();
    let _encoder = live_hls(dir.path());
    let mut server = FileServer::start(dir.path().to_owned(), None);
    let mut source = open(&spec(&server.url("live.m3u8"))).unwrap();
    look(&mut source, 24, Size::new(320, 240));
    server.kill();
    let error = fails_soon(&mut source, &[ErrorKind::Unreachable]);
    assert!(error.reason().contains("went away"), "{error}");
}

#[test]
fn a_finished_hls_list_ends_and_lost_pieces_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=size=320x240:rate=25:duration=5 -c:v libx264 -preset ultrafast \
         -g 25 -bf 0 -pix_fmt yuv420p -f hls -hls_time 1 -hls_list_size 0 film.m3u8",
    );
    let server = FileServer::start(dir.path().to_owned(), None);
    let spec = spec(&server.url("film.m3u8")).paced(false);
    let mut source = open(&spec).unwrap();
    look(&mut source, 125, Size::new(320, 240));
    assert!(source.read().unwrap().is_none());

    for lost in 2..5 {
        std::fs::remove_file(dir.path().join(format!("film{lost}.ts"))).unwrap();
    }
    let mut source = open(&spec).unwrap();
    look(&mut source, 50, Size::new(320, 240));
    let error = fails_soon(&mut source, &[ErrorKind::Unreachable]);
    assert!(error.reason().contains("after 2.0 s of 5.0 s"), "{error}");
}

#[test]
fn a_stream_over_http_ends_only_where_its_length_was_known() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=size=320x240:rate=25:duration=2 -c:v libx264 -preset ultrafast \
         -g 25 -bf 0 -pix_fmt yuv420p film.ts",
    );
    let film = std::fs::read(dir.path().join("film.ts")).unwrap();
    let port = serve(move |mut stream| match path_of(&stream).as_str() {
        "/film.ts" => reply(&mut stream, "200 OK", "video/mp2t", &film),
        // In one chunk, then the end of all chunks: a server that shuts down in good order.
        _ => {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nTransfer-Encoding: chunked\r\n\
                 Connection: close\r\n\r\n{:x}\r\n",
                film.len()
            );
            let parts = [head.as_bytes(), film.as_slice(), b"\r\n0\r\n\r\n"];
            let _gone = stream.write_all(&parts.concat());
        }
    });
    let size = Size::new(320, 240);
    let mut film = open(&spec(&format!("http://127.0.0.1:{port}/film.ts")).paced(false)).unwrap();
    look(&mut film, 50, size);
    assert!(film.read().unwrap().is_none());
    let mut live = open(&spec(&format!("http://127.0.0.1:{port}/live.ts")).paced(false)).unwrap();
    look(&mut live, 50, size);
    fails_soon(&mut live, &[ErrorKind::Unreachable]);
}

#[test]
fn a_film_over_http_is_read_by_ranges_and_its_loss_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    // Its index is at its end: readable over HTTP only by ranges.
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=size=320x240:rate=25:duration=8 -c:v libx264 -preset ultrafast \
         -g 25 -b:v 8M -bf 0 -pix_fmt yuv420p film.mp4",
    );
    ffmpeg(dir.path(), "-i film.mp4 -c copy -movflags faststart streamed.mp4");
    let server = FileServer::start(dir.path().to_owned(), None);
    let mut source = open(&spec(&server.url("film.mp4")).paced(false)).unwrap();
    assert!(server.ranges() > 0, "the index was asked for by range");
    look(&mut source, 200, Size::new(320, 240));
    assert!(source.read().unwrap().is_none());

    let half = std::fs::metadata(dir.path().join("streamed.mp4")).unwrap().len() / 2;
    let stalls_at = Some(usize::try_from(half).unwrap());
    for dies in [false, true] {
        let mut server = FileServer::start(dir.path().to_owned(), stalls_at);
        let mut source = open(&spec(&server.url("streamed.mp4")).paced(false)).unwrap();
        look(&mut source, 50, Size::new(320, 240));
        let kind = if dies {
            server.kill();
            ErrorKind::Unreachable
        } else {
            ErrorKind::Timeout
        };
        fails_soon(&mut source, &[kind]);
    }
}

#[test]
fn a_device_that_is_not_there_is_said_to_be_missing() {
    let error = open(&spec("v4l2:/dev/video-none")).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert_eq!(
        error.to_string(),
        "v4l2:/dev/video-none: No such file or directory; \
         check the name and that the device is plugged in"
    );
    // Something that is no camera.
    let error = open(&spec("v4l2:/dev/null")).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}
