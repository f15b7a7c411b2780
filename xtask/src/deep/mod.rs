//! `cargo xtask deep`: the steps too long for every change.
//!
//! `table` lists them, `toolchain` finds or installs what some of them need, `report` keeps the
//! results for the documents, `run` does what the command line asks.

mod report;
mod run;
mod table;
mod toolchain;

pub(crate) use run::run;
