//! Pictures made in memory, encoded like a camera's and decoded again.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failed test should stop")]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::decode_all;
use omma_imaging::YuvImage;
use omma_media::{
    Decoder, DecoderOptions, MediaError, PictureProducer, ProducerFactory, Source, SourceSpec, Stop,
};
use omma_types::{ErrorKind, Size};

/// Pictures whose luma counts up.
struct Counter {
    size: Size,
    frame_rate: f64,
    next: u8,
}

impl PictureProducer for Counter {
    fn size(&self) -> Size {
        self.size
    }
    fn frame_rate(&self) -> f64 {
        self.frame_rate
    }
    fn render(&mut self, into: &mut YuvImage) {
        let [y, _, _] = into.planes_mut();
        y.fill(self.next);
        self.next += 1;
    }
}

fn spec(size: Size, frame_rate: f64) -> SourceSpec {
    let factory: ProducerFactory =
        Arc::new(move || Box::new(Counter { size, frame_rate, next: 20 }));
    SourceSpec::producer("sim:counter", factory)
}

fn open(spec: &SourceSpec) -> Result<Source, MediaError> {
    Source::open(spec, &Stop::new())
}

#[test]
fn pictures_come_back_with_their_numbers_and_a_keyframe_every_two_seconds() {
    let mut source = open(&spec(Size::new(160, 96), 12.5).paced(false)).unwrap();
    assert_eq!((source.info().codec, source.info().size), ("h264", Some(Size::new(160, 96))));
    assert!(!source.info().extradata().is_empty());
    let mut decoder = Decoder::new(source.info(), DecoderOptions::default()).unwrap();
    let packets: Vec<_> = (0..60).map(|_| source.read().unwrap().unwrap()).collect();
    let keyframes: Vec<_> = packets.iter().filter(|p| p.keyframe).map(|p| p.seq).collect();
    assert_eq!(keyframes, [0, 25, 50]);
    assert_eq!(packets[59].wall.since(packets[0].wall), Duration::from_millis(4720));
    let pictures = decode_all(&mut decoder, &packets);
    assert_eq!(pictures.len(), 60);
    for (i, picture) in pictures.iter().enumerate() {
        let stamp = picture.stamp();
        assert_eq!((stamp.seq, stamp.media.as_nanos()), (i as u64, i as i64 * 80_000_000));
        let luma = i32::from(picture.view().y.row(40)[40]);
        assert!((luma - 20 - i as i32).abs() <= 2, "picture {i}: luma {luma}");
    }
}

/// The first picture of a camera without look-ahead needs no second one to come out.
#[test]
fn no_picture_is_held_back() {
    let mut source = open(&spec(Size::new(64, 64), 10.0).paced(false)).unwrap();
    let mut decoder = Decoder::new(source.info(), DecoderOptions::default()).unwrap();
    for seq in 0..5 {
        let packet = source.read().unwrap().unwrap();
        decoder.send(&packet).unwrap();
        assert_eq!(decoder.receive().unwrap().map(|p| p.stamp().seq), Some(seq));
    }
}

#[test]
fn a_paced_producer_comes_in_real_time_and_can_be_stopped() {
    let stop = Stop::new();
    let mut source = Source::open(&spec(Size::new(64, 64), 50.0), &stop).unwrap();
    let started = Instant::now();
    let packets: Vec<_> = (0..6).map(|_| source.read().unwrap().unwrap()).collect();
    assert!(started.elapsed() >= Duration::from_millis(100), "not before it is due");
    assert!(packets.windows(2).all(|pair| pair[0].arrival < pair[1].arrival));
    stop.stop();
    assert!(source.read().unwrap_err().is_stopped());
}

#[test]
fn impossible_producers_are_refused() {
    for (size, rate) in
        [(Size::new(65, 64), 10.0), (Size::new(0, 0), 10.0), (Size::new(64, 64), f64::NAN)]
    {
        let error = open(&spec(size, rate)).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
}
