//! The frames of the corridor.
//!
//! In: parcels as they come from a socket. Out: what they say, and parcels that say it. What
//! always holds: any bytes are a frame or a typed error; nothing here waits, and nothing here
//! knows who reads.
//!
//! ```text
//! program -> server  Order: Child · Refill · Detach · Signal · List · Exiting   server -> program  Hello · Done
//!                                          server -> program  Page   (the socket of lists)
//! spare -> program   Offer                                                      program -> server  Adoption
//! child  -> parent   Started (of an ordered child) ...... Answer ......   (the child's corridor)
//! parent -> child    Start
//! server -> parent   NotStarted | ................................ Exit
//! ```
//!
//! The first byte of a frame says its kind, but on the sockets of offers and of lists, which have
//! one kind each way at most; integers are little-endian.

mod answer;
mod list;
mod offer;
mod order;
mod report;
mod start;
mod text;

pub use answer::Panic;
pub(crate) use answer::{Answer, Returned};
pub(crate) use list::Page;
pub(crate) use offer::{Adoption, Offer};
pub use order::StartMethod;
pub(crate) use order::{Birth, Order, Record};
pub(crate) use report::{Departure, Hello, Report};
pub(crate) use start::{Head, OWN_DESCRIPTORS, Privileges, SetupCall, Start, World};
pub(crate) use text::{beginning, excerpt, excerpt_of};

/// Whether a frame could not be sent because nobody is there any more.
pub(crate) fn is_hang_up(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionReset)
}

/// Bytes that are no frame: another build, or a process that wrote into its corridor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FrameError(pub(crate) String);

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bytes that are no frame: {}", self.0)
    }
}

impl std::error::Error for FrameError {}

impl From<postcard::Error> for FrameError {
    fn from(error: postcard::Error) -> Self {
        Self(error.to_string())
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod anything;
