//! Ways for messages of 64 bytes, with one face.

use procession::{Duplex, Fd, Value, duplex};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

/// One end of a two-way link; the other may go to another process.
pub(crate) trait Link: Value {
    fn pair() -> (Self, Self);
    /// Sends 64 bytes with this number in them.
    fn send(&mut self, number: u64);
    /// Receives 64 bytes; the number in them.
    fn receive(&mut self) -> u64;
}

/// What a user sends: a number and seven measurements, 64 bytes.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Sample {
    number: u64,
    values: [f64; 7],
}

impl Sample {
    pub(crate) fn new(number: u64) -> Self {
        Self { number, values: [1.5; 7] }
    }

    pub(crate) fn number(&self) -> u64 {
        assert!(self.values[6] > 1.0, "a torn message");
        self.number
    }
}

/// Ours.
#[derive(Serialize, Deserialize)]
pub(crate) struct Channel(Duplex<Sample, Sample>);

impl Link for Channel {
    fn pair() -> (Self, Self) {
        let (here, there) = duplex().expect("a duplex");
        (Self(here), Self(there))
    }

    fn send(&mut self, number: u64) {
        self.0.sender.send(Sample::new(number)).expect("somebody listens");
    }

    fn receive(&mut self) -> u64 {
        self.0.receiver.recv().expect("a message").number()
    }
}

/// A pipe each way.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pipe {
    reader: Fd<File>,
    writer: Fd<File>,
}

impl Link for Pipe {
    fn pair() -> (Self, Self) {
        let pipe = || rustix::pipe::pipe().expect("a pipe");
        let ((r1, w1), (r2, w2)) = (pipe(), pipe());
        let end = |r: OwnedFd, w: OwnedFd| Self { reader: Fd(r.into()), writer: Fd(w.into()) };
        (end(r1, w2), end(r2, w1))
    }

    fn send(&mut self, number: u64) {
        self.writer.write_all(&message(number)).expect("write");
    }

    fn receive(&mut self) -> u64 {
        read_message(&mut *self.reader)
    }
}

/// A Unix socket pair.
#[derive(Serialize, Deserialize)]
pub(crate) struct Socket(pub(crate) Fd<UnixStream>);

impl Link for Socket {
    fn pair() -> (Self, Self) {
        let (here, there) = UnixStream::pair().expect("a pair");
        (Self(Fd(here)), Self(Fd(there)))
    }

    fn send(&mut self, number: u64) {
        self.0.write_all(&message(number)).expect("write");
    }

    fn receive(&mut self) -> u64 {
        read_message(&mut *self.0)
    }
}

fn message(number: u64) -> [u8; 64] {
    let mut bytes = [1; 64];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

fn read_message(from: &mut impl Read) -> u64 {
    let mut bytes = [0; 64];
    from.read_exact(&mut bytes).expect("read");
    assert_eq!(bytes[63], 1, "a torn message");
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[..8]);
    u64::from_le_bytes(number)
}
