//! What a heartbeat says to a procession monitor, and when it says it again.
//!
//! The side room of the house: data and pure rules that the heartbeat process and the monitor
//! share, so that neither needs the other.
//!
//! | room | what is in it |
//! |---|---|
//! | [`beat`] | one report: who speaks, since when, and its form on the wire |
//! | [`report`] | what it can say: what happened, how `main` is, what it uses |
//! | [`instance`] | which run of a program speaks, and which of two runs is the newer |
//! | `client` | one try to send it, over HTTP (feature `client`) |
//! | `proxy` | the proxy that the environment names for a request (feature `client`) |
//! | [`plan`] | when a report is tried again: pure, the random number is an argument |
//!
//! ```
//! use procession_beat::{Beat, Instance, Kind};
//!
//! let instance = Instance { boot: "b7e1".into(), pid: 4711, started: 90_210 };
//! let beat = Beat::new("crawler", "web-3", instance, 1, Kind::Alive);
//! assert_eq!(Beat::decode(&beat.encode()).unwrap(), beat);
//! ```

pub mod beat;
#[cfg(feature = "client")]
pub mod client;
pub mod instance;
pub mod plan;
#[cfg(feature = "client")]
pub mod proxy;
pub mod report;

pub use beat::{Beat, BeatError, Schedule};
#[cfg(feature = "client")]
pub use client::{Client, Receipt, SendError};
#[cfg(feature = "tls")]
pub use client::{NoCertificate, authorities};
pub use instance::Instance;
pub use plan::Plan;
#[cfg(feature = "client")]
pub use proxy::Route;
pub use report::{Cause, Child, Death, Kind, Main, MainState, Panic, Sample};
