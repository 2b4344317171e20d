use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn rect() -> impl Strategy<Value = Rect> {
    (-1.0f32..2.0, -1.0f32..2.0, 0.0f32..2.0, 0.0f32..2.0)
        .prop_map(|(left, top, width, height)| Rect::new(left, top, width, height))
}

fn stamp() -> impl Strategy<Value = FrameStamp> {
    (any::<u64>(), any::<i64>(), any::<i64>(), any::<bool>(), 0u32..9999, 0u32..9999).prop_map(
        |(seq, media, wall, sender, width, height)| FrameStamp {
            seq,
            media: MediaTime::from_nanos(media),
            wall: WallTime::from_micros(wall),
            wall_source: if sender { WallSource::SenderReport } else { WallSource::Arrival },
            size: Size { width, height },
        },
    )
}

fn form() -> impl Strategy<Value = FrameForm> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
    let packet = ("h264|hevc|mjpeg", bytes(), any::<i64>(), any::<u64>()).prop_map(
        |(codec, extradata, decode, duration)| {
            let decode = MediaTime::from_nanos(decode);
            let duration = Duration::from_nanos(duration);
            FrameForm::Packet(PacketForm { codec, extradata, decode, duration })
        },
    );
    prop_oneof![Just(FrameForm::Jpeg), packet]
}

fn class() -> impl Strategy<Value = ClassName> {
    "[a-zä ]{1,12}".prop_map(|name| ClassName::new(&name))
}

fn state() -> impl Strategy<Value = TrackState> {
    prop_oneof![
        Just(TrackState::Tentative),
        Just(TrackState::Confirmed),
        Just(TrackState::Coasting)
    ]
}

fn kind() -> impl Strategy<Value = EventKind> {
    let dwell = (0u64..1 << 50).prop_map(Duration::from_micros);
    let camera = (proptest::sample::select(EventKind::CAMERA_STATES.to_vec()), ".{0,20}");
    let recording = (proptest::sample::select(EventKind::RECORDING_STATES.to_vec()), ".{0,20}");
    prop_oneof![
        Just(EventKind::LineCrossed { direction: Direction::Forward }),
        Just(EventKind::LineCrossed { direction: Direction::Backward }),
        Just(EventKind::ZoneEntered),
        dwell.clone().prop_map(|dwell| EventKind::ZoneLeft { dwell }),
        dwell.prop_map(|dwell| EventKind::ZoneDwelled { dwell }),
        camera.prop_map(|(state, reason)| EventKind::CameraState { state, reason }),
        recording.prop_map(|(state, reason)| EventKind::RecordingState { state, reason }),
    ]
}

fn analysis() -> impl Strategy<Value = Analysis> {
    let detection = (rect(), class(), 0.0f32..=1.0).prop_map(|(rect, class, score)| Detection {
        rect,
        class,
        score,
    });
    let track = (1u64.., class(), rect(), 0.0f32..=1.0, state()).prop_map(
        |(id, class, rect, score, state)| Track { id: TrackId(id), class, rect, score, state },
    );
    (
        stamp(),
        proptest::collection::vec(detection, 0..5),
        proptest::collection::vec(track, 0..5),
        proptest::collection::vec(0u64..1 << 40, Stage::ALL.len()),
    )
        .prop_map(|(frame, detections, tracks, spent)| {
            let mut timings = StageTimings::default();
            for (stage, micros) in Stage::ALL.into_iter().zip(spent) {
                timings.add(stage, Duration::from_micros(micros));
            }
            let camera = CameraId::new("gate-1").expect("a name");
            Analysis { camera, frame, detections, tracks, timings }
        })
}

fn event() -> impl Strategy<Value = Event> {
    let point = (any::<i64>(), 0.0f32..1.0, 0.0f32..1.0)
        .prop_map(|(time, x, y)| (MediaTime::from_nanos(time), Point::new(x, y)));
    (
        (any::<u128>(), kind(), proptest::option::of(".{0,10}"), proptest::option::of(1u64..)),
        (proptest::option::of(class()), proptest::option::of(0.0f32..=1.0)),
        (proptest::option::of(rect()), any::<i64>(), any::<i64>()),
        proptest::collection::vec(point, 0..5),
        proptest::collection::btree_map(".{0,5}", ".{0,5}", 0..3),
    )
        .prop_map(
            |((id, kind, rule, track), (class, score), (rect, media, wall), path, more)| Event {
                id: omma_types::EventId(id),
                camera: CameraId::new("gate-1").expect("a name"),
                kind,
                rule,
                track: track.map(TrackId),
                class,
                score,
                rect,
                media: MediaTime::from_nanos(media),
                wall: WallTime::from_micros(wall),
                path,
                attributes: BTreeMap::from_iter(more),
            },
        )
}

proptest! {
    #[test]
    fn pictures_come_back(
        stamp in stamp(),
        form in form(),
        keyframe: bool,
        stream_start: bool,
        data in proptest::collection::vec(any::<u8>(), 1..100),
    ) {
        let packet = matches!(form, FrameForm::Packet(_));
        let keyframe = keyframe || !packet;
        let camera = "gate-1".to_owned();
        let mut frame = Frame { camera, stamp, form, keyframe, stream_start, data: data.into() };
        let read = decode_frame("omma.frames", encode_frame(&frame)).expect("a frame");
        if let FrameForm::Packet(form) = &mut frame.form && !frame.keyframe {
            form.extradata = Bytes::new();
        }
        prop_assert_eq!(read, frame);
    }

    #[test]
    fn analyses_come_back(analysis in analysis()) {
        let read = decode_analysis("omma.analysis", encode_analysis(&analysis)).expect("one");
        prop_assert_eq!(read, analysis);
    }

    #[test]
    fn events_come_back(seq: i64, event in event()) {
        let read = decode_event("omma.events", encode_event(seq, &event)).expect("an event");
        prop_assert_eq!(read, (seq, event));
    }

    #[test]
    fn foreign_bytes_are_an_error_or_a_message(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let bytes = Bytes::from(bytes);
        for error in [
            decode_frame("t", bytes.clone()).err(),
            decode_analysis("t", bytes.clone()).err(),
            decode_event("t", bytes).err(),
        ].into_iter().flatten() {
            let is_payload = matches!(error, BusError::Payload { .. });
            prop_assert!(is_payload);
        }
    }

    /// One changed byte of a message: never a panic.
    #[test]
    fn damaged_messages_are_an_error_or_a_message(
        event in event(),
        analysis in analysis(),
        at in any::<proptest::sample::Index>(),
        flip in 1u8..,
    ) {
        let damage = |message: Bytes| {
            let mut message = message.to_vec();
            let at = at.index(message.len());
            message[at] ^= flip;
            Bytes::from(message)
        };
        drop(decode_event("t", damage(encode_event(1, &event))));
        drop(decode_analysis("t", damage(encode_analysis(&analysis))));
    }
}

fn valid() -> proto::Frame {
    proto::Frame {
        camera: "gate".to_owned(),
        stamp: Some(proto::FrameStamp { width: 2, height: 1, ..proto::FrameStamp::default() }),
        format: proto::FrameFormat::Bgr.into(),
        data: Bytes::from_static(&[0; 6]),
        ..proto::Frame::default()
    }
}

#[test]
fn pictures_that_cannot_be_are_refused_with_a_reason() {
    let read = |message: &proto::Frame| decode_frame("omma.frames", message.encode_to_vec().into());
    let frame = read(&valid()).expect("a frame");
    assert!(frame.keyframe, "pixels can be read alone");
    for (change, reason) in [
        ((|f| f.camera = "no such\nname".to_owned()) as fn(&mut proto::Frame), "no camera"),
        (|f| f.stamp = None, "which picture"),
        (|f| f.format = 0, "FrameFormat"),
        (|f| f.format = 99, "FrameFormat"),
        (|f| f.format = proto::FrameFormat::Packet.into(), "without a codec"),
        (|f| f.data = Bytes::from_static(&[0; 5]), "2 x 1 pixels in 5 bytes"),
        (
            |f| {
                f.format = proto::FrameFormat::Jpeg.into();
                f.data = Bytes::new();
            },
            "without data",
        ),
    ] {
        let mut message = valid();
        change(&mut message);
        let error = read(&message).expect_err(reason).to_string();
        assert!(error.contains(reason) && error.contains("omma.frames"), "{error}");
    }
}

#[test]
fn the_data_of_a_picture_is_not_copied() {
    let payload = encode_frame(&decode_frame("t", valid().encode_to_vec().into()).expect("valid"));
    let range = payload.as_ptr_range();
    let frame = decode_frame("t", payload).expect("valid");
    assert!(range.contains(&frame.data.as_ptr()), "shared with the message");
}

#[test]
fn numbers_that_are_none_are_refused() {
    let detection = |score: f32, left: f32| proto::Analysis {
        camera: "gate".to_owned(),
        frame: Some(proto::FrameStamp::default()),
        detections: vec![proto::Detection {
            class: "person".to_owned(),
            score,
            r#box: Some(proto::Rect { left, ..proto::Rect::default() }),
        }],
        ..proto::Analysis::default()
    };
    let read = |message: proto::Analysis| decode_analysis("t", message.encode_to_vec().into());
    assert!(read(detection(0.5, 0.1)).is_ok());
    for (score, left) in [(f32::NAN, 0.1), (1.5, 0.1), (0.5, f32::INFINITY), (0.5, 1e9)] {
        assert!(matches!(read(detection(score, left)), Err(BusError::Payload { .. })));
    }
}
