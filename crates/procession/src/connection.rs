//! Typed connections between programs that did not start each other.
//!
//! In: an address and a key that both know. Out: a [`Connection`] whose other side has proved that
//! it knows the key. What always holds: whatever a stranger sends, or does not send, nobody else
//! waits for it, nothing grows beyond a stated limit, and nothing panics.
//!
//! The key says who may talk; it does not hide what is said. Over TCP, use it within a network that
//! you trust, or within a tunnel.

mod address;
mod error;
mod handshake;
mod link;
mod listener;

pub use address::Address;
pub use error::{ConnectError, ConnectionError};
pub use link::{Connection, connect};
pub use listener::Listener;

#[cfg(any(test, fuzzing))]
pub(crate) mod anything;
#[cfg(test)]
mod tests;
