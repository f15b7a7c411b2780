//! Arguments and values of every size.

use crate::support::{DEADLINE, METHODS, join, within_minutes};
use procession::{Process, StartMethod};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Bytes that are written and read as one piece, and not as a list of numbers.
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

const PAGE: usize = 4096;

/// Pages of which each is another one, by its seed and number.
fn pages(count: usize, seed: u64) -> Bytes {
    let mut bytes = vec![0; count * PAGE];
    let pattern = pattern();
    for (number, page) in (seed..).zip(bytes.chunks_exact_mut(PAGE)) {
        page.copy_from_slice(&pattern);
        page[..8].copy_from_slice(&number.to_le_bytes());
    }
    Bytes(bytes)
}

/// Whether these are, in every byte, the pages made with `seed`.
fn are_pages(bytes: &Bytes, count: usize, seed: u64) -> bool {
    let pattern = pattern();
    bytes.0.len() == count * PAGE
        && (seed..)
            .zip(bytes.0.chunks_exact(PAGE))
            .all(|(number, page)| page[..8] == number.to_le_bytes() && page[8..] == pattern[8..])
}

fn pattern() -> Vec<u8> {
    (0..PAGE).map(|at| (at * at % 251).to_le_bytes()[0]).collect()
}

/// Checks what it got, and answers with as much again.
fn exchange(given: Bytes, count: usize, seed: u64) -> Result<Bytes, String> {
    if !are_pages(&given, count, seed) {
        return Err(format!("{} bytes came that were not sent", given.0.len()));
    }
    drop(given);
    Ok(pages(count, seed + 1))
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
    const PAGES: usize = (150 << 20) / PAGE;
    let threads = [StartMethod::ForkServer, StartMethod::Spawn].map(|method| {
        let work = move || {
            let arguments = (pages(PAGES, 7), PAGES, 7);
            let child = Process::new(exchange, arguments).start_method(method).start();
            let value = child.expect("a child").join().expect("a value").expect("what was sent");
            are_pages(&value, PAGES, 8)
        };
        std::thread::spawn(move || within_minutes("150 MiB out and back", work))
    });
    for thread in threads {
        assert!(thread.join().expect("an exchange"), "bytes came back that were not sent");
    }
}

#[test]
fn what_crosses_as_shared_memory_has_no_name() {
    let look = |large: &'static str| {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("the mappings");
        let files: Vec<String> = std::fs::read_dir("/proc/self/fd")
            .expect("the descriptors")
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .map(|path| path.to_string_lossy().into_owned())
            .collect();
        (large.len(), maps, files)
    };
    let large = String::leak("z".repeat(1 << 20));
    for method in METHODS {
        let plan = Process::new(look, (&*large,)).start_method(method);
        let (length, maps, files) = join(plan.start().expect("a child")).expect("its memory");
        assert_eq!(length, 1 << 20);
        assert!(maps.contains("/memfd:procession (deleted)"), "{method}: {maps}");
        let named = |path: &str| path.contains("/dev/shm") || path.contains("/dev/mqueue");
        assert!(!named(&maps) && !files.iter().any(|path| named(path)), "{method}: {maps}");
    }
}

#[test]
fn values_that_nobody_reads_yet_hold_nobody_up() {
    const COUNT: usize = (2 << 20) / PAGE;
    for method in METHODS {
        let start = |seed: u64| {
            let plan = Process::new(pages, (COUNT, seed)).start_method(method);
            plan.start().expect("a child")
        };
        let mut children: Vec<_> = (0..20).map(start).collect();
        // All have ended before the first value is read.
        for child in &children {
            crate::support::ready(child, "the end of a child with an unread value");
        }
        for (seed, child) in (0..).zip(&mut children) {
            let value = child.join_timeout(DEADLINE).expect("a value").expect("it has ended");
            assert!(are_pages(&value, COUNT, seed), "{method}");
        }
    }
}
