//! What serde's attributes make impossible to read back is an error that says so.

use super::{refused, try_read, written};
use serde::{Deserialize, Serialize};

#[test]
fn a_tuple_struct_shortened_by_skipping_is_an_error() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Short(
        #[serde(default, skip_serializing_if = "Option::is_none")] Option<u8>,
        #[serde(default)] u8,
    );
    let error = refused::<Short>(&Short(None, 5));
    assert!(error.contains("Short") && error.contains("needs names"), "{error}");
    try_read::<Short>(&written(&Short(Some(1), 5))).expect("it is whole");
    #[derive(Debug, Serialize, Deserialize)]
    enum Variant {
        Short(
            #[serde(default, skip_serializing_if = "Option::is_none")] Option<u8>,
            #[serde(default)] u8,
        ),
    }
    let error = refused::<Vec<Variant>>(&vec![Variant::Short(None, 5)]);
    assert!(error.contains("::Short") && error.contains("needs names"), "{error}");
}

#[test]
fn an_integer_of_128_bits_in_a_flattened_type_is_an_error_with_a_remedy() {
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Wide {
        Number(u128),
    }
    let error = refused::<Wide>(&Wide::Number(7));
    assert!(error.contains("Wide") && error.contains("write them as text"), "{error}");
}

#[test]
fn other_types_are_refused_with_their_names() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Order {
        lines: Vec<Line>,
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct Line {
        count: u8,
    }
    #[derive(Serialize)]
    struct Other {
        lines: Vec<OtherLine>,
    }
    #[derive(Serialize)]
    struct OtherLine {
        count: i32,
    }
    let other = Other { lines: vec![OtherLine { count: 1 }, OtherLine { count: -1 }] };
    let error = refused::<Order>(&other);
    assert!(error.contains("Order") && error.contains(".lines[1].count` (`u8`)"), "{error}");
    for error in [
        refused::<u8>(&"text"),
        refused::<String>(&7_u8),
        refused::<Vec<u8>>(&"text"),
        refused::<Order>(&true),
        refused::<(u8, u8)>(&(1_u8, 2_u8, 3_u8)),
        refused::<[u8; 2]>(&[1_u8, 2, 3]),
        refused::<std::num::NonZero<u8>>(&0_u8),
        refused::<char>(&"two"),
    ] {
        assert!(error.contains("are no value of type"), "{error}");
    }
}
