//! Lines and zones over stored tracks: what they would have counted.

use omma_rules::{Line, RuleError, Rules, Zone};
use omma_types::{CameraId, Event, EventId, EventIds, EventKind, FrameStamp, WallTime};

use super::chunk::Moment;

/// Rules that are shown the past, in order. The same code counts as did live.
pub struct Replay {
    camera: CameraId,
    lines: Vec<Line>,
    zones: Vec<Zone>,
    rules: Rules,
    /// The run at hand, and its newest picture.
    at: Option<(i64, FrameStamp)>,
    from: WallTime,
    to: WallTime,
    raised: Vec<Event>,
    /// The event that was kept last, with how often it came at once.
    last: Option<(EventId, u64)>,
}

impl Replay {
    /// Counts from `from` to `to` (without it). What comes before and after may be shown as
    /// well: it tells where everybody comes from, and settles what is undecided.
    ///
    /// # Errors
    /// Two of the rules have the same name.
    pub fn new(
        camera: CameraId,
        lines: Vec<Line>,
        zones: Vec<Zone>,
        from: WallTime,
        to: WallTime,
    ) -> Result<Self, RuleError> {
        let rules = rules(&camera, &lines, &zones)?;
        let (at, raised, last) = (None, Vec::new(), None);
        Ok(Self { camera, lines, zones, rules, at, from, to, raised, last })
    }

    /// Shows some pictures of the run `run`. Returns the events that are decided by that.
    ///
    /// # Errors
    /// None that [`Self::new`] would not have had.
    pub fn show(&mut self, run: i64, moments: &[Moment]) -> Result<Vec<Event>, RuleError> {
        let mut events = Vec::new();
        if self.at.is_some_and(|(before, _)| before != run) {
            events = self.finish()?;
        }
        for moment in moments {
            self.rules.update(&moment.frame, &moment.tracks, &mut self.raised);
            self.at = Some((run, moment.frame));
        }
        self.keep(&mut events);
        Ok(events)
    }

    /// Nothing follows, or numbers of tracks begin anew: settles what is undecided.
    ///
    /// # Errors
    /// None that [`Self::new`] would not have had.
    pub fn finish(&mut self) -> Result<Vec<Event>, RuleError> {
        if let Some((_, frame)) = self.at.take() {
            self.rules.finish(&frame, &mut self.raised);
        }
        let mut events = Vec::new();
        self.keep(&mut events);
        self.rules = rules(&self.camera, &self.lines, &self.zones)?;
        Ok(events)
    }

    /// Of what was raised, what is of the time asked for, marked as counted later.
    fn keep(&mut self, events: &mut Vec<Event>) {
        for mut event in self.raised.drain(..) {
            if event.wall < self.from || event.wall >= self.to {
                continue;
            }
            let id = id_of(&event, 0);
            let before = self.last.filter(|(last, _)| *last == id).map_or(0, |(_, times)| times);
            self.last = Some((id, before + 1));
            event.id = id_of(&event, before);
            event.attributes.insert(Event::COUNTED.to_owned(), Event::LATER.to_owned());
            events.push(event);
        }
    }
}

fn rules(camera: &CameraId, lines: &[Line], zones: &[Zone]) -> Result<Rules, RuleError> {
    // Ids are given later.
    Rules::new(camera.clone(), lines.to_vec(), zones.to_vec(), EventIds::new(0))
}

/// An id that is the same whenever the same is counted again, so that what was said of the event
/// still holds. `again`: how many like it there were at once before.
fn id_of(event: &Event, again: u64) -> EventId {
    let mut hash = Fnv::default();
    hash.text(event.camera.as_str());
    hash.text(event.rule.as_deref().unwrap_or_default());
    hash.text(event.kind.as_str());
    if let EventKind::LineCrossed { direction } = event.kind {
        hash.text(direction.as_str());
    }
    hash.bytes(&event.track.map_or(0, |track| track.0).to_le_bytes());
    hash.bytes(&event.wall.as_micros().to_le_bytes());
    hash.bytes(&again.to_le_bytes());
    let millis = u128::try_from(event.wall.as_millis().max(0)).unwrap_or(0) & ((1 << 48) - 1);
    EventId((millis << 80) | (hash.0 & ((1 << 80) - 1)))
}

/// FNV-1a with 128 bits (Fowler, Noll, Vo; RFC 9923): the same in every build, unlike the
/// standard library's.
struct Fnv(u128);

impl Default for Fnv {
    fn default() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 ^= u128::from(*byte);
            self.0 = self.0.wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    /// With its end, so that two texts don't run together.
    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.bytes(&[0]);
    }
}
