//! Bytes over a connected socket, and bytes that nobody can guess.
//!
//! In: a socket of any family. Out: how many bytes went over it. What always holds: nothing here
//! waits, but [`connect`] until its time is over, and no socket whose other side is gone raises a
//! signal.

use crate::descriptor::above_standard;
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_error};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType,
};
use rustix::rand::GetRandomFlags;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::time::{Duration, Instant};

/// Connects to a Unix socket, waiting at most `timeout` where too many wait there already, which the
/// standard library does for ever.
///
/// # Errors
/// As `connect(2)`; `TimedOut`; `InvalidInput` for an address without a name.
pub fn connect(address: &SocketAddr, timeout: Duration) -> io::Result<OwnedFd> {
    let there = named(address)?;
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let socket = above_standard(socket)?;
    let deadline = Instant::now().checked_add(timeout);
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        set_socket_timeout(&socket, Timeout::Send, left)?;
        match rustix::net::connect(&socket, &there) {
            Ok(()) => break,
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
    set_socket_timeout(&socket, Timeout::Send, None)?;
    Ok(socket)
}

fn named(address: &SocketAddr) -> io::Result<SocketAddrUnix> {
    match (address.as_pathname(), address.as_abstract_name()) {
        (Some(path), _) => Ok(SocketAddrUnix::new(path)?),
        (None, Some(name)) => Ok(SocketAddrUnix::new_abstract_name(name)?),
        (None, None) => Err(io::Error::new(io::ErrorKind::InvalidInput, "a socket without a name")),
    }
}

/// Begins to connect to a Unix socket; never waits. `None` if the listener's queue is full.
///
/// # Errors
/// As `connect(2)`; `InvalidInput` for an address without a name.
pub fn begin_connect(address: &SocketAddr) -> io::Result<Option<OwnedFd>> {
    let there = named(address)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let socket = above_standard(socket)?;
    match rustix::net::connect(&socket, &there) {
        Ok(()) => Ok(Some(socket)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Begins to connect over TCP; never waits. The socket is ready to write once
/// [`connect_result`] can tell the outcome.
///
/// # Errors
/// As `connect(2)`.
pub fn begin_connect_tcp(address: std::net::SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    let socket = above_standard(socket)?;
    match rustix::net::connect(&socket, &address) {
        // An interrupted call goes on in the kernel.
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

/// Returns the outcome of a connection that was begun.
///
/// # Errors
/// As `connect(2)`.
pub fn connect_result(socket: BorrowedFd<'_>) -> io::Result<()> {
    Ok(socket_error(socket)??)
}

/// Tells the other side that nothing more is sent over this socket, from whatever copy of it.
pub fn send_no_more(socket: BorrowedFd<'_>) {
    // Not connected any more: the other side knows.
    let _ = rustix::net::shutdown(socket, Shutdown::Write);
}

/// Refuses what the other side sends from now on. Over TCP it does not learn of it.
pub fn receive_no_more(socket: BorrowedFd<'_>) {
    let _ = rustix::net::shutdown(socket, Shutdown::Read);
}

/// Sends as much as there is room for.
///
/// # Errors
/// `WouldBlock` without any room; `BrokenPipe`, `ConnectionReset` where the other side is gone.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    loop {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match rustix::net::send(socket, bytes, flags) {
            Err(Errno::INTR) => {}
            sent => return Ok(sent?),
        }
    }
}

/// Receives what is there; 0 is the end.
///
/// # Errors
/// `WouldBlock` where nothing is there; `ConnectionReset`.
pub fn receive(socket: BorrowedFd<'_>, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match rustix::net::recv(socket, &mut *into, RecvFlags::DONTWAIT) {
            Err(Errno::INTR) => {}
            received => return Ok(received?.1),
        }
    }
}

/// Fresh random bytes from the kernel.
///
/// # Errors
/// As `getrandom(2)`: `ENOSYS` before Linux 3.17.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        match rustix::rand::getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            Ok(some) => filled += some,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn nothing_waits_and_the_end_is_seen() {
        let (here, there) = UnixStream::pair().expect("a pair");
        let mut some = [0; 8];
        let empty = receive(there.as_fd(), &mut some).expect_err("nothing yet");
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(send(here.as_fd(), b"abc").expect("room"), 3);
        assert_eq!(receive(there.as_fd(), &mut some).expect("bytes"), 3);
        drop(here);
        assert_eq!(receive(there.as_fd(), &mut some).expect("the end"), 0);
        send(there.as_fd(), b"x").expect_err("nobody is there");
    }

    #[test]
    fn connecting_where_too_many_wait_ends_with_its_time() {
        let name = format!("procession-stream-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let nobody = connect(&address, Duration::from_secs(30)).expect_err("nobody listens");
        assert_eq!(nobody.kind(), io::ErrorKind::ConnectionRefused);
        let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
        let door = rustix::net::socket(family, kind, None).expect("a socket");
        let there = SocketAddrUnix::new_abstract_name(name.as_bytes()).expect("a name");
        rustix::net::bind(&door, &there).expect("a free name");
        rustix::net::listen(&door, 1).expect("a door");
        let mut waiting = Vec::new();
        let error = loop {
            match connect(&address, Duration::from_millis(20)) {
                Ok(socket) => waiting.push(socket),
                Err(error) => break error,
            }
            assert!(waiting.len() < 10, "a door for two at most");
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
        // One goes in, and the next may wait there.
        drop(rustix::net::accept(&door).expect("one who waits"));
        connect(&address, Duration::from_secs(30)).expect("room at the door");
    }

    #[test]
    fn random_bytes_differ() {
        assert_ne!(random::<32>().expect("bytes"), random::<32>().expect("bytes"));
    }
}
