//! What a detector says about one picture.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::Rect;

/// The name of a kind of object as its model calls it, e.g. `person`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassName(Arc<str>);

impl ClassName {
    /// A class from its name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClassName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for ClassName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// One object in one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Where, in fractions of the picture.
    pub rect: Rect,
    /// What.
    pub class: ClassName,
    /// How sure the detector is, 0 to 1.
    pub score: f32,
}
