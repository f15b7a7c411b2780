//! Bytes over a connected socket, and bytes that nobody can guess.
//!
//! In: a socket of any family. Out: how many bytes went over it. What always holds: nothing here
//! waits, and no socket whose other side is gone raises a signal.

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use rustix::rand::GetRandomFlags;
use std::io;
use std::os::fd::BorrowedFd;

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
    fn random_bytes_differ() {
        assert_ne!(random::<32>().expect("bytes"), random::<32>().expect("bytes"));
    }
}
