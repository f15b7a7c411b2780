//! `cargo xtask tidy`: the house rules that a machine can check, a room per rule.
//!
//! Every rule is a pure function from files in memory to a list of problems; only `run` reads
//! the disk and prints.

mod body;
mod floor_plan;
mod links;
mod module;
mod modules;
mod opening;
mod promises;
mod resolve;
mod run;
mod sizes;
mod unsafety;
mod words;

pub(crate) use run::run;
