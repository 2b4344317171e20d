//! Vehicles: when they come, what space they take, how they are painted.

use omma_imaging::{Canvas, Color};
use omma_types::{Point, Rect};

use crate::random::Random;
use crate::view::View;

/// Lanes: distance of their middle from the camera, direction, metres a second.
const LANES: [(f32, f32, f32); 2] = [(11.5, 1.0, 8.2), (14.8, -1.0, 9.4)];
const GLASS: Color = Color::rgb(0x2b, 0x38, 0x44);
const PAINTS: [Color; 8] = [
    Color::rgb(0xb4, 0x22, 0x26),
    Color::rgb(0x24, 0x4f, 0x8f),
    Color::rgb(0xd9, 0xda, 0xd8),
    Color::rgb(0x33, 0x36, 0x3b),
    Color::rgb(0x8f, 0x96, 0x9c),
    Color::rgb(0xe0, 0xb1, 0x2c),
    Color::rgb(0x2f, 0x66, 0x50),
    Color::rgb(0xc8, 0x6a, 0x2a),
];

/// A corner of the outline: share of the length forward of the middle, metres up.
type Corner = (f32, f32);

/// Outlines from the rear bumper over the roof to the front bumper; a stretch that begins at
/// a corner listed in `glass` is a window.
struct Shape {
    length: f32,
    width: f32,
    outline: &'static [Corner],
    glass: &'static [usize],
    windows: &'static [&'static [Corner]],
}

const SALOON: Shape = Shape {
    length: 4.4,
    width: 1.75,
    outline: &[
        (-0.49, 0.28),
        (-0.50, 0.70),
        (-0.48, 0.92),
        (-0.36, 0.98),
        (-0.20, 1.38),
        (-0.08, 1.44),
        (0.06, 1.42),
        (0.24, 1.00),
        (0.40, 0.90),
        (0.48, 0.74),
        (0.50, 0.55),
        (0.49, 0.28),
    ],
    glass: &[3, 6],
    windows: &[
        &[(-0.31, 0.98), (-0.19, 1.32), (-0.09, 1.36), (-0.07, 0.98)],
        &[(-0.05, 0.98), (-0.06, 1.36), (0.05, 1.34), (0.19, 0.99)],
    ],
};
const VAN: Shape = Shape {
    length: 5.0,
    width: 1.9,
    outline: &[
        (-0.49, 0.30),
        (-0.50, 1.90),
        (-0.47, 2.02),
        (0.20, 2.02),
        (0.25, 1.92),
        (0.38, 1.22),
        (0.48, 1.05),
        (0.50, 0.60),
        (0.49, 0.30),
    ],
    glass: &[4],
    windows: &[&[(0.14, 1.20), (0.14, 1.78), (0.24, 1.78), (0.345, 1.20)]],
};
const HATCHBACK: Shape = Shape {
    length: 3.8,
    width: 1.7,
    outline: &[
        (-0.48, 0.28),
        (-0.50, 0.75),
        (-0.47, 1.00),
        (-0.40, 1.40),
        (-0.30, 1.50),
        (0.00, 1.50),
        (0.10, 1.44),
        (0.29, 1.02),
        (0.43, 0.92),
        (0.49, 0.72),
        (0.50, 0.50),
        (0.49, 0.28),
    ],
    glass: &[2, 6],
    windows: &[
        &[(-0.40, 1.03), (-0.35, 1.38), (-0.12, 1.42), (-0.10, 1.03)],
        &[(-0.07, 1.03), (-0.08, 1.42), (0.06, 1.40), (0.23, 1.04)],
    ],
};

/// A vehicle's place in its lane's timetable. All vehicles of a lane drive equally fast and
/// come one after the other, so none drives through another.
#[derive(Clone, Debug)]
pub(crate) struct Timetable {
    lane: usize,
    /// Seconds from one pass to the next.
    period: f64,
    /// When its first pass begins.
    offset: f64,
}

impl Timetable {
    /// The timetable of vehicle `index` of `count`.
    pub(crate) fn new(seed: u64, index: u32, count: u32, view: &View) -> Self {
        let lane = index as usize % LANES.len();
        let in_lane = (f64::from(count) - lane as f64) / LANES.len() as f64;
        let in_lane = in_lane.ceil().max(1.0);
        let mut random = Random::new(&[seed, 3, lane as u64]);
        let crossing = Self::crossing(lane, view);
        let period = crossing.max(in_lane * 2.2) + f64::from(random.between(0.5, 4.0));
        let place = f64::from(index) / LANES.len() as f64;
        let start = f64::from(random.between(0.0, 1.0)) * period;
        Self { lane, period, offset: place.floor() * period / in_lane - start }
    }

    /// Seconds that a pass takes, from unseen to unseen.
    fn crossing(lane: usize, view: &View) -> f64 {
        let (z, _, speed) = LANES[lane];
        f64::from((2.0 * view.edge(z + 1.0) + 7.0) / speed)
    }

    /// Number of the pass at `time`.
    pub(crate) fn pass(&self, time: f64) -> u64 {
        // The first offset is not later than one period: counting from -1 keeps it positive.
        ((time - self.offset) / self.period + 2.0).max(0.0) as u64
    }

    /// Where the vehicle is at `time`.
    pub(crate) fn at(&self, time: f64, view: &View) -> Drive {
        let (z, facing, speed) = LANES[self.lane];
        let since = (time - self.offset).rem_euclid(self.period) as f32;
        let start = view.edge(z + 1.0) + 3.5;
        Drive { x: facing * (since * speed - start), z, facing, driven: since * speed }
    }
}

/// A vehicle at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drive {
    pub(crate) x: f32,
    pub(crate) z: f32,
    facing: f32,
    driven: f32,
}

/// What a vehicle looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model {
    shape: usize,
    paint: Color,
}

impl Model {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self { shape: random.pick(&[0, 0, 1, 2, 2]), paint: random.pick(&PAINTS) }
    }

    fn shape(&self) -> &'static Shape {
        match self.shape {
            1 => &VAN,
            2 => &HATCHBACK,
            _ => &SALOON,
        }
    }

    /// The box around the vehicle in fractions of the picture.
    pub(crate) fn rect(&self, drive: &Drive, view: &View) -> Rect {
        let shape = self.shape();
        let half = shape.length / 2.0;
        let (near, far) = (drive.z - shape.width / 2.0, drive.z + shape.width / 2.0);
        let top = shape.outline.iter().map(|corner| corner.1).fold(0.0, f32::max);
        let mut rect = [f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY];
        for x in [drive.x - half, drive.x + half] {
            rect[0] = rect[0].min(view.at(x, 0.0, near).x);
            rect[2] = rect[2].max(view.at(x, 0.0, near).x);
        }
        rect[1] = rect[1].min(view.at(0.0, top, near).y).min(view.at(0.0, top, far).y);
        Rect::from_corners(rect[0], rect[1], rect[2], view.at(0.0, 0.0, near).y)
    }

    /// The distance of the side that faces the camera.
    pub(crate) fn near_side(&self, drive: &Drive) -> f32 {
        drive.z - self.shape().width / 2.0
    }

    pub(crate) fn paint(&self, canvas: &mut Canvas<'_>, drive: &Drive, view: &View) {
        let shape = self.shape();
        let (near, far) = (drive.z - shape.width / 2.0, drive.z + shape.width / 2.0);
        let at = |(forward, up): Corner, z: f32| {
            view.at(drive.x + forward * shape.length * drive.facing, up, z)
        };
        let metre = view.metre(near);
        let shadow = view.at(drive.x + 0.25, 0.0, drive.z - 0.25);
        let radii = (shape.length * 0.60 * metre, shape.width * 0.16 * metre);
        canvas.ellipse(shadow, radii, 0.45, Color::BLACK, 0.6);

        // What is seen from above: the outline, drawn out to the far side.
        for (index, pair) in shape.outline.windows(2).enumerate() {
            let quad = [at(pair[0], near), at(pair[1], near), at(pair[1], far), at(pair[0], far)];
            let steep = (pair[1].1 - pair[0].1).abs()
                / ((pair[1].0 - pair[0].0).abs() * shape.length + 0.01);
            let color = if shape.glass.contains(&index) {
                GLASS.mixed(Color::WHITE, 0.18)
            } else if steep < 0.7 {
                self.paint.mixed(Color::WHITE, 0.28)
            } else {
                self.paint.mixed(Color::BLACK, 0.12)
            };
            canvas.polygon(&quad, color, 1.0);
        }
        // The side that faces the camera.
        let side: Vec<Point> = shape.outline.iter().map(|&corner| at(corner, near)).collect();
        canvas.polygon(&side, self.paint, 1.0);
        let band = |canvas: &mut Canvas<'_>, low: f32, high: f32, color, opacity| {
            let corners = [(-0.485, low), (-0.492, high), (0.492, high), (0.485, low)];
            canvas.polygon(&corners.map(|corner| at(corner, near)), color, opacity);
        };
        band(canvas, 0.28, 0.50, Color::BLACK, 0.35);
        band(canvas, 0.74, 0.80, Color::WHITE, 0.16);
        for window in shape.windows {
            let corners: Vec<Point> = window.iter().map(|&corner| at(corner, near)).collect();
            canvas.polygon(&corners, GLASS, 1.0);
            if let [a, b, c, _] = window {
                let middle = ((b.0 + c.0) / 2.0, (b.1 + c.1) / 2.0);
                let gleam = [*a, *b, middle].map(|corner| at(corner, near));
                canvas.polygon(&gleam, Color::WHITE, 0.14);
            }
        }
        for forward in [-0.31, 0.31] {
            let hub = at((forward, 0.32), near);
            let mut disc = |radius: f32, color| {
                canvas.ellipse(hub, (radius * metre, radius * metre), 0.0, color, 1.0);
            };
            disc(0.38, self.paint.mixed(Color::BLACK, 0.72));
            disc(0.32, Color::rgb(0x17, 0x18, 0x1a));
            disc(0.19, Color::rgb(0x9c, 0xa2, 0xa8));
            disc(0.16, Color::rgb(0x6a, 0x70, 0x77));
            for spoke in 0..3 {
                let angle = drive.driven / 0.32 + spoke as f32 * std::f32::consts::FRAC_PI_3 * 2.0;
                let end = (forward + 0.15 / shape.length * angle.sin(), 0.32 + 0.15 * angle.cos());
                let thick = 0.028 * metre;
                canvas.capsule(
                    (hub, thick),
                    (at(end, near), thick),
                    Color::rgb(0xb8, 0xbe, 0xc4),
                    1.0,
                );
            }
        }
        let lamp = |canvas: &mut Canvas<'_>, forward: f32, color| {
            canvas.ellipse(
                at((forward, 0.70), near),
                (0.09 * metre, 0.06 * metre),
                0.0,
                color,
                1.0,
            );
        };
        lamp(canvas, 0.475, Color::rgb(0xff, 0xf6, 0xd8));
        lamp(canvas, -0.485, Color::rgb(0xe0, 0x26, 0x1e));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_types::Size;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn vehicles_of_a_lane_keep_apart_and_turn_up_unseen(seed: u64, count in 1u32..=12) {
            let view = View::new(Size::new(1280, 720));
            let tables: Vec<Timetable> =
                (0..count).map(|index| Timetable::new(seed, index, count, &view)).collect();
            for step in 0..800 {
                let time = f64::from(step) * 0.05;
                for (index, table) in tables.iter().enumerate() {
                    let drive = table.at(time, &view);
                    let later = table.at(time + 0.05, &view);
                    let jumped = (later.x - drive.x).abs() > 1.0;
                    prop_assert_eq!(jumped, table.pass(time) != table.pass(time + 0.05));
                    if jumped {
                        prop_assert!(drive.x.abs() > view.edge(drive.z) + 2.5);
                        prop_assert!(later.x.abs() > view.edge(drive.z) + 2.5);
                    }
                    for other in tables.iter().skip(index + 1).filter(|o| o.lane == table.lane) {
                        prop_assert!((other.at(time, &view).x - drive.x).abs() > 5.1);
                    }
                }
            }
        }
    }
}
