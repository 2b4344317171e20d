//! The ways of people: in at one edge of the picture and out at the other, or back again.

use crate::random::Random;
use crate::view::View;

/// Where people walk: near pavement and far one.
const NEAR: (f32, f32) = (5.7, 9.0);
const FAR: (f32, f32) = (17.6, 20.4);

/// A place on the ground, in metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ground {
    pub(crate) x: f32,
    pub(crate) z: f32,
}

/// One part of a way, at even speed. Standing still is a part without distance.
#[derive(Clone, Copy, Debug)]
struct Part {
    seconds: f64,
    from: Ground,
    to: Ground,
}

/// A way from outside the picture to outside the picture.
#[derive(Clone, Debug)]
pub(crate) struct Trip {
    /// When it begins, in seconds.
    pub(crate) start: f64,
    parts: Vec<Part>,
}

/// Somebody on a trip at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stride {
    pub(crate) place: Ground,
    /// Metres walked since the start: the legs' position depends on it, so feet don't slide.
    pub(crate) walked: f32,
    /// 1 to the right, -1 to the left.
    pub(crate) facing: f32,
    /// Metres a second; 0 while standing.
    pub(crate) speed: f32,
}

impl Trip {
    /// A walk that begins at `start`.
    pub(crate) fn walk(random: &mut Random, view: &View, start: f64) -> Self {
        let (least, most) = if random.chance(0.75) { NEAR } else { FAR };
        let side = if random.chance(0.5) { 1.0 } else { -1.0 };
        let speed = random.between(0.95, 1.65);
        let z = random.between(least, most);
        let drift = random.between(-1.0, 1.0);
        let end_z = (z + drift).clamp(least, most);
        // So far outside that nobody, nor his company, is seen at the start or at the end.
        let outside = |side: f32, z: f32| Ground { x: side * (view.edge(z) + 1.7), z };
        let (from, to) = (outside(-side, z), outside(side, end_z));
        let share = random.between(0.3, 0.7);
        let middle =
            Ground { x: from.x + (to.x - from.x) * share, z: from.z + (to.z - from.z) * share };
        let pause = f64::from(random.between(1.5, 6.0));
        let kind = random.between(0.0, 1.0);
        let mut trip = Self { start, parts: Vec::with_capacity(3) };
        if kind < 0.64 {
            trip.go(from, to, speed);
        } else if kind < 0.82 {
            trip.go(from, middle, speed);
            trip.parts.push(Part { seconds: pause, from: middle, to: middle });
            trip.go(middle, to, speed);
        } else {
            trip.go(from, middle, speed);
            trip.parts.push(Part { seconds: pause * 0.4, from: middle, to: middle });
            trip.go(middle, outside(-side, end_z), speed);
        }
        trip
    }

    fn go(&mut self, from: Ground, to: Ground, speed: f32) {
        let seconds = f64::from((to.x - from.x).hypot(to.z - from.z) / speed);
        self.parts.push(Part { seconds, from, to });
    }

    /// The direction in which it begins: 1 to the right, -1 to the left.
    pub(crate) fn heading(&self) -> f32 {
        self.parts.first().map_or(1.0, |part| (part.to.x - part.from.x).signum())
    }

    /// How long it takes, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.parts.iter().map(|part| part.seconds).sum()
    }

    /// Where its walker is at `time`; before the start he waits there, after the end too.
    pub(crate) fn at(&self, time: f64) -> Option<Stride> {
        let mut left = (time - self.start).max(0.0);
        let (mut walked, mut facing, mut last) = (0.0, 1.0, None);
        for part in &self.parts {
            let (dx, dz) = (part.to.x - part.from.x, part.to.z - part.from.z);
            let length = dx.hypot(dz);
            if length > 0.0 {
                facing = dx.signum();
            }
            let share = (left / part.seconds.max(1e-6)).min(1.0) as f32;
            let place = Ground { x: part.from.x + dx * share, z: part.from.z + dz * share };
            let speed = length / part.seconds.max(1e-6) as f32;
            last = Some(Stride { place, walked: walked + length * share, facing, speed });
            if left < part.seconds {
                break;
            }
            left -= part.seconds;
            walked += length;
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_types::Size;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn walks_begin_and_end_unseen_and_have_no_jumps(seed: u64) {
            let view = View::new(Size::new(1280, 720));
            let trip = Trip::walk(&mut Random::new(&[seed]), &view, 3.0);
            let outside = |stride: Stride| {
                let x = view.at(stride.place.x, 0.0, stride.place.z).x;
                !(-0.01..=1.01).contains(&x)
            };
            let end = trip.start + trip.seconds();
            prop_assert!(outside(trip.at(3.0).unwrap()) && outside(trip.at(end).unwrap()));
            let mut before = trip.at(3.0).unwrap();
            let mut time = 3.0;
            while time < end {
                time += 0.04;
                let now = trip.at(time).unwrap();
                let moved = (now.place.x - before.place.x).hypot(now.place.z - before.place.z);
                prop_assert!(moved < 0.08, "{moved} m in 0.04 s");
                prop_assert!(now.walked >= before.walked);
                before = now;
            }
        }
    }
}
