//! A bare ring: what the memory itself allows.
//!
//! One sender and one receiver, messages of 64 bytes, no lock, no bound to the sizes, nobody may
//! die. It is the physical limit that channels are measured against.

use super::link::Link;
use procession::SharedMemory;
use procession_sys::futex;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

const SLOTS: u32 = 1 << 12;
const WORDS: usize = 8;
/// Words of eight bytes before the slots: a line for each side's words.
const HEAD: usize = 64;

/// One direction.
#[derive(Serialize, Deserialize)]
struct Way {
    memory: SharedMemory,
    /// This side's own cursor, and what it has seen of the other's.
    own: u32,
    seen: u32,
}

impl Way {
    fn pair() -> (Self, Self) {
        let memory = SharedMemory::new((HEAD + SLOTS as usize * WORDS) * 8).expect("memory");
        let way = |memory| Self { memory, own: 0, seen: 0 };
        (way(memory.clone()), way(memory))
    }

    fn tail(&self) -> &AtomicU32 {
        &self.memory.half_words()[0]
    }

    fn head(&self) -> &AtomicU32 {
        &self.memory.half_words()[32]
    }

    /// 1 while the receiver sleeps; while the sender sleeps.
    fn asleep(&self, which: usize) -> &AtomicU32 {
        &self.memory.half_words()[64 + 32 * which]
    }

    fn slot(&self, cursor: u32) -> &[AtomicU64] {
        let at = HEAD + (cursor % SLOTS) as usize * WORDS;
        &self.memory.words()[at..at + WORDS]
    }
}

/// Waits until `word` is not `seen`; spinning, or asleep.
fn change<const SLEEPS: bool>(word: &AtomicU32, seen: u32, asleep: &AtomicU32) -> u32 {
    loop {
        let now = word.load(Ordering::Acquire);
        if now != seen {
            return now;
        }
        if SLEEPS {
            asleep.store(1, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            futex::wait(word, seen, None).expect("futex");
            asleep.store(0, Ordering::Relaxed);
        } else {
            std::hint::spin_loop();
        }
    }
}

fn publish<const SLEEPS: bool>(word: &AtomicU32, cursor: u32, asleep: &AtomicU32) {
    word.store(cursor, Ordering::Release);
    if SLEEPS {
        fence(Ordering::SeqCst);
        if asleep.load(Ordering::Relaxed) != 0 {
            futex::wake(word, 1);
        }
    }
}

/// A bare ring each way; `SLEEPS` says whether who waits sleeps or spins.
#[derive(Serialize, Deserialize)]
pub(crate) struct Ring<const SLEEPS: bool> {
    out: Way,
    back: Way,
}

impl<const SLEEPS: bool> Link for Ring<SLEEPS> {
    fn pair() -> (Self, Self) {
        let ((out, from), (to, back)) = (Way::pair(), Way::pair());
        (Self { out, back }, Self { out: to, back: from })
    }

    fn send(&mut self, number: u64) {
        let way = &mut self.out;
        while way.own.wrapping_sub(way.seen) == SLOTS {
            way.seen = change::<SLEEPS>(way.head(), way.seen, way.asleep(1));
        }
        for word in way.slot(way.own) {
            word.store(number, Ordering::Relaxed);
        }
        way.own = way.own.wrapping_add(1);
        publish::<SLEEPS>(way.tail(), way.own, way.asleep(0));
    }

    fn receive(&mut self) -> u64 {
        let way = &mut self.back;
        if way.own == way.seen {
            way.seen = change::<SLEEPS>(way.tail(), way.seen, way.asleep(0));
        }
        let mut sum = 0;
        for word in way.slot(way.own) {
            sum |= word.load(Ordering::Relaxed);
        }
        way.own = way.own.wrapping_add(1);
        publish::<SLEEPS>(way.head(), way.own, way.asleep(1));
        sum
    }
}
