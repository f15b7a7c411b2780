//! Any bytes at all, read as a value: for the fuzz target.

use super::read;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A type with every form that the codec has.
#[derive(Debug, Serialize, Deserialize)]
struct Everything<'a> {
    #[serde(borrow)]
    text: &'a str,
    bytes: &'a [u8],
    numbers: Vec<f64>,
    array: [u16; 3],
    #[allow(clippy::option_option, reason = "users have such types")]
    maybe: Option<Option<char>>,
    map: BTreeMap<Kind, i128>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    kinds: Vec<Kind>,
    tagged: Option<Tagged>,
    rest: BTreeMap<String, Untagged>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Kind {
    Unit,
    Newtype(Box<Option<Kind>>),
    Tuple(u8, ()),
    Struct { a: bool, b: Vec<Kind> },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    A,
    B { a: u64 },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Kind(Kind),
    Numbers(Vec<u32>),
    Float(f32),
    Others(BTreeMap<u8, Untagged>),
}

/// Reads `bytes` as values of several types; what is read can be written.
#[cfg_attr(not(fuzzing), expect(unreachable_pub, reason = "the fuzz target's entry point"))]
pub fn decode_anything(bytes: &[u8]) {
    fn check<'a, T: Serialize + Deserialize<'a>>(bytes: &'a [u8]) {
        for by_name in [false, true] {
            if let Ok(value) = read::<T>(bytes, by_name) {
                super::write(&mut Vec::new(), &value).expect("what was read can be written");
            }
        }
    }
    check::<Everything<'_>>(bytes);
    check::<Vec<Kind>>(bytes);
    check::<BTreeMap<String, Untagged>>(bytes);
    check::<(u8, Vec<u64>, String, Option<Tagged>)>(bytes);
    let _ = read::<IgnoredAny>(bytes, false);
}
