//! Arguments and values of every size.

use crate::support::{DEADLINE, METHODS, join, within};
use procession::{Process, StartMethod};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Bytes that are written and read as one piece, and not as a list of numbers.
#[derive(Clone, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Piece;
        impl Visitor<'_> for Piece {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Piece)
    }
}

/// Bytes that differ from word to word, with their checksum.
fn filled(length: usize, seed: u64) -> (Bytes, u64) {
    let mut bytes = vec![0; length];
    for (number, word) in (seed..).zip(bytes.chunks_exact_mut(8)) {
        word.copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    }
    let sum = checksum(&bytes);
    (Bytes(bytes), sum)
}

/// Depends on every word and on its place.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.chunks_exact(8).fold(0, |sum, word| {
        let word = u64::from_le_bytes(word.try_into().expect("eight bytes"));
        sum.rotate_left(1) ^ word
    })
}

/// Checks what it got, and answers with as much again.
fn exchange(given: Bytes, sum: u64, seed: u64) -> Result<(Bytes, u64), String> {
    let (length, found) = (given.0.len(), checksum(&given.0));
    drop(given);
    if found != sum {
        return Err(format!("{length} bytes with the checksum {found:x} instead of {sum:x}"));
    }
    Ok(filled(length, seed))
}

#[test]
fn sizes_around_every_limit_arrive_whole_both_ways() {
    // 64 KiB is the largest that travels within its packet; its frame takes some bytes of that.
    let near = |limit: usize| (limit - 40..=limit + 2).step_by(3).chain([limit - 1, limit]);
    let lengths = [0, 1].into_iter().chain(near(64 << 10)).chain([(208 << 10) + 1, 1 << 20]);
    let lengths: Vec<usize> = lengths.collect();
    for method in METHODS {
        for lengths in lengths.chunks(8) {
            let start = |&length: &usize| {
                let text = "y".repeat(length);
                let plan = Process::new(|text: String| text, (text.clone(),)).start_method(method);
                (text, plan.start().expect("a child"))
            };
            for (text, child) in lengths.iter().map(start).collect::<Vec<_>>() {
                assert!(join(child).expect("a text") == text, "{method}: {} bytes", text.len());
            }
        }
    }
}

#[test]
fn three_hundred_megabytes_go_out_and_come_back_at_once() {
    const LENGTH: usize = 150 << 20;
    let threads = [StartMethod::ForkServer, StartMethod::Spawn].map(|method| {
        let work = move || {
            let (bytes, sum) = filled(LENGTH, 7);
            let child = Process::new(exchange, (bytes, sum, 11)).start_method(method).start();
            let (bytes, sum) = child.expect("a child").join().expect("a value").expect("a match");
            (bytes.0.len(), checksum(&bytes.0) == sum)
        };
        std::thread::spawn(move || within("150 MiB out and back", work))
    });
    for thread in threads {
        assert_eq!(thread.join().expect("an exchange"), (LENGTH, true));
    }
}

#[test]
fn values_that_nobody_reads_yet_hold_nobody_up() {
    for method in METHODS {
        let start = |seed: u64| {
            let plan = Process::new(filled, (2 << 20, seed)).start_method(method);
            plan.start().expect("a child")
        };
        let mut children: Vec<_> = (0..20).map(start).collect();
        // All have ended before the first value is read.
        for child in &children {
            crate::support::ready(child, "the end of a child with an unread value");
        }
        for (seed, child) in (0..).zip(&mut children) {
            let value = child.join_timeout(DEADLINE).expect("a value").expect("it has ended");
            assert!(value == filled(2 << 20, seed), "{method}");
        }
    }
}
