//! Passing on what the program says to the service manager that started `run`.
//!
//! The manager hears the process that it has started, which is the outer one. So the inner process,
//! at which the program's datagrams arrive, hands them to the outer one, and that to the manager.
//!
//! # Invariants
//! - Datagrams arrive in order, each with its descriptors, which are closed here afterwards: a sender
//!   of `BARRIER=1` waits until the manager has closed its own.
//! - The program's `MAINPID` is not passed on: it would replace `run` in the manager's eyes.
//! - No send waits. While one datagram cannot be sent, none is taken, so that the program waits as it
//!   would for the manager.

use crate::output::complain;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, connect, sendmsg,
    socket, socketpair,
};
use procession_sys::descriptor;
use std::ffi::OsStr;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// The variable that names the inner process's end of the pair, by its number.
pub(crate) const RELAY: &str = "PROCESSION_RUN_RELAY";

/// The variable by which a service manager says where it listens.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// What the manager would take as a word about which process is the main one, or who may speak.
const KEPT: [&[u8]; 4] = [b"MAINPID=", b"MAINPIDFDID=", b"MAINPIDFD=", b"NOTIFYACCESS="];

/// What a program has sent at once.
#[derive(Debug)]
pub(crate) struct Datagram {
    /// Its lines.
    pub(crate) text: Vec<u8>,
    /// The descriptors that came along.
    pub(crate) descriptors: Vec<OwnedFd>,
}

impl Datagram {
    /// What of it is for the manager; `None` if nothing is.
    pub(crate) fn for_manager(self) -> Option<Datagram> {
        let lines = self.text.split(|&byte| byte == b'\n');
        let meant = lines.filter(|line| !KEPT.iter().any(|key| line.starts_with(key)));
        let text = meant.collect::<Vec<_>>().join(&b'\n');
        (!text.is_empty()).then_some(Datagram { text, ..self })
    }
}

/// A socket that takes datagrams.
#[derive(Debug)]
pub(crate) struct Relay {
    socket: OwnedFd,
    pending: Option<Datagram>,
    /// Whether it was said that the other end takes nothing.
    has_failed: bool,
}

impl Relay {
    /// To the service manager; `None` if none listens.
    pub(crate) fn to_manager() -> Option<Relay> {
        let address = std::env::var_os(NOTIFY_SOCKET).filter(|address| !address.is_empty())?;
        let opened = connected(&address);
        let failed = |error| complain!("procession run: {NOTIFY_SOCKET}: {error}");
        Some(Relay::new(opened.map_err(failed).ok()?))
    }

    /// The end of the pair that this process, the inner one, was started with. To be called once.
    pub(crate) fn to_outer() -> Option<Relay> {
        let number = std::env::var(RELAY).ok()?.parse().ok()?;
        descriptor::adopt(number).map(Relay::new)
    }

    fn new(socket: OwnedFd) -> Relay {
        Relay { socket, pending: None, has_failed: false }
    }

    /// Whether it takes a datagram.
    pub(crate) fn is_free(&self) -> bool {
        self.pending.is_none()
    }

    /// Sends a datagram, or keeps it for [`Relay::go_on`].
    pub(crate) fn send(&mut self, datagram: Datagram) {
        self.pending = Some(datagram);
        self.go_on();
    }

    /// Tries again what could not be sent.
    pub(crate) fn go_on(&mut self) {
        let Some(datagram) = &self.pending else { return };
        match send(self.socket.as_fd(), datagram) {
            Err(Errno::EAGAIN) => return,
            Err(error) if !std::mem::replace(&mut self.has_failed, true) => {
                complain!("procession run: the service manager does not hear the program: {error}");
            }
            _ => {}
        }
        self.pending = None;
    }
}

impl AsFd for Relay {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A pair of ends: that of the outer process, and that of the inner one, which its next program keeps.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let (outer, inner) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
    let (outer, inner) = (descriptor::above_standard(outer)?, descriptor::above_standard(inner)?);
    descriptor::keep_over_exec(inner.as_fd())?;
    Ok((outer, inner))
}

fn connected(address: &OsStr) -> io::Result<OwnedFd> {
    let bytes = address.as_bytes();
    let address = match bytes.strip_prefix(b"@") {
        Some(name) => UnixAddr::new_abstract(name)?,
        None if bytes.starts_with(b"/") => UnixAddr::new(bytes)?,
        None => {
            let why = "it is neither a path nor an abstract name, and nothing is passed on";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
    connect(socket.as_raw_fd(), &address)?;
    descriptor::above_standard(socket)
}

fn send(socket: BorrowedFd<'_>, datagram: &Datagram) -> nix::Result<()> {
    let numbers: Vec<_> = datagram.descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let control = if numbers.is_empty() { &[][..] } else { &rights };
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    let slices = [IoSlice::new(&datagram.text)];
    loop {
        match sendmsg::<UnixAddr>(socket.as_raw_fd(), &slices, control, flags, None) {
            Err(Errno::EINTR) => {}
            done => return done.map(|_| ()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_the_main_process_is_not_passed_on_and_all_else_is() {
        let cases: [(&[u8], Option<&[u8]>); 5] = [
            (b"READY=1\nMAINPID=42\nSTATUS=all well", Some(b"READY=1\nSTATUS=all well")),
            (b"MAINPID=42", None),
            (b"MAINPIDFD=1\nMAINPIDFDID=7", None),
            (b"X_OWN=1\nBARRIER=1\0", Some(b"X_OWN=1\nBARRIER=1\0")),
            (b"", None),
        ];
        for (text, meant) in cases {
            let datagram = Datagram { text: text.into(), descriptors: Vec::new() };
            assert_eq!(datagram.for_manager().map(|datagram| datagram.text).as_deref(), meant);
        }
    }
}
