//! A buffer for messages, kept from one to the next.
//!
//! In: work that needs a buffer. Out: its result. What always holds: each thread has its own; work
//! within work, as when a value's own encoding sends another, gets a fresh one; a large one is not
//! kept.

use std::cell::Cell;

/// What is kept at most: 128 KiB, more than any message in a ring.
const KEPT: usize = 128 << 10;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

pub(super) fn with<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut buffer = BUFFER.take();
    let result = work(&mut buffer);
    if buffer.capacity() <= KEPT {
        BUFFER.set(buffer);
    }
    result
}
