//! The keys of video-edge-ai-proxy on a real Redis: a worker and a server find each other.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::time::Duration;

use bytes::Bytes;
use omma_bus::dialect::{chrysalis, open_inlet};
use omma_bus::proto::chrysalis::{VideoCodec, VideoFrame};
use omma_bus::{Broker, BrokerAddress, Frame, FrameForm, Inbound, Outlet as _, PacketForm};
use omma_testkit::{RedisServer, SOON, eventually};
use omma_types::{FrameStamp, MediaTime, Size, WallSource, WallTime};
use prost::Message as _;

fn frame(millis: i64, form: FrameForm, keyframe: bool, data: &'static [u8]) -> Frame {
    Frame {
        camera: "yard".to_owned(),
        stamp: FrameStamp {
            seq: millis.unsigned_abs(),
            media: MediaTime::from_nanos(millis * 1_000_000),
            wall: WallTime::from_millis(millis),
            wall_source: WallSource::Arrival,
            size: Size::new(2, 1),
        },
        form,
        keyframe,
        stream_start: false,
        data: Bytes::from_static(data),
    }
}

#[tokio::test]
async fn a_worker_writes_while_it_is_asked() {
    let Some(server) = RedisServer::start() else { return };
    let mut live =
        chrysalis::Live::new(Broker::parse(&server.url()).unwrap(), "yard", None).unwrap();
    let picture = frame(1000, FrameForm::Bgr, true, b"bgrBGR");
    assert!(live.is_due(picture.stamp.wall), "once, to look");
    live.frame(&picture).await.unwrap();
    assert!(!live.is_due(picture.stamp.wall), "nobody asks");
    assert_eq!(server.cli(&["EXISTS", "yard"]).trim(), "0");

    let url = server.url().replace("redis://", "redis+chrysalis://");
    let address = BrokerAddress::parse(&format!("{}/yard", url.trim_end_matches('/'))).unwrap();
    let mut inlet = open_inlet(&address, "garden").unwrap();
    let reading = tokio::time::timeout(SOON, inlet.next());
    let writing = async {
        loop {
            if live.is_due(picture.stamp.wall) {
                live.frame(&picture).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let read = tokio::select! {
        read = reading => read.unwrap().unwrap(),
        () = writing => unreachable!("it never ends"),
    };
    let Inbound::Frame(read) = read else { panic!("nobody detected anything") };
    assert_eq!((read.camera.as_str(), read.stamp.size), ("garden", Size::new(2, 1)));
    assert_eq!((read.form, read.data), (FrameForm::Bgr, Bytes::from_static(b"bgrBGR")));
    assert!(read.stamp.wall.as_millis() > 1_600_000_000_000, "1 s after 1970 is no time");

    server.cli(&["XADD", "yard", "*", "data", "no message"]);
    server.cli(&["XADD", "yard", "*", "image", "wrong field"]);
    live.frame(&picture).await.unwrap();
    tokio::time::timeout(SOON, async {
        while inlet.left_out() < 2 {
            drop(inlet.next().await.unwrap());
            live.frame(&picture).await.unwrap();
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn packets_are_kept_with_what_they_are_of() {
    let Some(server) = RedisServer::start() else { return };
    let broker = Broker::parse(&server.url()).unwrap();
    let mut packets = chrysalis::Packets::new(broker, "yard", 100).unwrap();
    let form = |extradata: &'static [u8]| {
        FrameForm::Packet(PacketForm {
            codec: "h264".to_owned(),
            extradata: Bytes::from_static(extradata),
            decode: MediaTime::ZERO,
            duration: Duration::from_millis(40),
        })
    };
    packets.frame(&frame(1000, form(b"sps"), true, b"key")).await.unwrap();
    packets.frame(&frame(1040, form(b""), false, b"delta")).await.unwrap();
    packets.frame(&frame(1080, form(b"sps"), true, b"key again")).await.unwrap();
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let codec: Vec<u8> =
        redis::cmd("GET").arg("codec_video_infoyard").query_async(&mut connection).await.unwrap();
    let codec = VideoCodec::decode(codec.as_slice()).unwrap();
    assert_eq!((codec.name.as_str(), codec.extradata.as_ref()), ("h264", b"sps".as_slice()));
    let queue: redis::streams::StreamRangeReply = redis::cmd("XRANGE")
        .arg("in_memory_queue_yard")
        .arg("-")
        .arg("+")
        .query_async(&mut connection)
        .await
        .unwrap();
    let read: Vec<(i64, i64, bool, u8)> = queue
        .ids
        .iter()
        .map(|entry| {
            let data: Vec<u8> = entry.get("data").unwrap();
            let message = VideoFrame::decode(data.as_slice()).unwrap();
            let flag = entry.get("is_keyframe").unwrap();
            (message.keyframe, message.packet, message.is_keyframe, flag)
        })
        .collect();
    assert_eq!(read, [(1, 0, true, 1), (1, 1, false, 0), (2, 0, true, 1)]);
    assert_eq!(server.cli(&["XLEN", "memory_iframe_list_yard"]).trim(), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_the_past_are_asked_for_and_come_no_faster_than_they_are_read() {
    let Some(server) = RedisServer::start() else { return };
    let broker = Broker::parse(&server.url()).unwrap();
    let mut requests = chrysalis::PastRequests::new(broker.clone(), "yard");
    let hearing = tokio::spawn(async move { requests.next().await.unwrap() });
    // {"deviceId":"yard","fromTimestamp":1000,"toTimestamp":2000,"requestId":"-7"}
    let asked = "eyJkZXZpY2VJZCI6InlhcmQiLCJmcm9tVGltZXN0YW1wIjoxMDAwLCJ0b1RpbWVzdGFtcCI6MjAwMCwicmVxdWVzdElkIjoiLTcifQ==";
    eventually("somebody listens", SOON, || {
        server.cli(&["PUBLISH", "memory_buffer_channel", "nonsense"]);
        let heard = server.cli(&["PUBLISH", "memory_buffer_channel", asked]);
        if heard.trim() == "1" { Ok(()) } else { Err(heard) }
    });
    let request = hearing.await.unwrap();
    assert_eq!(request.from, Some(WallTime::from_millis(1000)));

    let mut answer = chrysalis::PastAnswer::new(broker, "yard", &request).unwrap();
    let writing = tokio::spawn(async move {
        for n in 0..25 {
            let picture = frame(1000 + n, FrameForm::Bgr, n == 0, b"bgrBGR");
            assert!(answer.frame(&picture).await.unwrap(), "{n}");
        }
        answer.end().await.unwrap();
    });
    let (mut seen, mut last) = (0, "0-0".to_owned());
    let client = redis::Client::open(server.url()).unwrap();
    let mut reader = client.get_multiplexed_async_connection().await.unwrap();
    loop {
        // A slow reader: it takes one only when as many wait as may, the end among them.
        let most = usize::try_from(26 - seen).unwrap().min(10);
        eventually("as many wait as may", SOON, || {
            let waiting = server.cli(&["XLEN", "memory_decoded_yard-7"]);
            let full = waiting.trim().parse::<usize>().unwrap() == most;
            if full { Ok(()) } else { Err(format!("{waiting} of {most}")) }
        });
        let mut reading = redis::cmd("XREAD");
        reading.arg("COUNT").arg(1).arg("STREAMS").arg("memory_decoded_yard-7").arg(&last);
        let reply: redis::streams::StreamReadReply =
            reading.query_async(&mut reader).await.unwrap();
        let entry = &reply.keys[0].ids[0];
        let waiting = server.cli(&["XLEN", "memory_decoded_yard-7"]);
        assert_eq!(waiting.trim().parse::<usize>().unwrap(), most, "after {seen}");
        let data: Vec<u8> = entry.get("data").unwrap();
        last.clone_from(&entry.id);
        server.cli(&["XDEL", "memory_decoded_yard-7", &last]);
        let message = VideoFrame::decode(data.as_slice()).unwrap();
        if message.data.is_empty() {
            break;
        }
        assert_eq!((message.timestamp, &message.data[..]), (1000 + seen, &b"bgrBGR"[..]));
        seen += 1;
    }
    assert_eq!(seen, 25);
    writing.await.unwrap();
}
