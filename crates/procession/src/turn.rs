//! Waiting for one's turn.
//!
//! In: threads that want to use the same thing. Out: a turn for one after the other. What always
//! holds: no lock is held during a turn, however long it takes; a turn ends with whoever has it, by
//! a panic too.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Gives turns.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    taken: Mutex<bool>,
    ended: Condvar,
}

/// A thread's turn, until it is dropped.
#[must_use = "it ends when it is dropped"]
pub(crate) struct Turn<'a>(&'a Turns);

impl Turns {
    /// Waits for this thread's turn.
    pub(crate) fn wait(&self) -> Turn<'_> {
        let free = self.ended.wait_while(self.taken(), |taken| *taken);
        *free.unwrap_or_else(PoisonError::into_inner) = true;
        Turn(self)
    }

    fn taken(&self) -> MutexGuard<'_, bool> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.taken() = false;
        self.0.ended.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn one_thread_at_a_time_has_its_turn() {
        let (turns, inside) = (Turns::default(), AtomicU32::new(0));
        let work = || {
            for _ in 0..100 {
                let _turn = turns.wait();
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                std::thread::yield_now();
                inside.fetch_sub(1, Ordering::SeqCst);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(work);
            }
        });
        drop(turns.wait());
    }

    #[cfg(panic = "unwind")]
    #[test]
    fn a_panic_ends_a_turn() {
        let turns = Turns::default();
        let work = std::panic::AssertUnwindSafe(|| {
            let _turn = turns.wait();
            std::panic::resume_unwind(Box::new("its turn ends"));
        });
        std::panic::catch_unwind(work).expect_err("it unwound");
        drop(turns.wait());
    }
}
