//! What several tests need: films made by the `ffmpeg` program, and reading them through.
#![allow(dead_code, reason = "each test file uses its own part of this")]

pub(crate) mod http;

use std::path::{Path, PathBuf};
use std::process::Command;

use omma_media::{Decoder, DecoderOptions, MediaError, Packet, Picture, Source, SourceSpec, Stop};

/// Runs the `ffmpeg` program in `dir`; the arguments are split at spaces.
pub(crate) fn ffmpeg(dir: &Path, arguments: &str) {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-y", "-nostdin"])
        .args(arguments.split_whitespace())
        .current_dir(dir)
        .output()
        .expect("the ffmpeg program is needed for tests (apt-get install ffmpeg)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What `ffprobe` says about one entry of the video stream.
pub(crate) fn ffprobe(path: &Path, entry: &str) -> String {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v:0", "-show_entries"])
        .args([&format!("stream={entry}"), "-of", "csv=p=0"])
        .arg(path)
        .output()
        .expect("the ffprobe program is needed for tests (apt-get install ffmpeg)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().trim_end_matches(',').to_owned()
}

/// A clip of the project's data, or None with a printed reason.
pub(crate) fn clip(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("OMMA_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = root.join("clips").join(name);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there (set OMMA_DATA)", path.display());
    None
}

/// Opens a file to be read as fast as possible.
pub(crate) fn open(path: &Path) -> Result<Source, MediaError> {
    Source::open(&SourceSpec::file(path).paced(false), &Stop::new())
}

/// All packets up to the end or the first error.
pub(crate) fn read_all(source: &mut Source) -> (Vec<Packet>, Option<MediaError>) {
    let mut packets = Vec::new();
    loop {
        match source.read() {
            Ok(Some(packet)) => packets.push(packet),
            Ok(None) => return (packets, None),
            Err(error) => return (packets, Some(error)),
        }
    }
}

/// The error with which a live source ends.
pub(crate) fn last_error(source: &mut Source) -> MediaError {
    let (packets, error) = read_all(source);
    error.unwrap_or_else(|| panic!("ended after {} packets as if it were a file", packets.len()))
}

/// All pictures of these packets, to the last.
pub(crate) fn decode_all(decoder: &mut Decoder, packets: &[Packet]) -> Vec<Picture> {
    let mut pictures = Vec::new();
    for packet in packets {
        decoder.send(packet).unwrap();
        while let Some(picture) = decoder.receive().unwrap() {
            pictures.push(picture);
        }
    }
    decoder.flush().unwrap();
    while let Some(picture) = decoder.receive().unwrap() {
        pictures.push(picture);
    }
    pictures
}

/// All pictures of a good file.
pub(crate) fn decode_file(path: &Path) -> Vec<Picture> {
    let mut source = open(path).unwrap();
    let mut decoder = Decoder::new(source.info(), DecoderOptions::default()).unwrap();
    let (packets, error) = read_all(&mut source);
    assert_eq!(error, None);
    decode_all(&mut decoder, &packets)
}
