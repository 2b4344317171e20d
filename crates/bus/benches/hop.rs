//! How long a frame takes from one thread of this process to another over the topics in
//! memory, at 1,000 frames of 100 kB a second.

#![expect(clippy::print_stdout, reason = "tells what it measured")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use omma_bus::Broker;
use omma_bus::topic::{Start, Topic, TopicOptions, Topics};

const FRAMES: u32 = 2_000;

/// What else runs on this machine disturbs single ones.
const ROUNDS: usize = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    for _ in 0..ROUNDS {
        let mut hops = runtime.block_on(measure());
        hops.sort();
        let at = |percent: usize| hops[(hops.len() - 1) * percent / 100].as_secs_f64() * 1e6;
        // Microseconds, as benches/bus.py reads them.
        println!(r#"{{"p50": {:.1}, "p99": {:.1}, "max": {:.1}}}"#, at(50), at(99), at(100));
    }
}

async fn measure() -> Vec<Duration> {
    let options = TopicOptions::default();
    let topics = Topics::open(&Broker::memory(), options).await.expect("topics");
    let mut reader =
        topics.subscribe(&Topic::FRAMES, Some("gate"), Start::Newest).await.expect("a reader");
    let started = Instant::now();
    let reading = tokio::spawn(async move {
        let mut hops = Vec::with_capacity(FRAMES as usize);
        for _ in 0..FRAMES {
            let record = reader.next_record().await.expect("a frame");
            let now = started.elapsed();
            let sent: [u8; 8] = record.payload[..8].try_into().expect("eight bytes");
            hops.push(now.saturating_sub(Duration::from_nanos(u64::from_be_bytes(sent))));
        }
        hops
    });
    for n in 0..FRAMES {
        let due = Duration::from_millis(u64::from(n));
        tokio::time::sleep_until((started + due).into()).await;
        let mut frame = vec![0; 100_000];
        let sent = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        frame[..8].copy_from_slice(&sent.to_be_bytes());
        topics.publish(&Topic::FRAMES, "gate", Bytes::from(frame)).await.expect("written");
    }
    reading.await.expect("all read")
}
