//! Where `sd_notify` datagrams arrive, and from whom.
//!
//! In: datagrams at an abstract address, which leaves no file behind. Out: what the program and its
//! descendants say, with the descriptors that come along. What always holds: a datagram of anybody
//! else is not heard.

use super::family::is_descendant;
use super::notify::LONGEST;
use super::relay::Datagram;
use nix::cmsg_space;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, UnixCredentials,
    bind, recvmsg, setsockopt, socket, sockopt,
};
use procession_sys::descriptor;
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

    /// The next datagram, without waiting; `None` if there is no more. That of a stranger is empty.
    pub(crate) fn receive(&self) -> Option<Datagram> {
        let (datagram, sender) = receive(self.socket.as_fd())?;
        let heard = sender.is_some_and(|sender| is_ours(&sender));
        Some(if heard { datagram } else { Datagram { text: Vec::new(), descriptors: Vec::new() } })
    }
}

/// The next datagram of a socket, without waiting, and who sent it; `None` if there is no more.
pub(crate) fn receive(socket: BorrowedFd<'_>) -> Option<(Datagram, Option<UnixCredentials>)> {
    // A byte more than is read, so that a longer one is seen to be longer.
    let mut bytes = [0; LONGEST + 1];
    let mut control = cmsg_space!([RawFd; MOST_DESCRIPTORS], UnixCredentials);
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
    let (length, sender, descriptors) = loop {
        match recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut control), flags) {
            Ok(message) => {
                let (mut sender, mut descriptors) = (None, Vec::new());
                for part in message.cmsgs().into_iter().flatten() {
                    match part {
                        ControlMessageOwned::ScmCredentials(who) => sender = Some(who),
                        ControlMessageOwned::ScmRights(numbers) => {
                            descriptors.extend(numbers.into_iter().filter_map(taken));
                        }
                        _ => {}
                    }
                }
                break (message.bytes, sender, descriptors);
            }
            Err(nix::errno::Errno::EINTR) => {}
            Err(_nothing_there) => return None,
        }
    };
    Some((Datagram { text: bytes[..length].into(), descriptors }, sender))
}

/// A descriptor that the kernel has given this process under a number.
fn taken(number: RawFd) -> Option<OwnedFd> {
    let taken = descriptor::adopt(number);
    if taken.is_none() {
        // It has the number of a standard stream that was closed, and would pass for that.
        let _ = nix::unistd::close(number);
    }
    taken
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
        assert!(socket.receive().is_some_and(|datagram| datagram.text.is_empty()));
        assert!(socket.receive().is_none());
    }
}
