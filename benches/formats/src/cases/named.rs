//! Values of types with other names and defaults.

use crate::Case;
use crate::becomes;
use crate::fails;
use crate::itself;
use crate::outcome;
use serde::{Deserialize, Serialize};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "default of the container",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(default)]
            struct A {
                #[serde(skip_serializing)]
                a: u8,
                b: u8,
            }
            impl Default for A {
                fn default() -> Self {
                    A { a: 7, b: 8 }
                }
            }
            outcome(format, becomes(A { a: 1, b: 2 }, A { a: 7, b: 2 }))
        },
    },
    Case {
        name: "rename of a field",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(rename = "x y")]
                a: u8,
            }
            outcome(format, itself(A { a: 1 }))
        },
    },
    Case {
        name: "rename_all",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(rename_all = "kebab-case")]
            struct A {
                one_two: u8,
            }
            outcome(format, itself(A { one_two: 1 }))
        },
    },
    Case {
        name: "rename of a variant",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                #[serde(rename = "")]
                A,
            }
            outcome(format, itself(E::A))
        },
    },
    Case {
        name: "rename_all_fields",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(rename_all_fields = "UPPERCASE")]
            enum E {
                A { one_two: u8 },
            }
            outcome(format, itself(E::A { one_two: 1 }))
        },
    },
    Case {
        name: "rename of each side, bridged by alias",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(rename(serialize = "x", deserialize = "y"), alias = "x")]
                a: u8,
                b: u8,
            }
            outcome(format, itself(A { a: 1, b: 2 }))
        },
    },
    Case {
        name: "rename of each side, no default",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(rename(serialize = "x", deserialize = "y"))]
                a: u8,
                b: u8,
            }
            outcome(format, fails(A { a: 1, b: 2 }))
        },
    },
    Case {
        name: "rename of each side, with default",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(rename(serialize = "x", deserialize = "y"), default)]
                a: u8,
                b: u8,
            }
            outcome(format, itself(A { a: 1, b: 2 }))
        },
    },
    Case {
        name: "names exchanged",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(rename(serialize = "b"))]
                a: u8,
                #[serde(rename(serialize = "a"))]
                b: u8,
            }
            outcome(format, becomes(A { a: 1, b: 2 }, A { a: 2, b: 1 }))
        },
    },
    Case {
        name: "variants whose names are exchanged",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                #[serde(rename(serialize = "B"))]
                A,
                #[serde(rename(serialize = "A"))]
                #[allow(dead_code)]
                B,
            }
            outcome(format, becomes(E::A, E::B))
        },
    },
    Case {
        name: "alias",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                #[serde(alias = "x", alias = "y")]
                a: u8,
            }
            outcome(format, itself(A { a: 1 }))
        },
    },
    Case {
        name: "alias of a variant before another",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                #[serde(alias = "x", alias = "y")]
                A,
                B,
            }
            outcome(format, itself(vec![E::A, E::B]))
        },
    },
    Case {
        name: "deny_unknown_fields",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(deny_unknown_fields)]
            struct A {
                a: u8,
            }
            outcome(format, itself(A { a: 1 }))
        },
    },
    Case {
        name: "transparent",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            #[serde(transparent)]
            struct A {
                a: Option<Option<u8>>,
            }
            outcome(format, itself(A { a: Some(None) }))
        },
    },
];
