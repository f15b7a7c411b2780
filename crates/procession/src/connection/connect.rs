//! Connecting to a listener.

use super::address::Address;
use super::error::{ConnectError, HandshakeFailure};
use super::handshake::{HANDSHAKE, Handshake, Progress, Role};
use super::link::Connection;
use procession_sys::wait::{self, Interest};
use std::os::fd::AsFd;
use std::time::Instant;

/// Connects to a [`Listener`](super::Listener) that has the same key.
///
/// Over TCP the connection is authenticated and not encrypted; see the [module](super).
///
/// ```no_run
/// use procession::connection::{Address, Connection, connect};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let address = Address::Path("/run/adder.socket".into());
/// let mut adder: Connection<(i64, i64), i64> = connect(&address, b"our secret")?;
/// adder.send(&(2, 3))?;
/// assert_eq!(adder.recv()?, 5);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`ConnectError`]: no program listens, or the one that does has another key. It takes ten seconds
/// at most.
#[doc(alias = "Client")]
pub fn connect<T, U>(address: &Address, key: &[u8]) -> Result<Connection<T, U>, ConnectError> {
    let deadline = Instant::now() + HANDSHAKE;
    let socket = address.connect(HANDSHAKE).map_err(|source| {
        let address = address.clone();
        ConnectError::Unreachable { address, source }
    })?;
    let failed = |failure| ConnectError::new(address, failure);
    let mut handshake = Handshake::begin(socket, Role::Client).map_err(failed)?;
    while handshake.go_on(key).map_err(failed)? == Progress::Waiting {
        let socket = (handshake.socket.as_fd(), Interest::Readable);
        let ready = wait::ready(&[socket], Some(deadline));
        if ready.map_err(|error| failed(HandshakeFailure::Broken(error)))? != [true] {
            return Err(failed(HandshakeFailure::TimedOut));
        }
    }
    Ok(Connection::new(handshake.socket))
}
