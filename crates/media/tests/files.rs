//! Files of all sorts, good and bad, made by the `ffmpeg` program.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failed test should stop")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{clip, decode_all, decode_file, ffmpeg, ffprobe, open, read_all};
use omma_imaging::ColorRange;
use omma_media::{Decoder, DecoderOptions, Hardware, Skip, Source, SourceSpec, Stop, probe};
use omma_types::{ErrorKind, MediaTime, Size, WallSource};

const TEST_SOURCE: &str = "-f lavfi -i testsrc=size=128x96:rate=25:duration=2";

fn seqs(pictures: &[omma_media::Picture]) -> Vec<u64> {
    pictures.iter().map(|picture| picture.stamp().seq).collect()
}

#[test]
fn a_file_gives_all_its_pictures_in_order_with_their_times() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(dir.path(), &format!("{TEST_SOURCE} -c:v libx264 -bf 3 -g 12 -pix_fmt yuv420p b.mp4"));
    ffmpeg(dir.path(), &format!("{TEST_SOURCE} -c:v libx264 -bf 0 -g 12 -pix_fmt yuv420p p.mp4"));
    ffmpeg(dir.path(), &format!("{TEST_SOURCE} -c:v libx264 -bf 3 -g 12 -pix_fmt yuv420p b.mkv"));
    ffmpeg(dir.path(), &format!("{TEST_SOURCE} -c:v libx264 -bf 3 -g 12 -pix_fmt yuv420p b.ts"));
    for name in ["b.mp4", "p.mp4", "b.mkv", "b.ts"] {
        let pictures = decode_file(&dir.path().join(name));
        assert_eq!(seqs(&pictures), (0..50).collect::<Vec<_>>(), "{name}");
        for (i, picture) in pictures.iter().enumerate() {
            let expected = MediaTime::from_secs_f64(i as f64 / 25.0);
            let stamp = picture.stamp();
            let off = (stamp.media.as_nanos() - expected.as_nanos()).abs();
            assert!(off < 1_100_000, "{name} picture {i}: {stamp:?}");
            assert_eq!((stamp.size, stamp.wall_source), (Size::new(128, 96), WallSource::Arrival));
        }
        let (first, last) = (pictures[0].stamp(), pictures[49].stamp());
        assert_eq!(last.wall.since(first.wall).as_millis(), 1960, "{name}");
        assert!(pictures[0].is_keyframe(), "{name}");
    }
}

#[test]
fn other_codecs_and_containers_give_rising_numbers_and_times() {
    let dir = tempfile::tempdir().unwrap();
    let cases = [
        ("hevc.mp4", "-c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=3"),
        ("hevc.ts", "-c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=3"),
        ("vp9.webm", "-c:v libvpx-vp9 -cpu-used 8 -deadline realtime"),
        ("mpeg4.avi", "-c:v mpeg4 -bf 2"),
        ("motion.avi", "-c:v mjpeg -pix_fmt yuvj420p"),
        ("h264.flv", "-c:v libx264 -bf 2"),
    ];
    for (name, codec) in cases {
        ffmpeg(dir.path(), &format!("{TEST_SOURCE} -pix_fmt yuv420p {codec} {name}"));
        let pictures = decode_file(&dir.path().join(name));
        assert_eq!(seqs(&pictures), (0..50).collect::<Vec<_>>(), "{name}");
        let first = pictures[0].stamp().media;
        for (i, picture) in pictures.iter().enumerate() {
            let off = picture.stamp().media.since(first).as_secs_f64() - i as f64 / 25.0;
            assert!(off.abs() < 0.0015, "{name} picture {i} is off by {off} s");
        }
    }
}

#[test]
fn several_threads_give_the_same_pictures() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(dir.path(), &format!("{TEST_SOURCE} -c:v libx264 -bf 3 -g 12 -pix_fmt yuv420p b.mp4"));
    let mut source = open(&dir.path().join("b.mp4")).unwrap();
    let (packets, _) = read_all(&mut source);
    let decode = |threads| {
        let options = DecoderOptions { threads, ..DecoderOptions::default() };
        decode_all(&mut Decoder::new(source.info(), options).unwrap(), &packets)
    };
    let (one, four) = (decode(1), decode(4));
    assert_eq!(one.len(), four.len());
    for (a, b) in one.iter().zip(&four) {
        assert_eq!(a.stamp(), b.stamp());
        assert_eq!(a.view().y.row(30), b.view().y.row(30));
    }
}

/// A film cut without encoding anew: packets in front of the cut are decoded, never shown.
#[test]
fn what_an_edit_list_hides_is_not_counted() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(dir.path(), &format!("{TEST_SOURCE} -c:v libx264 -bf 0 -g 25 -pix_fmt yuv420p a.mp4"));
    ffmpeg(dir.path(), "-ss 0.6 -i a.mp4 -c copy cut.mp4");
    let path = dir.path().join("cut.mp4");
    let mut source = open(&path).unwrap();
    let (packets, error) = read_all(&mut source);
    assert_eq!((packets.len(), error), (50, None), "the film begins at the keyframe");
    let pictures = decode_file(&path);
    assert_eq!(ffprobe(&path, "nb_read_frames"), "35");
    assert_eq!(seqs(&pictures), (0..35).collect::<Vec<_>>());
    assert_eq!(pictures[0].stamp().media, MediaTime::ZERO);
}

#[test]
fn raw_h264_with_b_frames_has_rising_times() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(dir.path(), &format!("{TEST_SOURCE} -c:v libx264 -bf 3 -pix_fmt yuv420p b.h264"));
    let pictures = decode_file(&dir.path().join("b.h264"));
    assert_eq!(seqs(&pictures), (0..50).collect::<Vec<_>>());
    let times: Vec<_> = pictures.iter().map(|p| p.stamp().media).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
}

#[test]
fn the_size_may_change_midway() {
    let dir = tempfile::tempdir().unwrap();
    for (name, size) in [("a", "128x96"), ("b", "192x108")] {
        ffmpeg(
            dir.path(),
            &format!(
                "-f lavfi -i testsrc=size={size}:rate=25:duration=1 \
                 -c:v libx264 -bf 0 -pix_fmt yuv420p {name}.h264"
            ),
        );
    }
    let mut both = fs::read(dir.path().join("a.h264")).unwrap();
    both.extend(fs::read(dir.path().join("b.h264")).unwrap());
    fs::write(dir.path().join("both.h264"), both).unwrap();
    let pictures = decode_file(&dir.path().join("both.h264"));
    let sizes: Vec<_> = pictures.iter().map(|p| p.stamp().size).collect();
    let expected = [vec![Size::new(128, 96); 25], vec![Size::new(192, 108); 25]].concat();
    assert_eq!(sizes, expected);
    assert_eq!(pictures[30].view().size(), Size::new(192, 108));
    assert_eq!(seqs(&pictures), (0..50).collect::<Vec<_>>());
}

#[test]
fn other_pixel_formats_become_yuv420_and_ranges_stay() {
    let dir = tempfile::tempdir().unwrap();
    let gray = "-f lavfi -i color=c=0xC0C0C0:size=64x48:rate=5:duration=1";
    let cases = [
        ("j420.avi", "-c:v mjpeg -pix_fmt yuvj420p -q:v 2", ColorRange::Full, 192),
        ("j422.avi", "-c:v mjpeg -pix_fmt yuvj422p -q:v 2", ColorRange::Full, 192),
        ("p10.mkv", "-c:v libx264 -pix_fmt yuv420p10le -qp 1", ColorRange::Limited, 181),
        ("p444.mkv", "-c:v libx264 -pix_fmt yuv444p -qp 1", ColorRange::Limited, 181),
        ("rgb.mkv", "-c:v ffv1 -pix_fmt bgr0", ColorRange::Limited, 181),
    ];
    for (name, codec, range, luma) in cases {
        ffmpeg(dir.path(), &format!("{gray} {codec} {name}"));
        let pictures = decode_file(&dir.path().join(name));
        assert_eq!(pictures.len(), 5, "{name}");
        for picture in pictures {
            let view = picture.view();
            assert_eq!((view.range, view.size()), (range, Size::new(64, 48)), "{name}");
            let got = i32::from(view.y.row(20)[30]);
            assert!((got - luma).abs() <= 3, "{name}: luma {got}, expected {luma}");
            assert!((i32::from(view.u.row(10)[15]) - 128).abs() <= 2, "{name}");
        }
    }
}

#[test]
fn odd_sizes_decode() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=size=65x49:rate=5:duration=1 -c:v mjpeg -pix_fmt yuvj420p odd.avi",
    );
    let pictures = decode_file(&dir.path().join("odd.avi"));
    assert_eq!(pictures[0].view().size(), Size::new(65, 49));
    assert_eq!(pictures[0].view().u.size(), Size::new(33, 25));
}

#[test]
fn sound_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(
        dir.path(),
        &format!(
            "{TEST_SOURCE} -f lavfi -i sine=duration=2 -c:v libx264 -pix_fmt yuv420p \
             -c:a aac both.mp4"
        ),
    );
    let path = dir.path().join("both.mp4");
    assert!(open(&path).unwrap().info().audio.is_some());
    assert_eq!(decode_file(&path).len(), 50);
}

#[test]
fn probing_gives_what_a_progress_bar_needs() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.mp4", "a.mkv", "frag.mp4"] {
        let flags = if name == "frag.mp4" { "-movflags frag_keyframe+empty_moov" } else { "" };
        ffmpeg(
            dir.path(),
            &format!("{TEST_SOURCE} -c:v libx264 -g 10 -pix_fmt yuv420p {flags} {name}"),
        );
        let info = probe(&dir.path().join(name)).unwrap();
        assert_eq!((info.codec, info.size), ("h264", Some(Size::new(128, 96))), "{name}");
        let rate = info.frame_rate.unwrap();
        assert!((rate - 25.0).abs() < 0.1, "{name}: {rate}");
        assert_eq!(info.expected_frames(), Some(50), "{name}");
        assert_eq!(info.duration, Some(Duration::from_secs(2)), "{name}");
    }
}

fn error_of(path: &Path) -> omma_media::MediaError {
    match open(path) {
        Ok(_) => panic!("{} can be opened", path.display()),
        Err(error) => error,
    }
}

#[test]
fn bad_files_get_one_clear_message_each() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, contents: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, contents).unwrap();
        path
    };
    ffmpeg(dir.path(), "-f lavfi -i sine=duration=1 -c:a aac sound.mp4");
    ffmpeg(dir.path(), &format!("{TEST_SOURCE} -c:v libx264 -pix_fmt yuv420p good.mp4"));
    let good = fs::read(dir.path().join("good.mp4")).unwrap();
    let cases = [
        (dir.path().join("missing.mp4"), ErrorKind::NotFound, "no such file"),
        (file("empty.mp4", b""), ErrorKind::Corrupt, "the file is empty"),
        (file("text.mp4", b"This is a text, not a film.\n"), ErrorKind::Corrupt, "no video file"),
        (file("text.txt", b"This is a text, not a film.\n"), ErrorKind::Corrupt, "no video file"),
        (file("cut.mp4", &good[..good.len() / 2]), ErrorKind::Corrupt, "cut off before its index"),
        (dir.path().to_owned(), ErrorKind::Invalid, "it is a folder"),
        (dir.path().join("sound.mp4"), ErrorKind::Invalid, "only sound, no video"),
        ("/dev/null".into(), ErrorKind::Unsupported, "no regular file"),
    ];
    for (path, kind, reason) in cases {
        let error = error_of(&path);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
        assert!(error.reason().contains(reason), "{error}");
        assert!(!error.advice().is_empty());
        assert_eq!(probe(&path).unwrap_err(), error);
    }
}

#[test]
fn a_file_without_permission_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret.mp4");
    fs::write(&path, b"x").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&path).is_ok() {
        eprintln!("skipped: this user (root?) may read everything");
        return;
    }
    assert_eq!(error_of(&path).kind(), ErrorKind::Denied);
}

#[test]
fn a_file_cut_off_behind_its_index_gives_its_good_part_then_an_error() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(
        dir.path(),
        &format!("{TEST_SOURCE} -c:v libx264 -bf 0 -pix_fmt yuv420p -movflags +faststart a.mp4"),
    );
    let whole = fs::read(dir.path().join("a.mp4")).unwrap();
    let path = dir.path().join("cut.mp4");
    fs::write(&path, &whole[..whole.len() * 2 / 3]).unwrap();
    let mut source = open(&path).unwrap();
    let mut decoder = Decoder::new(source.info(), DecoderOptions::default()).unwrap();
    let (packets, error) = read_all(&mut source);
    let error = error.expect("the cut is noticed");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("cut off after"), "{error}");
    assert!((10..50).contains(&packets.len()), "{}", packets.len());
    assert_eq!(decode_all(&mut decoder, &packets).len(), packets.len());
    assert_eq!(decoder.stats().corrupt, 0);
}

#[test]
fn damaged_packets_are_counted_and_survived() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(
        dir.path(),
        &format!("{TEST_SOURCE} -c:v libx264 -bf 0 -g 10 -pix_fmt yuv420p -f mpegts a.ts"),
    );
    let mut bytes = fs::read(dir.path().join("a.ts")).unwrap();
    let length = bytes.len();
    // Overwrite payload in the middle, leaving the packets' own heads in order.
    for start in (length / 3..length * 2 / 3).step_by(188 * 4) {
        let start = start / 188 * 188;
        for byte in &mut bytes[start + 40..start + 180] {
            *byte = byte.wrapping_mul(31).wrapping_add(7);
        }
    }
    let path = dir.path().join("damaged.ts");
    fs::write(&path, bytes).unwrap();
    let mut source = open(&path).unwrap();
    let mut decoder = Decoder::new(source.info(), DecoderOptions::default()).unwrap();
    let (packets, error) = read_all(&mut source);
    assert_eq!(error, None);
    let pictures = decode_all(&mut decoder, &packets);
    assert!(pictures.len() > 20, "{}", pictures.len());
    assert!(decoder.stats().corrupt > 0);
    let numbers = seqs(&pictures);
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
}

#[test]
fn pictures_can_be_skipped_and_keep_their_numbers() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(
        dir.path(),
        &format!(
            "{TEST_SOURCE} -c:v libx264 -bf 2 -g 10 -sc_threshold 0 -b_strategy 0 \
             -flags +cgop -pix_fmt yuv420p b.mp4"
        ),
    );
    let mut source = open(&dir.path().join("b.mp4")).unwrap();
    let (packets, _) = read_all(&mut source);
    let decode = |skip| {
        let options = DecoderOptions { skip, ..DecoderOptions::default() };
        let mut decoder = Decoder::new(source.info(), options).unwrap();
        seqs(&decode_all(&mut decoder, &packets))
    };
    assert_eq!(decode(Skip::NonKey), [0, 10, 20, 30, 40]);
    let referenced = decode(Skip::NonRef);
    assert!((15..40).contains(&referenced.len()), "{referenced:?}");
    assert!(referenced.windows(2).all(|pair| pair[0] < pair[1]));
    let whole = decode(Skip::None);
    assert_eq!(whole.len(), 50);

    // Going back from keyframes to all waits for the next keyframe.
    let mut decoder = Decoder::new(
        source.info(),
        DecoderOptions { skip: Skip::NonKey, ..DecoderOptions::default() },
    )
    .unwrap();
    for packet in &packets[..5] {
        decoder.send(packet).unwrap();
    }
    decoder.set_skip(Skip::None);
    let got = seqs(&decode_all(&mut decoder, &packets[5..]));
    assert_eq!(got, [vec![0], (10..50).collect()].concat());
}

#[test]
fn decoding_starts_again_after_a_reset() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(dir.path(), &format!("{TEST_SOURCE} -c:v libx264 -g 10 -bf 0 -pix_fmt yuv420p a.mp4"));
    let mut source = open(&dir.path().join("a.mp4")).unwrap();
    let (packets, _) = read_all(&mut source);
    let mut decoder = Decoder::new(source.info(), DecoderOptions::default()).unwrap();
    assert_eq!(decode_all(&mut decoder, &packets).len(), 50);
    decoder.reset();
    assert_eq!(seqs(&decode_all(&mut decoder, &packets[13..])), (20..50).collect::<Vec<_>>());
}

#[test]
fn a_looped_file_goes_on_without_a_step_back_in_time() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=size=64x48:rate=25:duration=0.4 -c:v libx264 -bf 2 \
         -pix_fmt yuv420p a.mp4",
    );
    let spec = SourceSpec::file(dir.path().join("a.mp4")).paced(false).looped(true);
    let mut source = Source::open(&spec, &Stop::new()).unwrap();
    let mut decoder = Decoder::new(source.info(), DecoderOptions::default()).unwrap();
    let mut pictures = Vec::new();
    while pictures.len() < 35 {
        let packet = source.read().unwrap().unwrap();
        decoder.send(&packet).unwrap();
        while let Some(picture) = decoder.receive().unwrap() {
            pictures.push(picture.stamp());
        }
    }
    for (i, stamp) in pictures.iter().enumerate() {
        assert_eq!((stamp.seq, stamp.media.as_nanos()), (i as u64, i as i64 * 40_000_000));
    }
}

#[test]
fn a_paced_file_waits_and_a_stop_ends_the_wait() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(
        dir.path(),
        "-f lavfi -i testsrc=size=64x48:rate=1:duration=9 -c:v libx264 -bf 0 \
         -pix_fmt yuv420p a.mp4",
    );
    let stop = Stop::new();
    let spec = SourceSpec::file(dir.path().join("a.mp4"));
    let mut source = Source::open(&spec, &stop).unwrap();
    source.read().unwrap().unwrap();
    let started = Instant::now();
    let reader = std::thread::Builder::new()
        .name("reader".to_owned())
        .spawn(move || {
            loop {
                match source.read() {
                    Ok(Some(_)) => {}
                    Ok(None) => return None,
                    Err(error) => return Some(error),
                }
            }
        })
        .unwrap();
    stop.stop();
    let error = reader.join().unwrap().expect("the stop ends the film early");
    assert!(error.is_stopped(), "{error}");
    assert!(started.elapsed() < Duration::from_secs(8));
    assert!(Source::open(&spec, &stop).err().unwrap().is_stopped());
}

#[test]
fn real_clips_decode_completely() {
    for (name, frames) in [
        ("PETS09-S2L1.mp4", 795),
        ("one-by-one-person-detection.mp4", 1394),
        ("car-detection.mp4", 377),
    ] {
        let Some(path) = clip(name) else { continue };
        assert_eq!(probe(&path).unwrap().expected_frames(), Some(frames));
        let mut source = open(&path).unwrap();
        let mut decoder = Decoder::new(source.info(), DecoderOptions::default()).unwrap();
        let mut next = 0;
        let mut take = |decoder: &mut Decoder| {
            while let Some(picture) = decoder.receive().unwrap() {
                assert_eq!(picture.stamp().seq, next, "{name}");
                next += 1;
            }
        };
        while let Some(packet) = source.read().unwrap() {
            decoder.send(&packet).unwrap();
            take(&mut decoder);
        }
        decoder.flush().unwrap();
        take(&mut decoder);
        assert_eq!(next, frames, "{name}");
        assert_eq!(decoder.stats().corrupt, 0, "{name}");
    }
}

#[test]
fn without_a_device_the_processor_decodes_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(dir.path(), "-f lavfi -i testsrc=size=64x48:rate=10:duration=1 -pix_fmt yuv420p x.mp4");
    let path = dir.path().join("x.mp4");
    let wanted = decode_file(&path);
    for (hardware, words) in [
        (Hardware::None, &[][..]),
        (Hardware::Vaapi, &["vaapi: "]),
        (Hardware::Cuda, &["cuda: "]),
        (Hardware::Auto, &["cuda: ", "; vaapi: "]),
    ] {
        let mut source = open(&path).unwrap();
        let options = DecoderOptions { hardware, ..DecoderOptions::default() };
        let mut decoder = Decoder::new(source.info(), options).unwrap();
        let (packets, _) = read_all(&mut source);
        let pictures = decode_all(&mut decoder, &packets);
        assert_eq!(pictures.len(), wanted.len());
        let used = decoder.hardware();
        if let Some(device) = used.device {
            eprintln!("skipped: the fallback of {hardware:?}, since {device} decodes here");
            continue;
        }
        let reason = used.refused.clone().unwrap_or_default();
        assert_eq!(reason.is_empty(), words.is_empty(), "{reason}");
        assert!(words.iter().all(|word| reason.contains(word)), "{reason}");
        for (picture, wanted) in pictures.iter().zip(&wanted) {
            assert_eq!(picture.stamp().media, wanted.stamp().media);
        }
    }
}
