//! Colours as people name them, and as the planes hold them.

use crate::{ColorMatrix, ColorRange};

/// A colour as red, green and blue, 0 to 255 each, in the display's own (gamma) numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color {
    /// Red.
    pub r: u8,
    /// Green.
    pub g: u8,
    /// Blue.
    pub b: u8,
}

/// A colour in the numbers of one picture's planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Yuv {
    /// Luma.
    pub y: u8,
    /// Blue difference.
    pub u: u8,
    /// Red difference.
    pub v: u8,
}

/// Colours that can be told apart from each other and stand out from streets, rooms and
/// lawns. Neighbours differ strongly, since neighbouring numbers often walk side by side.
const TRACK_COLORS: [Color; 14] = [
    Color::rgb(0x29, 0xb6, 0xf6),
    Color::rgb(0xff, 0xa7, 0x26),
    Color::rgb(0x66, 0xd9, 0x5f),
    Color::rgb(0xf0, 0x62, 0xb8),
    Color::rgb(0xff, 0xe0, 0x4d),
    Color::rgb(0x9b, 0x7b, 0xff),
    Color::rgb(0x26, 0xd9, 0xc3),
    Color::rgb(0xff, 0x5c, 0x5c),
    Color::rgb(0xc6, 0xe3, 0x3f),
    Color::rgb(0x5c, 0x8d, 0xff),
    Color::rgb(0xff, 0xb3, 0xa0),
    Color::rgb(0x3e, 0xc9, 0x7e),
    Color::rgb(0xd6, 0x8c, 0xff),
    Color::rgb(0xe0, 0xb0, 0x6c),
];

impl Color {
    /// White.
    pub const WHITE: Self = Self::rgb(255, 255, 255);
    /// Black.
    pub const BLACK: Self = Self::rgb(0, 0, 0);

    /// A colour from red, green and blue.
    pub const fn rgb(r: u8, g: u8, b: u8) -> Self {
        Self { r, g, b }
    }

    /// The colour of the track with this number: the same for the life of the track, and
    /// different for the 13 numbers around it.
    pub fn for_track(id: u64) -> Self {
        TRACK_COLORS[(id % TRACK_COLORS.len() as u64) as usize]
    }

    /// How bright it looks, 0 to 255 (luma of Rec. ITU-R BT.601).
    pub fn luma(self) -> f32 {
        0.299 * f32::from(self.r) + 0.587 * f32::from(self.g) + 0.114 * f32::from(self.b)
    }

    /// Black or white, whichever can be read on this colour.
    pub fn text_on(self) -> Self {
        if self.luma() > 140.0 { Self::rgb(16, 18, 22) } else { Self::WHITE }
    }

    /// This colour mixed with `other`: 0 gives this one, 1 the other.
    pub fn mixed(self, other: Self, share: f32) -> Self {
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        let mix = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share) as u8;
        Self::rgb(mix(self.r, other.r), mix(self.g, other.g), mix(self.b, other.b))
    }

    /// This colour in the numbers of planes of `matrix` and `range`
    /// (ITU-T H.273, equations of `MatrixCoefficients` 1 and 6).
    pub fn to_yuv(self, matrix: ColorMatrix, range: ColorRange) -> Yuv {
        let (kr, kb) = weights(matrix);
        let (r, g, b) = (f32::from(self.r), f32::from(self.g), f32::from(self.b));
        let luma = kr * r + (1.0 - kr - kb) * g + kb * b;
        let (u, v) = ((b - luma) / (2.0 * (1.0 - kb)), (r - luma) / (2.0 * (1.0 - kr)));
        let byte = |value: f32| value.round().clamp(0.0, 255.0) as u8;
        match range {
            ColorRange::Full => Yuv { y: byte(luma), u: byte(u + 128.0), v: byte(v + 128.0) },
            ColorRange::Limited => Yuv {
                y: byte(16.0 + luma * 219.0 / 255.0),
                u: byte(128.0 + u * 224.0 / 255.0),
                v: byte(128.0 + v * 224.0 / 255.0),
            },
        }
    }
}

impl Yuv {
    /// Back to red, green and blue; numbers outside the colour space are clipped.
    pub fn to_rgb(self, matrix: ColorMatrix, range: ColorRange) -> Color {
        let (kr, kb) = weights(matrix);
        let (y, u, v) = (f32::from(self.y), f32::from(self.u) - 128.0, f32::from(self.v) - 128.0);
        let (y, u, v) = match range {
            ColorRange::Full => (y, u, v),
            ColorRange::Limited => {
                ((y - 16.0) * 255.0 / 219.0, u * 255.0 / 224.0, v * 255.0 / 224.0)
            }
        };
        let (r, b) = (y + 2.0 * (1.0 - kr) * v, y + 2.0 * (1.0 - kb) * u);
        let g = (y - kr * r - kb * b) / (1.0 - kr - kb);
        let byte = |value: f32| value.round().clamp(0.0, 255.0) as u8;
        Color::rgb(byte(r), byte(g), byte(b))
    }
}

/// The weights of red and blue in luma.
pub(crate) fn weights(matrix: ColorMatrix) -> (f32, f32) {
    match matrix {
        ColorMatrix::Bt601 => (0.299, 0.114),
        ColorMatrix::Bt709 => (0.2126, 0.0722),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values_of_the_standards() {
        let red = Color::rgb(255, 0, 0);
        let limited = red.to_yuv(ColorMatrix::Bt601, ColorRange::Limited);
        assert_eq!(limited, Yuv { y: 81, u: 90, v: 240 });
        let high = red.to_yuv(ColorMatrix::Bt709, ColorRange::Limited);
        assert_eq!(high, Yuv { y: 63, u: 102, v: 240 });
        let white = Color::WHITE.to_yuv(ColorMatrix::Bt709, ColorRange::Full);
        assert_eq!(white, Yuv { y: 255, u: 128, v: 128 });
    }

    #[test]
    fn neighbouring_tracks_differ() {
        for id in 0..100u64 {
            for near in id + 1..id + TRACK_COLORS.len() as u64 {
                assert_ne!(Color::for_track(id), Color::for_track(near));
            }
        }
    }

    proptest! {
        #[test]
        fn there_and_back_changes_little(r: u8, g: u8, b: u8, hd: bool, full: bool) {
            let matrix = if hd { ColorMatrix::Bt709 } else { ColorMatrix::Bt601 };
            let range = if full { ColorRange::Full } else { ColorRange::Limited };
            let back = Color::rgb(r, g, b).to_yuv(matrix, range).to_rgb(matrix, range);
            for (a, b) in [(r, back.r), (g, back.g), (b, back.b)] {
                prop_assert!(a.abs_diff(b) <= 3, "{a} became {b}");
            }
        }
    }
}
