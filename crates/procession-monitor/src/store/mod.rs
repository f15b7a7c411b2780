//! The database: the log of what is decided in memory.
//!
//! In: batches of changes. Out: the state to begin with after a restart, and history to show.
//! Always: one thread writes; what belongs together is in one transaction; an acknowledgement
//! follows its commit; a database that cannot be written stops nothing, is told of, and is
//! brought up to date when it can be written again.
//!
//! | room | what is in it |
//! |---|---|
//! | [`mod@file`] | the database as a file: its lock, its names, whether it is still there |
//! | [`schema`] | the tables, and how an older database becomes this one |
//! | [`rows`] | what is written and read |
//! | [`pending`] | what waits to be written, folded |
//! | [`commits`] | how long commits take |
//! | [`writer`] | the one thread that writes |
//! | [`reader`] | what is read: all state at the start, history later |

pub mod commits;
pub mod file;
pub mod pending;
pub mod reader;
pub mod rows;
pub mod schema;
pub mod writer;

pub use file::{DatabaseFile, FileError};
pub use reader::{Reader, Saved};
pub use rows::{Batch, Details, Letter, Ping, PingKind, Record, Slots, Standing, Token, Words};
pub use writer::Writer;
