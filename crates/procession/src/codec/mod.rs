//! How values are written and read.
//!
//! A value is written by its own `Serialize` and read by its own `Deserialize`, in a form that says
//! what each part is: `codec/README.md` describes it. The form is the same for every pair of
//! programs, so messages between different programs or versions are read by name.
//!
//! # Invariants
//! - What is read is what was written, or an error; `Value` lists the types for which serde itself
//!   makes that impossible.
//! - No bytes cause a panic, a stack overflow, or an allocation larger than themselves.

mod access;
#[cfg(any(test, fuzzing))]
pub(crate) mod anything;
mod compound;
mod depth;
mod deserialize;
mod error;
mod list;
mod lists;
mod names;
mod numbers;
mod own;
mod pass_over;
mod reader;
mod serialize;
mod tag;
mod variant;
mod visit;
mod writer;

#[cfg(test)]
pub(crate) use depth::LEVELS;
pub(crate) use error::{Details, Error};
pub(crate) use numbers::copied;
pub(crate) use own::{is_reader, is_writer};
pub(crate) use reader::read;
pub(crate) use tag::PART;
pub(crate) use writer::write;
