//! The camera's place in the street, and where things of the street appear in its picture.
//!
//! Metres: x to the right of the camera, y up from the ground, z away from it. A pinhole
//! camera that looks straight along z, with the horizon in the upper part of the picture.

use omma_types::{Point, Size};

/// Height of the camera above the ground.
const CAMERA: f32 = 3.9;
/// Where the horizon is, as a fraction of the picture's height.
const HORIZON: f32 = 0.24;

/// Where the road ends towards the camera, and where it ends away from it.
pub(crate) const ROAD: (f32, f32) = (9.7, 16.6);
/// Where the houses stand.
pub(crate) const HOUSES: f32 = 21.5;
/// Nearest ground that is seen.
pub(crate) const NEAREST: f32 = 4.6;

/// The projection into a picture of one shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    aspect: f32,
}

impl View {
    pub(crate) fn new(size: Size) -> Self {
        Self { aspect: size.width as f32 / size.height as f32 }
    }

    /// Where a point of the street appears.
    pub(crate) fn at(&self, x: f32, y: f32, z: f32) -> Point {
        Point::new(0.5 + x / (z * self.aspect), HORIZON + (CAMERA - y) / z)
    }

    /// Heights of the picture that a metre has at distance `z`.
    pub(crate) fn metre(&self, z: f32) -> f32 {
        1.0 / z
    }

    /// The x at distance `z` that appears at the right edge of the picture.
    pub(crate) fn edge(&self, z: f32) -> f32 {
        0.5 * self.aspect * z
    }
}
