//! Bytes and descriptors, whole or absent, over a socket.
//!
//! In: pieces of bytes and descriptors at one end of a socket pair. Out: one [`Parcel`] at the
//! other. What always holds: a parcel arrives whole or not at all, whenever its sender dies; its
//! size has no limit but memory, since what does not fit a packet travels as sealed memory; bytes
//! that are no parcel are an error that changes nothing else.
//!
//! On the wire a packet is one byte, [`INLINE`] followed by the parcel's bytes or [`SPILLED`] with
//! the sealed memory as the first descriptor, and the parcel's descriptors as `SCM_RIGHTS`.

mod bytes;
#[cfg(test)]
mod tests;

pub use bytes::{Bytes, Parcel};

use crate::descriptor::above_standard;
use crate::memory::Sealed;
use bytes::Memory;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType,
};
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// First byte of a packet that carries the parcel's bytes itself.
pub const INLINE: u8 = 0;
/// First byte of a packet whose first descriptor is sealed memory with the parcel's bytes.
pub const SPILLED: u8 = 1;

/// The largest parcel that travels inside its packet: 64 KiB. A packet may have 208 KiB by
/// default (`net.core.wmem_default`), of which the kernel's own bookkeeping takes a part.
pub const LARGEST_INLINE: usize = 64 << 10;

/// The kernel's `SCM_MAX_FD`, less the one that a spilled parcel needs.
pub const MOST_DESCRIPTORS: usize = 252;

/// A pair of connected packet sockets (`SOCK_SEQPACKET`), both close-on-exec.
///
/// # Errors
/// As `socketpair(2)`: `EMFILE`, `ENFILE`, `ENOMEM`.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
    let (one, other) = rustix::net::socketpair(family, kind, SocketFlags::CLOEXEC, None)?;
    Ok((above_standard(one)?, above_standard(other)?))
}

/// Has nobody send to this end any more, whoever else holds it.
///
/// What was queued before is still received, and then the end; a later [`send`] from the other side
/// is `BrokenPipe`. The kernel decides between the two for each parcel, so one that was sent without
/// an error is received.
///
/// # Errors
/// As `shutdown(2)`: `ENOTCONN`.
pub fn receive_no_more(socket: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::net::shutdown(socket, Shutdown::Read)?)
}

/// Whether a call may wait for the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// As long as it takes; ends when the other side is gone.
    Allowed,
    /// Not at all: `WouldBlock` instead.
    Never,
}

/// Sends `pieces`, one after the other, with `descriptors`, as one parcel.
///
/// # Errors
/// `BrokenPipe` or `ConnectionReset` where the other side is gone, `WouldBlock` where its queue is
/// full and waiting is not allowed, `InvalidInput` above [`MOST_DESCRIPTORS`]; as `sendmsg(2)`.
/// Nothing is sent then.
pub fn send(
    socket: BorrowedFd<'_>,
    pieces: &[&[u8]],
    descriptors: &[BorrowedFd<'_>],
    waiting: Waiting,
) -> io::Result<()> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    if length <= LARGEST_INLINE {
        let mut packet = Vec::with_capacity(1 + pieces.len());
        packet.push(IoSlice::new(&[INLINE]));
        packet.extend(pieces.iter().map(|piece| IoSlice::new(piece)));
        match send_packet(socket, &packet, descriptors, waiting) {
            // A system whose sockets hold less than others'.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::MSGSIZE) => {}
            sent => return sent,
        }
    }
    let memory = Sealed::from_pieces(pieces)?;
    send_sealed(socket, &memory, descriptors, waiting)
}

/// Sends a parcel that was received, unchanged.
///
/// # Errors
/// As [`send`].
pub fn forward(socket: BorrowedFd<'_>, parcel: &Parcel, waiting: Waiting) -> io::Result<()> {
    let descriptors: Vec<BorrowedFd<'_>> = parcel.descriptors.iter().map(AsFd::as_fd).collect();
    match &parcel.bytes {
        Bytes { memory: Memory::Sealed(memory), from: 0 } => {
            send_sealed(socket, memory, &descriptors, waiting)
        }
        bytes => send(socket, &[bytes], &descriptors, waiting),
    }
}

fn send_sealed(
    socket: BorrowedFd<'_>,
    memory: &Sealed,
    descriptors: &[BorrowedFd<'_>],
    waiting: Waiting,
) -> io::Result<()> {
    let mut all = Vec::with_capacity(1 + descriptors.len());
    all.push(memory.as_fd());
    all.extend_from_slice(descriptors);
    send_packet(socket, &[IoSlice::new(&[SPILLED])], &all, waiting)
}

fn send_packet(
    socket: BorrowedFd<'_>,
    packet: &[IoSlice<'_>],
    descriptors: &[BorrowedFd<'_>],
    waiting: Waiting,
) -> io::Result<()> {
    if descriptors.len() > MOST_DESCRIPTORS + 1 {
        let text = format!("{} descriptors in one parcel: at most 252", descriptors.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let space = rustix::cmsg_space!(ScmRights(descriptors.len()));
    let mut space = vec![MaybeUninit::uninit(); space];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("no room for the descriptors of a parcel"));
    }
    let mut flags = SendFlags::NOSIGNAL;
    if waiting == Waiting::Never {
        flags |= SendFlags::DONTWAIT;
    }
    loop {
        match rustix::net::sendmsg(socket, packet, &mut control, flags) {
            Ok(_whole) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What is left of a parcel of whose descriptors the last did not fit this process's limit on open
/// files: the source of an `InvalidData` error of [`receive`].
#[derive(Debug)]
pub struct Cut(pub Parcel);

impl Cut {
    /// What is left, if that is what the error is about.
    ///
    /// # Errors
    /// The error itself, if it is not.
    pub fn from_error(error: io::Error) -> io::Result<Parcel> {
        error.downcast::<Self>().map(|cut| cut.0)
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a parcel lost descriptors: too many open files in this process")
    }
}

impl std::error::Error for Cut {}

/// Receives one parcel; none where the other side is gone and everything it sent was received.
///
/// # Errors
/// `WouldBlock` where there is none yet and waiting is not allowed; `InvalidData` where a packet
/// came and is no parcel, or cannot be one here: its memory cannot be mapped, its descriptors did
/// not fit ([`Cut`]); the packet is consumed then. Else as `recvmsg(2)`.
pub fn receive(socket: BorrowedFd<'_>, waiting: Waiting) -> io::Result<Option<Parcel>> {
    let Some(length) = peek_length(socket, waiting)? else { return Ok(None) };
    let mut bytes = vec![0; length];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS + 1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let into = &mut [IoSliceMut::new(&mut bytes)];
        match rustix::net::recvmsg(socket, into, &mut control, flags) {
            Err(Errno::CONNRESET | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(received) => break received,
        }
    };
    let descriptors: Vec<OwnedFd> = control
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        })
        .flatten()
        .map(above_standard)
        .collect::<io::Result<_>>()
        .map_err(unusable)?;
    let parcel = unpack(bytes, descriptors).map_err(unusable)?;
    if received.flags.intersects(ReturnFlags::CTRUNC | ReturnFlags::TRUNC) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, Cut(parcel)));
    }
    Ok(Some(parcel))
}

/// An error about a packet that is consumed.
fn unusable(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::InvalidData => error,
        _ => invalid(&format!("a parcel that cannot be taken: {error}")),
    }
}

/// The length of the next packet without taking it; none at the end.
fn peek_length(socket: BorrowedFd<'_>, waiting: Waiting) -> io::Result<Option<usize>> {
    let mut flags = RecvFlags::PEEK | RecvFlags::TRUNC;
    if waiting == Waiting::Never {
        flags |= RecvFlags::DONTWAIT;
    }
    loop {
        let mut nothing: [u8; 0] = [];
        match rustix::net::recv(socket, &mut nothing, flags) {
            Ok((_, 0)) => return Ok(is_empty_packet(socket)?.then_some(0)),
            Ok((_, length)) => return Ok(Some(length)),
            // A peer that died with unread input resets the connection. The kernel says so once,
            // ahead of what the peer sent before, and then delivers that.
            Err(Errno::CONNRESET | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether a length of zero is that of a packet, which nobody of ours sends, and not the end. Told
/// apart by the credentials that the kernel adds to packets only, for as long as they are asked for.
fn is_empty_packet(socket: BorrowedFd<'_>) -> io::Result<bool> {
    // Room for the header and the credentials, and none for descriptors.
    let mut space = [0_u64; 4];
    // SAFETY: all zeros is a valid `msghdr`: no name, no buffers, no control messages.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_control = space.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&space) as _;
    rustix::net::sockopt::set_socket_passcred(socket, true)?;
    let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the kernel writes at most `msg_controllen` bytes to `space`, which outlives the call.
    let peeked = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags) };
    rustix::net::sockopt::set_socket_passcred(socket, false)?;
    Ok(peeked == 0 && message.msg_controllen > 0)
}

/// The first bytes of the next parcel, at most 63, which stays where it is; never waits.
///
/// # Errors
/// As `recv(2)`.
pub fn peek<const N: usize>(socket: BorrowedFd<'_>) -> io::Result<Peeked<N>> {
    let mut packet = [0; 64];
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    loop {
        return match rustix::net::recv(socket, &mut packet[..=N], flags) {
            Ok((_, 0)) | Err(Errno::AGAIN) => Ok(Peeked::Nothing),
            Ok((_, length)) if length == N + 1 && packet[0] == INLINE => {
                let mut first = [0; N];
                first.copy_from_slice(&packet[1..=N]);
                Ok(Peeked::First(first))
            }
            Ok(_) => Ok(Peeked::Other),
            Err(Errno::CONNRESET | Errno::INTR) => continue,
            Err(error) => Err(error.into()),
        };
    }
}

/// What [`peek`] saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peeked<const N: usize> {
    /// No parcel.
    Nothing,
    /// A parcel that begins so.
    First([u8; N]),
    /// A parcel of fewer bytes, or with its bytes elsewhere.
    Other,
}

/// Reads one packet: its bytes and descriptors as they came from the socket.
///
/// # Errors
/// `InvalidData` for anything that [`send`] does not make.
pub fn unpack(bytes: Vec<u8>, mut descriptors: Vec<OwnedFd>) -> io::Result<Parcel> {
    match bytes.first() {
        Some(&INLINE) => Ok(Parcel { bytes: Bytes::from(bytes).skip(1), descriptors }),
        Some(&SPILLED) if bytes.len() == 1 && !descriptors.is_empty() => {
            let memory = Memory::Sealed(Sealed::adopt(descriptors.remove(0))?);
            Ok(Parcel { bytes: Bytes { memory, from: 0 }, descriptors })
        }
        _ => Err(invalid("bytes that are no parcel")),
    }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
