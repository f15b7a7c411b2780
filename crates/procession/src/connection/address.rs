//! Where a listener listens.

use procession_sys::{descriptor, stream};
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, UnixListener};
use std::path::PathBuf;
use std::time::Duration;

use super::bind::{self, Identity, NotBound};

/// An address that a [`Listener`](super::Listener) can have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A Unix socket in the file system; the listener removes it when it is dropped.
    Path(PathBuf),
    /// A Unix socket in Linux's abstract namespace: a name that is gone with its listener.
    Abstract(String),
    /// A TCP port. A connection over TCP is authenticated and not encrypted.
    Tcp(SocketAddr),
}

impl Address {
    /// A listening socket that never waits, and for a path the file that it has there.
    pub(super) fn bind(&self) -> Result<(OwnedFd, Option<Identity>), NotBound> {
        let system = NotBound::System;
        let (socket, file): (OwnedFd, _) = match self {
            Self::Path(path) => {
                let (listener, file) = bind::bind(path)?;
                (listener.into(), Some(file))
            }
            Self::Abstract(name) => {
                let address = abstract_address(name).map_err(system)?;
                (UnixListener::bind_addr(&address).map_err(in_use)?.into(), None)
            }
            Self::Tcp(address) => (TcpListener::bind(address).map_err(in_use)?.into(), None),
        };
        descriptor::set_nonblocking(socket.as_fd()).map_err(system)?;
        Ok((socket, file))
    }

    /// A socket connected to a listener there, unless that takes longer than `timeout`.
    pub(super) fn connect(&self, timeout: Duration) -> io::Result<OwnedFd> {
        match self {
            Self::Path(path) => stream::connect(&net::SocketAddr::from_pathname(path)?, timeout),
            Self::Abstract(name) => stream::connect(&abstract_address(name)?, timeout),
            Self::Tcp(address) => TcpStream::connect_timeout(address, timeout)
                .and_then(|stream| stream.set_nodelay(true).map(|()| stream.into())),
        }
    }

    /// The next client of a listening socket at this address; `WouldBlock` if none waits.
    pub(super) fn accept(&self, listening: &OwnedFd) -> io::Result<OwnedFd> {
        let same = listening.try_clone()?;
        match self {
            Self::Path(_) | Self::Abstract(_) => {
                UnixListener::from(same).accept().map(|(stream, _)| stream.into())
            }
            Self::Tcp(_) => {
                let (stream, _) = TcpListener::from(same).accept()?;
                stream.set_nodelay(true)?;
                Ok(stream.into())
            }
        }
    }

    /// The address that was really bound: the port that the kernel chose for port 0.
    pub(super) fn resolved(&self, listening: &OwnedFd) -> io::Result<Self> {
        match self {
            Self::Tcp(_) => TcpListener::from(listening.try_clone()?).local_addr().map(Self::Tcp),
            other => Ok(other.clone()),
        }
    }
}

fn in_use(error: io::Error) -> NotBound {
    match error.kind() {
        io::ErrorKind::AddrInUse => NotBound::Served(error),
        _ => NotBound::System(error),
    }
}

pub(super) fn abstract_address(name: &str) -> io::Result<net::SocketAddr> {
    net::SocketAddr::from_abstract_name(name)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Abstract(name) => write!(f, "@{name}"),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}
