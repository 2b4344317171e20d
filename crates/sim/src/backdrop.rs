//! What stands still: sky, houses, pavements, road, trees. Painted once.

use omma_imaging::{Canvas, Color, ColorMatrix, ColorRange, Painter, YuvImage};
use omma_types::{Point, Rect, Size};

use crate::random::Random;
use crate::view::{HOUSES, NEAREST, ROAD, View};

const SKY: [Color; 2] = [Color::rgb(0x8d, 0xb4, 0xd8), Color::rgb(0xd9, 0xe6, 0xee)];
const WALLS: [Color; 7] = [
    Color::rgb(0xa8, 0x62, 0x4e),
    Color::rgb(0xd2, 0xc2, 0xa0),
    Color::rgb(0xb9, 0xb6, 0xae),
    Color::rgb(0xc7, 0x9a, 0x62),
    Color::rgb(0x8c, 0x7c, 0x72),
    Color::rgb(0xdc, 0xd6, 0xc8),
    Color::rgb(0x92, 0x9c, 0x94),
];
const AWNINGS: [Color; 5] = [
    Color::rgb(0x8e, 0x2b, 0x2d),
    Color::rgb(0x2c, 0x5d, 0x50),
    Color::rgb(0x2f, 0x4c, 0x7a),
    Color::rgb(0xc9, 0x8a, 0x2d),
    Color::rgb(0x5b, 0x3b, 0x5e),
];
const ASPHALT: Color = Color::rgb(0x5c, 0x5e, 0x62);
const SLABS: Color = Color::rgb(0xa6, 0xa1, 0x98);
const KERB: Color = Color::rgb(0xc6, 0xc2, 0xba);
const MARKING: Color = Color::rgb(0xdf, 0xdf, 0xda);
const TRUNK: Color = Color::rgb(0x54, 0x42, 0x34);
const METAL: Color = Color::rgb(0x3c, 0x44, 0x46);

/// Where trees stand: x and z.
const TREES: [(f32, f32); 3] = [(-10.2, 17.05), (3.6, 17.05), (12.4, 17.05)];
/// Where the street lamp stands.
const LAMP: (f32, f32) = (-4.4, 9.45);

/// Something slender that stands still and hides what passes behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Post {
    x: f32,
    pub(crate) z: f32,
    height: f32,
    /// Metres, at the foot.
    radius: f32,
    color: Color,
}

/// Everything slender in the street.
pub(crate) fn posts() -> Vec<Post> {
    let mut posts: Vec<Post> = TREES
        .iter()
        .map(|&(x, z)| Post { x, z, height: 2.9, radius: 0.15, color: TRUNK })
        .collect();
    posts.push(Post { x: LAMP.0, z: LAMP.1, height: 6.0, radius: 0.075, color: METAL });
    for x in [-7.6, -6.1, 2.2, 3.7, 5.2] {
        posts.push(Post { x, z: 9.5, height: 0.85, radius: 0.07, color: METAL });
    }
    posts
}

impl Post {
    /// What it hides, in fractions of the picture.
    pub(crate) fn rect(&self, view: &View) -> Rect {
        let top = view.at(self.x - self.radius, self.height, self.z);
        let foot = view.at(self.x + self.radius, 0.0, self.z);
        Rect::from_corners(top.x, top.y, foot.x, foot.y)
    }

    pub(crate) fn paint(&self, canvas: &mut Canvas<'_>, view: &View) {
        let metre = view.metre(self.z);
        let radius = self.radius * metre;
        let shadow = view.at(self.x + 0.35, 0.0, self.z);
        canvas.ellipse(shadow, (0.55 * metre, 0.07 * metre), 1.0, Color::BLACK, 0.5);
        let (foot, top) =
            (view.at(self.x, self.radius, self.z), view.at(self.x, self.height, self.z));
        canvas.capsule((foot, radius), (top, radius * 0.75), self.color, 1.0);
        let sunny = |up| view.at(self.x - self.radius * 0.35, up, self.z);
        let light = self.color.mixed(Color::WHITE, 0.25);
        canvas.capsule(
            (sunny(self.radius), radius * 0.3),
            (sunny(self.height), radius * 0.25),
            light,
            1.0,
        );
    }
}

/// Paints all that stands still, but the posts.
pub(crate) fn paint(size: Size, view: &View, seed: u64) -> YuvImage {
    // Limited range and BT.601 are what decoders assume of a stream that does not say.
    let mut image = YuvImage::black(size, ColorRange::Limited, ColorMatrix::Bt601);
    let mut painter = Painter::new();
    let mut canvas = painter.on(&mut image);
    let mut random = Random::new(&[seed, 1]);
    sky(&mut canvas);
    houses(&mut canvas, view, &mut random);
    ground(&mut canvas, view);
    for (x, z) in TREES {
        crown(&mut canvas, view, (x, z), &mut random);
    }
    let (x, z) = LAMP;
    let arm = [view.at(x, 5.9, z), view.at(x + 0.5, 6.15, z + 0.3), view.at(x + 1.3, 6.2, z + 0.8)];
    let thick = 0.05 * view.metre(z);
    for pair in arm.windows(2) {
        canvas.capsule((pair[0], thick), (pair[1], thick), METAL, 1.0);
    }
    grain(&mut image, view, &mut random);
    image
}

fn sky(canvas: &mut Canvas<'_>) {
    const STEPS: usize = 24;
    for step in 0..STEPS {
        let share = step as f32 / STEPS as f32;
        let rect = Rect::new(0.0, share * 0.45, 1.0, 0.46 / STEPS as f32 + 0.01);
        canvas.fill_rect(&rect, SKY[0].mixed(SKY[1], share * 1.6), 1.0);
    }
}

/// An upright rectangle at distance `z`.
fn upright(view: &View, (left, right): (f32, f32), (low, high): (f32, f32), z: f32) -> [Point; 4] {
    [view.at(left, low, z), view.at(left, high, z), view.at(right, high, z), view.at(right, low, z)]
}

/// A rectangle on the ground.
fn flat(view: &View, (left, right): (f32, f32), (near, far): (f32, f32)) -> [Point; 4] {
    [
        view.at(left, 0.0, near),
        view.at(left, 0.0, far),
        view.at(right, 0.0, far),
        view.at(right, 0.0, near),
    ]
}

fn houses(canvas: &mut Canvas<'_>, view: &View, random: &mut Random) {
    let edge = view.edge(HOUSES) + 1.0;
    let mut left = -edge - random.between(0.0, 3.0);
    let mut before = usize::MAX;
    while left < edge {
        let right = left + random.between(5.5, 9.0);
        let mut wall = before;
        while wall == before {
            wall = (random.bits() % WALLS.len() as u64) as usize;
        }
        before = wall;
        house(canvas, view, (left, right), WALLS[wall], random);
        left = right;
    }
}

fn house(
    canvas: &mut Canvas<'_>,
    view: &View,
    (left, right): (f32, f32),
    wall: Color,
    random: &mut Random,
) {
    let floors = 2 + (random.bits() % 2) as usize;
    let (ground_floor, floor) = (3.4, 2.9);
    let height = ground_floor + floor * floors as f32 - random.between(0.6, 1.4);
    let z = HOUSES;
    let fill = |canvas: &mut Canvas<'_>, across, up, color, opacity| {
        canvas.polygon(&upright(view, across, up, z), color, opacity);
    };
    fill(canvas, (left, right), (0.0, height), wall, 1.0);
    // Eaves, and the shade below them and beside the neighbour.
    let dark = wall.mixed(Color::BLACK, 0.5);
    fill(canvas, (left, right), (height - 0.25, height), dark, 1.0);
    fill(canvas, (left, right), (height - 0.8, height - 0.25), Color::BLACK, 0.18);
    fill(canvas, (left, left + 0.12), (0.0, height), Color::BLACK, 0.25);
    let count = (((right - left) / 1.9) as usize).max(2);
    let step = (right - left) / count as f32;
    for level in 0..floors {
        let sill = ground_floor + floor * level as f32 + 0.55;
        if sill + 1.5 > height - 0.3 {
            continue;
        }
        for column in 0..count {
            let middle = left + step * (column as f32 + 0.5);
            let (a, b) = (middle - 0.5, middle + 0.5);
            let frame = wall.mixed(Color::WHITE, 0.55);
            fill(canvas, (a - 0.12, b + 0.12), (sill - 0.12, sill + 1.57), frame, 1.0);
            let sky = random.between(0.05, 0.4);
            let glass = Color::rgb(0x30, 0x3b, 0x46).mixed(SKY[0], sky);
            fill(canvas, (a, b), (sill, sill + 1.45), glass, 1.0);
            if random.chance(0.4) {
                let blind = random.between(0.5, 1.2);
                let cloth = Color::rgb(0xd8, 0xd0, 0xc0);
                fill(canvas, (a, b), (sill + 1.45 - blind, sill + 1.45), cloth, 0.7);
            }
            fill(canvas, (middle - 0.03, middle + 0.03), (sill, sill + 1.45), frame, 1.0);
            fill(canvas, (a - 0.2, b + 0.2), (sill - 0.22, sill - 0.10), dark, 0.6);
        }
    }
    shop(canvas, view, (left, right), wall, random);
}

fn shop(
    canvas: &mut Canvas<'_>,
    view: &View,
    (left, right): (f32, f32),
    wall: Color,
    random: &mut Random,
) {
    let z = HOUSES;
    let fill = |canvas: &mut Canvas<'_>, across, up, color, opacity| {
        canvas.polygon(&upright(view, across, up, z), color, opacity);
    };
    fill(canvas, (left, right), (0.0, 0.35), wall.mixed(Color::BLACK, 0.4), 1.0);
    let door = left + 0.5 + random.between(0.0, 0.6) * (right - left - 2.0);
    let frame = wall.mixed(Color::BLACK, 0.6);
    for (a, b) in [(left + 0.35, door - 0.15), (door + 1.15, right - 0.35)] {
        if b - a < 0.6 {
            continue;
        }
        fill(canvas, (a - 0.08, b + 0.08), (0.42, 2.58), frame, 1.0);
        let glow = Color::rgb(0x3a, 0x42, 0x46)
            .mixed(Color::rgb(0xe8, 0xcf, 0x9a), random.between(0.1, 0.55));
        fill(canvas, (a, b), (0.5, 2.5), glow, 1.0);
        // Goods on show, and the sky in the pane.
        let mut at = a + 0.1;
        while at + 0.35 < b {
            let wide = random.between(0.18, 0.4);
            let high = random.between(0.3, 1.0);
            let goods = random.pick(&AWNINGS).mixed(glow, 0.45);
            fill(canvas, (at, at + wide), (0.5, 0.5 + high), goods, 1.0);
            at += wide + random.between(0.05, 0.4);
        }
        let pane = [
            view.at(a, 2.5, z),
            view.at(a + (b - a) * 0.5, 2.5, z),
            view.at(a + (b - a) * 0.2, 0.5, z),
            view.at(a, 0.5, z),
        ];
        canvas.polygon(&pane, Color::WHITE, 0.10);
    }
    fill(canvas, (door, door + 1.0), (0.05, 2.45), frame, 1.0);
    fill(canvas, (door + 0.1, door + 0.9), (0.9, 2.3), Color::rgb(0x46, 0x50, 0x56), 1.0);
    let awning = random.pick(&AWNINGS);
    let (a, b) = (left + 0.25, right - 0.25);
    fill(canvas, (a, b), (2.72, 3.22), awning, 1.0);
    let mut at = a + 0.5;
    // Letters, as bright strokes.
    while at < b - 0.8 {
        let wide = random.between(0.12, 0.26);
        fill(canvas, (at, at + wide), (2.86, 3.08), Color::rgb(0xf2, 0xea, 0xd8), 0.85);
        at += wide + random.between(0.07, 0.12) + if random.chance(0.2) { 0.3 } else { 0.0 };
    }
    if random.chance(0.6) {
        let cloth = [
            view.at(a, 2.72, z),
            view.at(b, 2.72, z),
            view.at(b, 2.35, z - 0.9),
            view.at(a, 2.35, z - 0.9),
        ];
        canvas.polygon(&cloth, awning.mixed(Color::WHITE, 0.15), 1.0);
        let stripes = ((b - a) / 0.5) as usize;
        for stripe in (0..stripes).step_by(2) {
            let (from, to) = (a + stripe as f32 * 0.5, a + stripe as f32 * 0.5 + 0.25);
            let cloth = [
                view.at(from, 2.72, z),
                view.at(to, 2.72, z),
                view.at(to, 2.35, z - 0.9),
                view.at(from, 2.35, z - 0.9),
            ];
            canvas.polygon(&cloth, Color::WHITE, 0.35);
        }
    }
}

fn ground(canvas: &mut Canvas<'_>, view: &View) {
    let wide = (-60.0, 60.0);
    let (near, far) = ROAD;
    canvas.polygon(&flat(view, wide, (NEAREST * 0.5, HOUSES)), SLABS, 1.0);
    // Joints of the slabs, in every second row by half a slab aside.
    let joint = SLABS.mixed(Color::BLACK, 0.3);
    for (from, to) in [(NEAREST - 0.6, near - 0.3), (far + 0.3, HOUSES)] {
        let rows = ((to - from) / 0.6) as usize;
        for row in 0..=rows {
            let z = from + row as f32 * 0.6;
            let thin = if z < near { 0.012 } else { 0.02 };
            canvas.polygon(&flat(view, wide, (z, z + thin * z / 8.0)), joint, 0.55);
            let aside = if row % 2 == 0 { 0.0 } else { 0.45 };
            let end = (z + 0.6).min(to);
            let mut x = -(view.edge(end) / 0.9).ceil() * 0.9 - 0.9 + aside;
            while x < view.edge(end) + 1.0 {
                canvas.polygon(&flat(view, (x, x + 0.014 * z / 7.0), (z, end)), joint, 0.45);
                x += 0.9;
            }
        }
    }
    // The houses' own shade on the pavement.
    canvas.polygon(&flat(view, wide, (HOUSES - 0.9, HOUSES)), Color::BLACK, 0.18);
    canvas.polygon(&flat(view, wide, (near, far)), ASPHALT, 1.0);
    for (z, thin, opacity) in [(near + 0.1, 0.35, 0.25), (far - 0.3, 0.3, 0.25)] {
        canvas.polygon(&flat(view, wide, (z, z + thin)), Color::BLACK, opacity);
    }
    for lane in [10.75, 12.25, 14.05, 15.55] {
        // Where wheels run the asphalt is darker.
        canvas.polygon(&flat(view, wide, (lane - 0.25, lane + 0.25)), Color::BLACK, 0.07);
    }
    let mut x = -42.0;
    while x < 42.0 {
        canvas.polygon(&flat(view, (x, x + 2.6), (13.05, 13.2)), MARKING, 0.85);
        x += 5.6;
    }
    for z in [near + 0.45, far - 0.6] {
        canvas.polygon(&flat(view, wide, (z, z + 0.12)), MARKING, 0.6);
    }
    // Kerbs: their top, and the face that looks towards the camera on the far side.
    canvas.polygon(&flat(view, wide, (near - 0.28, near)), KERB, 1.0);
    canvas.polygon(&flat(view, wide, (far, far + 0.28)), KERB, 1.0);
    canvas.polygon(&upright(view, wide, (-0.13, 0.0), far), KERB.mixed(Color::BLACK, 0.35), 1.0);
    let cover = view.at(6.3, 0.0, 11.9);
    let metre = view.metre(11.9);
    canvas.ellipse(cover, (0.36 * metre, 0.11 * metre), 0.0, Color::rgb(0x3f, 0x40, 0x42), 1.0);
    canvas.ellipse(cover, (0.30 * metre, 0.085 * metre), 0.0, Color::rgb(0x4f, 0x50, 0x52), 1.0);
}

/// A tree's leaves: many small heaps, lighter towards the sun.
fn crown(canvas: &mut Canvas<'_>, view: &View, (x, z): (f32, f32), random: &mut Random) {
    let metre = view.metre(z);
    let (dark, light) = (Color::rgb(0x2a, 0x45, 0x24), Color::rgb(0x7f, 0x9d, 0x4c));
    let pit = view.at(x, 0.0, z);
    canvas.ellipse(pit, (0.6 * metre, 0.13 * metre), 0.0, Color::rgb(0x5a, 0x4c, 0x3e), 1.0);
    for index in 0..150 {
        let share = index as f32 / 150.0;
        let angle = random.between(0.0, std::f32::consts::TAU);
        let out = random.between(0.0, 1.0).sqrt();
        let (aside, up) = (out * 1.55 * angle.cos(), 4.3 + out * 1.5 * angle.sin());
        let sun = (0.5 - aside / 4.5 + (up - 4.3) / 4.5) * 0.7 + share * 0.3;
        let radius = random.between(0.14, 0.34) * metre;
        let leaf = dark.mixed(light, (sun + random.between(-0.15, 0.15)).clamp(0.0, 1.0));
        canvas.ellipse(view.at(x + aside, up, z), (radius, radius * 0.8), 0.25, leaf, 0.9);
    }
}

/// Roughness: nothing in a street is of one even colour.
fn grain(image: &mut YuvImage, view: &View, random: &mut Random) {
    let size = image.size();
    let (width, height) = (size.width as usize, size.height as usize);
    let cell = (height / 24).max(4);
    let columns = width / cell + 2;
    let lattice: Vec<f32> =
        (0..columns * (height / cell + 2)).map(|_| random.between(-1.0, 1.0)).collect();
    let foot = view.at(0.0, 0.0, HOUSES).y * height as f32;
    let [luma, ..] = image.planes_mut();
    for (y, row) in luma.chunks_exact_mut(width).enumerate() {
        let (cy, fy) = (y / cell, (y % cell) as f32 / cell as f32);
        // Above the ground walls are smoother than paving.
        let strength = if (y as f32) < foot { 0.5 } else { 1.0 };
        for (x, sample) in row.iter_mut().enumerate() {
            let (cx, fx) = (x / cell, (x % cell) as f32 / cell as f32);
            let corner = |dx: usize, dy: usize| {
                lattice.get((cy + dy) * columns + cx + dx).copied().unwrap_or(0.0)
            };
            let upper = corner(0, 0) * (1.0 - fx) + corner(1, 0) * fx;
            let lower = corner(0, 1) * (1.0 - fx) + corner(1, 1) * fx;
            let stain = upper * (1.0 - fy) + lower * fy;
            let rough = random.between(-1.0, 1.0);
            let value = f32::from(*sample) + strength * (5.0 * stain + 4.5 * rough);
            *sample = value.clamp(16.0, 235.0) as u8;
        }
    }
}
