//! Letters as coverage: one embedded font, each letter rasterised once a size.

use std::collections::HashMap;

use ab_glyph::{Font as _, FontRef, GlyphId, ScaleFont as _};

/// With this many letters kept, the next line starts afresh; names and numbers in two or
/// three sizes need a few hundred.
const MOST_GLYPHS: usize = 2048;

/// A letter, ready to be laid onto a picture.
#[derive(Debug)]
pub(crate) struct Glyph {
    id: GlyphId,
    /// Columns from the pen to the left edge of `coverage`.
    pub(crate) left: i32,
    /// Rows from the baseline down to the top edge of `coverage`, mostly negative.
    pub(crate) top: i32,
    /// Columns of `coverage`.
    pub(crate) width: usize,
    /// How far the pen moves on.
    pub(crate) advance: f32,
    /// 0 (nothing) to 255 (all of the pixel), row after row.
    pub(crate) coverage: Vec<u8>,
}

/// The font and the letters rasterised so far.
#[derive(Debug)]
pub(crate) struct Letters {
    font: FontRef<'static>,
    glyphs: Vec<Glyph>,
    index: HashMap<(char, u16), usize>,
}

/// A line of text with a place for each letter, in pixels from the start of the baseline.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// The letters, and how far right each starts. Valid until the next line is set.
    pub(crate) letters: Vec<(usize, i32)>,
    /// Where the pen stands at the end.
    pub(crate) width: f32,
}

impl Letters {
    /// DejaVu Sans Condensed Bold: legible when small, with arrows and European letters.
    pub(crate) fn new() -> Self {
        let font = FontRef::try_from_slice(dejavu::sans_condensed::bold())
            .expect("the font is part of this program and is read by its tests");
        Self { font, glyphs: Vec::new(), index: HashMap::new() }
    }

    /// The letter with this number in a [`Line`].
    pub(crate) fn glyph(&self, number: usize) -> Option<&Glyph> {
        self.glyphs.get(number)
    }

    /// The number of the letter `c` with a line height of `size` pixels.
    fn number(&mut self, c: char, size: u16) -> usize {
        *self.index.entry((c, size)).or_insert_with(|| {
            self.glyphs.push(rasterise(&self.font, c, size));
            self.glyphs.len() - 1
        })
    }

    /// Sets `text` in one line. Control characters become blanks.
    pub(crate) fn set(&mut self, text: &str, size: u16, line: &mut Line) {
        line.letters.clear();
        if self.glyphs.len() >= MOST_GLYPHS {
            self.glyphs.clear();
            self.index.clear();
        }
        let (mut pen, mut previous) = (0.0f32, None);
        for c in text.chars() {
            let c = if c.is_control() { ' ' } else { c };
            let number = self.number(c, size);
            let Some(&Glyph { id, advance, .. }) = self.glyphs.get(number) else { continue };
            if let Some(previous) = previous {
                pen += self.font.as_scaled(f32::from(size)).kern(previous, id);
            }
            line.letters.push((number, pen.round() as i32));
            pen += advance;
            previous = Some(id);
        }
        line.width = pen;
    }

    /// Rows above and below the baseline that letters of `size` need.
    pub(crate) fn extent(&self, size: u16) -> (f32, f32) {
        let scaled = self.font.as_scaled(f32::from(size));
        (scaled.ascent(), -scaled.descent())
    }
}

fn rasterise(font: &FontRef<'_>, c: char, size: u16) -> Glyph {
    let scale = f32::from(size);
    let id = font.glyph_id(c);
    let advance = font.as_scaled(scale).h_advance(id);
    let mut glyph = Glyph { id, left: 0, top: 0, width: 0, advance, coverage: Vec::new() };
    if let Some(outline) = font.outline_glyph(id.with_scale(scale)) {
        let bounds = outline.px_bounds();
        let (width, height) = (bounds.width() as usize, bounds.height() as usize);
        glyph.left = bounds.min.x as i32;
        glyph.top = bounds.min.y as i32;
        glyph.width = width;
        glyph.coverage = vec![0; width * height];
        outline.draw(|x, y, amount| {
            if let Some(pixel) = glyph.coverage.get_mut(y as usize * width + x as usize) {
                *pixel = (amount * 255.0).clamp(0.0, 255.0) as u8;
            }
        });
    }
    glyph
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_western_europe_and_arrows_have_ink() {
        let mut letters = Letters::new();
        let missing = letters.font.glyph_id('\u{10ffff}');
        for c in (' '..='~').chain('\u{a1}'..='ÿ').chain("←↑→↓↖↗↘↙·–…".chars())
        {
            if c == ' ' || c == '\u{ad}' {
                continue;
            }
            let number = letters.number(c, 20);
            let glyph = letters.glyph(number).unwrap();
            assert_ne!(glyph.id, missing, "{c} is not in the font");
            assert!(glyph.coverage.iter().any(|&a| a > 100), "{c} has no ink");
        }
    }

    #[test]
    fn memory_for_letters_is_bounded() {
        let mut letters = Letters::new();
        let mut line = Line::default();
        for size in 8..200 {
            letters.set("The quick brown fox jumps over the lazy dog 0123456789", size, &mut line);
        }
        assert!(letters.glyphs.len() <= MOST_GLYPHS + 54);
        assert!(line.width > 1000.0);
    }
}
