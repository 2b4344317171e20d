//! Points, boxes and sizes.

/// A position in the picture, in fractions of its width and height.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// From the left edge (0) to the right edge (1).
    pub x: f32,
    /// From the top edge (0) to the bottom edge (1).
    pub y: f32,
}

impl Point {
    /// A point from its coordinates.
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }
}

/// An axis-aligned box. In Omma its unit is the fraction of the picture; the algorithms that
/// take one (overlap, tracking) only need that all boxes of one stream share a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub left: f32,
    /// Top edge.
    pub top: f32,
    /// Width, not negative.
    pub width: f32,
    /// Height, not negative.
    pub height: f32,
}

impl Rect {
    /// A box from its left edge, top edge, width and height.
    pub const fn new(left: f32, top: f32, width: f32, height: f32) -> Self {
        Self { left, top, width, height }
    }

    /// A box from two corners; swapped corners give a box of no extent.
    pub fn from_corners(left: f32, top: f32, right: f32, bottom: f32) -> Self {
        Self { left, top, width: (right - left).max(0.0), height: (bottom - top).max(0.0) }
    }

    /// A box from its centre and extent.
    pub fn from_center(center: Point, width: f32, height: f32) -> Self {
        Self { left: center.x - width / 2.0, top: center.y - height / 2.0, width, height }
    }

    /// Right edge.
    pub fn right(&self) -> f32 {
        self.left + self.width
    }

    /// Bottom edge.
    pub fn bottom(&self) -> f32 {
        self.top + self.height
    }

    /// The middle of the box.
    pub fn center(&self) -> Point {
        Point::new(self.left + self.width / 2.0, self.top + self.height / 2.0)
    }

    /// The middle of the bottom edge: where a standing person touches the ground.
    pub fn foot(&self) -> Point {
        Point::new(self.left + self.width / 2.0, self.bottom())
    }

    /// Width times height.
    pub fn area(&self) -> f32 {
        self.width * self.height
    }

    /// The area that both boxes cover.
    pub fn intersection(&self, other: &Self) -> f32 {
        let width = self.right().min(other.right()) - self.left.max(other.left);
        let height = self.bottom().min(other.bottom()) - self.top.max(other.top);
        if width <= 0.0 || height <= 0.0 { 0.0 } else { width * height }
    }

    /// Intersection over union, 0 (apart) to 1 (equal). Two boxes without area give 0.
    pub fn iou(&self, other: &Self) -> f32 {
        let intersection = self.intersection(other);
        let union = self.area() + other.area() - intersection;
        if union > 0.0 { intersection / union } else { 0.0 }
    }

    /// The part of this box inside `bounds`.
    pub fn clipped_to(&self, bounds: &Self) -> Self {
        Self::from_corners(
            self.left.max(bounds.left),
            self.top.max(bounds.top),
            self.right().min(bounds.right()),
            self.bottom().min(bounds.bottom()),
        )
    }

    /// This box from pixels of a picture of `size` to fractions of it.
    pub fn to_fractions(&self, size: Size) -> Self {
        let (w, h) = (size.width.max(1) as f32, size.height.max(1) as f32);
        Self::new(self.left / w, self.top / h, self.width / w, self.height / h)
    }

    /// This box from fractions to pixels of a picture of `size`.
    pub fn to_pixels(&self, size: Size) -> Self {
        let (w, h) = (size.width as f32, size.height as f32);
        Self::new(self.left * w, self.top * h, self.width * w, self.height * h)
    }

    /// Whether all four numbers are finite and the extent is not negative.
    pub fn is_valid(&self) -> bool {
        let numbers = [self.left, self.top, self.width, self.height];
        numbers.iter().all(|n| n.is_finite()) && self.width >= 0.0 && self.height >= 0.0
    }
}

/// The extent of a picture in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// A size from columns and rows.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_rect() -> impl Strategy<Value = Rect> {
        (-1.0f32..1.0, -1.0f32..1.0, 0.001f32..1.0, 0.001f32..1.0)
            .prop_map(|(l, t, w, h)| Rect::new(l, t, w, h))
    }

    #[test]
    fn iou_of_half_overlap_is_a_third() {
        let (a, b) = (Rect::new(0.0, 0.0, 2.0, 1.0), Rect::new(1.0, 0.0, 2.0, 1.0));
        assert!((a.iou(&b) - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(Rect::default().iou(&Rect::default()), 0.0);
    }

    proptest! {
        #[test]
        fn iou_is_symmetric_and_bounded(a in any_rect(), b in any_rect()) {
            prop_assert_eq!(a.iou(&b), b.iou(&a));
            prop_assert!((0.0..=1.0001).contains(&a.iou(&b)));
            prop_assert!((a.iou(&a) - 1.0).abs() < 1e-4);
        }

        #[test]
        fn iou_does_not_depend_on_the_unit(a in any_rect(), b in any_rect()) {
            let size = Size::new(768, 576);
            prop_assert!((a.to_pixels(size).iou(&b.to_pixels(size)) - a.iou(&b)).abs() < 1e-3);
        }
    }
}
