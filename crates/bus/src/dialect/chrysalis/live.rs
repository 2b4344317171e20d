//! The worker's side: decoded pictures, while somebody asks for them.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use omma_types::{Analysis, Clock as _, SystemClock, WallTime};
use prost::Message as _;

use super::wire::video_frame;
use super::{FRESH_MILLIS, KEEP, last_access};
use crate::dialect::link::{Link, text};
use crate::{Broker, BusError, Frame, FrameForm, Outlet, Wanted};

/// How often it is looked whether somebody asks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Writes decoded pictures while somebody asks for them.
pub struct Live {
    link: Link,
    device: String,
    keep: u64,
    asked: Asked,
    looked: Option<Instant>,
    /// Numbers of the packet within its group and of the group.
    numbers: (i64, i64),
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Nothing,
    Keyframes,
    Everything,
}

impl Live {
    /// A writer of the pictures of `device`, not connected.
    ///
    /// # Errors
    /// The broker is no Redis.
    pub fn new(broker: Broker, device: &str, keep: Option<u64>) -> Result<Self, BusError> {
        Ok(Self {
            link: Link::new(broker)?,
            device: device.to_owned(),
            keep: keep.unwrap_or(KEEP),
            asked: Asked::Nothing,
            looked: None,
            numbers: (0, 0),
        })
    }

    async fn look(&mut self) -> Result<(), BusError> {
        self.looked = Some(Instant::now());
        let mut pipe = redis::pipe();
        pipe.cmd("HGET").arg(last_access(&self.device)).arg("last_query");
        pipe.cmd("GET").arg(format!("is_key_frame_only_{}", self.device));
        let answers = self.link.all(&self.device, &pipe).await?;
        let mut answers = answers.iter().map(text);
        let last_query = answers.next().flatten();
        let keyframes_only = answers
            .next()
            .flatten()
            .is_some_and(|word| word.eq_ignore_ascii_case("true") || word == "1");
        self.asked = asked(last_query, keyframes_only, SystemClock.wall().as_millis());
        Ok(())
    }

    async fn write(&mut self, frame: &Frame) -> Result<(), BusError> {
        if frame.form != FrameForm::Bgr {
            let reason = "its pictures are pixels".to_owned();
            return Err(BusError::Payload { topic: self.device.clone(), reason });
        }
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
            self.look().await?;
        }
        let (packet, group) = self.numbers;
        self.numbers = if frame.keyframe { (0, group + 1) } else { (packet + 1, group) };
        let fits = match self.asked {
            Asked::Nothing => false,
            Asked::Keyframes => frame.keyframe,
            Asked::Everything => true,
        };
        if !fits {
            return Ok(());
        }
        let (packet, group) = self.numbers;
        let message = video_frame(&self.device, frame, packet, group);
        let mut pipe = redis::pipe();
        pipe.cmd("XADD").arg(&self.device).arg("MAXLEN").arg("~").arg(self.keep).arg("*");
        pipe.arg("data").arg(message.encode_to_vec());
        self.link.all(&self.device, &pipe).await.map(drop)
    }
}

/// What is asked for, by the keys' values.
fn asked(last_query: Option<String>, keyframes_only: bool, now: i64) -> Asked {
    let asked_at: Option<i64> = last_query.and_then(|millis| millis.trim().parse().ok());
    match asked_at {
        Some(at) if now.saturating_sub(at) >= FRESH_MILLIS => Asked::Nothing,
        None => Asked::Nothing,
        Some(_) if keyframes_only => Asked::Keyframes,
        Some(_) => Asked::Everything,
    }
}

impl Outlet for Live {
    fn wanted(&self) -> Wanted {
        Wanted::Bgr
    }

    /// While nobody asks, a picture now and then is enough to look.
    fn is_due(&mut self, _wall: WallTime) -> bool {
        self.asked != Asked::Nothing
            || self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY)
    }

    fn frame<'a>(&'a mut self, frame: &'a Frame) -> BoxFuture<'a, Result<(), BusError>> {
        self.write(frame).boxed()
    }

    fn analysis<'a>(&'a mut self, _analysis: &'a Analysis) -> BoxFuture<'a, Result<(), BusError>> {
        // Its programs find things out themselves.
        futures_util::future::ready(Ok(())).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_asked_for_by_a_fresh_query() {
        let at = |query: &str, keyframes| asked(Some(query.to_owned()), keyframes, 100_000);
        assert_eq!(asked(None, false, 100_000), Asked::Nothing);
        assert_eq!(at("yesterday", false), Asked::Nothing);
        assert_eq!(at("90000", false), Asked::Nothing);
        assert_eq!(at("90001", false), Asked::Everything);
        assert_eq!(at("90001", true), Asked::Keyframes);
    }
}
