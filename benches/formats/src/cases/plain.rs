//! Values of types that serde itself knows.

use super::helpers::Bytes;
use crate::Case;
use crate::fails;
use crate::itself;
use crate::outcome;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::SocketAddrV6;
use std::num::NonZeroU8;
use std::num::Wrapping;
use std::ops::Bound;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

pub(super) const CASES: &[Case] = &[
    Case { name: "bool", run: |format| outcome(format, itself((true, false))) },
    Case {
        name: "integers at both ends",
        run: |format| outcome(format, itself((u8::MAX, i8::MIN, u64::MAX, i64::MIN))),
    },
    Case { name: "u128, i128", run: |format| outcome(format, itself((u128::MAX, i128::MIN))) },
    Case { name: "usize", run: |format| outcome(format, itself(usize::MAX)) },
    Case {
        name: "f32, f64",
        run: |format| outcome(format, itself((1.5_f32, f64::MIN_POSITIVE / 4.0, -0.0_f64))),
    },
    Case {
        name: "infinity",
        run: |format| outcome(format, itself((f32::INFINITY, f64::NEG_INFINITY))),
    },
    Case { name: "NaN", run: |format| outcome(format, itself((f32::NAN, f64::NAN))) },
    Case { name: "char", run: |format| outcome(format, itself(('\0', 'ß', char::MAX))) },
    Case { name: "String", run: |format| outcome(format, itself("a\0ü\u{1f980}".to_owned())) },
    Case { name: "empty String", run: |format| outcome(format, itself(String::new())) },
    Case { name: "()", run: |format| outcome(format, itself(())) },
    Case { name: "Option<u8>", run: |format| outcome(format, itself((Some(0_u8), None::<u8>))) },
    Case { name: "Option<()>", run: |format| outcome(format, itself((Some(()), None::<()>))) },
    Case {
        name: "Option<Option<u8>>",
        run: |format| {
            outcome(format, itself((Some(Some(1_u8)), Some(None::<u8>), None::<Option<u8>>)))
        },
    },
    Case {
        name: "Option<Option<Option<()>>>",
        run: |format| {
            outcome(format, itself(vec![None, Some(None), Some(Some(None)), Some(Some(Some(())))]))
        },
    },
    Case {
        name: "Option<String> empty",
        run: |format| outcome(format, itself(Some(String::new()))),
    },
    Case { name: "Vec<u8>", run: |format| outcome(format, itself(vec![0_u8, 255])) },
    Case { name: "Vec of Vec", run: |format| outcome(format, itself(vec![vec![1_u16], vec![]])) },
    Case { name: "Vec<()>", run: |format| outcome(format, itself(vec![(), ()])) },
    Case { name: "Vec<Option<()>>", run: |format| outcome(format, itself(vec![Some(()), None])) },
    Case { name: "array", run: |format| outcome(format, itself([1_u8, 2, 3])) },
    Case { name: "empty array", run: |format| outcome(format, itself([0_u8; 0])) },
    Case { name: "array of 32", run: |format| outcome(format, itself([7_u16; 32])) },
    Case { name: "tuple of 1", run: |format| outcome(format, itself((1_u8,))) },
    Case { name: "nested tuples", run: |format| outcome(format, itself(((1_u8, (2_u8,)), 'x'))) },
    Case {
        name: "BTreeMap<String, u8>",
        run: |format| {
            outcome(format, itself(BTreeMap::from([("a".to_owned(), 1_u8), (String::new(), 2)])))
        },
    },
    Case {
        name: "map with keys u64",
        run: |format| outcome(format, itself(BTreeMap::from([(u64::MAX, 1_u8)]))),
    },
    Case {
        name: "map with keys i8",
        run: |format| outcome(format, itself(BTreeMap::from([(-1_i8, 1_u8)]))),
    },
    Case {
        name: "map with keys bool",
        run: |format| outcome(format, itself(BTreeMap::from([(true, 1_u8), (false, 2)]))),
    },
    Case {
        name: "map with keys char",
        run: |format| outcome(format, itself(BTreeMap::from([('x', 1_u8)]))),
    },
    Case {
        name: "map with keys ()",
        run: |format| outcome(format, itself(BTreeMap::from([((), 1_u8)]))),
    },
    Case {
        name: "map with keys Option",
        run: |format| outcome(format, itself(BTreeMap::from([(None::<u8>, 1_u8), (Some(0), 2)]))),
    },
    Case {
        name: "map with keys (u8, String)",
        run: |format| outcome(format, itself(BTreeMap::from([((1_u8, "a".to_owned()), 1_u8)]))),
    },
    Case {
        name: "map with keys Vec",
        run: |format| outcome(format, itself(BTreeMap::from([(vec![1_u8], 1_u8)]))),
    },
    Case {
        name: "map with keys of a struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
            struct Key {
                a: u8,
            }
            outcome(format, itself(BTreeMap::from([(Key { a: 1 }, 1_u8)])))
        },
    },
    Case {
        name: "map with keys of an enum",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
            enum Key {
                A,
                B(u8),
            }
            outcome(format, itself(BTreeMap::from([(Key::A, 1_u8), (Key::B(2), 3)])))
        },
    },
    Case {
        name: "map with keys u128",
        run: |format| outcome(format, itself(BTreeMap::from([(u128::MAX, 1_u8)]))),
    },
    Case { name: "BTreeSet", run: |format| outcome(format, itself(BTreeSet::from([1_u8, 2]))) },
    Case { name: "Box", run: |format| outcome(format, itself(Box::new(Box::new(1_u8)))) },
    Case {
        name: "Cow<str>",
        run: |format| outcome(format, itself(Cow::<'static, str>::Owned("a".to_owned()))),
    },
    Case {
        name: "Result",
        run: |format| {
            outcome(format, itself((Ok::<u8, String>(1), Err::<u8, String>("e".to_owned()))))
        },
    },
    Case {
        name: "Duration",
        run: |format| outcome(format, itself(Duration::new(u64::MAX, 999_999_999))),
    },
    Case {
        name: "IpAddr",
        run: |format| {
            outcome(
                format,
                itself((IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16]))),
            )
        },
    },
    Case {
        name: "SocketAddr",
        run: |format| outcome(format, itself(SocketAddr::from(([127, 0, 0, 1], 80)))),
    },
    Case {
        name: "SocketAddrV6 with its scope",
        run: |format| {
            outcome(format, itself(SocketAddrV6::new("fe80::1".parse().unwrap(), 80, 0, 3)))
        },
    },
    Case {
        name: "Range, Bound",
        run: |format| {
            outcome(format, itself((1_u8..3, Bound::Included(1_u8), Bound::<u8>::Unbounded)))
        },
    },
    Case {
        name: "NonZero, Wrapping, Reverse",
        run: |format| outcome(format, itself((NonZeroU8::MAX, Wrapping(1_u8), Reverse(2_u8)))),
    },
    Case {
        name: "OsString that is not UTF-8",
        run: |format| outcome(format, itself(OsString::from_vec(vec![0xff, 0]))),
    },
    Case { name: "PathBuf", run: |format| outcome(format, itself(PathBuf::from("/a b"))) },
    Case {
        name: "PathBuf that is not UTF-8",
        run: |format| outcome(format, fails(PathBuf::from(OsString::from_vec(vec![0xff])))),
    },
    Case {
        name: "bytes by serialize_bytes",
        run: |format| outcome(format, itself(Bytes(vec![0, 255]))),
    },
];
