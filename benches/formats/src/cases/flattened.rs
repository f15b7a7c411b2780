//! Values of flattened and converted types.

use super::helpers::Stream;
use super::helpers::as_open_map;
use super::helpers::as_struct;
use super::helpers::as_text;
use crate::Case;
use crate::fails;
use crate::itself;
use crate::outcome;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "flatten: struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct B {
                x: u8,
            }
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                a: u8,
                #[serde(flatten)]
                b: B,
            }
            outcome(format, itself(A { a: 1, b: B { x: 2 } }))
        },
    },
    Case {
        name: "flatten: map",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                a: u8,
                #[serde(flatten)]
                b: BTreeMap<String, u8>,
            }
            outcome(format, itself(A { a: 1, b: BTreeMap::from([("x".to_owned(), 2)]) }))
        },
    },
    Case {
        name: "flatten: map with keys u8",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                a: u8,
                #[serde(flatten)]
                b: BTreeMap<u8, u8>,
            }
            outcome(format, itself(A { a: 1, b: BTreeMap::from([(3, 2)]) }))
        },
    },
    Case {
        name: "flatten: enum",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                X,
                Y(u8),
            }
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                a: u8,
                #[serde(flatten)]
                b: E,
            }
            outcome(format, itself(vec![A { a: 1, b: E::X }, A { a: 1, b: E::Y(2) }]))
        },
    },
    Case {
        name: "flatten: tagged enum",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(tag = "t")]
            enum E {
                Y { y: Option<Option<u8>> },
            }
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                a: u8,
                #[serde(flatten)]
                b: E,
            }
            outcome(format, itself(A { a: 1, b: E::Y { y: Some(None) } }))
        },
    },
    Case {
        name: "flatten: Option of a struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct B {
                x: u8,
            }
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(flatten)]
                b: Option<B>,
            }
            outcome(format, itself(vec![A { b: None }, A { b: Some(B { x: 2 }) }]))
        },
    },
    Case {
        name: "flatten: Some(None)",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct B {
                x: Option<Option<u8>>,
            }
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                a: u8,
                #[serde(flatten)]
                b: B,
            }
            outcome(format, itself(A { a: 1, b: B { x: Some(None) } }))
        },
    },
    Case {
        name: "flatten: u128",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct B {
                x: u128,
            }
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                a: u8,
                #[serde(flatten)]
                b: B,
            }
            outcome(format, itself(A { a: 1, b: B { x: u128::MAX } }))
        },
    },
    Case {
        name: "flatten: two structs",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct B {
                x: u8,
            }
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct C {
                y: u8,
            }
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(flatten)]
                a: B,
                #[serde(flatten)]
                b: C,
            }
            outcome(format, itself(A { a: B { x: 1 }, b: C { y: 2 } }))
        },
    },
    Case {
        name: "with",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(with = "as_text")]
                a: u8,
            }
            outcome(format, itself(A { a: 1 }))
        },
    },
    Case {
        name: "from, into",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(from = "u8", into = "u8")]
            struct A {
                a: u8,
            }
            impl From<u8> for A {
                fn from(a: u8) -> Self {
                    A { a }
                }
            }
            impl From<A> for u8 {
                fn from(a: A) -> u8 {
                    a.a
                }
            }
            outcome(format, itself(A { a: 1 }))
        },
    },
    Case {
        name: "try_from that refuses",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(try_from = "u8", into = "u8")]
            struct A {
                a: u8,
            }
            impl TryFrom<u8> for A {
                type Error = &'static str;
                fn try_from(_: u8) -> Result<Self, &'static str> {
                    Err("no")
                }
            }
            impl From<A> for u8 {
                fn from(a: A) -> u8 {
                    a.a
                }
            }
            outcome(format, fails(A { a: 1 }))
        },
    },
    Case {
        name: "sequence without a length",
        run: |format| outcome(format, itself(Stream(vec![1, 2]))),
    },
    Case {
        name: "map without a length",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(with = "as_open_map")]
                a: Vec<(u8, u8)>,
            }
            outcome(format, itself(A { a: vec![(1, 2)] }))
        },
    },
    Case {
        name: "serde_json::Value",
        run: |format| {
            outcome(format, itself(serde_json::json!({ "a": [1, -1, 1.5, null, "x", {}] })))
        },
    },
    Case {
        name: "struct read by a map",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(with = "as_struct")]
                a: BTreeMap<String, u8>,
            }
            outcome(format, itself(A { a: BTreeMap::from([("x".to_owned(), 1)]) }))
        },
    },
];
