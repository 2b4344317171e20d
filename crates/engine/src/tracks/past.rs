//! What can be asked of the tracks that are stored: what a line would have counted, to be looked
//! at or to be kept, and where people walked.

use std::collections::BTreeMap;
use std::time::Duration;

use omma_rules::{Line, RuleError, Zone};
use omma_store::{Backfill, StoredTracks};
use omma_types::{CameraId, ClassName, Clock, Direction, Event, EventKind, SystemClock, WallTime};
use serde_json::json;

use super::chunk::{Moment, decode};
use super::heat::Heat;
use super::replay::Replay;
use crate::status::CameraState;
use crate::{EngineError, Handle};

/// The longest span of time that is looked at at once.
const LONGEST: Duration = Duration::from_hours(31 * 24);

/// Rules are shown so much from before the span: where everybody comes from.
const BEFORE: Duration = Duration::from_mins(1);

/// And so much from after it: what was undecided at its end is settled by then.
const AFTER: Duration = Duration::from_secs(10);

/// What happened longer ago is stored.
const JUST_NOW: Duration = Duration::from_mins(5);

/// The most events that are kept at once.
const MOST_EVENTS: usize = 50_000;

/// Why there may be no time left in which the past can be counted.
const NOTHING_LEFT: &str = "its events are forgotten (`events.keep`) while their counts stay, so \
    it would count twice; choose a later time";

/// How often one thing would have been counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tally {
    /// The line or zone.
    pub rule: String,
    /// The kind of event, as [`EventKind::as_str`] calls it.
    pub kind: &'static str,
    /// `forward` or `backward`, for lines.
    pub direction: Option<&'static str>,
    /// Of which class.
    pub class: Option<ClassName>,
}

/// What lines and zones would have counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preview {
    /// How often.
    pub tallies: BTreeMap<Tally, u64>,
    /// The first events, each with its time and path.
    pub events: Vec<Event>,
    /// Whether there are more of them.
    pub more: bool,
}

impl Preview {
    fn add(&mut self, event: Event, most: usize) {
        let direction = match event.kind {
            EventKind::LineCrossed { direction } => Some(Direction::as_str(direction)),
            _ => None,
        };
        let tally = Tally {
            rule: event.rule.clone().unwrap_or_default(),
            kind: event.kind.as_str(),
            direction,
            class: event.class.clone(),
        };
        *self.tallies.entry(tally).or_default() += 1;
        if self.events.len() < most {
            self.events.push(event);
        } else {
            self.more = true;
        }
    }
}

/// What became of counting the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backfilled {
    /// From here.
    pub from: WallTime,
    /// Up to here, without it.
    pub to: WallTime,
    /// Events that were added.
    pub added: u64,
    /// Events of an earlier time of counting the past that were removed.
    pub removed: u64,
}

impl Handle {
    /// What these lines and zones (JSON objects by name, in the form of the configuration file)
    /// would have counted of `camera` from `from` to `to` (without it), with at most `most`
    /// events.
    ///
    /// # Errors
    /// No camera has this name, no tracks are kept, a rule or the time makes no sense, or the
    /// store can't be read.
    pub async fn preview(
        &self,
        camera: &CameraId,
        (lines, zones): (serde_json::Value, serde_json::Value),
        (from, to): (WallTime, WallTime),
        most: usize,
    ) -> Result<Preview, EngineError> {
        self.known(camera)?;
        // A camera's rules are checked with the camera; this one is never opened.
        let form = json!({
            "url": "sim:street",
            "detect": { "model": "motion" },
            "lines": lines,
            "zones": zones,
        })
        .to_string();
        let rules = self.config_file().parse_camera(camera.as_str(), &form)?;
        let mut preview = Preview::default();
        self.replay(camera, (rules.lines, rules.zones), (from, to), |event| {
            preview.add(event, most);
            Ok(())
        })
        .await?;
        Ok(preview)
    }

    /// Has the line or zone `rule` of `camera` count the past from `from` to `to` (without it;
    /// none: up to where it has counted live, or now), in place of what it counted of that time
    /// so before. Not of time whose events are forgotten: its counts stay as they are. What was
    /// counted in the end, the answer says. It takes up to 10 s where that is up to now.
    ///
    /// # Errors
    /// No camera or rule has this name, no tracks are kept, the time makes no sense, the rule has
    /// counted live in it, or the store can't be written.
    pub async fn backfill(
        &self,
        camera: &CameraId,
        rule: &str,
        from: WallTime,
        to: Option<WallTime>,
    ) -> Result<Backfilled, EngineError> {
        self.known(camera)?;
        let (lines, zones) = self.rules(camera).unwrap_or_default();
        let names = lines.iter().map(Line::name).chain(zones.iter().map(Zone::name));
        let names: Vec<String> = names.map(str::to_owned).collect();
        if !names.iter().any(|name| name == rule) {
            return Err(EngineError::NoRule { name: rule.to_owned(), known: names });
        }
        let lines = lines.into_iter().filter(|line| line.name() == rule).collect();
        let zones = zones.into_iter().filter(|zone| zone.name() == rule).collect();
        let store = &self.shared.store;
        let to = self.settled(camera, rule, (from, to)).await?;
        let asked = from;
        let keep = self.config_file().events_keep;
        let from = keep.map_or(from, |keep| from.max(next_minute(now() - keep)));
        let forgotten = store.forgotten_until(camera, rule, from, to).await?;
        let from = forgotten.map_or(from, |until| from.max(until));
        if asked < from && from >= to {
            return Err(EngineError::Span { reason: NOTHING_LEFT.to_owned() });
        }
        let mut events = Vec::new();
        self.replay(camera, (lines, zones), (from, to), |event| {
            events.push(event);
            if events.len() <= MOST_EVENTS {
                return Ok(());
            }
            let reason = format!(
                "there are more than {MOST_EVENTS} events in this time; count a shorter one"
            );
            Err(EngineError::Span { reason })
        })
        .await?;
        match store.backfill(camera, rule, from, to, &events).await? {
            Backfill::Done { added, removed } => Ok(Backfilled { from, to, added, removed }),
            Backfill::CountedLive { first } => {
                Err(EngineError::CountedLive { rule: rule.to_owned(), first })
            }
            // Just now: it was asked for above.
            Backfill::Forgotten { .. } => {
                Err(EngineError::Span { reason: NOTHING_LEFT.to_owned() })
            }
        }
    }

    /// Up to where the past can be counted: what happened shortly before now may still be told
    /// live, at the time when it happened, and would count twice. So that is waited for.
    async fn settled(
        &self,
        camera: &CameraId,
        rule: &str,
        (from, to): (WallTime, Option<WallTime>),
    ) -> Result<WallTime, EngineError> {
        let now = now();
        let store = &self.shared.store;
        let end = match to {
            Some(to) => to.min(now),
            None => store.first_live(camera, rule, from, now).await?.unwrap_or(now),
        };
        // Nothing is on its way at a camera that is not read.
        if self.known(camera)?.state() != CameraState::Paused {
            tokio::time::sleep((end + AFTER).since(now)).await;
        }
        match to {
            Some(_) => Ok(end),
            None => Ok(store.first_live(camera, rule, from, end).await?.unwrap_or(end)),
        }
    }

    /// Where objects of `classes` (none: all) walked from `from` to `to` (without it), on a grid
    /// of `columns` and `rows`.
    ///
    /// # Errors
    /// No camera has this name, no tracks are kept, the time makes no sense, or the store can't be
    /// read.
    pub async fn heat(
        &self,
        camera: &CameraId,
        (columns, rows): (usize, usize),
        classes: Vec<ClassName>,
        (from, to): (WallTime, WallTime),
    ) -> Result<Heat, EngineError> {
        self.known(camera)?;
        check(from, to)?;
        let heat = Heat::new(columns, rows, classes);
        let show = move |heat: &mut Heat, run, mut moments: Vec<Moment>| {
            moments.retain(|moment| moment.frame.wall >= from && moment.frame.wall < to);
            heat.show(run, &moments);
            Ok(Vec::new())
        };
        self.walk(camera, (from, to), heat, show, |_none| Ok(())).await
    }

    /// Shows the past to lines and zones, and every event to `take`.
    async fn replay(
        &self,
        camera: &CameraId,
        (lines, zones): (Vec<Line>, Vec<Zone>),
        (from, to): (WallTime, WallTime),
        mut take: impl FnMut(Event) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let wrong = |source| EngineError::Rule { camera: camera.to_string(), source };
        check(from, to)?;
        let replay = Replay::new(camera.clone(), lines, zones, from, to).map_err(wrong)?;
        let margins = (from - BEFORE, to + AFTER);
        let show = |replay: &mut Replay, run, moments: Vec<Moment>| replay.show(run, &moments);
        let mut replay = self.walk(camera, margins, replay, show, &mut take).await?;
        replay.finish().map_err(wrong)?.into_iter().try_for_each(take)
    }

    /// Shows the stored pictures to `show`, with the number of their run, in order, away from
    /// the threads that answer; and what it finds to `take`.
    async fn walk<T: Send + 'static>(
        &self,
        camera: &CameraId,
        (from, to): (WallTime, WallTime),
        mut state: T,
        show: impl Fn(&mut T, i64, Vec<Moment>) -> Result<Vec<Event>, RuleError>
        + Clone
        + Send
        + 'static,
        mut take: impl FnMut(Event) -> Result<(), EngineError>,
    ) -> Result<T, EngineError> {
        let keeper = self.shared.keeper.as_ref().ok_or(EngineError::NoTracks)?;
        let _seat = keeper.seat().await?;
        if let Some(log) = self.known(camera)?.log() {
            log.flush_before(to);
        }
        if to > now() - JUST_NOW {
            keeper.settle().await;
        }
        let mut after = None;
        loop {
            // For each page anew: a month is no reason to let an hour wait.
            let _turn = keeper.turn().await?;
            let page = self.shared.store.tracks(camera, from, to, after).await?;
            let Some(last) = page.last() else { return Ok(state) };
            after = Some(last.cursor);
            let show = show.clone();
            let name = camera.clone();
            let shown = tokio::task::spawn_blocking(move || {
                let mut events = Vec::new();
                for chunk in &page {
                    if let Some(moments) = read(&name, chunk) {
                        events.extend(show(&mut state, chunk.run, moments)?);
                    }
                }
                Ok((state, events))
            });
            let shown = shown.await.map_err(|panic| EngineError::System {
                what: "looking at stored tracks panicked".to_owned(),
                source: std::io::Error::other(panic),
            })?;
            let wrong = |source| EngineError::Rule { camera: camera.to_string(), source };
            let (next, events) = shown.map_err(wrong)?;
            state = next;
            events.into_iter().try_for_each(&mut take)?;
        }
    }
}

/// A chunk's pictures; one that is damaged is left out and told.
fn read(camera: &CameraId, chunk: &StoredTracks) -> Option<Vec<Moment>> {
    let start = chunk.cursor.0;
    decode(&chunk.bytes)
        .inspect_err(|error| tracing::error!(%camera, %start, %error, "tracks are left out"))
        .ok()
}

/// The first full minute from `time` on: counts know no smaller parts.
fn next_minute(time: WallTime) -> WallTime {
    const MINUTE: i64 = 60_000_000;
    let into = time.as_micros().rem_euclid(MINUTE);
    if into == 0 { time } else { time + Duration::from_micros((MINUTE - into).unsigned_abs()) }
}

fn now() -> WallTime {
    Clock::wall(&SystemClock)
}

fn check(from: WallTime, to: WallTime) -> Result<(), EngineError> {
    let reason = if from >= to {
        "it ends before it begins"
    } else if to.since(from) > LONGEST {
        "it is longer than 31 days; ask for a part of it"
    } else {
        return Ok(());
    };
    Err(EngineError::Span { reason: reason.to_owned() })
}
