//! Bytes that no writer wrote: an error, whatever they are.

use super::{try_read, written};
use crate::codec::anything::decode_anything;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Newtype(Option<char>),
    Tuple(u8, f64),
    Struct { name: String, numbers: Vec<u16>, kind: Box<Kind> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    kinds: Vec<Kind>,
    map: BTreeMap<String, (i8, i128)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<()>,
    last: bool,
}

fn everything() -> Everything {
    let kind =
        Kind::Struct { name: "n".into(), numbers: vec![1, 2, 3], kind: Box::new(Kind::Unit) };
    Everything {
        kinds: vec![Kind::Unit, Kind::Newtype(Some('x')), Kind::Tuple(1, 2.5), kind],
        map: BTreeMap::from([("key".into(), (-1, i128::MIN))]),
        unit: None,
        last: true,
    }
}

#[test]
fn a_message_cut_short_or_too_long_is_an_error() {
    let message = written(&everything());
    assert_eq!(try_read::<Everything>(&message).expect("whole"), everything());
    for cut in 0..message.len() {
        try_read::<Everything>(&message[..cut]).expect_err("cut short");
    }
    let mut long = message;
    long.insert(1, 0x01);
    try_read::<Everything>(&long).expect_err("too long");
    let error = try_read::<u8>(&[0xe0, 0x20, 7, 9]).expect_err("too long");
    assert!(error.to_string().contains("1 bytes are left over"), "{error}");
}

#[test]
fn every_change_of_a_byte_is_a_value_or_an_error() {
    let message = written(&everything());
    for at in 0..message.len() {
        let tags = (0..0x14).chain(0x20..0x2c).chain(0xa0..0xac);
        for value in tags.chain([0x7f, 0x80, 0xe0, 0xe1, 0xfe, 0xff, message[at] ^ 1]) {
            let mut changed = message.clone();
            changed[at] = value;
            decode_anything(&changed);
            // What is read crosses again as it is.
            if let Ok(read) = try_read::<Everything>(&changed) {
                let again: Everything = try_read(&written(&read)).expect("what was read");
                assert_eq!(format!("{again:?}"), format!("{read:?}"));
            }
        }
    }
}

#[test]
fn lengths_beyond_the_message_take_no_memory() {
    for tag in 0..=u8::MAX {
        for length in [u32::MAX, u32::MAX - 1, 1 << 31, 1 << 20] {
            let mut message = vec![0xe0, tag];
            message.extend_from_slice(&length.to_le_bytes());
            message.extend_from_slice(&u64::MAX.to_le_bytes());
            message.extend_from_slice(&[tag; 40]);
            decode_anything(&message);
            message[0] = 0xe1;
            decode_anything(&message);
        }
    }
}
