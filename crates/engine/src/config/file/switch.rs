//! Sections that are `true`, `false` or a block of their own values. By hand instead of with
//! `untagged`, which forgets where in the file a value stood.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// `true`, `false`, or a block.
pub(super) enum Switch<T> {
    Is(bool),
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Switch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = Switch<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("`true`, `false` or a block")
            }

            fn visit_bool<E>(self, is: bool) -> Result<Self::Value, E> {
                Ok(Switch::Is(is))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Switch::Set)
            }
        }

        deserializer.deserialize_any(Either(PhantomData))
    }
}
