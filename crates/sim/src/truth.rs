//! What is really in a picture, as opposed to what somebody thinks to see in it.

use std::collections::BTreeMap;

use omma_types::{ClassName, MediaTime, Point, Rect, TrackId};

/// One object in one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct TruthObject {
    /// Its number, the same from its first picture to its last, never given again.
    pub id: TrackId,
    /// `person` or `car`.
    pub class: ClassName,
    /// The box around all of it, whether seen or not, in fractions of the picture; it can
    /// reach outside. The middle of its lower edge is a person's place on the ground.
    pub rect: Rect,
    /// How much of the box is inside the picture and not behind something nearer, 0 to 1, to
    /// about a hundredth; what is nearer counts with its trunk, not with its box.
    pub visible: f32,
}

/// Everything in one picture, farthest first. There are always as many objects as the
/// configuration says; those on their way in or out have a `visible` of 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// Number of the picture, from 0.
    pub frame: u64,
    /// Time of the picture since the first.
    pub media: MediaTime,
    /// The objects.
    pub objects: Vec<TruthObject>,
}

/// How often the objects' foot points crossed the line `from` to `to`: forward, backward (see
/// [`omma_types::Direction`]). Every crossing counts, also when somebody turns back at once.
/// `truths` are successive pictures.
pub fn crossings<'a>(
    truths: impl IntoIterator<Item = &'a Truth>,
    from: Point,
    to: Point,
) -> (u64, u64) {
    // Twice the area of the triangle: its sign says on which side of a-b point c is.
    let side = |a: Point, b: Point, c: Point| {
        let (ax, ay) = (f64::from(a.x), f64::from(a.y));
        (f64::from(b.x) - ax) * (f64::from(c.y) - ay)
            - (f64::from(b.y) - ay) * (f64::from(c.x) - ax)
    };
    let mut last: BTreeMap<TrackId, Point> = BTreeMap::new();
    let (mut forward, mut backward) = (0, 0);
    for object in truths.into_iter().flat_map(|truth| &truth.objects) {
        let foot = object.rect.foot();
        let Some(before) = last.insert(object.id, foot) else { continue };
        let (was, is) = (side(from, to, before) >= 0.0, side(from, to, foot) >= 0.0);
        // Beside the line's ends it is no crossing.
        let within = (side(before, foot, from) >= 0.0) != (side(before, foot, to) >= 0.0);
        match (was, is) {
            (false, true) if within => forward += 1,
            (true, false) if within => backward += 1,
            _ => {}
        }
    }
    (forward, backward)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(id: u64, feet: &[(f32, f32)]) -> Vec<Truth> {
        feet.iter()
            .enumerate()
            .map(|(frame, &(x, y))| Truth {
                frame: frame as u64,
                media: MediaTime::ZERO,
                objects: vec![TruthObject {
                    id: TrackId(id),
                    class: ClassName::new("person"),
                    rect: Rect::from_corners(x - 0.02, y - 0.2, x + 0.02, y),
                    visible: 1.0,
                }],
            })
            .collect()
    }

    #[test]
    fn crossings_have_a_direction_and_end_with_the_line() {
        let (from, to) = (Point::new(0.5, 0.2), Point::new(0.5, 0.8));
        // The arrow points down: its left is the picture's right.
        let left_to_right = walk(1, &[(0.3, 0.5), (0.45, 0.5), (0.55, 0.5), (0.7, 0.5)]);
        assert_eq!(crossings(&left_to_right, from, to), (0, 1));
        let back = walk(1, &[(0.7, 0.5), (0.49, 0.5), (0.51, 0.5), (0.3, 0.5)]);
        assert_eq!(crossings(&back, from, to), (2, 1));
        let below = walk(1, &[(0.3, 0.9), (0.7, 0.9)]);
        assert_eq!(crossings(&below, from, to), (0, 0));
    }

    #[test]
    fn different_objects_are_not_joined() {
        let (from, to) = (Point::new(0.5, 0.2), Point::new(0.5, 0.8));
        let mut truths = walk(1, &[(0.3, 0.5)]);
        truths.extend(walk(2, &[(0.7, 0.5)]));
        assert_eq!(crossings(&truths, from, to), (0, 0));
    }
}
