//! Clients that a listener has accepted and not yet authenticated.
//!
//! # Invariants
//! - Nothing here waits: what is to be waited for stands in the listener's [`WaitSet`].
//! - Handshakes go on side by side, so a silent client holds up no other.
//! - Their number and the time of each are limited.

use super::address::Address;
use super::handshake::{HANDSHAKE, Handshake, Progress, Role};
use procession_sys::fault::stands;
use procession_sys::wait::Interest;
use procession_sys::wait_set::WaitSet;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// The most handshakes at a time. For one more client, the oldest has to go.
const MOST: usize = 64;

/// The time that each handshake has in any case: long enough to answer, and so short that a flood
/// that fills the listening socket's queue (4096) keeps no client out for as long as it waits.
const TURN: Duration = Duration::from_millis(100);

/// The handshakes that are under way, the oldest first.
#[derive(Debug)]
pub(super) struct Pending {
    clients: VecDeque<Client>,
    /// Whether the listening socket is in the wait set.
    listening: bool,
}

#[derive(Debug)]
struct Client {
    handshake: Handshake,
    since: Instant,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self { clients: VecDeque::new(), listening: false }
    }

    /// Goes on with all handshakes and accepts who waits; gives a client that knows the key.
    pub(super) fn step(
        &mut self,
        address: &Address,
        socket: &OwnedFd,
        key: &[u8],
        set: &WaitSet,
    ) -> io::Result<Option<OwnedFd>> {
        let done = self.advance(key, set);
        let accepted = if done.is_none() { self.accept(address, socket, set) } else { Ok(()) };
        self.wait_with(socket, set)?;
        accepted.map(|()| done)
    }

    /// Goes on with all handshakes; stops at the first that is done.
    fn advance(&mut self, key: &[u8], set: &WaitSet) -> Option<OwnedFd> {
        let now = Instant::now();
        let mut at = 0;
        while let Some(client) = self.clients.get_mut(at) {
            match client.handshake.go_on(key) {
                Ok(Progress::Waiting) if now < client.since + HANDSHAKE => at += 1,
                Ok(Progress::Done) => return self.remove(at, set),
                // Too late, or a client without the key.
                Ok(Progress::Waiting) | Err(_) => drop(self.remove(at, set)),
            }
        }
        None
    }

    fn remove(&mut self, at: usize, set: &WaitSet) -> Option<OwnedFd> {
        let socket = self.clients.remove(at)?.handshake.socket;
        set.remove(socket.as_fd());
        Some(socket)
    }

    /// Whether the next client has to wait until the oldest has had its turn.
    fn is_crowded(&self) -> bool {
        let oldest = self.clients.front().map(|client| client.since);
        let busy = |since: Instant| since.elapsed() < TURN || !stands("the-oldest-stranger-goes");
        self.clients.len() == MOST && oldest.is_some_and(busy)
    }

    /// Begins a handshake with each client in the socket's queue, as far as there is room.
    fn accept(&mut self, address: &Address, socket: &OwnedFd, set: &WaitSet) -> io::Result<()> {
        for _ in 0..MOST {
            if self.is_crowded() {
                break;
            }
            match address.accept(socket) {
                Ok(socket) => self.begin(socket, set)?,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => break,
                    io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
        Ok(())
    }

    fn begin(&mut self, socket: OwnedFd, set: &WaitSet) -> io::Result<()> {
        if self.clients.len() == MOST {
            drop(self.remove(0, set));
        }
        // A client that is gone already needs no greeting.
        if let Ok(handshake) = Handshake::begin(socket, Role::Listener) {
            set.add(handshake.socket.as_fd(), Interest::Readable)?;
            self.clients.push_back(Client { handshake, since: Instant::now() });
        }
        Ok(())
    }

    /// Has `set` wait for what the next step can do: also for the oldest client's time.
    pub(super) fn wait_with(&mut self, socket: &OwnedFd, set: &WaitSet) -> io::Result<()> {
        let crowded = self.is_crowded();
        if self.listening == crowded {
            if crowded {
                set.remove(socket.as_fd());
            } else {
                set.add(socket.as_fd(), Interest::Readable)?;
            }
            self.listening = !crowded;
        }
        let patience = if crowded { TURN } else { HANDSHAKE };
        set.wake_at(self.clients.front().map(|oldest| oldest.since + patience))
    }
}
