//! Waiting for other programs.
//!
//! In: an address and a key. Out: connections of those who know the key. What always holds: any
//! number of strangers may be shaking hands at once, none of them holds up another; there is a limit
//! to how many and to how long.

use super::address::Address;
use super::handshake::{HANDSHAKE, Handshake, Progress, Role};
use super::link::Connection;
use procession_sys::fault::stands;
use procession_sys::wait::{self, Interest};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How many strangers may be shaking hands at once. One more, and the one who has been at it
/// longest has to go.
const STRANGERS: usize = 64;

/// How long one may be at it in any case: long enough to answer, and so short that a flood that
/// fills the door (4096 of them) keeps nobody out for as long as a client waits.
const TURN: Duration = Duration::from_millis(100);

/// Waits for programs that know the key.
///
/// ```
/// use procession::Process;
/// use procession::connection::{Address, Connection, Listener, connect};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let name = format!("adder-{}", std::process::id());
/// let mut listener = Listener::bind(Address::Abstract(name.clone()), b"our secret")?;
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
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    address: Address,
    key: Vec<u8>,
    /// Each since when; the longest at it first.
    strangers: VecDeque<(Handshake, Instant)>,
}

impl Listener {
    /// Listens at an address, for whoever has this key. An empty key is one that all know.
    ///
    /// # Errors
    /// `AddrInUse` where somebody listens there, or a socket's file was left; as the system says.
    pub fn bind(address: Address, key: &[u8]) -> io::Result<Self> {
        let socket = address.bind()?;
        let address = address.resolved(&socket)?;
        Ok(Self { socket, address, key: key.to_vec(), strangers: VecDeque::new() })
    }

    /// Where it listens; for TCP port 0, the port that the system chose.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Waits for a client that knows the key. Others are turned away meanwhile; nobody hears of
    /// them.
    ///
    /// # Errors
    /// As the system says: too many open files, no memory.
    pub fn accept<T, U>(&mut self) -> io::Result<Connection<T, U>> {
        let timed_out = || io::Error::from(io::ErrorKind::TimedOut);
        self.accept_until(None)?.ok_or_else(timed_out)
    }

    /// As [`accept`](Self::accept), for at most `timeout`; none where none came.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn accept_timeout<T, U>(
        &mut self,
        timeout: Duration,
    ) -> io::Result<Option<Connection<T, U>>> {
        self.accept_until(Instant::now().checked_add(timeout))
    }

    fn accept_until<T, U>(
        &mut self,
        deadline: Option<Instant>,
    ) -> io::Result<Option<Connection<T, U>>> {
        loop {
            self.welcome()?;
            if let Some(socket) = self.shake_hands() {
                return Ok(Some(Connection::new(socket)));
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(None);
            }
            let sockets = self.strangers.iter().map(|(stranger, _)| stranger.socket.as_fd());
            let crowded = self.is_crowded();
            let door = (!crowded).then(|| self.socket.as_fd());
            let sockets = door.into_iter().chain(sockets);
            let waited: Vec<_> = sockets.map(|socket| (socket, Interest::Readable)).collect();
            let patience = if crowded { TURN } else { HANDSHAKE };
            let oldest = self.strangers.front().map(|&(_, since)| since + patience);
            wait::ready(&waited, [deadline, oldest].into_iter().flatten().min())?;
        }
    }

    /// Whether nobody else can be welcomed now.
    fn is_crowded(&self) -> bool {
        let oldest = self.strangers.front().map(|&(_, since)| since);
        let busy = |since: Instant| since.elapsed() < TURN || !stands("the-oldest-stranger-goes");
        self.strangers.len() == STRANGERS && oldest.is_some_and(busy)
    }

    /// Begins a handshake with everybody at the door, as far as there is room.
    fn welcome(&mut self) -> io::Result<()> {
        for _ in 0..STRANGERS {
            if self.is_crowded() {
                break;
            }
            match self.address.accept(&self.socket) {
                Ok(socket) => {
                    if self.strangers.len() == STRANGERS {
                        self.strangers.pop_front();
                    }
                    // One who is gone already needs no greeting.
                    if let Ok(handshake) = Handshake::begin(socket, Role::Listener) {
                        self.strangers.push_back((handshake, Instant::now()));
                    }
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(()),
                    io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
        Ok(())
    }

    /// Goes on with all handshakes; the first that is done.
    fn shake_hands(&mut self) -> Option<OwnedFd> {
        let now = Instant::now();
        let mut strangers = std::mem::take(&mut self.strangers).into_iter();
        let mut done = None;
        while let (None, Some((handshake, since))) = (&done, strangers.next()) {
            match handshake.go_on(&self.key) {
                Progress::Done(socket) => done = Some(socket),
                Progress::Waiting(handshake) if now < since + HANDSHAKE => {
                    self.strangers.push_back((handshake, since));
                }
                // Too late, or not one of us.
                Progress::Waiting(_) | Progress::Failed(_) => {}
            }
        }
        self.strangers.extend(strangers);
        done
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Address::Path(path) = &self.address {
            // Removed by somebody else already, or not ours to remove: nothing to do about it.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Ready to read when somebody is at the door; [`accept_timeout`](Listener::accept_timeout) says
/// whether it is somebody who knows the key.
impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
