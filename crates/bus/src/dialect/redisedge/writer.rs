//! A camera for programs that were written for `EdgeRealtimeVideoAnalytics`.

use std::time::Instant;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use omma_types::{Analysis, Clock as _, Rect, Size, SystemClock, TrackState, WallTime};

use super::adaptive::Adaptive;
use super::figures::{Figures, SecondCounter};
use super::ids::{Ids, Written};
use super::series::{Names, Series};
use crate::dialect::link::{Link, text};
use crate::dialect::tail::millis;
use crate::{Broker, BusError, Figure, Frame, FrameForm, Outlet, Wanted};

/// Pictures that the stream keeps where nothing else is said, as capture.py does.
const KEEP_PICTURES: u64 = 10_000;

/// Results that their stream keeps.
const KEEP_RESULTS: u64 = 1000;

/// What can be chosen about a [`Writer`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// The stream's key, e.g. `camera:0`.
    pub stream: String,
    /// Of the JPEGs, 1 to 100.
    pub quality: u8,
    /// Pictures kept in the stream; 10,000 where not said.
    pub keep: Option<u64>,
    /// Whether pictures are left out so that results keep up.
    pub adaptive: bool,
    /// Where the time series go; none writes none.
    pub series: Option<Broker>,
}

/// Writes pictures, results and time series.
pub struct Writer {
    link: Link,
    settings: Settings,
    results: String,
    names: Names,
    series: Option<Series>,
    adaptive: Option<Adaptive>,
    ids: Ids,
    figures: Figures,
    /// Pictures so far.
    count: u64,
    seen: SecondCounter,
    done: SecondCounter,
    /// How many pictures of this second came, as told to the series.
    seen_sample: Option<(i64, f64)>,
    /// How long the last result took to be written, in milliseconds.
    store_millis: Option<f64>,
    /// The flag that keeps the original's `init` from setting up the same key was set.
    is_flagged: bool,
}

impl Writer {
    /// A writer to `broker`, not connected.
    ///
    /// # Errors
    /// The broker is no Redis.
    pub fn new(broker: Broker, settings: Settings) -> Result<Self, BusError> {
        let series = settings.series.clone();
        Ok(Self {
            link: Link::new(broker)?,
            results: format!("{}:yolo", settings.stream),
            names: Names::of(&settings.stream),
            series: series.map(|at| Series::new(at, &settings.stream)).transpose()?,
            adaptive: settings.adaptive.then(Adaptive::default),
            ids: Ids::default(),
            figures: Figures::default(),
            count: 0,
            seen: SecondCounter::default(),
            done: SecondCounter::default(),
            seen_sample: None,
            store_millis: None,
            is_flagged: false,
            settings,
        })
    }

    async fn write_frame(&mut self, frame: &Frame) -> Result<(), BusError> {
        let stream = &self.settings.stream;
        if frame.form != FrameForm::Jpeg {
            let reason = "its pictures are JPEG".to_owned();
            return Err(BusError::Payload { topic: stream.clone(), reason });
        }
        let mut pipe = redis::pipe();
        let keep = self.settings.keep.unwrap_or(KEEP_PICTURES);
        pipe.cmd("XADD").arg(stream).arg("MAXLEN").arg("~").arg(keep).arg("*");
        pipe.arg("count").arg(self.count).arg("image").arg(frame.data.as_ref());
        if !self.is_flagged {
            pipe.cmd("SETNX").arg(format!("{stream}:initialized")).arg("by omma");
        }
        let answers = self.link.all(stream, &pipe).await?;
        self.is_flagged = true;
        self.count += 1;
        let Some(id) = answers.first().and_then(text) else {
            let reason = "it told no entry's id".to_owned();
            return Err(BusError::Payload { topic: stream.clone(), reason });
        };
        self.ids.add(Written { wall: frame.stamp.wall, id, size: frame.stamp.size });
        if let (Some(series), Some((at, count))) = (&mut self.series, self.seen_sample.take()) {
            series.add(&[("in_fps", at, count)]).await;
        }
        Ok(())
    }

    async fn write_result(&mut self, analysis: &Analysis) -> Result<(), BusError> {
        // What was found before anything was written has nothing to refer to.
        let Some(picture) = self.ids.of(analysis.frame.wall).cloned() else { return Ok(()) };
        let started = Instant::now();
        let people: Vec<Rect> = analysis
            .tracks
            .iter()
            .filter(|t| t.state == TrackState::Confirmed && t.class.as_str() == "person")
            .map(|track| track.rect)
            .collect();
        let boxes = box_list(&people, picture.size);
        let made = started.elapsed();
        let mut pipe = redis::pipe();
        pipe.cmd("XADD").arg(&self.results).arg("MAXLEN").arg("~").arg(KEEP_RESULTS).arg("*");
        pipe.arg("ref").arg(&picture.id).arg("boxes").arg(boxes);
        pipe.arg("people").arg(people.len());
        let answers = self.link.all(&self.results, &pipe).await?;
        let stored = started.elapsed().saturating_sub(made);
        let at = millis(&picture.id);
        let total = answers.first().and_then(text).map_or(0, |id| millis(&id) - at);
        // Clocks of servers jump.
        let total = total.max(0) as f64;
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.took(total);
        }
        self.figures.timings(&analysis.timings);
        self.figures.took("prf_boxes", made.as_secs_f64() * 1000.0);
        if let Some(store) = self.store_millis.replace(stored.as_secs_f64() * 1000.0) {
            self.figures.took("prf_store", store);
        }
        self.figures.took("prf_total", total);
        let now = SystemClock.wall().as_millis();
        self.figures.done(now, people.len() as u64);
        let done = self.done.add(now);
        if let Some(series) = &mut self.series {
            let mut samples =
                vec![("people", at, people.len() as f64), ("out_fps", now, done as f64)];
            samples.extend(self.figures.steps().map(|(name, mean)| (name, at, mean)));
            series.add(&samples).await;
        }
        Ok(())
    }
}

impl Outlet for Writer {
    fn wanted(&self) -> Wanted {
        Wanted::Jpeg(self.settings.quality)
    }

    fn is_due(&mut self, wall: WallTime) -> bool {
        let now = SystemClock.wall().as_millis();
        self.figures.seen(now);
        self.seen_sample = Some((now, self.seen.add(now) as f64));
        self.adaptive.as_mut().is_none_or(|adaptive| adaptive.keeps(wall.as_millis()))
    }

    fn frame<'a>(&'a mut self, frame: &'a Frame) -> BoxFuture<'a, Result<(), BusError>> {
        self.write_frame(frame).boxed()
    }

    fn analysis<'a>(&'a mut self, analysis: &'a Analysis) -> BoxFuture<'a, Result<(), BusError>> {
        self.write_result(analysis).boxed()
    }

    fn newest_id(&self) -> Option<String> {
        self.ids.newest().map(|picture| picture.id.clone())
    }

    fn figures(&mut self, now: WallTime) -> Vec<Figure> {
        self.figures.gauges(now.as_millis(), &self.names.id)
    }
}

/// Boxes as the text of a Python list: left, top, right and bottom of one after the other, in
/// pixels.
fn box_list(boxes: &[Rect], size: Size) -> String {
    let mut list = String::from("[");
    for rect in boxes {
        let rect = rect.to_pixels(size);
        for side in [rect.left, rect.top, rect.right(), rect.bottom()] {
            let comma = if list.len() > 1 { ", " } else { "" };
            let rounded = (f64::from(side) * 1000.0).round() / 1000.0;
            list.push_str(&format!("{comma}{rounded:?}"));
        }
    }
    list.push(']');
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_a_flat_list_of_pixels() {
        let size = Size::new(640, 480);
        let boxes = [Rect::new(0.25, 0.5, 0.5, 0.25), Rect::new(-0.125, 0.0, 0.0625, 1.0)];
        let expected = "[160.0, 240.0, 480.0, 360.0, -80.0, 0.0, -40.0, 480.0]";
        assert_eq!(box_list(&boxes, size), expected);
        assert_eq!(box_list(&[], size), "[]");
    }
}
