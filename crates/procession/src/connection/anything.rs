//! Any bytes at all, from a stranger and from a peer.
//!
//! In: bytes as they come over a socket. Out: nothing. What always holds: nobody panics, waits or
//! takes more memory than came.

use super::handshake::{Handshake, Progress, Role};
use super::link::Connection;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Reads `bytes` as a stranger's side of a handshake, in either role, and as messages of a peer.
#[cfg_attr(not(fuzzing), expect(unreachable_pub, reason = "the fuzz target's door"))]
pub fn hear_anything(bytes: &[u8]) {
    for role in [Role::Client, Role::Listener] {
        let (near, mut far) = UnixStream::pair().expect("a pair");
        near.set_nonblocking(true).expect("a socket");
        let Ok(mut handshake) = Handshake::begin(near.into(), role) else { continue };
        for piece in bytes.chunks(bytes.len() / 2 + 1) {
            far.write_all(piece).expect("a socket takes that much");
            match handshake.go_on(b"key") {
                Ok(Progress::Waiting) => {}
                // Nobody can know the numbers that we drew.
                Ok(Progress::Done) => panic!("a stranger has proved that it knows the key"),
                Err(_) => break,
            }
        }
    }
    let (near, mut far) = UnixStream::pair().expect("a pair");
    near.set_nonblocking(true).expect("a socket");
    far.write_all(bytes).expect("a socket takes that much");
    let mut peer = Connection::<u8, (String, Vec<u64>, Option<f64>)>::new(near.into());
    while let Ok(Some(_)) = peer.recv_timeout(Duration::ZERO) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_and_a_message_cut_anywhere_or_changed_anywhere_are_refused() {
        let greeting = [&b"procsn\x00\x01"[..], &[5; 64]].concat();
        let mut message = vec![0; 8];
        crate::codec::write(&mut message, &("a", [9_u64], None::<f64>)).expect("a message");
        message[0] = u8::try_from(message.len() - 8).expect("a short message");
        for bytes in [greeting, message] {
            for cut in 0..=bytes.len() {
                hear_anything(&bytes[..cut]);
            }
            for at in 0..bytes.len() {
                for byte in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut changed = bytes.clone();
                    changed[at] = byte;
                    hear_anything(&changed);
                }
            }
        }
    }
}
