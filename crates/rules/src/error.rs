//! Why a line, a zone or a saved state cannot be used: the one error type of this crate.

use omma_types::ErrorKind;

/// A rule that makes no sense as it was written. Every text names the rule, the reason and
/// what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// The name is empty or too long.
    #[error("rule name `{name}` has {length} characters: give it 1 to 64")]
    Name {
        /// The name's beginning.
        name: String,
        /// Its length in characters.
        length: usize,
    },
    /// Two rules of one camera share a name.
    #[error("two rules are called `{name}`: give each line and zone of a camera its own name")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A coordinate is not a number or lies outside of the picture.
    #[error(
        "point {position} of `{rule}` is ({x}, {y}): coordinates are fractions of the picture, \
         from 0 (left, top) to 1 (right, bottom)"
    )]
    OutsidePicture {
        /// The rule.
        rule: String,
        /// Which point, from 1.
        position: usize,
        /// Its x.
        x: f32,
        /// Its y.
        y: f32,
    },
    /// Both ends of a line are the same point.
    #[error("line `{rule}` has no length, both ends are ({x}, {y}): move one of them")]
    NoLength {
        /// The rule.
        rule: String,
        /// The point's x.
        x: f32,
        /// The point's y.
        y: f32,
    },
    /// Fewer than three different points.
    #[error("zone `{rule}` has {count} different points: a polygon needs at least 3")]
    TooFewPoints {
        /// The rule.
        rule: String,
        /// How many there are.
        count: usize,
    },
    /// All points lie on one line.
    #[error("zone `{rule}` has no area, its points lie on one line: move one of them")]
    NoArea {
        /// The rule.
        rule: String,
    },
    /// Two edges cross or touch.
    #[error(
        "zone `{rule}` crosses itself: the edge from point {first} to {first_end} meets the edge \
         from point {second} to {second_end}; list the points in order around the zone"
    )]
    EdgesCross {
        /// The rule.
        rule: String,
        /// Where the first edge starts, from 1.
        first: usize,
        /// Where it ends.
        first_end: usize,
        /// Where the second edge starts.
        second: usize,
        /// Where it ends.
        second_end: usize,
    },
    /// A state that no rules come to.
    #[error("the state of the rules is damaged: start them afresh")]
    State,
}

impl RuleError {
    /// What kind of failure it is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::State => ErrorKind::Corrupt,
            _ => ErrorKind::Invalid,
        }
    }
}
