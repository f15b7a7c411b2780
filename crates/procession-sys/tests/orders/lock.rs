//! The lock of `procession_sys::robust`, without its part for the dead.

use crate::{Change, Watched, change, explore, must_notice};
use loom::sync::atomic::{AtomicU32, Ordering, fence};
use loom::sync::{Condvar, Mutex};
use loom::thread;
use std::sync::Arc;

/// The kernel's queue of sleepers on one word: it compares the word under a lock of its own, behind
/// a full barrier.
#[derive(Default)]
struct Futex {
    queue: Mutex<()>,
    woken: Condvar,
}

impl Futex {
    fn wait(&self, word: &AtomicU32, seen: u32, change: Change) {
        let queue = self.queue.lock().expect("the queue");
        if change != Change::NoOneOrder {
            fence(Ordering::SeqCst);
        }
        if word.load(Ordering::Relaxed) == seen {
            drop(self.woken.wait(queue).expect("the queue"));
        }
    }

    fn wake(&self) {
        let _queue = self.queue.lock().expect("the queue");
        self.woken.notify_one();
    }
}

/// The two words, and the kernel's queue.
pub(crate) struct Lock {
    word: AtomicU32,
    waiting: AtomicU32,
    futex: Futex,
    change: Change,
}

impl Lock {
    pub(crate) fn new(change: Change) -> Self {
        let futex = Futex::default();
        Self { word: AtomicU32::new(0), waiting: AtomicU32::new(0), futex, change }
    }

    /// Does `work` while holding the lock, as the thread with this number.
    pub(crate) fn with<T>(&self, me: u32, work: impl FnOnce() -> T) -> T {
        let taking = match self.change {
            Change::LockRelaxed => Ordering::Relaxed,
            _ => Ordering::Acquire,
        };
        if self.word.compare_exchange(0, me, taking, Ordering::Relaxed).is_err() {
            loop {
                let seen = self.word.load(Ordering::Relaxed);
                if seen == 0 {
                    let taken = self.word.compare_exchange(0, me, taking, Ordering::Relaxed);
                    if taken.is_ok() {
                        break;
                    }
                } else {
                    self.waiting.fetch_add(1, Ordering::SeqCst);
                    self.futex.wait(&self.word, seen, self.change);
                    self.waiting.fetch_sub(1, Ordering::SeqCst);
                }
            }
        }
        let result = work();
        let giving = match self.change {
            Change::UnlockRelaxed => Ordering::Relaxed,
            _ => Ordering::SeqCst,
        };
        self.word.swap(0, giving);
        // The one order of all such operations, which loom has for fences only.
        if !matches!(self.change, Change::NoOneOrder | Change::UnlockRelaxed) {
            fence(Ordering::SeqCst);
        }
        if self.waiting.load(Ordering::SeqCst) != 0 {
            self.futex.wake();
        }
        result
    }
}

/// Threads that count one number up under the lock.
fn counting(threads: u32, change: Change) {
    let shared = Arc::new((Lock::new(change), Watched::new()));
    let count = |me: u32, (lock, number): &(Lock, Watched)| {
        lock.with(me, || number.write(number.read() + 1));
    };
    let others: Vec<_> = (2..=threads)
        .map(|me| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || count(me, &shared))
        })
        .collect();
    count(1, &shared);
    for other in others {
        other.join().expect("a thread");
    }
    shared.0.with(1, || assert_eq!(shared.1.read(), threads));
}

#[test]
fn two_threads_never_hold_the_lock_at_once_or_sleep_on_a_free_one() {
    explore(4, || counting(2, change()));
}

#[test]
fn three_threads_never_hold_the_lock_at_once_or_sleep_on_a_free_one() {
    explore(2, || counting(3, change()));
}

#[test]
fn every_order_of_the_lock_is_needed() {
    let test = "lock::two_threads_never_hold_the_lock_at_once_or_sleep_on_a_free_one";
    for change in [Change::LockRelaxed, Change::UnlockRelaxed, Change::NoOneOrder] {
        must_notice(test, change);
    }
}
