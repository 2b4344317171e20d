//! What tests with real parts share: data, films, cameras, a running Omma, a browser.
//!
//! Only tests use this crate, as a dev-dependency; it knows none of the others. Where a part
//! is missing on a machine, its helper prints a line that begins with `skipped: ` and gives
//! `None`. Whatever else goes wrong is a failed test: the helpers panic with what they saw.
//! Nothing here sleeps for a fixed time: waiting means asking again until a deadline.

mod browser;
mod data;
mod fault;
mod film;
mod http;
mod kafka;
mod mosquitto;
mod page;
mod program;
mod receiver;
mod redis;
mod rtmp;
mod rtsp;
mod server;
mod wait;

pub use browser::{Browser, Shot};
pub use data::{Data, data, ort_library, skipped};
pub use fault::{Condition, Cut, FaultyNetwork, Link, Outage, Schedule};
pub use film::{Film, ffmpeg, ffprobe, gray_pictures, probe};
pub use http::{Answer, Stream, free_port, get, send, stream};
pub use kafka::KafkaServer;
pub use mosquitto::{MosquittoServer, Subscription};
pub use page::Page;
pub use program::{Omma, Ran};
pub use receiver::{Reaction, Received, Receiver};
pub use redis::{RedisCluster, RedisSentinel, RedisServer, RedisTls};
pub use rtmp::RtmpServer;
pub use rtsp::RtspCamera;
pub use server::Server;
pub use wait::{SOON, eventually};
