//! A stream of Redis of which each entry is a picture: what reading one is the same in every
//! dialect.

use bytes::Bytes;
use omma_types::{Size, WallTime};
use redis::Pipeline;
use redis::streams::StreamId;

use super::clock::StreamClock;
use super::left_out::LeftOut;
use super::tail::Tail;
use crate::{Broker, BusError, Frame, FrameForm, Inbound};

/// The picture in an entry.
pub(super) struct Seen {
    /// Its number, where the writer gives one.
    pub(super) seq: Option<u64>,
    pub(super) wall: WallTime,
    pub(super) size: Size,
    pub(super) form: FrameForm,
    pub(super) data: Bytes,
}

/// Reads the pictures of a stream.
pub(super) struct Pictures {
    tail: Tail,
    stream: String,
    camera: String,
    clock: StreamClock,
    left_out: LeftOut,
}

impl Pictures {
    /// A reader of `stream`, whose pictures are of `camera`. Nothing is connected yet.
    ///
    /// # Errors
    /// The broker is no Redis.
    pub(super) fn new(broker: &Broker, stream: &str, camera: &str) -> Result<Self, BusError> {
        Ok(Self {
            tail: Tail::new(broker.clone(), stream)?,
            stream: stream.to_owned(),
            camera: camera.to_owned(),
            clock: StreamClock::default(),
            left_out: LeftOut::default(),
        })
    }

    /// The next picture. `beside` makes commands that are carried out whenever the server is
    /// asked; `read` finds the picture in an entry, or says why there is none.
    pub(super) async fn next(
        &mut self,
        beside: impl Fn() -> Pipeline,
        read: impl Fn(&mut StreamId) -> Result<Seen, String>,
    ) -> Result<Inbound, BusError> {
        loop {
            let Some(mut entry) = self.tail.next(&beside()).await? else { continue };
            let seen = read(&mut entry).and_then(|seen| super::fits(seen.size).map(|()| seen));
            match seen {
                Ok(seen) => return Ok(Inbound::Frame(Box::new(self.frame(seen)))),
                Err(reason) => {
                    let reason = format!("entry {}: {reason}", entry.id);
                    self.left_out.note(&self.camera, &self.stream, &reason);
                }
            }
        }
    }

    fn frame(&mut self, seen: Seen) -> Frame {
        let seq = seen.seq.unwrap_or_else(|| self.clock.next_seq());
        let (stamp, stream_start) = self.clock.stamp(seq, seen.wall, seen.size);
        Frame {
            camera: self.camera.clone(),
            stamp,
            form: seen.form,
            keyframe: true,
            stream_start,
            data: seen.data,
        }
    }

    /// Entries that were no pictures, and those that were passed over.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out.count() + self.tail.skipped
    }
}
