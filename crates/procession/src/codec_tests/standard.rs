//! The standard library's types, and other crates' that serde's users have.

use super::{crossed, same, try_read, try_written, written};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{CString, OsString};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::num::{NonZero, Wrapping};
use std::ops::Bound;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

#[test]
fn numbers_cross_with_every_bit() {
    same((u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX, usize::MAX));
    same((i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN, isize::MIN));
    same((true, false, 'x', '\0', char::MAX));
    let bits = |number: f64| crossed(&(number, vec![number; 2])).0.to_bits();
    for number in [-0.0, f64::NAN, f64::from_bits(0x7ff4_dead_beef_0001), f64::NEG_INFINITY] {
        let (one, many) =
            try_read::<(f64, Vec<f64>)>(&written(&(number, vec![number; 2]))).expect("the numbers");
        assert_eq!(one.to_bits(), number.to_bits());
        assert!(many.iter().all(|other| other.to_bits() == number.to_bits()));
    }
    assert_eq!(bits(-0.0), (-0.0_f64).to_bits());
    let signalling = f32::from_bits(0x7fa0_1234);
    let back: f32 = try_read(&written(&signalling)).expect("a number");
    assert_eq!(back.to_bits(), signalling.to_bits());
}

#[test]
fn options_keep_every_level() {
    for value in [None, Some(None), Some(Some(None)), Some(Some(Some(())))] {
        same(value);
        same(vec![value; 3]);
    }
    same(Some(()));
    same(vec![(); 1000]);
}

#[test]
fn collections_cross_with_any_key() {
    same(BTreeMap::from([((1_u8, 'a'), vec![1_u64]), ((2, 'b'), vec![])]));
    same(HashMap::from([(Some(1.5_f32.to_bits()), "x".to_owned()), (None, String::new())]));
    same(HashMap::from([(vec![1_u8, 2], BTreeSet::from(["a".to_owned()]))]));
    same(HashSet::from([1_u64, 2, 3]));
    same(VecDeque::from([1_i8, 2, 3]));
    same(LinkedList::from(["a".to_owned()]));
    same(vec![vec![1_u8, 2, 3], vec![], vec![4]]);
    same(vec![vec![1.5_f64; 2], vec![0.5], vec![]]);
    same(([1_u8; 4], [2_u64; 8], [3_i16; 1], [0_f32; 0], [String::new(), "a".to_owned()]));
    same((Box::<[u16]>::from([1, 2, 3]), Box::<str>::from("text"), Cow::<str>::Borrowed("text")));
}

#[test]
fn the_standard_librarys_own_types_cross() {
    same((Duration::new(3, 999_999_999), SystemTime::UNIX_EPOCH + Duration::from_nanos(1)));
    let address: IpAddr = Ipv6Addr::LOCALHOST.into();
    same((
        address,
        SocketAddr::from(([127, 0, 0, 1], 80)),
        "[fe80::1]:9".parse::<SocketAddr>().unwrap(),
    ));
    same(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 1, 0, 7));
    same((1_u8..4, 2_i64..=5, Bound::Included(3_u8), Bound::<u8>::Unbounded));
    same((NonZero::new(7_u64), Wrapping(3_u8), std::cmp::Reverse(4_u8)));
    same((Ok::<u8, String>(1), Err::<u8, String>("no".into())));
    same((PathBuf::from("/a/b"), CString::new("text").unwrap()));
    same(OsString::from_vec(vec![b'a', 0xff, b'z']));
    same(std::marker::PhantomData::<u8>);
    let cell: std::cell::RefCell<u8> = try_read(&written(&std::cell::RefCell::new(7))).unwrap();
    assert_eq!(cell.into_inner(), 7);
}

#[test]
fn a_path_that_is_no_text_is_an_error_at_the_sender() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Job {
        files: Vec<PathBuf>,
    }
    let path = PathBuf::from(OsString::from_vec(vec![b'/', 0xff]));
    let error = try_written(&Job { files: vec!["/a".into(), path] }).expect_err("no text");
    let error = error.to_string();
    assert!(error.contains("path contains invalid UTF-8 characters"), "{error}");
    assert!(error.contains(".files[1]") && error.contains("PathBuf"), "{error}");
    assert!(error.contains("OsString"), "{error}");
}

#[test]
fn texts_and_bytes_are_borrowed() {
    let message =
        written(&("text", &[1_u8, 2, 3][..], &[9_u8][..], &[0_u8; 0][..], Bytes(b"bytes")));
    type Borrowed<'a> = (&'a str, &'a [u8], &'a [u8], &'a [u8], &'a [u8]);
    let (text, three, one, none, bytes): Borrowed<'_> = try_read(&message).expect("the parts");
    assert_eq!(
        (text, three, one, none, bytes),
        ("text", &[1, 2, 3][..], &[9][..], &[][..], &b"bytes"[..])
    );
    assert!(message.as_ptr_range().contains(&text.as_ptr()));
    assert!(message.as_ptr_range().contains(&three.as_ptr()));
}

struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

#[test]
fn dynamic_values_of_other_crates_cross() {
    for value in [
        serde_json::json!(null),
        serde_json::json!({ "a": [1, 2, 3], "b": { "c": null, "d": -1.5 }, "e": "text" }),
        serde_json::json!([u64::MAX, i64::MIN, true, 0.1]),
    ] {
        same(value.clone());
        same(Some(value));
    }
    same(Some(serde_json::Value::Null));
    let text = "a = 1\nb = [1.5, 2.5]\nc = 1979-05-27T07:32:00Z\n[d]\ne = \"text\"\n";
    same(toml::from_str::<toml::Value>(text).expect("a document"));
}

#[test]
fn decimal_numbers_of_other_crates_cross() {
    let big: bigdecimal::BigDecimal = "-123456789012345678901234567890.0123456789".parse().unwrap();
    same(big);
    let small: rust_decimal::Decimal = "1234567890.123456789".parse().unwrap();
    same(vec![small, rust_decimal::Decimal::MAX]);
}
