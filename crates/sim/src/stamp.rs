//! The time of day in a picture, for programs that measure how old it is when somebody sees it:
//! what a clock on the wall of the scene would be to a person.

use omma_imaging::YuvImage;

/// Fields, one for each bit.
const FIELDS: usize = 32;

/// Share of the picture's height.
const HEIGHT: usize = 16;

/// Writes the lower 32 bits of milliseconds since 1970 along the top of the picture: as many
/// fields side by side, light for 1 and dark for 0, the highest first. They are large and far
/// apart in brightness, so that they survive being encoded.
pub fn stamp(image: &mut YuvImage, millis: i64) {
    let size = image.size();
    let (width, height) = (size.width as usize, size.height as usize / HEIGHT);
    let light = |field: usize| millis >> (FIELDS - 1 - field.min(FIELDS - 1)) & 1 == 1;
    let [luma, chroma @ ..] = image.planes_mut();
    for row in luma.chunks_exact_mut(width).take(height) {
        for (x, sample) in row.iter_mut().enumerate() {
            *sample = if light(x * FIELDS / width) { 235 } else { 16 };
        }
    }
    for plane in chroma {
        for row in plane.chunks_exact_mut(width.div_ceil(2)).take(height.div_ceil(2)) {
            row.fill(128);
        }
    }
}

#[cfg(test)]
mod tests {
    use omma_imaging::{ColorMatrix, ColorRange};
    use omma_types::Size;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_middle_of_each_field_tells_its_bit(
            millis in any::<i64>(),
            width in 80u32..700,
            height in 60u32..400,
        ) {
            let size = Size::new(width * 2, height * 2);
            let mut image = YuvImage::black(size, ColorRange::Limited, ColorMatrix::Bt601);
            stamp(&mut image, millis);
            let [luma, ..] = image.planes_mut();
            let (wide, row) = (size.width as usize, size.height as usize / HEIGHT / 2);
            let read = (0..FIELDS).fold(0u32, |bits, field| {
                let x = (2 * field + 1) * wide / (2 * FIELDS);
                bits << 1 | u32::from(luma[row * wide + x] > 125)
            });
            prop_assert_eq!(read, millis as u32);
        }
    }
}
