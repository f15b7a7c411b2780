//! Bytes and descriptors, whole or absent, over a socket.
//!
//! In: pieces of bytes and descriptors at one end of a socket pair. Out: one [`Parcel`] at the
//! other. What always holds: a parcel arrives whole or not at all, whenever its sender dies; its
//! size has no limit but memory, since what does not fit a packet travels as sealed memory; bytes
//! that are no parcel are an error that changes nothing else.
//!
//! On the wire a packet is one byte, [`INLINE`] followed by the parcel's bytes or [`SPILLED`] with
//! the sealed memory as the first descriptor, and the parcel's descriptors as `SCM_RIGHTS`.

use crate::descriptor::above_standard;
use crate::memory::Sealed;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType,
};
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::ops::Deref;
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

/// What crosses: bytes, and the descriptors that they speak of.
#[derive(Debug, Default)]
pub struct Parcel {
    /// The bytes.
    pub bytes: Bytes,
    /// The descriptors, in the order they were sent.
    pub descriptors: Vec<OwnedFd>,
}

/// The bytes of a parcel: read from it as a slice.
#[derive(Debug)]
pub struct Bytes {
    memory: Memory,
    from: usize,
}

#[derive(Debug)]
enum Memory {
    Own(Vec<u8>),
    Sealed(Sealed),
}

impl Bytes {
    /// The bytes without the first `count`; without any where there are fewer.
    #[must_use]
    pub fn skip(self, count: usize) -> Self {
        let from = self.from + count.min(self.len());
        Self { from, ..self }
    }

    /// The bytes, for the rest of this process's life.
    pub fn leak(self) -> &'static [u8] {
        let whole = match self.memory {
            Memory::Own(bytes) => bytes.leak(),
            Memory::Sealed(memory) => memory.leak(),
        };
        &whole[self.from..]
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self { memory: Memory::Own(bytes), from: 0 }
    }
}

impl From<Sealed> for Bytes {
    fn from(memory: Sealed) -> Self {
        Self { memory: Memory::Sealed(memory), from: 0 }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let whole: &[u8] = match &self.memory {
            Memory::Own(bytes) => bytes,
            Memory::Sealed(memory) => memory,
        };
        &whole[self.from..]
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};

    #[test]
    fn an_end_that_receives_no_more_has_what_was_sent_before_and_refuses_the_rest() {
        let (here, there) = pair().expect("a pair");
        let held = there.try_clone().expect("another holder");
        send(here.as_fd(), &[b"before"], &[], Waiting::Allowed).expect("send");
        receive_no_more(held.as_fd()).expect("shutdown");
        let error = send(here.as_fd(), &[b"after"], &[], Waiting::Allowed).expect_err("refused");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        let parcel = receive(there.as_fd(), Waiting::Allowed).expect("receive").expect("one");
        assert_eq!(&*parcel.bytes, b"before");
        assert!(receive(there.as_fd(), Waiting::Allowed).expect("receive").is_none());
        send(there.as_fd(), &[b"back"], &[], Waiting::Allowed).expect("the other way is open");
        assert!(receive(here.as_fd(), Waiting::Never).expect("receive").is_some());
    }

    #[test]
    fn a_parcel_too_large_for_its_socket_travels_as_sealed_memory() {
        let (here, there) = pair().expect("a pair");
        rustix::net::sockopt::set_socket_send_buffer_size(&here, 4096).expect("a small buffer");
        let bytes = vec![7; LARGEST_INLINE];
        send(here.as_fd(), &[&bytes], &[], Waiting::Allowed).expect("send");
        let parcel = receive(there.as_fd(), Waiting::Allowed).expect("receive").expect("one");
        assert_eq!(&*parcel.bytes, &bytes);
        assert!(matches!(parcel.bytes.memory, Memory::Sealed(_)));
    }

    #[test]
    fn whoever_waits_at_an_end_that_receives_no_more_is_woken() {
        let (_here, there) = pair().expect("a pair");
        let held = there.try_clone().expect("another holder");
        let waiting =
            std::thread::spawn(move || receive(there.as_fd(), Waiting::Allowed).map(drop).is_ok());
        receive_no_more(held.as_fd()).expect("shutdown");
        assert!(waiting.join().expect("it wakes"));
    }

    #[test]
    fn a_parcel_racing_with_the_end_of_receiving_arrives_exactly_if_it_was_sent() {
        for _round in 0..500 {
            let (here, there) = pair().expect("a pair");
            let sender = std::thread::spawn(move || {
                let sent = send(here.as_fd(), &[b"start"], &[], Waiting::Allowed).is_ok();
                (here, sent)
            });
            receive_no_more(there.as_fd()).expect("shutdown");
            let (_here, sent) = sender.join().expect("a sender");
            let received = receive(there.as_fd(), Waiting::Allowed).expect("receive").is_some();
            assert_eq!(received, sent);
        }
    }

    #[test]
    fn bytes_and_descriptors_arrive_together_at_every_size() {
        for length in [0, 1, LARGEST_INLINE - 1, LARGEST_INLINE, LARGEST_INLINE + 1, 3 << 20] {
            let (here, there) = pair().expect("a pair");
            let sent: Vec<u8> = (0..length).map(|index| index.to_le_bytes()[0]).collect();
            let mut file = std::fs::File::from(crate::descriptor::dev_null().expect("null"));
            file.write_all(b"x").expect("write");
            let (half, rest) = sent.split_at(length / 2);
            send(here.as_fd(), &[half, rest], &[file.as_fd()], Waiting::Allowed).expect("send");
            let parcel = receive(there.as_fd(), Waiting::Allowed).expect("receive").expect("one");
            assert_eq!(&*parcel.bytes, sent, "length {length}");
            assert_eq!(parcel.descriptors.len(), 1);

            forward(there.as_fd(), &parcel, Waiting::Allowed).expect("forward");
            let back = receive(here.as_fd(), Waiting::Allowed).expect("receive").expect("one");
            assert_eq!(&*back.bytes, sent, "forwarded length {length}");
        }
    }

    #[test]
    fn what_was_sent_whole_is_received_after_the_sender_is_gone() {
        let (here, there) = pair().expect("a pair");
        send(there.as_fd(), &[b"unread"], &[], Waiting::Allowed).expect("send");
        send(here.as_fd(), &[b"last"], &[], Waiting::Allowed).expect("send");
        drop(here);
        let parcel = receive(there.as_fd(), Waiting::Allowed).expect("receive").expect("one");
        assert_eq!(&*parcel.bytes, b"last");
        assert!(receive(there.as_fd(), Waiting::Allowed).expect("the end").is_none());
    }

    #[test]
    fn an_empty_packet_is_an_error_and_not_the_end() {
        let (here, there) = pair().expect("a pair");
        let nothing = [IoSlice::new(b"")];
        let null = crate::descriptor::dev_null().expect("null");
        send_packet(here.as_fd(), &nothing, &[null.as_fd()], Waiting::Allowed).expect("send");
        send_packet(here.as_fd(), &nothing, &[], Waiting::Allowed).expect("send");
        send(here.as_fd(), &[b"next"], &[], Waiting::Allowed).expect("send");
        drop(here);
        for _ in 0..2 {
            let error = receive(there.as_fd(), Waiting::Allowed).expect_err("no parcel");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
        let parcel = receive(there.as_fd(), Waiting::Allowed).expect("receive").expect("one");
        assert_eq!(&*parcel.bytes, b"next");
        assert!(receive(there.as_fd(), Waiting::Allowed).expect("the end").is_none());
        assert!(receive(there.as_fd(), Waiting::Never).expect("the end").is_none());
    }

    #[test]
    fn a_descriptor_arrives_as_the_same_open_file() {
        let (here, there) = pair().expect("a pair");
        let memory = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC);
        let mut file = std::fs::File::from(memory.expect("memory"));
        send(here.as_fd(), &[b""], &[file.as_fd()], Waiting::Allowed).expect("send");
        let parcel = receive(there.as_fd(), Waiting::Allowed).expect("receive").expect("one");
        let mut other = std::fs::File::from(parcel.descriptors.into_iter().next().expect("one"));
        other.write_all(b"through the other").expect("write");
        file.rewind().expect("rewind");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("read");
        assert_eq!(text, "through the other");
    }

    #[test]
    fn bytes_that_are_no_parcel_are_an_error() {
        for packet in [&b""[..], &[SPILLED], &[SPILLED, 0], &[2], &[255, 1, 2]] {
            let error = unpack(packet.to_vec(), Vec::new()).expect_err("no parcel");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{packet:?}");
        }
    }

    #[test]
    fn a_parcel_can_be_looked_at_before_it_is_received() {
        let (here, there) = pair().expect("a pair");
        let look = || peek::<2>(there.as_fd()).expect("peek");
        assert_eq!(look(), Peeked::Nothing);
        for bytes in [&b"abc"[..], b"x"] {
            send(here.as_fd(), &[bytes], &[], Waiting::Never).expect("send");
        }
        assert_eq!((look(), look()), (Peeked::First(*b"ab"), Peeked::First(*b"ab")));
        receive(there.as_fd(), Waiting::Never).expect("receive").expect("one");
        assert_eq!(look(), Peeked::Other);
        receive(there.as_fd(), Waiting::Never).expect("receive").expect("one");
        drop(here);
        assert_eq!(look(), Peeked::Nothing);
    }

    #[test]
    fn a_spilled_parcel_without_sealed_memory_is_an_error() {
        let null = crate::descriptor::dev_null().expect("null");
        let error = unpack(vec![SPILLED], vec![null]).expect_err("no memory");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
