//! Values of untagged enums.

use super::helpers::Bytes;
use crate::Case;
use crate::itself;
use crate::outcome;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "untagged: shapes",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(untagged)]
            enum E {
                A,
                B(bool),
                C(i64),
                D(String),
                F { a: u8 },
            }
            outcome(
                format,
                itself(vec![E::A, E::B(true), E::C(-1), E::D("x".to_owned()), E::F { a: 1 }]),
            )
        },
    },
    Case {
        name: "untagged: sequence and struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(untagged)]
            enum E {
                A(u8, u8),
                B { a: u8 },
            }
            outcome(format, itself(vec![E::A(1, 2), E::B { a: 1 }]))
        },
    },
    Case {
        name: "untagged: structs",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(untagged)]
            enum E {
                A { a: u8 },
                B { b: u8 },
            }
            outcome(format, itself(vec![E::B { b: 1 }, E::A { a: 1 }]))
        },
    },
    Case {
        name: "untagged: Some(None)",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(untagged)]
            enum E {
                A { a: Option<Option<u8>> },
            }
            outcome(format, itself(E::A { a: Some(None) }))
        },
    },
    Case {
        name: "untagged: bytes",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(untagged)]
            enum E {
                A { a: Bytes },
            }
            outcome(format, itself(E::A { a: Bytes(vec![255, 0]) }))
        },
    },
    Case {
        name: "untagged: char before String",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(untagged)]
            enum E {
                A(char),
                B(String),
            }
            outcome(format, itself(vec![E::A('x'), E::B("xy".to_owned())]))
        },
    },
    Case {
        name: "untagged: i64 before f64",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(untagged)]
            enum E {
                A(i64),
                B(f64),
            }
            outcome(format, itself(vec![E::A(1), E::B(1.0), E::B(f64::NAN)]))
        },
    },
    Case {
        name: "untagged: u8 before u64",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(untagged)]
            enum E {
                #[allow(dead_code)]
                A(u8),
                B(u64),
            }
            outcome(format, itself(E::B(1)))
        },
    },
    Case {
        name: "untagged: f64 before u64",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(untagged)]
            enum E {
                #[allow(dead_code)]
                A(f64),
                B(u64),
            }
            outcome(format, itself(E::B(1)))
        },
    },
    Case {
        name: "untagged: u128",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(untagged)]
            enum E {
                A { a: u128 },
            }
            outcome(format, itself(E::A { a: u128::MAX }))
        },
    },
    Case {
        name: "untagged: IpAddr",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(untagged)]
            enum E {
                A(IpAddr),
            }
            outcome(format, itself(E::A(IpAddr::from([127, 0, 0, 1]))))
        },
    },
    Case {
        name: "untagged: map with keys u8",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(untagged)]
            enum E {
                A(BTreeMap<u8, u8>),
            }
            outcome(format, itself(E::A(BTreeMap::from([(1_u8, 2_u8)]))))
        },
    },
    Case {
        name: "untagged variant",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                A(u8),
                #[serde(untagged)]
                B {
                    b: u8,
                },
            }
            outcome(format, itself(vec![E::A(1), E::B { b: 1 }]))
        },
    },
    Case {
        name: "other",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(tag = "t")]
            enum E {
                A,
                #[serde(other)]
                B,
            }
            outcome(format, itself(vec![E::A, E::B]))
        },
    },
];
