//! The newest pictures of one camera, for all gRPC clients that want them: decoded once,
//! converted once, given to each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use omma_engine::config::Rate;
use omma_engine::{Handle, PictureFeed};
use omma_media::{Picture, StreamInfo};
use omma_types::CameraId;
use parking_lot::Mutex;
use tokio::sync::{Notify, OnceCell, watch};
use tokio::time::{sleep, sleep_until, timeout_at};
use tonic::Status;

use super::frame::video_frame;
use super::shelf::{Shelf, Shelved};
use crate::grpc::proto::chrysalis::VideoFrame;

/// Decoding goes on this long after somebody last asked.
const HOLD: Duration = Duration::from_secs(10);

/// How often a camera that is paused or being changed is asked again.
const RETRY: Duration = Duration::from_millis(100);

/// The desks of all cameras that were ever asked for.
pub(in crate::grpc) struct Desks {
    handle: Handle,
    desks: Mutex<HashMap<CameraId, Arc<Desk>>>,
}

impl Desks {
    pub(in crate::grpc) fn new(handle: Handle) -> Self {
        Self { handle, desks: Mutex::default() }
    }

    /// The desk of a camera.
    pub(in crate::grpc) fn desk(&self, camera: &CameraId) -> Arc<Desk> {
        let mut desks = self.desks.lock();
        let desk = desks.entry(camera.clone()).or_insert_with(|| {
            Arc::new(Desk {
                handle: self.handle.clone(),
                camera: camera.clone(),
                state: Mutex::default(),
                wished: Notify::new(),
                news: watch::Sender::new(0),
            })
        });
        Arc::clone(desk)
    }
}

/// The newest pictures of one camera.
pub(in crate::grpc) struct Desk {
    handle: Handle,
    camera: CameraId,
    state: Mutex<State>,
    wished: Notify,
    /// The number of the newest picture.
    news: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    wishes: Wishes,
    /// Whether somebody brings pictures.
    is_served: bool,
    shelf: Shelf<Arc<Shot>>,
    /// The newest picture's number; also after a pause none has a number that was given before.
    number: u64,
    /// Keyframes so far.
    groups: u64,
    stream: Option<Arc<StreamInfo>>,
    /// The newest picture's number in its stream.
    last_seq: Option<u64>,
    sent_as: Option<&'static str>,
    newest: Option<Arc<Shot>>,
}

/// Until when what is wanted.
#[derive(Clone, Copy, Debug, Default)]
struct Wishes {
    all: Option<Instant>,
    keyframes: Option<Instant>,
}

impl Wishes {
    fn add(&mut self, keyframes_only: bool, now: Instant) {
        *(if keyframes_only { &mut self.keyframes } else { &mut self.all }) = Some(now + HOLD);
    }

    /// What is wanted at `now`, and until when at least.
    fn at(&self, now: Instant) -> Option<(Rate, Instant)> {
        let open = |until: Option<Instant>| until.filter(|until| *until > now);
        let all = open(self.all).map(|until| (Rate::All, until));
        all.or_else(|| open(self.keyframes).map(|until| (Rate::Keyframes, until)))
    }
}

impl Desk {
    /// Somebody wants pictures, keyframes at least. Holds for 10 s.
    pub(in crate::grpc) fn want(self: &Arc<Self>, keyframes_only: bool) {
        let mut state = self.state.lock();
        let now = Instant::now();
        let before = state.wishes.at(now).map(|(rate, _)| rate);
        state.wishes.add(keyframes_only, now);
        let wants_more = state.wishes.at(now).map(|(rate, _)| rate) != before;
        let is_served = std::mem::replace(&mut state.is_served, true);
        drop(state);
        if !is_served {
            tokio::spawn(Arc::clone(self).serve());
        } else if wants_more {
            self.wished.notify_one();
        }
    }

    /// The next picture for a client that was given `last`, waiting for it until `deadline`.
    pub(in crate::grpc) async fn next(
        &self,
        last: Option<u64>,
        keyframes_only: bool,
        deadline: Instant,
    ) -> Option<Arc<Shot>> {
        let mut news = self.news.subscribe();
        loop {
            let found = self.state.lock().shelf.next(last, keyframes_only, Instant::now());
            if found.is_some() {
                return found;
            }
            match timeout_at(deadline.into(), news.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return None,
            }
        }
    }

    /// FFmpeg's name of the format that the newest picture was sent in. A stream's header
    /// often does not tell it.
    pub(super) fn sent_as(&self) -> Option<&'static str> {
        self.state.lock().sent_as
    }

    /// Brings pictures as long as somebody wants some.
    async fn serve(self: Arc<Self>) {
        let mut open: Option<(Rate, PictureFeed)> = None;
        while let Some((rate, until)) = self.wanted() {
            if open.as_ref().is_none_or(|(opened, _)| *opened != rate) {
                // The new feed first, so that the decoder never sees a moment without any.
                open = self.handle.pictures(&self.camera, rate).ok().map(|feed| (rate, feed));
            }
            let Some((_, feed)) = &mut open else {
                sleep(RETRY).await;
                continue;
            };
            tokio::select! {
                picture = feed.next() => match picture {
                    Some(picture) => self.put(picture),
                    // The camera was changed or removed.
                    None => open = None,
                },
                () = self.wished.notified() => {}
                () = sleep_until(until.into()) => {}
            }
        }
        if let Some((_, feed)) = open {
            feed.end();
        }
    }

    /// What is wanted now; none where nothing is, and then nobody serves any more.
    fn wanted(&self) -> Option<(Rate, Instant)> {
        let mut state = self.state.lock();
        let wanted = state.wishes.at(Instant::now());
        if wanted.is_none() {
            state.is_served = false;
            state.shelf.clear();
            state.newest = None;
        }
        wanted
    }

    fn put(&self, picture: Picture) {
        let came = Instant::now();
        let mut state = self.state.lock();
        let seq = picture.stamp().seq;
        let is_back = state.last_seq.is_some_and(|last| seq <= last);
        if is_back || picture.is_keyframe() || state.stream.is_none() {
            let stream = self.handle.stream(&self.camera).ok().and_then(|(info, _)| info);
            let is_same = match (&stream, &state.stream) {
                (Some(now), Some(before)) => Arc::ptr_eq(now, before),
                _ => stream.is_none(),
            };
            if is_back && is_same {
                // The decoder began again at the ring's keyframe; this one was shown.
                return;
            }
            if !is_same {
                state.stream = stream;
            }
        }
        state.last_seq = Some(seq);
        state.sent_as = Some(picture.sent_as());
        state.number += 1;
        state.groups += u64::from(picture.is_keyframe());
        let shot = Arc::new(Shot {
            number: state.number,
            groups: state.groups.saturating_sub(1),
            camera: self.camera.clone(),
            picture,
            stream: state.stream.clone(),
            came,
            frame: OnceCell::new(),
        });
        let before = state.newest.replace(Arc::clone(&shot));
        state.shelf.put(Arc::clone(&shot));
        drop(state);
        self.news.send_replace(shot.number);
        if before.is_some_and(|before| before.frame.initialized()) {
            // Somebody took the one before and will come for this one: it is made while they
            // are on their way.
            tokio::spawn(async move { shot.frame().await.map(drop) });
        }
    }
}

/// A picture on its way to clients.
pub(in crate::grpc) struct Shot {
    number: u64,
    groups: u64,
    camera: CameraId,
    picture: Picture,
    stream: Option<Arc<StreamInfo>>,
    came: Instant,
    frame: OnceCell<VideoFrame>,
}

impl Shot {
    /// Its number among the pictures that came for gRPC clients.
    pub(in crate::grpc) fn number(&self) -> u64 {
        self.number
    }

    /// The picture.
    pub(in crate::grpc) fn picture(&self) -> &Picture {
        &self.picture
    }

    /// What it is a picture of.
    pub(in crate::grpc) fn stream(&self) -> Option<&Arc<StreamInfo>> {
        self.stream.as_ref()
    }

    /// The picture with its pixels. Made once; copies share the pixels.
    pub(in crate::grpc) async fn frame(self: &Arc<Self>) -> Result<VideoFrame, Status> {
        let make = async || {
            let shot = Arc::clone(self);
            let work = move || {
                video_frame(&shot.camera, &shot.picture, shot.stream.as_deref(), shot.groups)
            };
            match tokio::task::spawn_blocking(work).await {
                Ok(Ok(frame)) => Ok(frame),
                Ok(Err(error)) => Err(Status::internal(error.to_string())),
                Err(_panicked) => Err(Status::internal("a picture could not be converted")),
            }
        };
        self.frame.get_or_try_init(make).await.cloned()
    }
}

impl Shelved for Arc<Shot> {
    fn number(&self) -> u64 {
        self.number
    }

    fn is_keyframe(&self) -> bool {
        self.picture.is_keyframe()
    }

    fn came(&self) -> Instant {
        self.came
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_the_union_of_the_wishes() {
        let mut wishes = Wishes::default();
        let start = Instant::now();
        let rate = |wishes: &Wishes, after| wishes.at(start + after).map(|(rate, _)| rate);
        assert_eq!(rate(&wishes, Duration::ZERO), None);
        wishes.add(true, start);
        assert_eq!(rate(&wishes, HOLD / 2), Some(Rate::Keyframes));
        wishes.add(false, start - HOLD / 2);
        assert_eq!(rate(&wishes, HOLD / 4), Some(Rate::All));
        assert_eq!(rate(&wishes, HOLD / 2), Some(Rate::Keyframes));
        assert_eq!(rate(&wishes, HOLD), None);
        wishes.add(false, start);
        assert_eq!(wishes.at(start), Some((Rate::All, start + HOLD)));
    }
}
