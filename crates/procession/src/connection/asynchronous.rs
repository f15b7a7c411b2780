//! Accepting and connecting in a tokio program.
//!
//! # Invariants
//! - The runtime's reactor waits, no thread does. Time limits are timers of the kernel, so the
//!   runtime needs no time driver.
//! - A future that is dropped leaves nothing behind. One that accepts loses no client.

use super::address::{Address, abstract_address};
use super::error::{ConnectError, HandshakeFailure};
use super::handshake::{HANDSHAKE, Handshake, Progress, Role};
use super::link::Connection;
use super::listener::Listener;
use crate::watch;
use procession_sys::stream;
use procession_sys::wait::Interest;
use procession_sys::wait_set::WaitSet;
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net;
use std::time::{Duration, Instant};

/// How long to wait before a Unix listener whose queue is full is asked again. The kernel does not
/// tell when there is room.
const PAUSE: Duration = Duration::from_millis(10);

impl Listener {
    /// As [`accept`](Self::accept), for a tokio program (feature `tokio`).
    ///
    /// Any number of tasks may accept; each client goes to one. A future that is dropped before it
    /// is done loses no client, so it may be a branch of `tokio::select!`.
    ///
    /// ```
    /// use procession::connection::{Address, Connection, Listener, connect_async};
    ///
    /// #[tokio::main(flavor = "current_thread")]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let address = Address::Abstract(format!("doubler-{}", std::process::id()));
    ///     let listener = Listener::bind(address.clone(), b"our secret")?;
    ///     let serve = async {
    ///         let mut client: Connection<u32, u32> = listener.accept_async().await?;
    ///         let number = client.recv_async().await?;
    ///         client.send_async(&(2 * number)).await?;
    ///         Ok::<(), Box<dyn std::error::Error>>(())
    ///     };
    ///     let ask = async {
    ///         let mut doubler: Connection<u32, u32> =
    ///             connect_async(&address, b"our secret").await?;
    ///         doubler.send_async(&21).await?;
    ///         Ok::<u32, Box<dyn std::error::Error>>(doubler.recv_async().await?)
    ///     };
    ///     let (served, answer) = tokio::join!(serve, ask);
    ///     served?;
    ///     assert_eq!(answer?, 42);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    ///
    /// # Panics
    /// Outside a tokio runtime, or in one without I/O enabled.
    pub async fn accept_async<T, U>(&self) -> io::Result<Connection<T, U>> {
        loop {
            if let Some(connection) = self.step()? {
                return Ok(connection);
            }
            watch::readable(self.as_fd()).await?;
        }
    }
}

/// As [`connect`](super::connect()), for a tokio program (feature `tokio`).
///
/// # Errors
/// As [`connect`](super::connect()).
///
/// # Panics
/// Outside a tokio runtime, or in one without I/O enabled.
pub async fn connect_async<T, U>(
    address: &Address,
    key: &[u8],
) -> Result<Connection<T, U>, ConnectError> {
    let deadline = Instant::now() + HANDSHAKE;
    let socket = reach(address, deadline).await.map_err(|source| {
        let address = address.clone();
        ConnectError::Unreachable { address, source }
    })?;
    shake_hands(socket, key, deadline).await.map_err(|failure| ConnectError::new(address, failure))
}

async fn shake_hands<T, U>(
    socket: OwnedFd,
    key: &[u8],
    deadline: Instant,
) -> Result<Connection<T, U>, HandshakeFailure> {
    let mut handshake = Handshake::begin(socket, Role::Client)?;
    while handshake.go_on(key)? == Progress::Waiting {
        let socket = handshake.socket.as_fd();
        let ready = until(Some((socket, Interest::Readable)), deadline).await;
        if !ready.map_err(HandshakeFailure::Broken)? {
            return Err(HandshakeFailure::TimedOut);
        }
    }
    Ok(Connection::new(handshake.socket))
}

/// A socket connected to a listener at `address`.
async fn reach(address: &Address, deadline: Instant) -> io::Result<OwnedFd> {
    let unix = match address {
        Address::Path(path) => net::SocketAddr::from_pathname(path)?,
        Address::Abstract(name) => abstract_address(name)?,
        Address::Tcp(address) => return reach_tcp(*address, deadline).await,
    };
    loop {
        if let Some(socket) = stream::begin_connect(&unix)? {
            return Ok(socket);
        }
        let now = Instant::now();
        if now >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        until(None, deadline.min(now + PAUSE)).await?;
    }
}

async fn reach_tcp(address: std::net::SocketAddr, deadline: Instant) -> io::Result<OwnedFd> {
    let socket = stream::begin_connect_tcp(address)?;
    if !until(Some((socket.as_fd(), Interest::Writable)), deadline).await? {
        return Err(io::ErrorKind::TimedOut.into());
    }
    stream::connect_result(socket.as_fd())?;
    let socket = TcpStream::from(socket);
    socket.set_nodelay(true)?;
    Ok(socket.into())
}

/// Waits for a socket until `deadline`; gives whether that was not over yet.
async fn until(
    socket: Option<(std::os::fd::BorrowedFd<'_>, Interest)>,
    deadline: Instant,
) -> io::Result<bool> {
    let set = WaitSet::new()?;
    if let Some((socket, interest)) = socket {
        set.add(socket, interest)?;
    }
    set.wake_at(Some(deadline))?;
    watch::readable(set.as_fd()).await?;
    Ok(Instant::now() < deadline)
}
