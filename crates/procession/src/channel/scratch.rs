//! A buffer for messages, kept from one to the next.
//!
//! Each thread has its own. Work within work, as when a value's own encoding sends another, gets a
//! fresh one, and so does work in the destructor of a thread-local. A large one is not kept.

use std::cell::RefCell;

/// What is kept at most: 128 KiB, more than any message in a ring.
const KEPT: usize = 128 << 10;

thread_local! {
    // Used where it lies: a vector that is moved out and back costs more than a short message.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[inline]
pub(super) fn with<T>(work: impl Fn(&mut Vec<u8>) -> T) -> T {
    let done = BUFFER.try_with(|buffer| {
        let Ok(mut buffer) = buffer.try_borrow_mut() else { return with_fresh(&work) };
        let result = work(&mut buffer);
        if buffer.capacity() > KEPT {
            *buffer = Vec::new();
        }
        result
    });
    done.unwrap_or_else(|_destroyed| with_fresh(&work))
}

#[cold]
fn with_fresh<T>(work: impl Fn(&mut Vec<u8>) -> T) -> T {
    work(&mut Vec::new())
}
