//! Films written here, verified by `ffprobe` and by reading them again.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failed test should stop")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use common::{decode_file, ffprobe};
use omma_imaging::{ColorMatrix, ColorRange, YuvImage};
use omma_media::{FrameRate, Layout, MediaError, VideoWriter, WriterOptions};
use omma_types::{ErrorKind, MediaTime, Size};

/// A grey picture whose luma tells its number.
fn picture(size: Size, luma: u8, range: ColorRange, matrix: ColorMatrix) -> YuvImage {
    let mut image = YuvImage::black(size, range, matrix);
    let [y, _, _] = image.planes_mut();
    y.fill(luma);
    image
}

fn grey(size: Size, luma: u8) -> YuvImage {
    picture(size, luma, ColorRange::Limited, ColorMatrix::Bt601)
}

fn at(millis: i64) -> MediaTime {
    MediaTime::from_nanos(millis * 1_000_000)
}

fn write(path: &Path, rate: FrameRate, options: WriterOptions) -> Result<(), MediaError> {
    let size = Size::new(128, 96);
    let mut writer = VideoWriter::create(path, size, rate, options)?;
    for i in 0..60_u8 {
        writer.write(&grey(size, 40 + 3 * i).view(), at(1000 + 40 * i64::from(i)))?;
    }
    assert_eq!((writer.frames(), writer.duration()), (60, Duration::from_millis(2400)));
    writer.finish()
}

fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_container_gives_back_the_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let fragmented = WriterOptions { layout: Layout::Fragmented, ..WriterOptions::default() };
    let cases = [
        ("fast.mp4", WriterOptions::default()),
        ("film.mov", WriterOptions::default()),
        ("film.mkv", WriterOptions::default()),
        ("fragmented.mp4", fragmented),
    ];
    for (name, options) in cases {
        let path = dir.path().join(name);
        write(&path, FrameRate::Constant(25.0), options).unwrap();
        assert_eq!(
            ffprobe(&path, "codec_name,width,height,pix_fmt,nb_read_frames"),
            "h264,128,96,yuv420p,60",
            "{name}"
        );
        assert_eq!(ffprobe(&path, "avg_frame_rate"), "25/1", "{name}");
        let pictures = decode_file(&path);
        assert_eq!(pictures.len(), 60, "{name}");
        for (i, picture) in pictures.iter().enumerate() {
            let luma = i32::from(picture.view().y.row(50)[60]);
            assert!((luma - 40 - 3 * i as i32).abs() <= 3, "{name} picture {i}: luma {luma}");
            let off = picture.stamp().media.as_nanos() - i as i64 * 40_000_000;
            assert!(off.abs() < 1_000_000, "{name} picture {i} is off by {off} ns");
        }
    }
    // The index of a fast-start film lies in front of the pictures.
    let bytes = fs::read(dir.path().join("fast.mp4")).unwrap();
    let place = |name: &[u8]| bytes.windows(4).position(|w| w == name).unwrap();
    assert!(place(b"moov") < place(b"mdat"));
    assert_eq!(names_in(dir.path()), ["fast.mp4", "film.mkv", "film.mov", "fragmented.mp4"]);
}

#[test]
fn colours_are_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let size = Size::new(64, 48);
    let cases = [
        (ColorRange::Limited, ColorMatrix::Bt709, "tv,bt709"),
        (ColorRange::Full, ColorMatrix::Bt601, "pc,smpte170m"),
    ];
    for (range, matrix, expected) in cases {
        let path = dir.path().join("a.mp4");
        let mut writer =
            VideoWriter::create(&path, size, FrameRate::Variable, WriterOptions::default())
                .unwrap();
        writer.write(&picture(size, 120, range, matrix).view(), at(0)).unwrap();
        // A picture in other colours is brought to those of the first one.
        let other = picture(size, 120, ColorRange::Limited, ColorMatrix::Bt601);
        writer.write(&other.view(), at(40)).unwrap();
        writer.finish().unwrap();
        assert_eq!(ffprobe(&path, "color_range,color_space"), expected);
        let pictures = decode_file(&path);
        assert_eq!((pictures[1].view().range, pictures[1].view().matrix), (range, matrix));
        let luma = i32::from(pictures[1].view().y.row(20)[20]);
        let expected = if range == ColorRange::Full { 121 } else { 120 };
        assert!((luma - expected).abs() <= 2, "{luma}");
    }
}

#[test]
fn odd_sizes_lose_an_edge_and_other_sizes_are_scaled() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("odd.mp4");
    let size = Size::new(131, 97);
    let mut writer =
        VideoWriter::create(&path, size, FrameRate::Constant(10.0), WriterOptions::default())
            .unwrap();
    writer.write(&grey(size, 90).view(), at(0)).unwrap();
    writer.write(&grey(Size::new(400, 301), 150).view(), at(100)).unwrap();
    writer.write(&grey(Size::new(31, 33), 200).view(), at(200)).unwrap();
    writer.finish().unwrap();
    let pictures = decode_file(&path);
    let lumas: Vec<_> = pictures.iter().map(|p| i32::from(p.view().y.row(95)[129])).collect();
    assert_eq!(pictures[0].stamp().size, Size::new(130, 96));
    for (got, expected) in lumas.iter().zip([90, 150, 200]) {
        assert!((got - expected).abs() <= 3, "{lumas:?}");
    }
}

#[test]
fn times_that_do_not_rise_and_gaps_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp4");
    let size = Size::new(64, 48);
    let mut writer =
        VideoWriter::create(&path, size, FrameRate::Variable, WriterOptions::default()).unwrap();
    for millis in [500, 540, 540, 530, 5000] {
        writer.write(&grey(size, 100).view(), at(millis)).unwrap();
    }
    writer.finish().unwrap();
    let times: Vec<_> =
        decode_file(&path).iter().map(|p| p.stamp().media.as_nanos() / 1_000_000).collect();
    assert_eq!(times, [0, 40, 40, 40, 4500]);
}

#[test]
fn impossible_wishes_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let size = Size::new(64, 48);
    let default = WriterOptions::default;
    let cases = [
        ("film.xyz", size, default(), "'.xyz'"),
        ("film", size, default(), "no ending"),
        ("film.mp4", Size::new(1, 9), default(), "1x9"),
        ("film.mp4", size, WriterOptions { crf: 60, ..default() }, "60"),
        ("film.mp4", size, WriterOptions { preset: "warp".to_owned(), ..default() }, "'warp'"),
    ];
    for (name, size, options, reason) in cases {
        let path = dir.path().join(name);
        let error = VideoWriter::create(&path, size, FrameRate::Variable, options).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.reason().contains(reason), "{error}");
        assert!(error.subject().ends_with(name), "{error}");
    }
    let error = VideoWriter::create(
        &dir.path().join("no/such/folder.mp4"),
        size,
        FrameRate::Variable,
        default(),
    )
    .err()
    .unwrap();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::NotFound, "the folder does not exist"));
    assert_eq!(names_in(dir.path()), [] as [&str; 0]);
}

/// `/dev/full` takes nothing: every write says that no space is left.
#[test]
fn a_full_disk_is_reported_and_no_half_film_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("film.mp4");
    fs::write(&path, b"an older film").unwrap();
    symlink("/dev/full", dir.path().join("film.mp4.part")).unwrap();
    let error = write(&path, FrameRate::Constant(25.0), WriterOptions::default()).unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Full, "the disk is full"));
    assert_eq!(names_in(dir.path()), ["film.mp4"]);
    assert_eq!(fs::read(&path).unwrap(), b"an older film");

    let path = dir.path().join("fragmented.mp4");
    symlink("/dev/full", &path).unwrap();
    let options = WriterOptions { layout: Layout::Fragmented, ..WriterOptions::default() };
    let error = write(&path, FrameRate::Constant(25.0), options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
}

#[test]
fn a_film_that_is_given_up_or_empty_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("film.mp4");
    let size = Size::new(64, 48);
    let create =
        || VideoWriter::create(&path, size, FrameRate::Variable, WriterOptions::default()).unwrap();
    let mut writer = create();
    writer.write(&grey(size, 100).view(), at(0)).unwrap();
    drop(writer);
    assert_eq!(names_in(dir.path()), [] as [&str; 0]);
    let error = create().finish().unwrap_err();
    assert!(error.reason().contains("no picture"), "{error}");
    assert_eq!(names_in(dir.path()), [] as [&str; 0]);
}
