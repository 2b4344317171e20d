//! What strangers write into the streams of other systems: left out, counted, and the next
//! picture is read all the same.

use std::time::Duration;

use omma_bus::dialect::open_inlet;
use omma_bus::{BrokerAddress, Inbound};
use omma_testkit::{RedisServer, SOON};

/// The header of a JPEG; enough for all but those who decode it.
fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut file = vec![0xff, 0xd8, 0xff, 0xc0, 0, 11, 8];
    file.extend(height.to_be_bytes());
    file.extend(width.to_be_bytes());
    file.extend([1, 1, 0x11, 0, 0xff, 0xd9]);
    file
}

/// A `VideoFrame` of video-edge-ai-proxy with nothing but a size and its pixels.
fn video_frame(width: i64, height: i64, pixels: Vec<u8>) -> Vec<u8> {
    use prost::Message as _;
    let frame = omma_bus::proto::chrysalis::VideoFrame {
        width,
        height,
        data: pixels.into(),
        ..Default::default()
    };
    frame.encode_to_vec()
}

/// A picture of 2 x 1 as numpy writes it.
fn pickle() -> Vec<u8> {
    let envelope = omma_bus::dialect::deepvision::pickle::envelope(omma_types::Size::new(2, 1));
    [envelope.head.as_slice(), b"bgrBGR", envelope.tail].concat()
}

#[tokio::test]
async fn a_stream_of_rubbish_does_no_harm() {
    let Some(server) = RedisServer::start() else { return };
    let client = redis::Client::open(server.url()).expect("an address");
    let mut connection = client.get_multiplexed_async_connection().await.expect("connected");
    // 100 MB take their time on a busy machine.
    connection.set_response_timeout(SOON);
    let callable: &[u8] = b"cos\nsystem\n(S'touch /tmp/omma-was-here'\ntR.";
    let huge = vec![b'x'; 100_000_000];
    // 100 MB of pixels in a message that is otherwise right.
    let huge_frame = video_frame(10_000, 3334, vec![0; 10_000 * 3334 * 3]);
    for (dialect, stream, field, bomb, good) in [
        ("redisedge", "camera:edge", "image", jpeg(65_535, 65_535), jpeg(64, 48)),
        ("deepvision", "camera:deep", "image", callable.to_vec(), pickle()),
        ("chrysalis", "yard", "data", huge_frame, video_frame(2, 1, b"bgrBGR".to_vec())),
    ] {
        let url = server.url().replace("redis://", &format!("redis+{dialect}://"));
        let url = format!("{}/{stream}", url.trim_end_matches('/'));
        let address = BrokerAddress::parse(&url).expect("an address");
        let mut inlet = open_inlet(&address, "door").expect("an inlet");
        // Finds the end of the stream, which is where it begins.
        let nothing = tokio::time::timeout(Duration::from_millis(300), inlet.next()).await;
        assert!(nothing.is_err(), "{dialect}: nothing was written yet");
        let rubbish: [(&str, &[u8]); 6] = [
            ("picture", &good),
            (field, callable),
            (field, b"\x89PNG\r\n\x1a\n"),
            (field, &huge),
            (field, &bomb),
            (field, b""),
        ];
        for (name, payload) in rubbish.into_iter().chain([(field, good.as_slice())]) {
            let mut add = redis::cmd("XADD");
            add.arg(stream).arg("MAXLEN").arg(10).arg("*").arg(name).arg(payload);
            let _id: String = add.query_async(&mut connection).await.expect("written");
        }
        let read = tokio::time::timeout(SOON, inlet.next()).await.expect(dialect);
        assert!(matches!(read, Ok(Inbound::Frame(_))), "{dialect}: {read:?}");
        assert_eq!(inlet.left_out(), 6, "{dialect}");
        let _gone: u64 =
            redis::cmd("DEL").arg(stream).query_async(&mut connection).await.expect("deleted");
    }
    assert!(!std::path::Path::new("/tmp/omma-was-here").exists(), "nothing was executed");
}
