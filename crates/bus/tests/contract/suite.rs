//! The contract, as far as nothing breaks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use omma_bus::BusError;
use omma_bus::topic::{Delivery, DropReason, Start, Topic, TopicOptions};
use omma_testkit::SOON;

use crate::place::{Place, Server, delivery, next, soon};

fn number(text: &[u8]) -> u32 {
    std::str::from_utf8(text).expect("text").parse().expect("a number")
}

fn payload(number: u32) -> Bytes {
    Bytes::from(number.to_string())
}

pub(crate) async fn order_of_each_key_is_kept(place: &Place) {
    let topics = place.topics().await;
    let mut reader = topics.subscribe(&Topic::EVENTS, None, Start::Newest).await.expect("reads");
    let keys = ["gate", "yard", "door", "söder"];
    for round in 0..10 {
        let batch = |n: u32| keys.map(|key| (key.to_owned(), payload(round * 10 + n)));
        let batch: Vec<_> = (0..10).flat_map(batch).collect();
        let written = topics.publish_all(&Topic::EVENTS, batch).await.expect("written");
        assert_eq!(written.len(), 40);
    }
    let mut seen: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for _ in 0..400 {
        let record = next(&mut reader).await;
        seen.entry(record.key.to_string()).or_default().push(number(&record.payload));
    }
    for key in keys {
        assert_eq!(seen.get(key), Some(&(0..100).collect()), "{key}");
    }
    // Frames are read camera by camera, and one sees nothing of the other.
    let mut gate = topics.subscribe(&Topic::FRAMES, Some("gate"), Start::Newest).await.expect("a");
    for n in 0..20 {
        topics.publish(&Topic::FRAMES, "yard", payload(1000 + n)).await.expect("written");
        topics.publish(&Topic::FRAMES, "gate", payload(n)).await.expect("written");
    }
    for n in 0..20 {
        let record = next(&mut gate).await;
        assert_eq!((&*record.key, number(&record.payload)), ("gate", n));
    }
    let unnamed = topics.subscribe(&Topic::FRAMES, None, Start::Newest).await;
    assert!(matches!(unnamed, Err(BusError::Refused { .. })));
}

pub(crate) async fn reading_begins_where_it_is_told(place: &Place) {
    let topics = place.topics().await;
    let topic = Topic::ANALYSIS;
    let mut positions = Vec::new();
    for n in 0..5 {
        positions.push(topics.publish(&topic, "a", payload(n)).await.expect("written"));
    }
    assert!(positions.is_sorted(), "{positions:?}");
    let mut times = Vec::new();
    let mut all = topics.subscribe(&topic, Some("a"), Start::Oldest).await.expect("reads");
    for n in 0..5 {
        let record = next(&mut all).await;
        assert_eq!((record.position, number(&record.payload)), (positions[n as usize], n));
        times.push(record.time);
    }
    let behind = Start::After(vec![positions[2]]);
    let mut behind = topics.subscribe(&topic, Some("a"), behind).await.expect("reads");
    assert_eq!(number(&next(&mut behind).await.payload), 3);
    let mut since = topics.subscribe(&topic, Some("a"), Start::Since(times[3])).await.expect("r");
    let first = next(&mut since).await;
    // Several may be of the same millisecond.
    assert!(number(&first.payload) <= 3 && first.time.as_millis() >= times[3].as_millis());
    let mut newest = topics.subscribe(&topic, Some("a"), Start::Newest).await.expect("reads");
    topics.publish(&topic, "a", payload(77)).await.expect("written");
    assert_eq!(number(&next(&mut newest).await.payload), 77);
}

pub(crate) async fn a_message_too_large_is_refused_and_counted(place: &Place) {
    let topics = place.topics().await;
    let huge = Bytes::from(vec![0; 100_000_000]);
    let error = topics.publish(&Topic::EVENTS, "gate", huge.clone()).await.expect_err("huge");
    assert!(matches!(error, BusError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("100000000 bytes"), "{error}");
    assert_eq!(topics.offer(&Topic::FRAMES, "gate", huge), 1);
    assert_eq!(topics.stats().dropped(DropReason::TooLarge), 1);
    // What is just small enough goes through.
    let large = Bytes::from(vec![7; TopicOptions::default().largest]);
    let mut reader =
        topics.subscribe(&Topic::FRAMES, Some("gate"), Start::Newest).await.expect("r");
    topics.publish(&Topic::FRAMES, "gate", large.clone()).await.expect("written");
    assert_eq!(next(&mut reader).await.payload, large);
}

pub(crate) async fn a_slow_reader_gets_everything_that_is_kept(place: &Place) {
    let topics = place.topics().await;
    let mut slow = topics.subscribe(&Topic::EVENTS, None, Start::Newest).await.expect("reads");
    for n in 0..20 {
        let batch = (0..100).map(|i| ("gate".to_owned(), payload(n * 100 + i))).collect();
        topics.publish_all(&Topic::EVENTS, batch).await.expect("written");
    }
    for n in 0..2000 {
        // A future that is dropped half way loses nothing.
        if n % 100 == 0 {
            drop(tokio::time::timeout(Duration::ZERO, std::future::pending::<()>()).await);
        }
        assert_eq!(number(&next(&mut slow).await.payload), n);
    }
}

pub(crate) async fn what_was_cleared_away_is_said(place: &Place) {
    // Kafka clears away by time only, and whole segments: its gaps are tested by its offsets.
    if matches!(place.server, Server::Kafka(_)) {
        return;
    }
    let options = TopicOptions { keep_messages: 100, ..place.options() };
    let topics = place.topics_with(options).await;
    let first = topics.publish(&Topic::EVENTS, "gate", payload(0)).await.expect("written");
    for n in 0..20 {
        let batch = (1..=100).map(|i| ("gate".to_owned(), payload(n * 100 + i))).collect();
        topics.publish_all(&Topic::EVENTS, batch).await.expect("written");
    }
    let start = Start::After(vec![first]);
    let mut late = topics.subscribe(&Topic::EVENTS, None, start).await.expect("reads");
    assert!(matches!(delivery(&mut late).await, Delivery::Missed(_)));
    let mut last = number(&next(&mut late).await.payload);
    assert!(last > 1700, "{last}");
    while last < 2000 {
        let read = number(&next(&mut late).await.payload);
        assert_eq!(read, last + 1);
        last = read;
    }
    assert_eq!(topics.stats().missed, 1);
}

pub(crate) async fn a_group_shares_and_takes_over(place: &Place) {
    let topics = place.topics().await;
    let work = Topic::work("detect");
    let mut lazy = topics.join(&work, "detectors", "lazy").await.expect("joined");
    for n in 0..30 {
        topics.publish(&work, &format!("camera{n}"), payload(n)).await.expect("written");
    }
    // It takes one and is never heard of again.
    let taken = soon(lazy.next()).await.expect("work");
    drop(lazy);
    let mut one = topics.join(&work, "detectors", "one").await.expect("joined");
    let mut two = topics.join(&work, "detectors", "two").await.expect("joined");
    let mut done: BTreeSet<u32> = BTreeSet::new();
    let mut twice = 0;
    while done.len() < 30 {
        let (record, member) = soon(async {
            tokio::select! {
                record = one.next() => (record.expect("work"), &mut one),
                record = two.next() => (record.expect("work"), &mut two),
            }
        })
        .await;
        twice += u32::from(!done.insert(number(&record.payload)));
        member.ack(record.position).await.expect("acknowledged");
    }
    assert!(done.contains(&number(&taken.payload)));
    // Kafka hands parts over with what was not acknowledged in them.
    assert!(twice == 0 || matches!(place.server, Server::Kafka(_)), "{twice} done twice");
    let shared = topics.join(&Topic::FRAMES, "detectors", "one").await;
    assert!(matches!(shared, Err(BusError::Refused { .. })));
}

pub(crate) async fn offered_messages_arrive_or_are_counted(place: &Place) {
    let options = TopicOptions { pending_bytes: 200_000, ..place.options() };
    let topics = place.topics_with(options).await;
    let mut reader =
        topics.subscribe(&Topic::FRAMES, Some("gate"), Start::Newest).await.expect("r");
    let mut lost = 0;
    for n in 0..2000u32 {
        let mut frame = vec![0; 10_000];
        frame[..4].copy_from_slice(&n.to_be_bytes());
        lost += topics.offer(&Topic::FRAMES, "gate", Bytes::from(frame));
    }
    let read = |payload: &[u8]| u32::from_be_bytes(payload[..4].try_into().expect("four"));
    let mut seen = Vec::new();
    let mut offered = 2000u64;
    let deadline = std::time::Instant::now() + SOON;
    // The newest one of a moment may be lost too: offered again until it has come.
    while seen.last() != Some(&2000) {
        assert!(std::time::Instant::now() < deadline, "{:?}", topics.stats());
        match tokio::time::timeout(Duration::from_secs(1), reader.next_record()).await {
            Ok(record) => seen.push(read(&record.expect("a record").payload)),
            Err(_silence) => {
                lost += topics.offer(
                    &Topic::FRAMES,
                    "gate",
                    Bytes::from(2000u32.to_be_bytes().to_vec()),
                );
                offered += 1;
            }
        }
    }
    assert!(seen.is_sorted(), "in order");
    assert!(lost > 0, "20 MB do not fit into 200 kB");
    loop {
        let stats = topics.stats();
        if stats.published + stats.dropped.iter().sum::<u64>() == offered {
            assert!(stats.dropped.iter().sum::<u64>() >= lost as u64, "{stats:?}");
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{stats:?} of {offered}");
        tokio::task::yield_now().await;
    }
}
