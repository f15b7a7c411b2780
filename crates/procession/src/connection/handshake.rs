//! Proving to each other that one knows the key, without showing it.
//!
//! In: a connected socket that never waits. Out: a proven one, or why not. What always holds: a
//! handshake reads and writes a fixed number of bytes; a proof is good for one side of one
//! connection only, since it covers the role and both sides' random numbers.
//!
//! Each side sends its greeting (8 bytes that name protocol and version, 32 random bytes). Then the
//! client sends its proof, the HMAC-SHA256 by the key of: its role, its own number, the other's. The
//! listener checks it, and only then sends its own; the client checks that.

use super::error::HandshakeFailure;
use hmac::{Hmac, Mac};
use procession_sys::stream;
use sha2::Sha256;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// How long it may take: two messages each way, over any network.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(10);

const MAGIC: [u8; 8] = *b"procsn\x00\x01";
const NUMBER: usize = 32;
const GREETING: usize = MAGIC.len() + NUMBER;
const PROOF: usize = 32;

/// Which side one is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Client = b'c' as isize,
    Listener = b'l' as isize,
}

impl Role {
    fn other(self) -> Self {
        match self {
            Self::Client => Self::Listener,
            Self::Listener => Self::Client,
        }
    }
}

/// A handshake under way.
#[derive(Debug)]
pub(super) struct Handshake {
    pub(super) socket: OwnedFd,
    role: Role,
    number: [u8; NUMBER],
    received: [u8; GREETING + PROOF],
    filled: usize,
    proved: bool,
}

/// How far a handshake has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The other side's turn.
    Waiting,
    /// Both sides have proved that they know the key.
    Done,
}

impl Handshake {
    /// Begins with our greeting.
    pub(super) fn begin(socket: OwnedFd, role: Role) -> Result<Self, HandshakeFailure> {
        let number = stream::random().map_err(HandshakeFailure::Broken)?;
        let greeting = [&MAGIC[..], &number].concat();
        send(&socket, &greeting)?;
        let received = [0; GREETING + PROOF];
        Ok(Self { socket, role, number, received, filled: 0, proved: false })
    }

    /// Goes on with what has come; never waits.
    pub(super) fn go_on(&mut self, key: &[u8]) -> Result<Progress, HandshakeFailure> {
        // Not a byte more, since what follows the handshake is the first message.
        while self.filled < self.received.len() {
            match stream::receive(self.socket.as_fd(), &mut self.received[self.filled..]) {
                Ok(0) if self.filled >= GREETING => return Err(HandshakeFailure::WrongKey),
                Ok(0) => return Err(HandshakeFailure::WrongProtocol),
                Ok(some) => self.filled += some,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(HandshakeFailure::WrongKey);
                }
                Err(error) => return Err(HandshakeFailure::Broken(error)),
            }
        }
        let known = self.filled.min(MAGIC.len());
        if self.received[..known] != MAGIC[..known] {
            return Err(HandshakeFailure::WrongProtocol);
        }
        if self.role == Role::Client && self.filled >= GREETING && !self.proved {
            self.prove(key)?;
        }
        if self.filled < self.received.len() {
            return Ok(Progress::Waiting);
        }
        let proof = &self.received[GREETING..];
        let expected = self.mac(key, self.role.other());
        expected.verify_slice(proof).map_err(|_| HandshakeFailure::WrongKey)?;
        if !self.proved {
            self.prove(key)?;
        }
        Ok(Progress::Done)
    }

    fn prove(&mut self, key: &[u8]) -> Result<(), HandshakeFailure> {
        self.proved = true;
        send(&self.socket, &self.mac(key, self.role).finalize().into_bytes())
    }

    fn mac(&self, key: &[u8], role: Role) -> Hmac<Sha256> {
        let (own, other) = (&self.number[..], &self.received[MAGIC.len()..GREETING]);
        let (first, second) = if role == self.role { (own, other) } else { (other, own) };
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(&[role as u8]);
        mac.update(first);
        mac.update(second);
        mac
    }
}

/// A handful of bytes fits any socket's buffer; one in which they do not is not ours.
fn send(socket: &OwnedFd, bytes: &[u8]) -> Result<(), HandshakeFailure> {
    match stream::send(socket.as_fd(), bytes) {
        Ok(sent) if sent == bytes.len() => Ok(()),
        Ok(_) => Err(HandshakeFailure::WrongProtocol),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(HandshakeFailure::WrongKey),
        Err(error) => Err(HandshakeFailure::Broken(error)),
    }
}
