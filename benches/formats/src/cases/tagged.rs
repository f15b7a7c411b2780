//! Values of enums with tags.

use super::helpers::Bytes;
use crate::Case;
use crate::itself;
use crate::outcome;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "tag: unit",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(tag = "t")]
            enum E {
                A,
                B,
            }
            outcome(format, itself(vec![E::A, E::B]))
        },
    },
    Case {
        name: "tag: newtype",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct I {
                x: u8,
            }
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(tag = "t")]
            enum E {
                A(I),
            }
            outcome(format, itself(E::A(I { x: 1 })))
        },
    },
    Case {
        name: "tag: struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(tag = "t")]
            enum E {
                A { a: u8, b: Option<u8> },
            }
            outcome(format, itself(E::A { a: 1, b: None }))
        },
    },
    Case {
        name: "tag: Some(None)",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(tag = "t")]
            enum E {
                A { a: Option<Option<u8>> },
            }
            outcome(format, itself(E::A { a: Some(None) }))
        },
    },
    Case {
        name: "tag: a map",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(tag = "t")]
            enum E {
                A(BTreeMap<String, u8>),
            }
            outcome(format, itself(E::A(BTreeMap::from([("x".to_owned(), 1_u8)]))))
        },
    },
    Case {
        name: "tag: an enum",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum I {
                X,
                Y(u8),
            }
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(tag = "t")]
            enum E {
                A { a: I, b: I },
            }
            outcome(format, itself(E::A { a: I::Y(1), b: I::X }))
        },
    },
    Case {
        name: "tag: bytes, char, f32",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(tag = "t")]
            enum E {
                A { a: Bytes, b: char, c: f32 },
            }
            outcome(format, itself(E::A { a: Bytes(vec![255]), b: 'x', c: 1.1 }))
        },
    },
    Case {
        name: "tag: u128",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(tag = "t")]
            enum E {
                A { a: u128 },
            }
            outcome(format, itself(E::A { a: u128::MAX }))
        },
    },
    Case {
        name: "tag: IpAddr",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(tag = "t")]
            enum E {
                A { a: IpAddr },
            }
            outcome(format, itself(E::A { a: [127, 0, 0, 1].into() }))
        },
    },
    Case {
        name: "tag of a struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(tag = "t")]
            struct A {
                a: u8,
            }
            outcome(format, itself(A { a: 1 }))
        },
    },
    Case {
        name: "tag: map with keys u8",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(tag = "t")]
            enum E {
                A { a: BTreeMap<u8, u8> },
            }
            outcome(format, itself(E::A { a: BTreeMap::from([(1_u8, 2_u8)]) }))
        },
    },
    Case {
        name: "tag and content: unit",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(tag = "t", content = "c")]
            enum E {
                A,
                B,
            }
            outcome(format, itself(vec![E::A, E::B]))
        },
    },
    Case {
        name: "tag and content: newtype",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(tag = "t", content = "c")]
            enum E {
                A(Option<Option<u8>>),
            }
            outcome(format, itself(E::A(Some(None))))
        },
    },
    Case {
        name: "tag and content: tuple",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(tag = "t", content = "c")]
            enum E {
                A(u8, u128),
            }
            outcome(format, itself(E::A(1, u128::MAX)))
        },
    },
    Case {
        name: "tag and content: struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(tag = "t", content = "c")]
            enum E {
                A { a: u8 },
            }
            outcome(format, itself(E::A { a: 1 }))
        },
    },
];
