//! Waiting for other programs.
//!
//! # Invariants
//! - Any number of threads and tasks may accept at a time; each client goes to one.
//! - No lock is held while a thread waits: all wait for the [`WaitSet`].
//! - A copy of the process (`fork`) has handshakes, a lock and a set of its own: at the fork another
//!   thread may have had the lock, and the kernel's set belongs to both processes.

use super::address::Address;
use super::bind::{self, Identity, NotBound};
use super::error::BindError;
use super::link::Connection;
use super::pending::Pending;
use procession_sys::per_process::PerProcess;
use procession_sys::thread;
use procession_sys::wait::{self, Interest};
use procession_sys::wait_set::WaitSet;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Waits for programs that know the key.
///
/// A connection over TCP is authenticated and not encrypted; see the [module](super).
///
/// ```
/// use procession::Process;
/// use procession::connection::{Address, Connection, Listener, connect};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let name = format!("adder-{}", std::process::id());
/// let listener = Listener::bind(Address::Abstract(name.clone()), b"our secret")?;
///
/// // Any program could be the client; here it is a process of this one.
/// let ask = |name: String| {
///     let address = Address::Abstract(name);
///     let mut adder: Connection<(i64, i64), i64> = connect(&address, b"our secret").unwrap();
///     adder.send(&(2, 3)).unwrap();
///     adder.recv().unwrap()
/// };
/// let client = Process::new(ask, (name,)).start()?;
///
/// let mut connection: Connection<i64, (i64, i64)> = listener.accept()?;
/// let (left, right) = connection.recv()?;
/// connection.send(&(left + right))?;
/// assert_eq!(client.join()?, 5);
/// # Ok(())
/// # }
/// ```
pub struct Listener {
    socket: OwnedFd,
    address: Address,
    /// The socket's file, if it has one, and the process that removes it.
    file: Option<(Identity, thread::Identity)>,
    key: Vec<u8>,
    handshakes: PerProcess<OnceLock<Handshakes>>,
}

/// The handshakes of one process.
struct Handshakes {
    pending: Mutex<Pending>,
    /// Ready when a step of theirs has something to do.
    set: WaitSet,
}

impl Handshakes {
    fn new(socket: &OwnedFd) -> io::Result<Self> {
        let (mut pending, set) = (Pending::new(), WaitSet::new()?);
        pending.wait_with(socket, &set)?;
        Ok(Self { pending: Mutex::new(pending), set })
    }
}

impl Listener {
    /// Listens at an address, for clients that have this key. An empty key is one that all know.
    ///
    /// At a [path](Address::Path), a socket file that no program serves any more is replaced, as a
    /// killed listener leaves one. A file that is no socket is never removed.
    ///
    /// # Errors
    /// [`BindError`]: another listener serves this address, a file that is no socket is in the way,
    /// or the system refuses.
    pub fn bind(address: Address, key: &[u8]) -> Result<Self, BindError> {
        Self::at(&address, key).map_err(|problem| BindError::new(address, problem))
    }

    fn at(address: &Address, key: &[u8]) -> Result<Self, NotBound> {
        let (socket, file) = address.bind()?;
        // From here on, its file is removed if anything fails.
        let mut listener = Self {
            socket,
            address: address.clone(),
            file: file.map(|file| (file, thread::identity())),
            key: key.to_vec(),
            handshakes: PerProcess::new(OnceLock::new),
        };
        listener.address = address.resolved(&listener.socket).map_err(NotBound::System)?;
        listener.handshakes().map_err(NotBound::System)?;
        Ok(listener)
    }

    /// The handshakes of this process. Only those of a copy of the process are made later than the
    /// listener, which the system may refuse.
    fn handshakes(&self) -> io::Result<&Handshakes> {
        let own = self.handshakes.get();
        if let Some(handshakes) = own.get() {
            return Ok(handshakes);
        }
        let made = Handshakes::new(&self.socket)?;
        Ok(own.get_or_init(|| made))
    }

    /// Where it listens; for TCP port 0, the port that the system chose.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Waits for a client that knows the key. Others are turned away meanwhile.
    ///
    /// Several threads may accept at the same time; each client goes to one of them.
    ///
    /// # Errors
    /// As the system says: too many open files, no memory.
    pub fn accept<T, U>(&self) -> io::Result<Connection<T, U>> {
        let timed_out = || io::Error::from(io::ErrorKind::TimedOut);
        self.accept_until(None)?.ok_or_else(timed_out)
    }

    /// As [`accept`](Self::accept), for at most `timeout`; `None` if no client came by then.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn accept_timeout<T, U>(&self, timeout: Duration) -> io::Result<Option<Connection<T, U>>> {
        self.accept_until(Instant::now().checked_add(timeout))
    }

    fn accept_until<T, U>(
        &self,
        deadline: Option<Instant>,
    ) -> io::Result<Option<Connection<T, U>>> {
        loop {
            if let Some(connection) = self.step()? {
                return Ok(Some(connection));
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(None);
            }
            wait::ready(&[(self.as_fd(), Interest::Readable)], deadline)?;
        }
    }

    /// Does what can be done without waiting; gives the connection of a client that knows the key.
    pub(super) fn step<T, U>(&self) -> io::Result<Option<Connection<T, U>>> {
        let Handshakes { pending, set } = self.handshakes()?;
        let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
        let done = pending.step(&self.address, &self.socket, &self.key, set)?;
        Ok(done.map(Connection::new))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let (Address::Path(path), Some((file, owner))) = (&self.address, self.file) {
            if owner == thread::identity() {
                bind::unbind(path, file);
            }
        }
    }
}

/// Ready to read when [`accept_timeout`](Listener::accept_timeout) has something to do: a client has
/// come, or has gone on with its handshake. Only `accept_timeout` says whether it knows the key.
impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // Where a copy of the process can have no set, it is told of clients alone, and of the
        // error by `accept`.
        self.handshakes().map_or(self.socket.as_fd(), |handshakes| handshakes.set.as_fd())
    }
}

/// Without the key.
impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("address", &self.address).finish_non_exhaustive()
    }
}
