//! Non-maximum suppression: of boxes that mean the same object, the best one stays.

use crate::family::Candidate;

/// Boxes that enter suppression at most, the best ones: a bound on its quadratic cost when
/// somebody asks for a very low score.
const MOST: usize = 2000;

/// Sorts `found` by score, best first, and, where `overlap` is given, drops each box that
/// overlaps a better one of its class by more than that (intersection over union).
pub(crate) fn suppress(found: &mut Vec<Candidate>, overlap: Option<f32>) {
    found.retain(|c| c.rect.is_valid() && c.score.is_finite());
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(MOST);
    let Some(overlap) = overlap else { return };
    let mut kept: Vec<Candidate> = Vec::with_capacity(found.len().min(64));
    found.retain(|this| {
        let fresh = kept.iter().all(|k| k.class != this.class || k.rect.iou(&this.rect) <= overlap);
        if fresh {
            kept.push(*this);
        }
        fresh
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_types::Rect;
    use proptest::prelude::*;

    fn candidate(left: f32, class: usize, score: f32) -> Candidate {
        Candidate { rect: Rect::new(left, 0.0, 10.0, 10.0), class, score }
    }

    #[test]
    fn the_better_of_two_stays_and_classes_do_not_meet() {
        let mut found = vec![
            candidate(1.0, 0, 0.5),
            candidate(0.0, 0, 0.9),
            candidate(0.0, 1, 0.7),
            candidate(8.0, 0, 0.3),
            Candidate { rect: Rect::new(f32::NAN, 0.0, 1.0, 1.0), class: 0, score: 0.9 },
        ];
        suppress(&mut found, Some(0.45));
        let kept: Vec<f32> = found.iter().map(|c| c.score).collect();
        assert_eq!(kept, [0.9, 0.7, 0.3]);
    }

    proptest! {
        #[test]
        fn what_stays_is_sorted_and_apart(
            boxes in prop::collection::vec((0.0f32..50.0, 0usize..3, 0.0f32..1.0), 0..40)
        ) {
            let mut found: Vec<_> =
                boxes.iter().map(|(left, class, score)| candidate(*left, *class, *score)).collect();
            suppress(&mut found, Some(0.5));
            prop_assert!(found.windows(2).all(|w| w[0].score >= w[1].score));
            for (i, a) in found.iter().enumerate() {
                for b in &found[i + 1..] {
                    prop_assert!(a.class != b.class || a.rect.iou(&b.rect) <= 0.5);
                }
            }
            prop_assert_eq!(found.is_empty(), boxes.is_empty());
        }
    }
}
