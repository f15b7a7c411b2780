//! Where `sd_notify` datagrams arrive, and from whom.
//!
//! In: datagrams at an abstract address, which leaves no file behind. Out: what the program and its
//! descendants say. What always holds: a datagram of anybody else is not heard; descriptors that
//! come along are closed at once, which is what a sender of `BARRIER=1` waits for.

use super::family::is_descendant;
use super::notify::{LONGEST, Word, parse};
use nix::cmsg_space;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, UnixCredentials,
    bind, recvmsg, setsockopt, socket, sockopt,
};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Most descriptors that the kernel lets a datagram carry.
const MOST_DESCRIPTORS: usize = 253;

/// The receiving end.
#[derive(Debug)]
pub(crate) struct NotifySocket {
    socket: OwnedFd,
    name: String,
}

impl NotifySocket {
    /// Opens one under a name that nobody can guess.
    pub(crate) fn open() -> io::Result<NotifySocket> {
        let mut random = [0; 16];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
        let name = format!("procession-{:032x}", u128::from_ne_bytes(random));
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
        // Before it has a name: no datagram comes without its sender.
        setsockopt(&socket, sockopt::PassCred, &true)?;
        bind(socket.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes())?)?;
        Ok(NotifySocket { socket, name: format!("@{name}") })
    }

    /// The value of `NOTIFY_SOCKET`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What the next datagram says, without waiting; none where there is no more. That of a
    /// stranger says nothing.
    pub(crate) fn receive(&self) -> Option<Vec<Word>> {
        // A byte more than is read, so that a longer one is seen to be longer.
        let mut bytes = [0; LONGEST + 1];
        let mut control = cmsg_space!([RawFd; MOST_DESCRIPTORS], UnixCredentials);
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
        let raw = self.socket.as_raw_fd();
        let (length, sender) = loop {
            match recvmsg::<()>(raw, &mut slices, Some(&mut control), flags) {
                Ok(message) => {
                    let mut sender = None;
                    for part in message.cmsgs().into_iter().flatten() {
                        match part {
                            ControlMessageOwned::ScmCredentials(who) => sender = Some(who),
                            ControlMessageOwned::ScmRights(descriptors) => {
                                for descriptor in descriptors {
                                    let _ = nix::unistd::close(descriptor);
                                }
                            }
                            _ => {}
                        }
                    }
                    break (message.bytes, sender);
                }
                Err(nix::errno::Errno::EINTR) => {}
                Err(_nothing_there) => return None,
            }
        };
        let heard = sender.is_some_and(|sender| is_ours(&sender));
        Some(if heard { parse(&bytes[..length]) } else { Vec::new() })
    }
}

/// Whether the sender is a descendant of this process. One that has ended meanwhile cannot be asked
/// any more: it is believed if it was our user or root, as only those can find the address in the
/// program's environment.
fn is_ours(sender: &UnixCredentials) -> bool {
    let believed = || {
        let uid = sender.uid();
        uid == 0 || uid == rustix::process::geteuid().as_raw()
    };
    match sender.pid() {
        1.. => is_descendant(sender.pid()).unwrap_or_else(believed),
        // It lives outside our pid namespace.
        _ => false,
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    #[test]
    fn a_stranger_is_not_heard_although_it_knows_the_address() {
        let socket = NotifySocket::open().expect("a socket");
        let name = socket.name().strip_prefix('@').expect("abstract").as_bytes();
        let address = SocketAddr::from_abstract_name(name).expect("an address");
        // This process is no descendant of itself.
        let sender = UnixDatagram::unbound().expect("a socket");
        sender.send_to_addr(b"READY=1", &address).expect("sent");
        assert_eq!(socket.receive(), Some(Vec::new()));
        assert_eq!(socket.receive(), None);
    }
}
