//! `cargo xtask values`: random Rust types with every attribute of serde.
//!
//! `corpus` writes a file of them, from a seed; `structs`, `enums` and `special` write one type;
//! `fields` writes the parts that structs and variants share, `arms` what makes and compares their
//! values; `types` says what a field's type may be; `rounds` compiles and runs new types again and
//! again.

mod arms;
mod corpus;
mod dice;
mod enums;
mod fields;
mod names;
mod rounds;
mod special;
mod structs;
mod types;

pub(crate) use rounds::run;
