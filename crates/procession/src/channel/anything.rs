//! Any bytes at all, in a channel's memory and its annex.
//!
//! In: bytes as a process might have written them that has an end of the channel. Out: nothing.
//! What always holds: nobody panics, waits or takes more memory than the channel has.

use super::{Receiver, Sender, channel};
use procession_sys::parcel::{self, Waiting};
use procession_sys::shared::Shared;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::Duration;

type Value = (String, Vec<u64>, Option<Vec<u8>>);

/// Writes `bytes` over a channel in use: three bytes are the place of a word, eight its content, and
/// so on; what is left over is a parcel in the annex. Then uses both ends.
#[cfg_attr(not(fuzzing), expect(unreachable_pub, reason = "the fuzz target's door"))]
pub fn receive_anything(bytes: &[u8]) {
    let (sender, receiver) = channel::<Value>().expect("a channel");
    for n in 0..3 {
        sender.send(("text".repeat(n), vec![n as u64; n], Some(vec![7; 2000 * n]))).expect("room");
    }
    scribble(&receiver, bytes);
    use_both(&sender, &receiver);
}

fn scribble(receiver: &Receiver<Value>, bytes: &[u8]) {
    let end = receiver.end();
    let memory = end.ring().memory().try_clone_to_owned().expect("a duplicate");
    let memory = Shared::adopt(memory).expect("the channel's own");
    let words = memory.words();
    let changes = bytes.chunks_exact(11);
    let rest = changes.remainder();
    for change in changes {
        let place =
            usize::from(change[0]) | usize::from(change[1]) << 8 | usize::from(change[2]) << 16;
        let place = place % words.len();
        // The two locks: whoever writes them can keep them, and nobody else gets on.
        if ![32, 64].contains(&place) {
            let word = change[3..].try_into().map_or(0, u64::from_le_bytes);
            words[place].store(word, Ordering::Relaxed);
        }
    }
    // A full annex takes no more.
    let _ = parcel::send(end.annex.as_fd(), &[rest], &[], Waiting::Never);
}

fn use_both(sender: &Sender<Value>, receiver: &Receiver<Value>) {
    for _ in 0..8 {
        let _ = sender.send_timeout(("x".into(), Vec::new(), None), Duration::ZERO);
        let _ = receiver.recv_timeout(Duration::ZERO);
    }
    let _ = (sender.len(), receiver.len(), receiver.capacity());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_differ_at_the_same_place_hold_nobody_up() {
        receive_anything(&[16, 0, 0, 0, 0, 0, 0, 204, 43, 0, 63]);
    }

    #[test]
    fn every_word_beside_the_records_may_be_anything() {
        for place in 0_u8..200 {
            for content in [0, 1, 0x7f, 0x80, 0xff] {
                receive_anything(&[&[place, 0, 0][..], &[content; 8], b"rest"].concat());
            }
        }
    }
}
