//! A walking figure: how its limbs stand, what space it takes, how it is painted.

use omma_imaging::{Canvas, Color};
use omma_types::{Point, Rect};

use crate::random::Random;
use crate::trip::{Ground, Stride};
use crate::view::View;

const SKIN: [Color; 5] = [
    Color::rgb(0xe8, 0xbe, 0xa0),
    Color::rgb(0xd8, 0xa4, 0x82),
    Color::rgb(0xb5, 0x7d, 0x58),
    Color::rgb(0x86, 0x57, 0x3c),
    Color::rgb(0xf0, 0xcc, 0xb0),
];
const HAIR: [Color; 6] = [
    Color::rgb(0x20, 0x1a, 0x17),
    Color::rgb(0x4a, 0x31, 0x20),
    Color::rgb(0x7d, 0x55, 0x30),
    Color::rgb(0xb9, 0x93, 0x58),
    Color::rgb(0x9a, 0x98, 0x96),
    Color::rgb(0x35, 0x24, 0x1b),
];
const TOPS: [Color; 12] = [
    Color::rgb(0xa8, 0x2c, 0x30),
    Color::rgb(0x27, 0x45, 0x78),
    Color::rgb(0xe3, 0xdd, 0xd0),
    Color::rgb(0x2c, 0x2e, 0x33),
    Color::rgb(0x3c, 0x6e, 0x4c),
    Color::rgb(0xd0, 0x8b, 0x2e),
    Color::rgb(0x5a, 0x3f, 0x78),
    Color::rgb(0x4d, 0x96, 0xae),
    Color::rgb(0x80, 0x84, 0x86),
    Color::rgb(0xc2, 0x62, 0x74),
    Color::rgb(0x1d, 0x3a, 0x3e),
    Color::rgb(0xf0, 0xee, 0xea),
];
const TROUSERS: [Color; 7] = [
    Color::rgb(0x23, 0x2c, 0x42),
    Color::rgb(0x1f, 0x20, 0x24),
    Color::rgb(0x40, 0x55, 0x7c),
    Color::rgb(0x8a, 0x7a, 0x60),
    Color::rgb(0x4c, 0x4a, 0x48),
    Color::rgb(0x66, 0x74, 0x8c),
    Color::rgb(0x3a, 0x30, 0x2a),
];

/// What somebody carries.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Luggage {
    None,
    Backpack,
    Bag,
}

/// What somebody looks like.
#[derive(Clone, Debug)]
pub(crate) struct Looks {
    /// Metres.
    height: f32,
    /// Width of the trunk, 1 is usual.
    build: f32,
    skin: Color,
    hair: Color,
    top: Color,
    trousers: Color,
    shoes: Color,
    long_hair: bool,
    coat: bool,
    luggage: Luggage,
    luggage_color: Color,
    /// Where in the stride the walk begins, so that no two keep step.
    phase: f32,
}

impl Looks {
    pub(crate) fn new(random: &mut Random) -> Self {
        let shoes = [
            Color::rgb(0x1a, 0x18, 0x17),
            Color::rgb(0x4a, 0x33, 0x22),
            Color::rgb(0xd8, 0xd8, 0xd6),
        ];
        Self {
            height: random.between(1.56, 1.90),
            build: random.between(0.92, 1.2),
            skin: random.pick(&SKIN),
            hair: random.pick(&HAIR),
            top: random.pick(&TOPS),
            trousers: random.pick(&TROUSERS),
            shoes: random.pick(&shoes),
            long_hair: random.chance(0.4),
            coat: random.chance(0.35),
            luggage: random.pick(&[Luggage::None, Luggage::None, Luggage::Backpack, Luggage::Bag]),
            luggage_color: random.pick(&TOPS).mixed(Color::BLACK, 0.35),
            phase: random.between(0.0, std::f32::consts::TAU),
        }
    }
}

/// A joint: metres forward of the body's middle, and up from the ground.
type Joint = (f32, f32);

/// A leg or an arm: its three joints.
type Limb = [Joint; 3];

/// How a figure stands at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Pose {
    height: f32,
    /// The leg and the arm on the far side, then those on the near one.
    legs: [Limb; 2],
    arms: [Limb; 2],
    hip: Joint,
    shoulder: Joint,
    head: Joint,
    stride: Stride,
}

impl Pose {
    pub(crate) fn new(looks: &Looks, stride: Stride) -> Self {
        let height = looks.height;
        // A walker's two steps are about 0.8 of his height; standing brings the legs together.
        let walking = (stride.speed / 0.9).min(1.0);
        let phase = looks.phase + stride.walked / (0.8 * height) * std::f32::consts::TAU;
        let reach = (0.30 + 0.10 * stride.speed) * walking;
        let leg = |phase: f32, hip: Joint| -> Limb {
            let thigh = reach * phase.sin() + 0.03 * (1.0 - walking);
            // The knee bends while the leg swings forward.
            let bend = walking * (0.10 + 0.85 * phase.cos().max(0.0).powi(2));
            let knee = below(hip, 0.245 * height, thigh);
            [hip, knee, below(knee, 0.245 * height, thigh - bend)]
        };
        let legs_from = |hip: Joint| [leg(phase + std::f32::consts::PI, hip), leg(phase, hip)];
        // The lower foot carries: the body goes up and down with it.
        let ankle = 0.045 * height;
        let lowest = legs_from((0.0, 0.0)).iter().map(|leg| leg[2].1).fold(0.0, f32::min);
        let hip = (0.0, ankle - lowest);
        let shoulder = (0.02 * height * walking, hip.1 + 0.295 * height);
        let arm = |phase: f32| -> Limb {
            let upper = -0.9 * reach * phase.sin();
            let elbow = below(shoulder, 0.165 * height, upper);
            let bend = 0.12 + walking * (0.25 + 0.25 * (-phase.sin()).max(0.0));
            [shoulder, elbow, below(elbow, 0.17 * height, upper + bend)]
        };
        Self {
            height,
            legs: legs_from(hip),
            arms: [arm(phase + std::f32::consts::PI), arm(phase)],
            hip,
            shoulder,
            head: (shoulder.0 + 0.012 * height, shoulder.1 + 0.125 * height),
            stride,
        }
    }

    /// The box around the figure in fractions of the picture. Its middle is the body's, so
    /// that the middle of its lower edge is the place on the ground.
    pub(crate) fn rect(&self, view: &View) -> Rect {
        let joints = self.legs.iter().chain(&self.arms).flatten();
        let toes = self.legs.iter().map(|leg| leg[2].0.abs() + 0.075 * self.height);
        let widest = joints.map(|joint| joint.0.abs() + 0.03 * self.height).chain(toes);
        let half = widest.fold(0.10 * self.height, f32::max);
        let top = self.head.1 + 0.078 * self.height;
        let Stride { place, .. } = self.stride;
        let corner = view.at(place.x - half, top, place.z);
        let foot = view.at(place.x + half, 0.0, place.z);
        Rect::from_corners(corner.x, corner.y, foot.x, foot.y)
    }

    /// Paints the figure. The shadow falls to the right: the sun stands left.
    pub(crate) fn paint(&self, canvas: &mut Canvas<'_>, view: &View, looks: &Looks) {
        let Stride { place, facing, .. } = self.stride;
        let mut brush = Brush { canvas, view, place, facing, height: self.height };
        let (shadow, long) = ((0.22 * facing, 0.0), (0.50, 0.075));
        brush.oval(shadow, long, 1.0, Color::BLACK, 0.45);
        for leg in self.legs {
            let under = (leg[2].0 / self.height + 0.03 * facing, 0.0);
            brush.oval(under, (0.11, 0.026), 0.8, Color::BLACK, 0.5);
        }
        let ([far_leg, near_leg], [far_arm, near_arm]) = (self.legs, self.arms);
        brush.arm(far_arm, looks, 0.32);
        brush.leg(far_leg, looks, 0.32);
        brush.leg(near_leg, looks, 0.0);
        self.paint_trunk(&mut brush, looks);
        self.paint_head(&mut brush, looks);
        brush.arm(near_arm, looks, 0.10);
        if looks.luggage == Luggage::Bag {
            brush.bag(near_arm[2], looks.luggage_color);
        }
    }

    fn paint_trunk(&self, brush: &mut Brush<'_, '_>, looks: &Looks) {
        let (h, build) = (self.height, looks.build);
        let (hip, shoulder) = (self.hip, self.shoulder);
        if looks.luggage == Luggage::Backpack {
            let (upper, lower) = (shoulder.1 - 0.05 * h, hip.1 + 0.09 * h);
            let back = -0.085 * h;
            brush.limb(((back, upper), 0.045), ((back, lower), 0.052), looks.luggage_color);
        }
        let chest = (shoulder.0, shoulder.1 - 0.052 * h);
        let waist = (hip.0, hip.1 + 0.02 * h);
        brush.limb((chest, 0.080 * build), (waist, 0.072 * build), looks.top);
        if looks.coat {
            let hem = (hip.0 - 0.008 * h, hip.1 - 0.09 * h);
            brush.limb((hip, 0.072 * build), (hem, 0.078 * build), looks.top);
        }
        // The sun's side is a little lighter.
        let sunny = looks.top.mixed(Color::WHITE, 0.10);
        let aside = |joint: Joint| (joint.0 - 0.034 * brush.facing * h, joint.1);
        let (upper, lower) = (aside(chest), aside(waist));
        brush.limb((upper, 0.044 * build), (lower, 0.038 * build), sunny);
    }

    fn paint_head(&self, brush: &mut Brush<'_, '_>, looks: &Looks) {
        let (x, y) = (self.head.0 / self.height, self.head.1 / self.height);
        let mut oval = |dx: f32, dy: f32, radii: (f32, f32), color: Color| {
            brush.oval((x + dx, y + dy), radii, 0.0, color, 1.0);
        };
        if looks.long_hair {
            oval(-0.026, -0.030, (0.040, 0.072), looks.hair);
        }
        // Neck, hair, face, nose, fringe, eye.
        oval(-0.004, -0.065, (0.026, 0.040), looks.skin.mixed(Color::BLACK, 0.22));
        oval(-0.006, 0.014, (0.054, 0.062), looks.hair);
        oval(0.012, -0.008, (0.042, 0.056), looks.skin);
        oval(0.050, -0.010, (0.010, 0.012), looks.skin);
        oval(-0.012, 0.036, (0.044, 0.036), looks.hair);
        oval(0.034, 0.004, (0.007, 0.006), looks.hair.mixed(Color::BLACK, 0.5));
    }
}

/// Paints parts of one figure. Thicknesses are shares of its height.
struct Brush<'a, 'b> {
    canvas: &'a mut Canvas<'b>,
    view: &'a View,
    place: Ground,
    facing: f32,
    height: f32,
}

impl Brush<'_, '_> {
    fn at(&self, (forward, up): Joint) -> Point {
        self.view.at(self.place.x + forward * self.facing, up, self.place.z)
    }

    /// Heights of the picture for a share of the figure's height.
    fn share(&self, share: f32) -> f32 {
        share * self.height * self.view.metre(self.place.z)
    }

    fn limb(&mut self, from: (Joint, f32), to: (Joint, f32), color: Color) {
        let [from, to] = [from, to].map(|(joint, thick)| (self.at(joint), self.share(thick)));
        self.canvas.capsule(from, to, color, 1.0);
    }

    /// An oval; its place is a share of the figure's height too.
    fn oval(&mut self, at: Joint, radii: (f32, f32), soft: f32, color: Color, opacity: f32) {
        let middle = self.at((at.0 * self.height, at.1 * self.height));
        let radii = (self.share(radii.0), self.share(radii.1));
        self.canvas.ellipse(middle, radii, soft, color, opacity);
    }

    /// An arm, darkened by `shade` (0 to 1).
    fn arm(&mut self, [shoulder, elbow, hand]: Limb, looks: &Looks, shade: f32) {
        let top = looks.top.mixed(Color::BLACK, shade);
        self.limb((hand, 0.024), (hand, 0.024), looks.skin.mixed(Color::BLACK, shade));
        self.limb((elbow, 0.032), (hand, 0.024), top);
        self.limb((shoulder, 0.042), (elbow, 0.034), top);
    }

    /// A leg with its shoe, darkened by `shade` (0 to 1).
    fn leg(&mut self, [hip, knee, ankle]: Limb, looks: &Looks, shade: f32) {
        let h = self.height;
        let sole =
            |forward: f32, down: f32| (ankle.0 + forward * h, (ankle.1 - down * h).max(0.018 * h));
        let shoe = looks.shoes.mixed(Color::BLACK, shade);
        let cloth = looks.trousers.mixed(Color::BLACK, shade);
        self.limb((sole(-0.015, 0.022), 0.023), (sole(0.055, 0.024), 0.019), shoe);
        self.limb((knee, 0.046), (ankle, 0.033), cloth);
        self.limb((hip, 0.066), (knee, 0.048), cloth);
    }

    /// A shopping bag that hangs from `hand`.
    fn bag(&mut self, hand: Joint, color: Color) {
        let h = self.height;
        let (top, bottom) = (hand.1 - 0.05 * h, hand.1 - 0.22 * h);
        let corners = [(-0.075, top), (0.075, top), (0.065, bottom), (-0.065, bottom)];
        let corners = corners.map(|(aside, up)| self.at((hand.0 + aside * h, up)));
        self.canvas.polygon(&corners, color, 1.0);
        self.limb((hand, 0.006), ((hand.0, top), 0.006), color);
    }
}

/// The joint `length` below `from`, swung forward by `angle` (radians).
fn below(from: Joint, length: f32, angle: f32) -> Joint {
    (from.0 + length * angle.sin(), from.1 - length * angle.cos())
}
