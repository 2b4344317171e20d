//! Omma's own form: `proto/omma/v1` on the topics of a bus.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use omma_types::{Analysis, WallTime};

use super::left_out::LeftOut;
use crate::native::{decode_frame, encode_analysis, encode_frame};
use crate::topic::{LazyTopics, Start, Subscription, Topic, TopicOptions};
use crate::{BrokerAddress, BusError, Frame, Inbound, Inlet, Outlet, Wanted};

/// Puts a camera's pictures onto the topic `frames`.
pub struct Frames {
    topics: LazyTopics,
    camera: String,
    wanted: Wanted,
}

impl Frames {
    /// An outlet of pictures in the form that is `wanted`, under the name `camera`.
    pub fn new(topics: LazyTopics, camera: &str, wanted: Wanted) -> Self {
        Self { topics, camera: camera.to_owned(), wanted }
    }
}

impl Outlet for Frames {
    fn wanted(&self) -> Wanted {
        self.wanted
    }

    fn frame<'a>(&'a mut self, frame: &'a Frame) -> BoxFuture<'a, Result<(), BusError>> {
        async move {
            let topics = self.topics.get().await?;
            // What is lost is counted there, with its reason.
            topics.offer(&Topic::FRAMES, &self.camera, encode_frame(frame));
            Ok(())
        }
        .boxed()
    }

    fn analysis<'a>(&'a mut self, _analysis: &'a Analysis) -> BoxFuture<'a, Result<(), BusError>> {
        async { Ok(()) }.boxed()
    }
}

/// Puts what is found in a camera's pictures onto the topic `analysis`.
pub struct Analyses {
    topics: LazyTopics,
    camera: String,
}

impl Analyses {
    /// An outlet of analyses, under the name `camera`.
    pub fn new(topics: LazyTopics, camera: &str) -> Self {
        Self { topics, camera: camera.to_owned() }
    }
}

impl Outlet for Analyses {
    fn wanted(&self) -> Wanted {
        Wanted::Nothing
    }

    fn frame<'a>(&'a mut self, _frame: &'a Frame) -> BoxFuture<'a, Result<(), BusError>> {
        async { Ok(()) }.boxed()
    }

    fn analysis<'a>(&'a mut self, analysis: &'a Analysis) -> BoxFuture<'a, Result<(), BusError>> {
        async move {
            let topics = self.topics.get().await?;
            topics.offer(&Topic::ANALYSIS, &self.camera, encode_analysis(analysis));
            Ok(())
        }
        .boxed()
    }
}

/// Reads a camera from the topic `frames`.
pub struct Reader {
    topics: LazyTopics,
    camera: String,
    start: Start,
    frames: Option<Subscription>,
    left_out: LeftOut,
}

impl Reader {
    /// A reader of the camera that `address` names, or else of the one called `camera`, from now
    /// on; not connected. `?prefix=` is that of the writer's bus.
    ///
    /// # Errors
    /// The address is not that of a bus.
    pub fn new(address: &BrokerAddress, camera: &str) -> Result<Self, BusError> {
        let name = if address.name.is_empty() { camera } else { &address.name };
        let usual = TopicOptions::default();
        let prefix = address.options.get("prefix").cloned().unwrap_or(usual.prefix.clone());
        let options = TopicOptions { prefix, ..usual };
        Ok(Self::over(LazyTopics::new(address.broker.clone(), options), name, Start::Newest))
    }

    /// A reader of `camera` that shares the connections of `topics`.
    pub fn over(topics: LazyTopics, camera: &str, start: Start) -> Self {
        Self {
            topics,
            camera: camera.to_owned(),
            start,
            frames: None,
            left_out: LeftOut::default(),
        }
    }

    /// The next picture, and when its message came to the broker, by the broker's clock. As
    /// [`Inlet::next`].
    ///
    /// # Errors
    /// As there.
    pub async fn next_frame(&mut self) -> Result<(Box<Frame>, WallTime), BusError> {
        loop {
            let frames = match &mut self.frames {
                Some(frames) => frames,
                None => {
                    let topics = self.topics.get().await?;
                    let start = self.start.clone();
                    let opened =
                        topics.subscribe(&Topic::FRAMES, Some(&self.camera), start).await?;
                    self.frames.insert(opened)
                }
            };
            let record = frames.next_record().await?;
            match decode_frame(Topic::FRAMES.name(), record.payload) {
                Ok(frame) => return Ok((Box::new(frame), record.time)),
                Err(error) => {
                    self.left_out.note(&self.camera, Topic::FRAMES.name(), &error.to_string());
                }
            }
        }
    }
}

impl Inlet for Reader {
    fn next(&mut self) -> BoxFuture<'_, Result<Inbound, BusError>> {
        async { self.next_frame().await.map(|(frame, _)| Inbound::Frame(frame)) }.boxed()
    }

    fn left_out(&self) -> u64 {
        self.left_out.count()
    }
}
