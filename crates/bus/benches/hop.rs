//! How long a frame takes through the topics in memory, at 1,000 frames of 100 kB a second: to a
//! task of the same runtime, and to a thread that waits for it, as a camera's does.

#![expect(clippy::print_stdout, reason = "tells what it measured")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use omma_bus::Broker;
use omma_bus::topic::{Start, Subscription, Topic, TopicOptions, Topics};

const FRAMES: u32 = 2_000;

/// What else runs on this machine disturbs single ones.
const ROUNDS: usize = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    for to in ["task", "thread"] {
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let (topics, reader) = runtime.block_on(open());
            let writing = runtime.spawn(write(topics, started));
            let mut hops = if to == "task" {
                runtime.block_on(runtime.spawn(read(reader, started))).expect("all read")
            } else {
                let handle = runtime.handle().clone();
                let reading = move || handle.block_on(read(reader, started));
                let thread = std::thread::Builder::new().name("reader".to_owned()).spawn(reading);
                thread.expect("a thread").join().expect("all read")
            };
            runtime.block_on(writing).expect("all written");
            hops.sort();
            let at = |percent: usize| hops[(hops.len() - 1) * percent / 100].as_secs_f64() * 1e6;
            // Microseconds, as benches/bus.py reads them.
            println!(
                r#"{{"to": "{to}", "p50": {:.1}, "p99": {:.1}, "max": {:.1}}}"#,
                at(50),
                at(99),
                at(100)
            );
        }
    }
}

async fn open() -> (Topics, Subscription) {
    let topics = Topics::open(&Broker::memory(), TopicOptions::default()).await.expect("topics");
    let reader = topics.subscribe(&Topic::FRAMES, Some("gate"), Start::Newest).await;
    (topics, reader.expect("a reader"))
}

async fn read(mut reader: Subscription, started: Instant) -> Vec<Duration> {
    let mut hops = Vec::with_capacity(FRAMES as usize);
    for _ in 0..FRAMES {
        let record = reader.next_record().await.expect("a frame");
        let now = started.elapsed();
        let sent: [u8; 8] = record.payload[..8].try_into().expect("eight bytes");
        hops.push(now.saturating_sub(Duration::from_nanos(u64::from_be_bytes(sent))));
    }
    hops
}

async fn write(topics: Topics, started: Instant) {
    let first = Duration::from_millis(20);
    for n in 0..FRAMES {
        let due = first + Duration::from_millis(u64::from(n));
        tokio::time::sleep_until((started + due).into()).await;
        let mut frame = vec![0; 100_000];
        let sent = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        frame[..8].copy_from_slice(&sent.to_be_bytes());
        topics.publish(&Topic::FRAMES, "gate", Bytes::from(frame)).await.expect("written");
    }
}
