//! Multiprocessing for Rust, with every process accounted for.
//!
//! Any function becomes a process, takes typed arguments and gives its value back; daemons end
//! with the program; whoever dies, of whatever cause, every handle resolves and says how.
//!
//! ```
//! use procession::Process;
//!
//! fn count_words(path: &str) -> std::io::Result<usize> { /* … */
//! #   std::fs::read_to_string(path).map(|text| text.split_whitespace().count())
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // start a function as a process, with arguments, and join its value
//! let child = Process::new(|path: &str| count_words(path).unwrap_or(0), ("/proc/cpuinfo",)).start()?;
//! let words = child.join()?;
//!
//! // many, then all
//! let children = ["/proc/cpuinfo", "/proc/meminfo"]
//!     .map(|path| Process::new(|path: &str| count_words(path).unwrap_or(0), (path,)).start());
//! for child in children {
//!     println!("{}", child?.join()?);
//! }
//! # assert!(words > 0);
//! # Ok(())
//! # }
//! ```
//!
//! There is no `init` to call in `main`, no attribute, no registry: see the repository's
//! ARCHITECTURE.md for how a child finds its function.

mod arguments;
mod assignment;
#[cfg(feature = "tokio")]
mod asynchronous;
pub mod bulk;
pub mod channel;
mod child;
mod closing;
mod codec;
// Not inside `codec`, which the bench `codec` compiles as a part of itself.
#[cfg(test)]
mod codec_tests;
pub mod connection;
mod corridor;
mod current;
mod defaults;
mod ending;
mod entry;
#[cfg(test)]
mod error_rules;
mod failure;
mod family;
mod fd;
mod forked;
mod forking;
mod frame;
mod function;
mod handle;
mod handover;
#[cfg(feature = "heartbeat")]
mod heartbeat;
mod join;
mod launch;
mod limits;
mod link;
mod look;
pub mod memory;
mod output;
mod panic_hook;
mod parcel;
mod privileges;
mod process;
mod refusal;
mod scope;
mod select;
mod server;
mod settle;
mod setup;
mod start_error;
mod stdio;
mod turn;
mod usage;
mod value;
mod value_error;
mod wait_any;
#[cfg(feature = "tokio")]
mod watch;
#[cfg(not(feature = "tokio"))]
mod without_tokio;
mod world;

pub use arguments::{Argument, Arguments};
pub use channel::{Duplex, Job, Joinable, Receiver, Sender, bounded, channel, duplex};
pub use child::Child;
pub use current::{Parent, ProcessInfo, current, parent};
pub use defaults::{Defaults, DefaultsError};
pub use ending::{Ending, JoinError};
pub use failure::{Context, Failure};
pub use family::active_children;
pub use fd::Fd;
pub use frame::{Panic, StartMethod};
pub use function::Function;
pub use handle::{ProcessHandle, stop_all};
#[cfg(feature = "heartbeat")]
pub use heartbeat::{Delivery, Heartbeat, HeartbeatError, Life};
pub use join::join_all;
pub use limits::Limits;
pub use memory::{Shared, SharedMemory, SharedSlice};
pub use output::Output;
pub use process::{Closure, Named, Process, Run};
pub use scope::{Scope, scope};
pub use select::Select;
pub use start_error::{StartError, StartErrorKind};
pub use stdio::Stdio;
pub use usage::ResourceUsage;
pub use value::Value;
pub use value_error::{DecodeError, EncodeError};
pub use wait_any::wait_any;

// The fuzz targets' doors.
#[cfg(fuzzing)]
pub use channel::anything::receive_anything;
#[cfg(fuzzing)]
pub use codec::anything::decode_anything;
#[cfg(fuzzing)]
pub use connection::anything::hear_anything;
#[cfg(fuzzing)]
pub use frame::anything::read_anything;
#[cfg(fuzzing)]
pub use memory::anything::adopt_anything;

// The documents' own programs are compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/from-python.md")]
struct FromPython;

#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../../../docs/cookbook.md")]
struct Cookbook;

#[cfg(all(doctest, feature = "heartbeat"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
