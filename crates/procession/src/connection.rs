//! Typed connections between programs that did not start each other; a connection over TCP is
//! authenticated and not encrypted.
//!
//! A [`Listener`] and a client that [connects](connect()) to it have the same key. Each proves to
//! the other that it knows the key, without showing it. The result is a [`Connection`], which sends
//! values of one type and receives values of another.
//!
//! The key says who may talk; it does not hide what is said. Whoever can watch or change the packets
//! of a network can read the messages of a TCP connection, and change them after the handshake. Use
//! TCP on the loopback interface, in a network that you trust, or through an encrypting tunnel
//! (a VPN, `ssh -L`, stunnel). Unix sockets do not leave the machine.
//!
//! # Invariants
//!
//! - Whatever a client without the key sends, or does not send, no other client waits for it.
//! - Nothing grows beyond a stated limit, and nothing panics.

mod address;
#[cfg(feature = "tokio")]
mod asynchronous;
mod bind;
mod connect;
mod error;
mod half;
mod handshake;
mod incoming;
mod link;
mod listener;
mod outgoing;
mod pending;

pub use address::Address;
#[cfg(feature = "tokio")]
pub use asynchronous::connect_async;
pub use connect::connect;
pub use error::{BindError, ConnectError, ConnectionError};
pub use half::{RecvHalf, SendHalf};
pub use link::Connection;
pub use listener::Listener;

#[cfg(any(test, fuzzing))]
pub(crate) mod anything;
#[cfg(test)]
mod tests;
