//! All that the rules know, so that others can go on in their place.
//!
//! A state carries the lines and zones that it was made with: whoever goes on with it may
//! have other ones by now, and must tell which are still the same. How a state is written is
//! its keeper's choice.

use std::collections::BTreeMap;
use std::time::Duration;

use omma_types::{ClassName, EventId, EventIds, MediaTime, Point};
use serde::{Deserialize, Serialize};

use crate::counts::{Crossings, LineCounts, Visits, ZoneCounts};
use crate::entry::{Entry, Nanos};
use crate::error::RuleError;
use crate::rules::{RuleSet, Rules};
use crate::{Anchor, Line, MAX_PATH, Zone};

/// No total and no clock comes near this; room to count on is left above it.
const LARGEST: u64 = u64::MAX / 4;

/// What [`Rules`] know, see [`Rules::state`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RulesState {
    /// The id generator's random numbers, and both halves of its last id.
    ids: (u64, u64, u64),
    lines: Vec<LineForm>,
    zones: Vec<ZoneForm>,
    entries: Vec<Entry>,
    clock: Nanos,
    last_media_nanos: Option<i64>,
}

/// A line and its totals.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct LineForm {
    name: String,
    ends: [(f32, f32); 2],
    classes: Vec<String>,
    by_center: bool,
    /// By class: forward, backward.
    crossings: Vec<(String, u64, u64)>,
    tracks: u64,
}

/// A zone and its totals.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ZoneForm {
    name: String,
    polygon: Vec<(f32, f32)>,
    classes: Vec<String>,
    by_center: bool,
    dwell: Option<Duration>,
    visits: Vec<VisitsForm>,
}

/// Visits by one class.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct VisitsForm {
    class: String,
    entered: u64,
    left: u64,
    total_dwell: Duration,
    max_dwell: Duration,
}

impl Rules {
    /// All that these rules know.
    pub fn state(&self) -> RulesState {
        let (random, EventId(last)) = self.ids.state();
        RulesState {
            ids: (random, (last >> 64) as u64, last as u64),
            lines: self.set.lines.iter().map(|(line, counts)| line_form(line, counts)).collect(),
            zones: self.set.zones.iter().map(|(zone, counts)| zone_form(zone, counts)).collect(),
            entries: self.entries.clone(),
            clock: self.clock,
            last_media_nanos: self.last_media.map(MediaTime::as_nanos),
        }
    }

    /// Forgets what they know and go on where the rules with this state stood: the same tracks
    /// give the same events, ids and all. Lines and zones stay the ones of here; one that was
    /// not there before, or was another one by the same name, starts from nothing.
    ///
    /// # Errors
    /// No rules come to this state. Nothing has changed then.
    pub fn resume(&mut self, state: RulesState) -> Result<(), RuleError> {
        let mut resumed = self.rebuilt(state).ok_or(RuleError::State)?;
        resumed.replace(self.lines().cloned().collect(), self.zones().cloned().collect())?;
        *self = resumed;
        Ok(())
    }

    /// The rules of this camera that had this state, with the lines and zones of then.
    fn rebuilt(&self, state: RulesState) -> Option<Self> {
        let RulesState { ids: (random, high, low), lines, zones, entries, .. } = state;
        let last = EventId((u128::from(high) << 64) | u128::from(low));
        let ids = EventIds::from_state((random, last))?;
        let set = RuleSet {
            lines: lines.into_iter().map(line_of).collect::<Option<_>>()?,
            zones: zones.into_iter().map(zone_of).collect::<Option<_>>()?,
        };
        let (line_count, zone_count) = (set.lines.len(), set.zones.len());
        let fits = |entry: &Entry| {
            entry.path.len() <= MAX_PATH && entry.is_sound(line_count, zone_count, state.clock)
        };
        let sorted = entries.is_sorted_by(|a, b| a.id < b.id);
        if !sorted || state.clock > LARGEST || !entries.iter().all(fits) {
            return None;
        }
        let mut rules = Self::new(self.camera.clone(), Vec::new(), Vec::new(), ids).ok()?;
        rules.set = set;
        rules.entries = entries;
        rules.clock = state.clock;
        rules.last_media = state.last_media_nanos.map(MediaTime::from_nanos);
        Some(rules)
    }
}

fn line_form(line: &Line, counts: &LineCounts) -> LineForm {
    let crossings = counts.by_class.iter();
    LineForm {
        name: line.name().to_owned(),
        ends: [line.from(), line.to()].map(|point| (point.x, point.y)),
        classes: words(line.classes()),
        by_center: line.anchor() == Anchor::Center,
        crossings: crossings.map(|(c, n)| (c.to_string(), n.forward, n.backward)).collect(),
        tracks: counts.tracks,
    }
}

fn line_of(form: LineForm) -> Option<(Line, LineCounts)> {
    let [from, to] = form.ends.map(|(x, y)| Point::new(x, y));
    let line = Line::new(&form.name, from, to)
        .ok()?
        .with_classes(classes(&form.classes))
        .with_anchor(anchor(form.by_center));
    let small = form.crossings.iter().all(|(_, f, b)| *f < LARGEST && *b < LARGEST);
    let by_class: BTreeMap<_, _> = form
        .crossings
        .iter()
        .map(|&(ref class, forward, backward)| {
            (ClassName::new(class), Crossings { forward, backward })
        })
        .collect();
    let counts = LineCounts { name: form.name, by_class, tracks: form.tracks };
    (small && counts.tracks < LARGEST).then_some((line, counts))
}

fn zone_form(zone: &Zone, counts: &ZoneCounts) -> ZoneForm {
    let visits = counts.by_class.iter().map(|(class, visits)| VisitsForm {
        class: class.to_string(),
        entered: visits.entered,
        left: visits.left,
        total_dwell: visits.total_dwell,
        max_dwell: visits.max_dwell,
    });
    ZoneForm {
        name: zone.name().to_owned(),
        polygon: zone.polygon().iter().map(|point| (point.x, point.y)).collect(),
        classes: words(zone.classes()),
        by_center: zone.anchor() == Anchor::Center,
        dwell: zone.dwell(),
        visits: visits.collect(),
    }
}

fn zone_of(form: ZoneForm) -> Option<(Zone, ZoneCounts)> {
    let polygon = form.polygon.iter().map(|&(x, y)| Point::new(x, y)).collect();
    let zone = Zone::new(&form.name, polygon)
        .ok()?
        .with_classes(classes(&form.classes))
        .with_anchor(anchor(form.by_center))
        .with_dwell(form.dwell);
    let small = form.visits.iter().all(|visits| {
        visits.entered < LARGEST && visits.left < LARGEST && visits.total_dwell.as_secs() < LARGEST
    });
    let by_class = form.visits.into_iter().map(|form| {
        let VisitsForm { class, entered, left, total_dwell, max_dwell } = form;
        (ClassName::new(&class), Visits { entered, left, total_dwell, max_dwell })
    });
    let counts = ZoneCounts { by_class: by_class.collect(), name: form.name };
    small.then_some((zone, counts))
}

fn words(classes: &[ClassName]) -> Vec<String> {
    classes.iter().map(|class| class.as_str().to_owned()).collect()
}

fn classes(words: &[String]) -> Vec<ClassName> {
    words.iter().map(|word| ClassName::new(word)).collect()
}

const fn anchor(by_center: bool) -> Anchor {
    if by_center { Anchor::Center } else { Anchor::Foot }
}
