//! Sides, crossings, insides and distances: the few plane predicates that the rules need.
//!
//! Predicates are computed in `f64` from `f32` coordinates, and everything that lies exactly
//! on an end or a border falls to one side by a fixed convention, so that rules that share a
//! point never both take or both miss the same object.

use omma_types::Point;

/// Twice the signed area of the triangle `a`, `b`, `q`: positive where `q` lies to the right
/// of the arrow from `a` to `b` as seen in a picture (y down).
pub(crate) fn cross(a: Point, b: Point, q: Point) -> f64 {
    let (ax, ay) = (f64::from(a.x), f64::from(a.y));
    (f64::from(b.x) - ax) * (f64::from(q.y) - ay) - (f64::from(b.y) - ay) * (f64::from(q.x) - ax)
}

/// Whether the way `from` → `to`, already known to change from the left to the right of the
/// arrow `a` → `b`, meets the segment between `a` and `b`. Passing exactly through an end
/// point counts for the segment that starts there and not for the one that ends there (or
/// the reverse, depending on the angle), never for both of two joined segments.
pub(crate) fn meets(a: Point, b: Point, from: Point, to: Point) -> bool {
    (cross(from, to, a) > 0.0) != (cross(from, to, b) > 0.0)
}

/// Whether `q` lies in the polygon: even-odd rule, half-open borders (of two polygons that
/// share an edge, a point on it belongs to exactly one). Method: crossing number of a
/// horizontal ray (W. R. Franklin, PNPOLY).
pub(crate) fn contains(polygon: &[Point], q: Point) -> bool {
    let mut inside = false;
    for (a, b) in edges(polygon) {
        if (a.y > q.y) != (b.y > q.y) {
            // Upward edges have q to their left where the ray meets them, downward ones to
            // their right; always asking from the upper end keeps shared edges consistent.
            let (top, bottom) = if a.y < b.y { (a, b) } else { (b, a) };
            if cross(top, bottom, q) > 0.0 {
                inside = !inside;
            }
        }
    }
    inside
}

/// The polygon's edges, the closing one last.
pub(crate) fn edges(polygon: &[Point]) -> impl Iterator<Item = (Point, Point)> + '_ {
    let ends = polygon.iter().skip(1).chain(polygon.first());
    polygon.iter().copied().zip(ends.copied())
}

/// Lengths in one unit in both directions: the picture's height. `aspect` is width / height.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    pub(crate) aspect: f64,
}

/// How far a point is from a segment, and the unit vector along which that is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Distance {
    pub(crate) length: f64,
    pub(crate) normal: (f64, f64),
}

impl Metric {
    fn vector(self, from: Point, to: Point) -> (f64, f64) {
        ((f64::from(to.x) - f64::from(from.x)) * self.aspect, f64::from(to.y) - f64::from(from.y))
    }

    /// Distance from `q` to the segment between `a` and `b`. The normal is that of the
    /// segment, also beyond its ends.
    pub(crate) fn to_segment(self, a: Point, b: Point, q: Point) -> Distance {
        let (ab, aq) = (self.vector(a, b), self.vector(a, q));
        let square = ab.0 * ab.0 + ab.1 * ab.1;
        let along = ((aq.0 * ab.0 + aq.1 * ab.1) / square).clamp(0.0, 1.0);
        let length = (aq.0 - along * ab.0).hypot(aq.1 - along * ab.1);
        let root = square.sqrt();
        Distance { length, normal: (-ab.1 / root, ab.0 / root) }
    }

    /// Distance from `q` to the nearest border of the polygon.
    pub(crate) fn to_border(self, polygon: &[Point], q: Point) -> Distance {
        edges(polygon)
            .map(|(a, b)| self.to_segment(a, b, q))
            .min_by(|x, y| x.length.total_cmp(&y.length))
            .unwrap_or(Distance { length: f64::INFINITY, normal: (0.0, 1.0) })
    }

    /// Extent along `normal` of a box of `width` and `height` (fractions of the picture).
    pub(crate) fn extent(self, normal: (f64, f64), width: f32, height: f32) -> f64 {
        normal.0.abs() * f64::from(width) * self.aspect + normal.1.abs() * f64::from(height)
    }

    /// How far `from` → `to` moves along `normal`.
    pub(crate) fn travel(self, normal: (f64, f64), from: Point, to: Point) -> f64 {
        let (x, y) = self.vector(from, to);
        (x * normal.0 + y * normal.1).abs()
    }
}
