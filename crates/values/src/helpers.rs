//! What the attributes of the corpus name: predicates, defaults, `with` modules, types of elsewhere.

use crate::oracle::Oracle;
use crate::random::Random;
use crate::sample::{Sample, leaf};
use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The default of every type of the corpus: a value that follows from its type alone.
pub(crate) fn plain<T: Sample>() -> T {
    T::sample(&mut Random::new(1))
}

/// Another default, for `default = "another"`.
pub(crate) fn another<T: Sample>() -> T {
    T::sample(&mut Random::new(2))
}

/// For `skip_serializing_if`: whether this is the type's default.
pub(crate) fn is_default<T: Sample + Default>(value: &T) -> bool {
    value.same(&T::default())
}

/// For `skip_serializing_if`: whether this is the default that [`another`] gives.
pub(crate) fn is_another<T: Sample>(value: &T) -> bool {
    value.same(&another())
}

/// For `skip_serializing_if`: true for half of all values, whatever their default is.
pub(crate) fn is_odd<T: AsPrimitive>(value: &T) -> bool {
    value.low_bit()
}

/// Integers, for [`is_odd`].
pub(crate) trait AsPrimitive {
    fn low_bit(&self) -> bool;
}

macro_rules! primitives {
    ($($type:ident)*) => {$(
        impl AsPrimitive for $type {
            fn low_bit(&self) -> bool {
                self & 1 == 1
            }
        }
    )*};
}

primitives!(u8 u16 u32 u64 i8 i16 i32 i64);

/// A random value, or often the default, so that a field is skipped.
pub(crate) fn often<T: Sample>(random: &mut Random, default: impl FnOnce() -> T) -> T {
    if random.one_in(2) { default() } else { T::sample(random) }
}

/// Declares a `with` module from its two functions.
macro_rules! with {
    ($name:ident for $type:ty, [$($generics:tt)*], |$value:ident| $sent:expr, |$read:ident: $form:ty| $back:expr) => {
        pub(crate) mod $name {
            #[allow(unused_imports)]
            use super::*;

            pub(crate) fn serialize<$($generics)* S: Serializer>(
                $value: &$type,
                to: S,
            ) -> Result<S::Ok, S::Error> {
                Serialize::serialize(&$sent, to)
            }

            pub(crate) fn deserialize<'de, $($generics)* D: Deserializer<'de>>(
                from: D,
            ) -> Result<$type, D::Error> {
                let $read = <$form>::deserialize(from)?;
                Ok($back)
            }
        }
    };
}

with!(as_pair for T, [T: Serialize + DeserializeOwned,], |value| (value, 7_u8), |read: (T, u8)| read.0);
with!(as_option for T, [T: Serialize + DeserializeOwned,], |value| Some(value), |read: Option<T>| {
    read.ok_or_else(|| serde::de::Error::custom("none"))?
});
with!(as_text for u32, [], |value| value.to_string(), |read: String| {
    read.parse().map_err(serde::de::Error::custom)?
});
with!(as_borrowed for String, [], |value| Borrowed { text: value.as_str().into() }, |read: Borrowed<'_>| {
    read.text.into_owned()
});
with!(as_str for String, [], |value| value.as_str(), |read: &str| read.to_owned());
with!(as_stream for Vec<T>, [T: Serialize + DeserializeOwned,], |value| Stream(value), |read: Vec<T>| read);
with!(as_variant for T, [T: Serialize + DeserializeOwned,], |value| Ok::<_, ()>(value), |read: Result<T, ()>| {
    read.map_err(|()| serde::de::Error::custom("an error"))?
});

/// Borrows its text where the format can lend it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Borrowed<'a> {
    #[serde(borrow)]
    pub(crate) text: std::borrow::Cow<'a, str>,
}

/// A sequence whose length its type does not say before it is written.
pub(crate) struct Stream<'a, T>(pub(crate) &'a [T]);

impl<T: Serialize> Serialize for Stream<'_, T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut seq = to.serialize_seq(None)?;
        self.0
            .iter()
            .try_for_each(|value| serde::ser::SerializeSeq::serialize_element(&mut seq, value))?;
        serde::ser::SerializeSeq::end(seq)
    }
}

/// Refuses to be written where it is 13, to be read where it is 17.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Picky(u8);

impl Sample for Picky {
    fn sample(random: &mut Random) -> Self {
        match random.below(24) {
            0 => Self(13),
            1 => Self(17),
            _ => Self(u8::sample(random)),
        }
    }
    fn arrived(&self, oracle: &mut Oracle) -> Self {
        match self.0 {
            13 => oracle.must_fail("13 cannot be written"),
            17 => oracle.must_fail("17 cannot be read"),
            _ => {}
        }
        self.clone()
    }
    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

impl Serialize for Picky {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            13 => Err(serde::ser::Error::custom("13 cannot be written")),
            number => to.serialize_u8(number),
        }
    }
}

impl<'de> Deserialize<'de> for Picky {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match u8::deserialize(from)? {
            17 => Err(serde::de::Error::custom("17 cannot be read")),
            number => Ok(Self(number)),
        }
    }
}

/// Written and read by hand, with names that `field_identifier` reads.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ByHand {
    count: u16,
    label: String,
}

leaf! {
    ByHand: |random| ByHand { count: u16::sample(random), label: String::sample(random) };
}

impl Serialize for ByHand {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // Not in the order of the type's list of names.
        let mut fields = to.serialize_struct("ByHand", 2)?;
        fields.serialize_field("label", &self.label)?;
        fields.serialize_field("count", &self.count)?;
        fields.end()
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Name {
    Count,
    Label,
    #[serde(other)]
    Unknown,
}

impl<'de> Deserialize<'de> for ByHand {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = ByHand;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a struct by hand")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ByHand, A::Error> {
                let missing = || serde::de::Error::custom("too short");
                let count = seq.next_element()?.ok_or_else(missing)?;
                let label = seq.next_element()?.ok_or_else(missing)?;
                Ok(ByHand { count, label })
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ByHand, A::Error> {
                let mut value = ByHand::default();
                while let Some(name) = map.next_key()? {
                    match name {
                        Name::Count => value.count = map.next_value()?,
                        Name::Label => value.label = map.next_value()?,
                        Name::Unknown => drop(map.next_value::<serde::de::IgnoredAny>()?),
                    }
                }
                Ok(value)
            }
        }
        from.deserialize_struct("ByHand", &["count", "label"], Fields)
    }
}

/// Written as a map of one entry, whose name `variant_identifier` reads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Entry {
    Left(u8),
    Right(String),
}

impl Default for Entry {
    fn default() -> Self {
        Self::Right("default".to_owned())
    }
}

leaf! {
    Entry: |random| if random.one_in(2) {
        Entry::Left(u8::sample(random))
    } else {
        Entry::Right(String::sample(random))
    };
}

#[derive(Deserialize)]
#[serde(variant_identifier)]
enum Side {
    Left,
    Right,
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        match self {
            Self::Left(number) => map.serialize_entry("Left", number)?,
            Self::Right(text) => map.serialize_entry("Right", text)?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct One;
        impl<'de> Visitor<'de> for One {
            type Value = Entry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of one entry")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
                let entry = match map.next_key()? {
                    Some(Side::Left) => Entry::Left(map.next_value()?),
                    Some(Side::Right) => Entry::Right(map.next_value()?),
                    None => return Err(serde::de::Error::custom("no entry")),
                };
                map.next_key::<Side>()?.map_or(Ok(entry), |_| Err(serde::de::Error::custom("two")))
            }
        }
        from.deserialize_map(One)
    }
}

/// What another crate keeps private, for `remote` and `getter`.
pub(crate) mod elsewhere {
    use super::{Oracle, Random, Sample, leaf};

    #[derive(Debug, Clone, Default, PartialEq)]
    pub(crate) struct Hidden {
        count: u32,
        label: String,
    }

    impl Hidden {
        pub(crate) fn new(count: u32, label: String) -> Self {
            Self { count, label }
        }
        pub(crate) fn count(&self) -> u32 {
            self.count
        }
        pub(crate) fn label(&self) -> &String {
            &self.label
        }
    }

    #[derive(Debug, Clone, Default, PartialEq)]
    pub(crate) enum Open {
        #[default]
        Nothing,
        Number(i16),
        Named {
            label: String,
        },
    }

    leaf! {
        Hidden: |random| Hidden::new(u32::sample(random), String::sample(random));
        Open: |random| match random.below(3) {
            0 => Open::Nothing,
            1 => Open::Number(i16::sample(random)),
            _ => Open::Named { label: String::sample(random) },
        };
    }
}

/// A type without serde's traits, which a skipped field may have.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct NotForSerde(u32);

leaf! {
    NotForSerde: |random| NotForSerde(u32::sample(random));
}
