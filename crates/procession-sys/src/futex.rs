//! Sleeping until another process changes a word.
//!
//! In: a word in shared memory and the value it was seen to have. Out: a wake, or the deadline. What
//! always holds: who finds the word changed does not sleep, so no wake between looking and sleeping
//! is missed; an interrupted sleep goes on with what remains of its time.

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags};
use std::io;
use std::sync::atomic::AtomicU32;
use std::time::Instant;

/// Sleeps while `word` is `seen`, until somebody wakes it or the deadline passes. Whether it was
/// anything but the deadline; the caller looks at the word again.
///
/// # Errors
/// As `futex(2)`: none that memory which is mapped can cause.
pub fn wait(word: &AtomicU32, seen: u32, deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        let left = crate::wait::time_left(deadline);
        match futex::wait(word, Flags::empty(), seen, left.as_ref()) {
            Ok(()) | Err(Errno::AGAIN) => return Ok(true),
            Err(Errno::TIMEDOUT) => return Ok(false),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Wakes at most `count` of those who sleep on `word`, in any process; how many there were.
pub fn wake(word: &AtomicU32, count: u32) -> usize {
    // It fails for no address that is mapped.
    futex::wake(word, Flags::empty(), count).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::Shared;
    use std::os::fd::AsFd;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    #[test]
    fn a_changed_word_is_not_slept_on_and_a_deadline_ends_the_sleep() {
        let memory = Shared::new(64).expect("memory");
        let word = &memory.half_words()[0];
        assert!(wait(word, 1, None).expect("no sleep"));
        let soon = Instant::now() + Duration::from_millis(5);
        assert!(!wait(word, 0, Some(soon)).expect("a sleep"));
        assert!(Instant::now() >= soon);
    }

    #[test]
    fn a_sleeper_is_woken_through_another_mapping() {
        let memory = Shared::new(64).expect("memory");
        let copy = memory.as_fd().try_clone_to_owned().expect("a duplicate");
        let waker = std::thread::spawn(move || {
            let memory = Shared::adopt(copy).expect("the same memory");
            memory.half_words()[3].store(1, Ordering::Release);
            while wake(&memory.half_words()[3], 1) == 0
                && memory.half_words()[4].load(Ordering::Acquire) == 0
            {
                std::thread::yield_now();
            }
        });
        let word = &memory.half_words()[3];
        let deadline = Instant::now() + Duration::from_secs(30);
        while word.load(Ordering::Acquire) == 0 {
            assert!(wait(word, 0, Some(deadline)).expect("a sleep"), "nobody woke us");
        }
        memory.half_words()[4].store(1, Ordering::Release);
        waker.join().expect("the waker");
    }
}
