//! Values of structs and enums without attributes.

use crate::Case;
use crate::itself;
use crate::outcome;
use serde::{Deserialize, Serialize};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "unit struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A;
            outcome(format, itself(A))
        },
    },
    Case {
        name: "newtype struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A(u8);
            outcome(format, itself(A(1)))
        },
    },
    Case {
        name: "newtype of an Option",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A(Option<u8>);
            outcome(format, itself(vec![A(None), A(Some(0))]))
        },
    },
    Case {
        name: "Option of a newtype of an Option",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A(Option<u8>);
            outcome(format, itself(vec![None, Some(A(None)), Some(A(Some(0)))]))
        },
    },
    Case {
        name: "Option of a unit struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A;
            outcome(format, itself(vec![None, Some(A)]))
        },
    },
    Case {
        name: "tuple struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A(u8, char);
            outcome(format, itself(A(1, 'x')))
        },
    },
    Case {
        name: "named struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                a: u8,
                b: Option<u8>,
            }
            outcome(format, itself(A { a: 1, b: None }))
        },
    },
    Case {
        name: "empty struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {}
            outcome(format, itself(A {}))
        },
    },
    Case {
        name: "struct in a Vec",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                a: u8,
            }
            outcome(format, itself(vec![A { a: 1 }, A { a: 2 }]))
        },
    },
    Case {
        name: "enum: unit",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                A,
                B,
            }
            outcome(format, itself(vec![E::A, E::B]))
        },
    },
    Case {
        name: "enum: newtype",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                A(u8),
                B(u16),
            }
            outcome(format, itself(vec![E::A(1), E::B(2)]))
        },
    },
    Case {
        name: "enum: tuple",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                A(u8, char),
            }
            outcome(format, itself(E::A(1, 'x')))
        },
    },
    Case {
        name: "enum: struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                A { a: u8 },
            }
            outcome(format, itself(E::A { a: 1 }))
        },
    },
    Case {
        name: "enum: empty tuple and struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                A(),
                B {},
            }
            outcome(format, itself(vec![E::A(), E::B {}]))
        },
    },
    Case {
        name: "enum: newtype of ()",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                A(()),
                B(Option<()>),
            }
            outcome(format, itself(vec![E::A(()), E::B(None), E::B(Some(()))]))
        },
    },
    Case {
        name: "enum: newtype of an Option",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                A(Option<Option<u8>>),
            }
            outcome(format, itself(vec![E::A(None), E::A(Some(None)), E::A(Some(Some(1)))]))
        },
    },
    Case {
        name: "Option of an enum",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            enum E {
                A,
                B(u8),
            }
            outcome(format, itself(vec![None, Some(E::A), Some(E::B(1))]))
        },
    },
    Case {
        name: "generic struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A<T> {
                a: Vec<T>,
            }
            outcome(format, itself(A { a: vec![1_u8] }))
        },
    },
    Case {
        name: "recursive struct",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                a: Option<Box<A>>,
            }
            outcome(format, itself(A { a: Some(Box::new(A { a: None })) }))
        },
    },
    Case {
        name: "100 nested boxes",
        run: |format| {
            #[derive(Serialize, Deserialize, Debug, Clone)]
            struct A {
                a: Option<Box<A>>,
            }
            outcome(format, itself((0..100).fold(A { a: None }, |a, _| A { a: Some(Box::new(a)) })))
        },
    },
];
