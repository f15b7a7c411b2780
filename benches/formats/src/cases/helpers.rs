//! What the cases' attributes name.

use serde::de::{SeqAccess, Visitor};
use serde::ser::{SerializeSeq, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

pub(super) fn answer() -> u8 {
    42
}

/// Bytes by `serialize_bytes`.
#[derive(Debug, Clone)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Taker;
        impl<'de> Visitor<'de> for Taker {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(Bytes(bytes))
            }
        }
        from.deserialize_byte_buf(Taker)
    }
}

/// A sequence that does not say its length first.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct Stream(pub(super) Vec<u8>);

impl Serialize for Stream {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut seq = to.serialize_seq(None)?;
        self.0.iter().try_for_each(|number| seq.serialize_element(number))?;
        seq.end()
    }
}

pub(super) mod as_text {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &u8, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

pub(super) mod as_open_map {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &[(u8, u8)], to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        value.iter().try_for_each(|(key, value)| {
            serde::ser::SerializeMap::serialize_entry(&mut map, key, value)
        })?;
        serde::ser::SerializeMap::end(map)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<(u8, u8)>, D::Error> {
        Ok(BTreeMap::<u8, u8>::deserialize(from)?.into_iter().collect())
    }
}

/// A map that is written as a struct with one field.
pub(super) mod as_struct {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        value: &BTreeMap<String, u8>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let mut fields = to.serialize_struct("A", 1)?;
        fields.serialize_field("x", &value["x"])?;
        fields.end()
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<String, u8>, D::Error> {
        BTreeMap::deserialize(from)
    }
}
