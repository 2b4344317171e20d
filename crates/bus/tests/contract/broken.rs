//! The contract when the broker is killed, or refuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use omma_bus::topic::{DropReason, Start, Topic, TopicOptions, TopicStats, Topics};
use omma_bus::{Broker, BusError};
use omma_testkit::{KafkaServer, RedisServer, SOON};

use crate::place::{Place, Server, next, soon};

const CAMERAS: usize = 4;

/// How many events, and how many times the broker is killed: `OMMA_FAULTS=long` for the whole.
fn extent(place: &Place) -> (usize, usize) {
    let long = std::env::var("OMMA_FAULTS").is_ok_and(|faults| faults == "long");
    match (&place.server, long) {
        (_, true) => (10_000, 20),
        // Starting it again takes seconds.
        (Server::Kafka(_), false) => (300, 1),
        _ => (500, 3),
    }
}

pub(crate) async fn killed_brokers_lose_no_event(place: &mut Place) {
    let (events, kills) = extent(place);
    let topics = place.topics().await;
    let mut reader = topics.subscribe(&Topic::EVENTS, None, Start::Newest).await.expect("reads");
    let (progress, mut seen) = tokio::sync::watch::channel(0usize);
    let started = std::time::Instant::now();
    let stop = Arc::new(AtomicBool::new(false));
    let offering = tokio::spawn(offer_frames(topics.clone(), stop.clone()));
    let writer = tokio::spawn({
        let topics = topics.clone();
        async move {
            for n in 0..events {
                let camera = format!("camera{}", n % CAMERAS);
                let payload = Bytes::from((n / CAMERAS).to_string());
                topics.publish(&Topic::EVENTS, &camera, payload).await.expect("confirmed");
                progress.send_replace(n + 1);
            }
        }
    });
    let reading = tokio::spawn(async move {
        let mut read = vec![Vec::new(); CAMERAS];
        for _ in 0..events {
            let record = next(&mut reader).await;
            let camera: usize = record.key.trim_start_matches("camera").parse().expect("a camera");
            let text = std::str::from_utf8(&record.payload).expect("text");
            read[camera].push(text.parse::<usize>().expect("a number"));
        }
        read
    });
    for kill in 1..=kills {
        let at = events * kill / (kills + 1);
        soon(seen.wait_for(|written| *written >= at)).await.expect("it goes on");
        tokio::task::block_in_place(|| {
            place.kill();
            place.restart();
        });
    }
    writer.await.expect("all written");
    let read = reading.await.expect("all read");
    for (camera, read) in read.iter().enumerate() {
        let expected: Vec<usize> = (0..events / CAMERAS).collect();
        assert!(*read == expected, "camera{camera}: {read:?}");
    }
    stop.store(true, Ordering::Relaxed);
    let offered = offering.await.expect("frames");
    let frames = accounted_for(&topics, offered).await;
    let stats = topics.stats_by_topic();
    let events_of = stats.get(Topic::EVENTS.name()).expect("events");
    let both = (events_of.published, events_of.received);
    assert_eq!(both, (events as u64, events as u64), "{events_of:?}");
    println!(
        "{}: {events} events, broker killed {kills} times, {:.0} s: none lost, {} written twice and left out; \
         {offered} frames: {} written, lost: {}",
        place.name(),
        started.elapsed().as_secs_f64(),
        topics.stats().duplicates,
        frames.published,
        DropReason::ALL
            .map(|reason| format!("{} {}", frames.dropped(reason), reason.as_str()))
            .join(", "),
    );
}

/// Offers frames of a camera, 200 a second, whether the broker is there or not. Answers how many.
async fn offer_frames(topics: Topics, stop: Arc<AtomicBool>) -> u64 {
    let mut offered = 0;
    let mut clock = tokio::time::interval(Duration::from_millis(5));
    while !stop.load(Ordering::Relaxed) {
        clock.tick().await;
        topics.offer(&Topic::FRAMES, "gate", Bytes::from(vec![1; 20_000]));
        offered += 1;
    }
    offered
}

/// What became of as many frames as were offered: each was written or is counted as lost.
async fn accounted_for(topics: &Topics, offered: u64) -> TopicStats {
    let deadline = std::time::Instant::now() + SOON;
    loop {
        let stats = topics.stats_by_topic();
        let frames = stats.get(Topic::FRAMES.name()).copied().unwrap_or_default();
        if frames.published + frames.dropped.iter().sum::<u64>() == offered {
            return frames;
        }
        assert!(std::time::Instant::now() < deadline, "{frames:?} of {offered}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) async fn offered_messages_are_counted_while_it_is_away(place: &mut Place) {
    let topics = place.topics().await;
    tokio::task::block_in_place(|| place.kill());
    let deadline = std::time::Instant::now() + SOON;
    let mut offered = 0;
    while topics.stats().dropped(DropReason::Away) == 0 {
        assert!(std::time::Instant::now() < deadline, "{:?}", topics.stats());
        topics.offer(&Topic::FRAMES, "gate", Bytes::from_static(b"x"));
        offered += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::task::block_in_place(|| place.restart());
    while topics.stats().published == 0 {
        assert!(std::time::Instant::now() < deadline, "{:?}", topics.stats());
        topics.offer(&Topic::FRAMES, "gate", Bytes::from_static(b"x"));
        offered += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    accounted_for(&topics, offered).await;
}

async fn open(url: &str, options: &TopicOptions) -> Result<Topics, BusError> {
    Topics::open(&Broker::parse(url).expect("an address"), options.clone()).await
}

pub(crate) async fn redis_refuses(options: &TopicOptions) {
    let lines = [
        "requirepass geheim",
        "user bob on >hush123 ~omma:* +@read +xadd +pexpire +xtrim",
        "user eve on >hush123 ~* +@read",
    ];
    let Some(server) = RedisServer::start_with(&lines) else { return };
    let host = server.url().replace("redis://", "");
    for who in ["", "bob:wrongpw1@", "eve:hush123@"] {
        let error = open(&format!("redis://{who}{host}"), options).await.expect_err(who);
        assert!(matches!(error, BusError::Denied { .. }), "{error}");
        assert!(!error.to_string().contains("wrongpw1"), "{error}");
    }
    let bob = open(&format!("redis://bob:hush123@{host}"), options).await.expect("bob may write");
    bob.publish(&Topic::EVENTS, "gate", Bytes::from_static(b"x")).await.expect("written");
    let foreign = TopicOptions { prefix: "other".to_owned(), ..options.clone() };
    let error = open(&format!("redis://bob:hush123@{host}"), &foreign).await;
    assert!(matches!(error, Err(BusError::Denied { .. })));
    // A key of another program.
    server.cli(&["-a", "geheim", "set", "omma:frames:gate", "no stream"]);
    let error = bob.publish(&Topic::FRAMES, "gate", Bytes::from_static(b"x")).await;
    let error = error.expect_err("no stream").to_string();
    assert!(error.contains("omma:frames:gate"), "{error}");

    let Some(full) = RedisServer::start_with(&["maxmemory 3mb"]) else { return };
    let topics = open(&full.url(), options).await.expect("room at first");
    let megabyte = Bytes::from(vec![1; 1_000_000]);
    let error = loop {
        if let Err(error) = topics.publish(&Topic::EVENTS, "gate", megabyte.clone()).await {
            break error;
        }
    };
    assert!(matches!(error, BusError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("omma:events"), "{error}");
}

pub(crate) async fn kafka_refuses(options: &TopicOptions) {
    let Some(server) = KafkaServer::start_guarded("omma", "geheim", true) else { return };
    let host = server.url().replace("kafka://", "");
    let options = TopicOptions { patience: Duration::from_secs(10), ..options.clone() };
    for who in ["omma:wrongpw1@", "omma:geheim@"] {
        let error = open(&format!("kafka://{who}{host}"), &options).await.expect_err(who);
        assert!(matches!(error, BusError::Denied { .. }), "{error}");
        assert!(!error.to_string().contains("wrongpw1"), "{error}");
    }
    let admin = open(&format!("kafka://admin:admin-password@{host}"), &options).await;
    let admin = admin.expect("who may everything");
    admin.publish(&Topic::EVENTS, "gate", Bytes::from_static(b"x")).await.expect("written");
    // Names that cannot be topics.
    let odd = Topic::work("no such/topic");
    let error = admin.publish(&odd, "gate", Bytes::from_static(b"x")).await.expect_err("odd");
    assert!(matches!(error, BusError::Refused { .. }), "{error}");
}
