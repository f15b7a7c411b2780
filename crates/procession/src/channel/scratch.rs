//! A buffer for messages, kept from one to the next.
//!
//! In: work that needs a buffer. Out: its result. What always holds: each thread has its own; work
//! within work, as when a value's own encoding sends another, gets a fresh one; a large one is not
//! kept.

use std::cell::RefCell;

/// What is kept at most: 128 KiB, more than any message in a ring.
const KEPT: usize = 128 << 10;

thread_local! {
    // Used where it lies: a vector that is moved out and back costs more than a short message.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[inline]
pub(super) fn with<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    BUFFER.with(|buffer| {
        let Ok(mut buffer) = buffer.try_borrow_mut() else { return work(&mut Vec::new()) };
        let result = work(&mut buffer);
        if buffer.capacity() > KEPT {
            *buffer = Vec::new();
        }
        result
    })
}
