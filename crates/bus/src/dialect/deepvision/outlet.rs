//! Writes a camera as `DeepVision`'s producer and tracker would.

use std::io::Write as _;

use futures_util::future::BoxFuture;
use omma_types::{Analysis, WallTime};
use redis::{Cmd, RedisWrite, ToRedisArgs};

use super::entries::{Entries, EntryId};
use super::pickle::{Envelope, envelope};
use super::series::Series;
use super::tracking;
use crate::redis::{RedisConnection, connect};
use crate::{Broker, BrokerKind, BusError, Figure, Frame, FrameForm, Outlet, Wanted};

/// Entries kept of each stream where nothing else is said.
pub const USUAL_KEEP: u64 = 3000;

/// A stream of more bytes is warned of.
const LARGE: u64 = 4_000_000_000;

/// What `refId` points at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reference {
    /// The picture before the tracked one, so that reading on behind it finds the tracked one.
    #[default]
    Previous,
    /// The tracked picture itself.
    Own,
}

/// What is written where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The Redis of the pictures.
    pub broker: Broker,
    /// The stream of the pictures; results go to the one with `:mot` behind it.
    pub stream: String,
    /// Entries kept of each, about; [`USUAL_KEEP`] where not said.
    pub keep: Option<u64>,
    /// What `refId` points at.
    pub reference: Reference,
    /// Where time series go; none writes none.
    pub series: Option<Broker>,
}

/// Writes one camera.
pub struct Writer {
    settings: Settings,
    results: String,
    connection: Option<RedisConnection>,
    entries: Entries,
    newest: Option<EntryId>,
    series: Option<Series>,
    /// It was said that the stream needs much memory.
    has_warned: bool,
}

impl Writer {
    /// A writer; nothing is connected yet.
    ///
    /// # Errors
    /// The broker is no Redis.
    pub fn new(settings: Settings) -> Result<Self, BusError> {
        let brokers = settings.series.iter().chain([&settings.broker]);
        for broker in brokers {
            if broker.kind != BrokerKind::Redis {
                let reason = "`deepvision` is spoken on Redis only".to_owned();
                return Err(BusError::Broker { url: broker.shown(), reason });
            }
        }
        Ok(Self {
            results: format!("{}:mot", settings.stream),
            series: settings.series.clone().map(|to| Series::new(to, &settings.stream)),
            settings,
            connection: None,
            entries: Entries::default(),
            newest: None,
            has_warned: false,
        })
    }

    async fn write_frame(&mut self, frame: &Frame) -> Result<(), BusError> {
        let size = frame.stamp.size;
        let expected = size.width as usize * size.height as usize * 3;
        if frame.form != FrameForm::Bgr || frame.data.len() != expected || expected == 0 {
            let reason = "it is not given as pixels of its size".to_owned();
            return Err(BusError::Payload { topic: self.settings.stream.clone(), reason });
        }
        self.warn_of_size(expected);
        let (number, last) = self.entries.begin();
        let picture = Pickled { envelope: envelope(size), pixels: &frame.data };
        let mut command = self.adding(&self.settings.stream);
        command.arg("frameId").arg(number).arg("image").arg(picture);
        let id = self.add(&command, &self.settings.stream.clone()).await?;
        self.entries.add(frame.stamp, id, last);
        self.newest = Some(id);
        self.write_results().await
    }

    /// Pictures are not compressed: 3000 of 1080p are 18 GB, and a Redis without a limit takes
    /// them all.
    fn warn_of_size(&mut self, bytes: usize) {
        let keep = self.settings.keep.unwrap_or(USUAL_KEEP);
        let total = keep.min(u64::from(u32::MAX)) * bytes as u64;
        if total > LARGE && !self.has_warned {
            self.has_warned = true;
            tracing::warn!(
                stream = self.settings.stream,
                keep,
                gigabytes = total / 1_000_000_000,
                "these pictures will need much memory in Redis: set `keep` or `maxmemory`"
            );
        }
    }

    /// Writes the results that are known of pictures that are written.
    async fn write_results(&mut self) -> Result<(), BusError> {
        while let Some((entry, analysis)) = self.entries.next() {
            let reference = match self.settings.reference {
                Reference::Previous => entry.previous,
                Reference::Own => entry.id,
            };
            let mut command = self.adding(&self.results);
            command.arg("refId").arg(reference.to_string());
            command.arg("tracking").arg(tracking::json(&analysis, entry.number));
            let id = self.add(&command, &self.results.clone()).await?;
            if let Some(series) = &mut self.series {
                series.write(&analysis, entry.number, id.millis).await;
            }
        }
        Ok(())
    }

    /// The beginning of an `XADD`.
    fn adding(&self, stream: &str) -> Cmd {
        let mut command = redis::cmd("XADD");
        command.arg(stream).arg("MAXLEN").arg("~");
        command.arg(self.settings.keep.unwrap_or(USUAL_KEEP)).arg("*");
        command
    }

    async fn add(&mut self, command: &Cmd, stream: &str) -> Result<EntryId, BusError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(connect(&self.settings.broker).await?),
        };
        let id: String = command
            .query_async(connection)
            .await
            .map_err(|error| connection.error(stream, &error))?;
        EntryId::parse(&id).ok_or_else(|| BusError::Refused {
            broker: self.settings.broker.shown(),
            topic: stream.to_owned(),
            reason: format!("it answered `{id}`, which is no entry's number"),
        })
    }
}

impl Outlet for Writer {
    fn wanted(&self) -> Wanted {
        Wanted::Bgr
    }

    fn newest_id(&self) -> Option<String> {
        self.newest.map(|id| id.to_string())
    }

    fn figures(&mut self, _now: WallTime) -> Vec<Figure> {
        let dropped = self.series.as_ref().map(Series::dropped);
        let figure = |dropped| Figure {
            name: "deepvision_series_dropped",
            camera: self.settings.stream.clone(),
            value: dropped as f64,
        };
        dropped.map(figure).into_iter().collect()
    }

    fn frame<'a>(&'a mut self, frame: &'a Frame) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(self.write_frame(frame))
    }

    fn analysis<'a>(&'a mut self, analysis: &'a Analysis) -> BoxFuture<'a, Result<(), BusError>> {
        self.entries.analysed(analysis.clone());
        Box::pin(self.write_results())
    }
}

/// A picture that goes into its command in one piece, copied once.
struct Pickled<'a> {
    envelope: Envelope,
    pixels: &'a [u8],
}

impl ToRedisArgs for Pickled<'_> {
    fn write_redis_args<W: RedisWrite + ?Sized>(&self, out: &mut W) {
        let parts = [&self.envelope.head, self.pixels, self.envelope.tail];
        out.reserve_space_for_args([parts.iter().map(|part| part.len()).sum()]);
        let mut writer = out.writer_for_next_arg();
        for part in parts {
            // Writing into memory does not fail.
            drop(writer.write_all(part));
        }
    }
}

impl redis::ToSingleRedisArg for Pickled<'_> {}
