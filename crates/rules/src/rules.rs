//! All rules of one camera, and the way of a picture's tracks through them.

use std::collections::BTreeMap;

use omma_types::{
    CameraId, ClassName, Direction, Event, EventIds, EventKind, FrameStamp, MediaTime, Point,
    Track, TrackId, TrackState,
};

use crate::counts::{Counts, LineCounts, ZoneCounts};
use crate::entry::{Draft, Entry, Nanos, Now, RuleIndex, Seen, nanos};
use crate::error::RuleError;
use crate::line::applies;
use crate::{Anchor, FORGET_AFTER, GRACE, Line, Zone};

/// What a track may do before it is confirmed; one that does more starts afresh.
const MAX_HELD: usize = 64;

/// The lines and zones of one camera, what they remember of each track, and the totals.
#[derive(Debug)]
pub struct Rules {
    pub(crate) camera: CameraId,
    pub(crate) ids: EventIds,
    pub(crate) set: RuleSet,
    /// Sorted by id.
    pub(crate) entries: Vec<Entry>,
    pub(crate) clock: Nanos,
    pub(crate) last_media: Option<MediaTime>,
    /// Places of a picture's tracks in order of their ids; kept to save the allocation.
    order: Vec<usize>,
    ready: Vec<Ready>,
}

/// The rules with their totals.
#[derive(Debug, Default)]
pub(crate) struct RuleSet {
    pub(crate) lines: Vec<(Line, LineCounts)>,
    pub(crate) zones: Vec<(Zone, ZoneCounts)>,
}

/// An event that only lacks its id.
#[derive(Debug)]
struct Ready {
    draft: Draft,
    track: TrackId,
    path: Vec<(MediaTime, Point)>,
}

impl Rules {
    /// Rules for `camera`. Names must differ among all lines and zones.
    pub fn new(
        camera: CameraId,
        lines: Vec<Line>,
        zones: Vec<Zone>,
        ids: EventIds,
    ) -> Result<Self, RuleError> {
        check_names(&lines, &zones)?;
        let set = RuleSet {
            lines: lines.into_iter().map(with_line_counts).collect(),
            zones: zones.into_iter().map(with_zone_counts).collect(),
        };
        Ok(Self {
            camera,
            ids,
            set,
            entries: Vec::new(),
            clock: 0,
            last_media: None,
            order: Vec::new(),
            ready: Vec::new(),
        })
    }

    /// The lines, in the order in which they were given.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = &Line> {
        self.set.lines.iter().map(|(line, _)| line)
    }

    /// The zones, in the order in which they were given.
    pub fn zones(&self) -> impl ExactSizeIterator<Item = &Zone> {
        self.set.zones.iter().map(|(zone, _)| zone)
    }

    /// How many tracks are remembered: those at hand and those lost not long ago.
    pub fn remembered(&self) -> usize {
        self.entries.len()
    }

    /// Exchanges the rules while running. A rule that is the same as before, name and all,
    /// keeps its totals and what it knows of each track; any other starts from nothing. On
    /// an error nothing changes.
    pub fn replace(&mut self, lines: Vec<Line>, zones: Vec<Zone>) -> Result<(), RuleError> {
        check_names(&lines, &zones)?;
        let line_from: Vec<Option<usize>> =
            lines.iter().map(|new| self.set.lines.iter().position(|(old, _)| old == new)).collect();
        let zone_from: Vec<Option<usize>> =
            zones.iter().map(|new| self.set.zones.iter().position(|(old, _)| old == new)).collect();
        let mut set = RuleSet {
            lines: lines.into_iter().map(with_line_counts).collect(),
            zones: zones.into_iter().map(with_zone_counts).collect(),
        };
        for (new, from) in set.lines.iter_mut().zip(&line_from) {
            if let Some(old) = from.and_then(|from| self.set.lines.get_mut(from)) {
                std::mem::swap(new, old);
            }
        }
        for (new, from) in set.zones.iter_mut().zip(&zone_from) {
            if let Some(old) = from.and_then(|from| self.set.zones.get_mut(from)) {
                std::mem::swap(new, old);
            }
        }
        for entry in &mut self.entries {
            entry.lines = rearranged(&mut entry.lines, &line_from);
            entry.zones = rearranged(&mut entry.zones, &zone_from);
            entry.held.retain_mut(|draft| match &mut draft.rule {
                RuleIndex::Line(index) => moved(index, &line_from),
                RuleIndex::Zone(index) => moved(index, &zone_from),
            });
        }
        self.set = set;
        Ok(())
    }

    /// The totals so far.
    pub fn counts(&self) -> Counts {
        Counts {
            lines: self.set.lines.iter().map(|(_, counts)| counts.clone()).collect(),
            zones: self.set.zones.iter().map(|(_, counts)| counts.clone()).collect(),
        }
    }

    /// Takes in the tracks as of one picture and appends what happened to `events`, sorted
    /// by time. Pictures come in the order of their capture; a media time that steps back
    /// is taken as the stream starting over: no time passes.
    ///
    /// Tracks whose box is not valid and second tracks of one id are passed over.
    pub fn update(&mut self, frame: &FrameStamp, tracks: &[Track], events: &mut Vec<Event>) {
        let now = self.advance_clock(frame);
        let any_born = self.take_in(tracks, &now);
        if any_born {
            self.entries.sort_by_key(|entry| entry.id);
            self.find_predecessors(&now);
        }
        self.settle_predecessors(&now);
        self.release_held();
        self.expire(&now);
        self.tell(events);
    }

    /// The stream has ended at `frame`: undecided crossings are taken as they stand, visits
    /// end where their tracks were last seen. Totals stay.
    pub fn finish(&mut self, frame: &FrameStamp, events: &mut Vec<Event>) {
        self.advance_clock(frame);
        for mut entry in self.entries.drain(..) {
            self.set.end(&mut entry, &mut self.ready);
        }
        self.tell(events);
    }

    fn advance_clock(&mut self, frame: &FrameStamp) -> Now {
        let last = self.last_media.replace(frame.media).unwrap_or(frame.media);
        // Always a little: each picture has a time of its own here.
        self.clock = self.clock.saturating_add(nanos(frame.media.since(last)).max(1));
        if frame.media < last {
            // Old points would carry times that lie ahead.
            for entry in &mut self.entries {
                entry.path.clear();
            }
        }
        Now::new(self.clock, frame)
    }

    /// Brings every track's memory up to date. True if there are new tracks; they stand at
    /// the end of `entries`.
    fn take_in(&mut self, tracks: &[Track], now: &Now) -> bool {
        self.order.clear();
        self.order.extend(0..tracks.len());
        let id = |index: &usize| tracks.get(*index).map(|track| track.id);
        if !self.order.is_sorted_by_key(id) {
            self.order.sort_by_key(id);
        }
        let known = self.entries.len();
        let mut at = 0;
        let mut previous = None;
        for &index in &self.order {
            let Some(track) = tracks.get(index).filter(|track| track.rect.is_valid()) else {
                continue;
            };
            if previous.replace(track.id) == Some(track.id) {
                continue;
            }
            while self.entries.get(at).is_some_and(|entry| at < known && entry.id < track.id) {
                at += 1;
            }
            let found = at < known && self.entries.get(at).is_some_and(|e| e.id == track.id);
            if !found {
                if track.state == TrackState::Coasting {
                    // Nothing has been observed of it: there is nothing to remember yet.
                    continue;
                }
                let (lines, zones) = (self.set.lines.len(), self.set.zones.len());
                self.entries.push(Entry::new(track, now, lines, zones));
            }
            let place = if found { at } else { self.entries.len() - 1 };
            if let Some(entry) = self.entries.get_mut(place) {
                self.set.observe(entry, track, now);
            }
        }
        self.entries.len() > known
    }

    /// Releases what tracks did, of those that may speak.
    fn release_held(&mut self) {
        for entry in &mut self.entries {
            if entry.may_speak() && !entry.held.is_empty() {
                self.set.release(entry, &mut self.ready);
            } else if entry.held.len() > MAX_HELD {
                entry.strip();
            }
        }
    }

    /// Ends what tracks left open that have been lost for [`GRACE`], and forgets those that
    /// have been lost for [`FORGET_AFTER`].
    fn expire(&mut self, now: &Now) {
        let (grace, forget) = (nanos(GRACE), nanos(FORGET_AFTER));
        let Self { entries, set, ready, .. } = self;
        entries.retain_mut(|entry| {
            let lost = now.at.saturating_sub(entry.reported);
            if lost >= grace && !entry.ended {
                set.end(entry, ready);
            }
            // A track that nobody ever believed in has nothing to come back to.
            lost < if entry.confirmed { forget } else { grace }
        });
    }

    /// Makes events of what is ready. Sorting makes their order, and so their ids,
    /// independent of the order in which tracks are listed.
    fn tell(&mut self, events: &mut Vec<Event>) {
        if self.ready.is_empty() {
            return;
        }
        let key = |ready: &Ready| (ready.draft.seen.at, ready.draft.rule, ready.track);
        self.ready.sort_by_key(key);
        for Ready { draft, track, path } in self.ready.drain(..) {
            let Draft { rule, kind, seen, class } = draft;
            events.push(Event {
                id: self.ids.next(seen.wall),
                camera: self.camera.clone(),
                kind,
                rule: self.set.name(rule).map(str::to_owned),
                track: Some(track),
                class: Some(class),
                score: Some(seen.score),
                rect: Some(seen.rect),
                media: seen.media,
                wall: seen.wall,
                path,
                attributes: BTreeMap::new(),
            });
        }
    }
}

impl RuleSet {
    fn name(&self, rule: RuleIndex) -> Option<&str> {
        match rule {
            RuleIndex::Line(index) => self.lines.get(index).map(|(line, _)| line.name()),
            RuleIndex::Zone(index) => self.zones.get(index).map(|(zone, _)| zone.name()),
        }
    }

    fn anchor(&self, rule: RuleIndex) -> Anchor {
        match rule {
            RuleIndex::Line(index) => self.lines.get(index).map(|(line, _)| line.anchor()),
            RuleIndex::Zone(index) => self.zones.get(index).map(|(zone, _)| zone.anchor()),
        }
        .unwrap_or_default()
    }

    /// Takes in what the tracker says of one track. What happens is held until it is known
    /// whether it counts.
    fn observe(&self, entry: &mut Entry, track: &Track, now: &Now) {
        entry.reported = now.at;
        entry.predicted = track.rect;
        entry.confirmed |= track.state != TrackState::Tentative;
        entry.ended = false;
        if track.state == TrackState::Coasting {
            return;
        }
        if entry.class != track.class {
            entry.class = track.class.clone();
        }
        let seen = Seen::new(now, track);
        if std::mem::take(&mut entry.handed_over) {
            entry.last = seen;
        }
        let Entry { class, lines, zones, held, .. } = &mut *entry;
        for (index, ((line, _), state)) in self.lines.iter().zip(lines).enumerate() {
            if applies(line.classes(), class)
                && let Some((net, at)) = line.observe(state, &seen, now)
            {
                push_crossings(RuleIndex::Line(index), net, &at, class, held);
            }
        }
        for (index, ((zone, _), state)) in self.zones.iter().zip(zones).enumerate() {
            if applies(zone.classes(), class) {
                let rule = RuleIndex::Zone(index);
                zone.observe(state, &seen, class, now, |kind, seen, class| {
                    held.push(Draft { rule, kind, seen, class: class.clone() });
                });
            }
        }
        entry.advance(seen);
    }

    /// Ends what `entry` left open.
    fn end(&mut self, entry: &mut Entry, ready: &mut Vec<Ready>) {
        let Entry { last, class, lines, zones, held, .. } = &mut *entry;
        for (index, state) in lines.iter_mut().enumerate() {
            if let Some((net, at)) = state.decide() {
                push_crossings(RuleIndex::Line(index), net, &at, class, held);
            }
        }
        for (index, state) in zones.iter_mut().enumerate() {
            let rule = RuleIndex::Zone(index);
            state.end(last, class, &mut |kind, seen, class| {
                held.push(Draft { rule, kind, seen, class: class.clone() });
            });
        }
        entry.ended = true;
        // One that has still to prove that it is an object of its own spent all its short
        // life on top of another: it was not.
        if entry.may_speak() {
            self.release(entry, ready);
        }
        entry.held.clear();
    }

    /// Counts what `entry` did and makes it ready to be told.
    fn release(&mut self, entry: &mut Entry, ready: &mut Vec<Ready>) {
        for draft in std::mem::take(&mut entry.held) {
            match draft.rule {
                RuleIndex::Line(index) => {
                    let (rule, state) = (self.lines.get_mut(index), entry.lines.get_mut(index));
                    if let (Some((_, counts)), Some(state)) = (rule, state) {
                        counts.tracks += u64::from(!std::mem::replace(&mut state.counted, true));
                        if let EventKind::LineCrossed { direction } = draft.kind {
                            counts.by_class.entry(draft.class.clone()).or_default().add(direction);
                        }
                    }
                }
                RuleIndex::Zone(index) => {
                    if let Some((_, counts)) = self.zones.get_mut(index) {
                        let visits = counts.by_class.entry(draft.class.clone()).or_default();
                        match draft.kind {
                            EventKind::ZoneEntered => visits.entered += 1,
                            EventKind::ZoneLeft { dwell } => visits.end(dwell),
                            _ => {}
                        }
                    }
                }
            }
            let path = entry.path_to(&draft.seen, self.anchor(draft.rule));
            ready.push(Ready { draft, track: entry.id, path });
        }
    }
}

pub(crate) fn push_crossings(
    rule: RuleIndex,
    net: i32,
    seen: &Seen,
    class: &ClassName,
    held: &mut Vec<Draft>,
) {
    let direction = if net > 0 { Direction::Forward } else { Direction::Backward };
    for _ in 0..net.unsigned_abs() {
        let kind = EventKind::LineCrossed { direction };
        held.push(Draft { rule, kind, seen: *seen, class: class.clone() });
    }
}

fn check_names(lines: &[Line], zones: &[Zone]) -> Result<(), RuleError> {
    let mut names: Vec<&str> =
        lines.iter().map(Line::name).chain(zones.iter().map(Zone::name)).collect();
    names.sort_unstable();
    match names.windows(2).find_map(|pair| pair.first().filter(|a| Some(*a) == pair.get(1))) {
        Some(name) => Err(RuleError::Duplicate { name: (*name).to_owned() }),
        None => Ok(()),
    }
}

fn with_line_counts(line: Line) -> (Line, LineCounts) {
    let counts = LineCounts { name: line.name().to_owned(), ..LineCounts::default() };
    (line, counts)
}

fn with_zone_counts(zone: Zone) -> (Zone, ZoneCounts) {
    let counts = ZoneCounts { name: zone.name().to_owned(), ..ZoneCounts::default() };
    (zone, counts)
}

/// The states of the rules that stay, in the new rules' order, fresh ones for the others.
fn rearranged<S: Default>(states: &mut [S], from: &[Option<usize>]) -> Vec<S> {
    from.iter()
        .map(|from| from.and_then(|from| states.get_mut(from)).map(std::mem::take))
        .map(Option::unwrap_or_default)
        .collect()
}

/// Changes a rule's index to its new one. False if the rule is gone.
fn moved(index: &mut usize, from: &[Option<usize>]) -> bool {
    match from.iter().position(|from| *from == Some(*index)) {
        Some(place) => {
            *index = place;
            true
        }
        None => false,
    }
}
