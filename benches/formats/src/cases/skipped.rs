//! Values of structs and enums with skipped fields and variants.

use super::helpers::answer;
use crate::Case;
use crate::becomes;
use crate::fails;
use crate::itself;
use crate::outcome;
use serde::{Deserialize, Serialize};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "skip_serializing_if first",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(default, skip_serializing_if = "Option::is_none")]
                a: Option<u8>,
                b: u8,
            }
            outcome(format, itself(vec![A { a: None, b: 0 }, A { a: Some(0), b: 9 }]))
        },
    },
    Case {
        name: "skip_serializing_if between",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                a: u8,
                #[serde(default, skip_serializing_if = "Option::is_none")]
                b: Option<u8>,
                c: u8,
            }
            outcome(format, itself(vec![A { a: 1, b: None, c: 2 }, A { a: 1, b: Some(3), c: 2 }]))
        },
    },
    Case {
        name: "skip_serializing_if last",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                a: u8,
                #[serde(default, skip_serializing_if = "Option::is_none")]
                b: Option<u8>,
            }
            outcome(format, itself(vec![A { a: 1, b: None }, A { a: 1, b: Some(3) }]))
        },
    },
    Case {
        name: "skip_serializing_if of two",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(default, skip_serializing_if = "Option::is_none")]
                a: Option<u8>,
                #[serde(default, skip_serializing_if = "Option::is_none")]
                b: Option<u8>,
            }
            outcome(format, itself(vec![A { a: None, b: Some(1) }, A { a: Some(1), b: None }]))
        },
    },
    Case {
        name: "skip_serializing_if of a Vec",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(default, skip_serializing_if = "Vec::is_empty")]
                a: Vec<u8>,
                b: Vec<u8>,
            }
            outcome(format, itself(A { a: vec![], b: vec![1] }))
        },
    },
    Case {
        name: "skip_serializing_if in a variant",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                A {
                    #[serde(default, skip_serializing_if = "Option::is_none")]
                    a: Option<u8>,
                    b: u8,
                },
            }
            outcome(format, itself(vec![E::A { a: None, b: 1 }, E::A { a: Some(1), b: 2 }]))
        },
    },
    Case {
        name: "skip_serializing_if without default",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(skip_serializing_if = "Option::is_none")]
                a: Option<u8>,
                b: u8,
            }
            outcome(format, itself(A { a: None, b: 1 }))
        },
    },
    Case {
        name: "skip_serializing_if of Some(None)",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(default, skip_serializing_if = "Option::is_none")]
                a: Option<Option<u8>>,
                b: u8,
            }
            outcome(format, itself(vec![A { a: Some(None), b: 1 }, A { a: None, b: 2 }]))
        },
    },
    Case {
        name: "skip_serializing_if at the end of a tuple struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A(u8, #[serde(default, skip_serializing_if = "Option::is_none")] Option<u8>);
            outcome(format, itself(vec![A(1, None), A(1, Some(2))]))
        },
    },
    Case {
        name: "skip",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(skip)]
                a: u8,
                b: u8,
            }
            outcome(format, becomes(A { a: 1, b: 2 }, A { a: 0, b: 2 }))
        },
    },
    Case {
        name: "skip in a tuple struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A(u8, #[serde(skip)] u8, u8);
            outcome(format, becomes(A(1, 2, 3), A(1, 0, 3)))
        },
    },
    Case {
        name: "skip with default = path",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(skip, default = "answer")]
                a: u8,
                b: u8,
            }
            outcome(format, becomes(A { a: 1, b: 2 }, A { a: 42, b: 2 }))
        },
    },
    Case {
        name: "skip_serializing with default",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(skip_serializing, default)]
                a: u8,
                b: u8,
            }
            outcome(format, becomes(A { a: 1, b: 2 }, A { a: 0, b: 2 }))
        },
    },
    Case {
        name: "skip_serializing, last",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                a: u8,
                #[serde(skip_serializing, default)]
                b: u8,
            }
            outcome(format, becomes(A { a: 1, b: 2 }, A { a: 1, b: 0 }))
        },
    },
    Case {
        name: "skip_serializing of an Option",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(skip_serializing)]
                a: Option<u8>,
                b: u8,
            }
            outcome(format, becomes(A { a: Some(1), b: 2 }, A { a: None, b: 2 }))
        },
    },
    Case {
        name: "skip_serializing without default",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(skip_serializing)]
                a: u8,
                b: u8,
            }
            outcome(format, fails(A { a: 1, b: 2 }))
        },
    },
    Case {
        name: "skip_deserializing",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(skip_deserializing)]
                a: u8,
                b: u8,
            }
            outcome(format, becomes(A { a: 1, b: 2 }, A { a: 0, b: 2 }))
        },
    },
    Case {
        name: "skip_deserializing, last",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                a: u8,
                #[serde(skip_deserializing)]
                b: u8,
            }
            outcome(format, becomes(A { a: 1, b: 2 }, A { a: 1, b: 0 }))
        },
    },
    Case {
        name: "skip_serializing beside skip_deserializing",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(skip_serializing, default)]
                a: u8,
                b: u8,
                #[serde(skip_deserializing)]
                c: u8,
            }
            outcome(format, becomes(A { a: 1, b: 2, c: 3 }, A { a: 0, b: 2, c: 0 }))
        },
    },
    Case {
        name: "a variant skipped before others",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                #[serde(skip)]
                #[allow(dead_code)]
                Hidden,
                Keep,
                Delete,
                Archive,
            }
            outcome(format, itself(vec![E::Keep, E::Delete, E::Archive]))
        },
    },
    Case {
        name: "a skipped variant itself",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                #[serde(skip)]
                Hidden,
                Keep,
            }
            outcome(format, fails(E::Hidden))
        },
    },
    Case {
        name: "skip_serializing of a variant",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                #[serde(skip_serializing)]
                Hidden,
                Keep,
            }
            outcome(format, fails(E::Hidden))
        },
    },
    Case {
        name: "skip_deserializing of a variant",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                Keep,
                #[serde(skip_deserializing)]
                Hidden,
                Last,
            }
            outcome(format, fails(E::Hidden))
        },
    },
    Case {
        name: "a variant behind skip_deserializing",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                Keep,
                #[serde(skip_deserializing)]
                #[allow(dead_code)]
                Hidden,
                Last,
            }
            outcome(format, itself(E::Last))
        },
    },
];
