//! A lock in shared memory that outlives its holder.
//!
//! In: two words that several processes share. Out: a [`Guard`]. What always holds: at most one
//! thread of all processes has the lock; one whose holder dies, of SIGKILL at any instruction, is
//! handed on and says so; nobody sleeps on a lock that is free. A thread holds one at a time.
//!
//! **Words.** `word` is 0 when free, the holder's thread id with `WAITERS` when held, and without
//! a thread id but with `OWNER_DIED` when its holder died. `waiting` counts those who sleep, or
//! are about to. Both begin as 0.
//!
//! **The kernel's part.** Each thread has a record that its C library registered with the kernel
//! (`set_robust_list(2)`). We use one field of it: `list_op_pending`, the address of the lock being
//! worked on, which we keep set from before the first attempt until after the last wake. (The list
//! itself stays the C library's own, so no pointer is ever stored in memory that others write.)
//! When a thread ends while the field is set, the kernel looks at `word`:
//! - it has our thread id: the kernel puts `OWNER_DIED` in its place and, as
//!   `WAITERS` is set, wakes one;
//! - it has no thread id: the kernel wakes one (Linux 5.4 where the word is 0; only newer ones also
//!   where it has `OWNER_DIED`, that is where two die one after the other);
//! - it has another's: nothing.
//!
//! **Steps.** *lock:* set pending; put our id where there is none; else count ourselves in, sleep
//! while the word is unchanged, count ourselves out, try again. *unlock:* word = 0; if anybody is
//! counted, wake one; clear pending.
//!
//! **Killed at any step, nobody sleeps for ever:**
//! - before our id is in the word: nothing has changed, but a wake may have been meant for us, after
//!   we slept. The word then had no holder, and either still has none, so the kernel wakes another
//!   in our place; or a third thread got it, which sees the sleepers counted when it unlocks.
//! - while our id is in the word: the kernel hands the lock on.
//! - after the word became 0, before the wake: the same two cases as the first.
//! - counted in and never out: later unlocks make one futile call each. Nothing else depends on it.
//!
//! **Asleep on a free lock?** The sleeper counts itself in before the kernel compares the word; the
//! unlocker empties the word before it reads the count. In one order of all these operations, either
//! the kernel finds the word changed, or the unlocker finds the sleeper counted.

use crate::fault;
use crate::fault::stands;
use crate::futex;
use crate::thread::{self, Mark};
use std::cell::Cell;
use std::io;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, compiler_fence};
use std::time::{Duration, Instant};

/// `FUTEX_WAITERS`: at the holder's death the kernel wakes a sleeper.
const WAITERS: u32 = 0x8000_0000;
/// `FUTEX_OWNER_DIED`, set by the kernel.
const OWNER_DIED: u32 = 0x4000_0000;
/// `FUTEX_TID_MASK`.
const HOLDER: u32 = 0x3fff_ffff;

/// How often a held lock is looked at before sleeping: about a microsecond, several times what the
/// short work under such a lock takes.
const LOOKS: u32 = 40;

/// The two words of a lock.
#[derive(Clone, Copy, Debug)]
pub struct Lock<'a> {
    word: &'a AtomicU32,
    waiting: &'a AtomicU32,
}

/// How long a thread waits for a lock that another holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A few looks at it, about a microsecond.
    Looks,
    /// A millisecond: many times what the work under such a lock takes, so a holder that keeps it
    /// longer is stopped, or does not get a processor.
    Briefly,
    /// Until that moment.
    Until(Instant),
    /// As long as it takes.
    Unlimited,
}

/// How long [`Wait::Briefly`] is.
const BRIEF: Duration = Duration::from_millis(1);

impl Wait {
    /// When the wait ends that begins now. It is asked only where the lock is held.
    fn deadline(self) -> Option<Instant> {
        match self {
            Self::Looks => Some(Instant::now()),
            Self::Briefly if !stands("short-wait-for-locks") => None,
            Self::Briefly => Some(Instant::now() + BRIEF),
            Self::Until(deadline) => Some(deadline),
            Self::Unlimited => None,
        }
    }
}

/// The lock is held until this is dropped, by the thread that took it.
#[derive(Debug)]
#[must_use = "the lock is held until the guard is dropped"]
pub struct Guard<'a> {
    lock: Lock<'a>,
    pending: &'static AtomicUsize,
    inherited: bool,
    not_send: PhantomData<*const ()>,
}

impl<'a> Lock<'a> {
    /// The lock of these two words, both 0 at first.
    #[inline]
    pub fn new(word: &'a AtomicU32, waiting: &'a AtomicU32) -> Self {
        Self { word, waiting }
    }

    /// Takes the lock, waiting for it until the deadline.
    ///
    /// # Errors
    /// `TimedOut`; `Deadlock` where this thread holds such a lock already; `Unsupported` where the
    /// C library has not registered with the kernel.
    #[inline]
    pub fn lock(self, deadline: Option<Instant>) -> io::Result<Guard<'a>> {
        self.lock_within(deadline.map_or(Wait::Unlimited, Wait::Until))
    }

    /// Takes the lock, waiting for it as long as `limit` says.
    ///
    /// # Errors
    /// As [`lock`](Self::lock).
    #[inline]
    pub fn lock_within(self, limit: Wait) -> io::Result<Guard<'a>> {
        let Registered { id, pending, offset } = registered()?;
        if pending.load(Ordering::Relaxed) != 0 {
            let text = "this thread holds a lock that outlives its holder already";
            return Err(io::Error::new(io::ErrorKind::Deadlock, text));
        }
        if stands("handing-on-locks") {
            let word = (&raw const *self.word).addr();
            pending.store(word.wrapping_sub(offset), Ordering::Relaxed);
        }
        // The kernel sees this thread's writes in program order.
        compiler_fence(Ordering::SeqCst);
        fault!("lock.announced");
        let held = id | WAITERS;
        let first = self.word.compare_exchange(0, held, Ordering::Acquire, Ordering::Relaxed);
        let inherited = match first {
            Ok(_free) => Ok(false),
            Err(_held) => self.wait(held, limit),
        };
        if inherited.is_err() {
            compiler_fence(Ordering::SeqCst);
            pending.store(0, Ordering::Relaxed);
        }
        Ok(Guard { lock: self, pending, inherited: inherited?, not_send: PhantomData })
    }

    /// Takes a lock that was held a moment ago; whether its holder died.
    #[cold]
    fn wait(self, held: u32, limit: Wait) -> io::Result<bool> {
        let deadline = limit.deadline();
        let mut looks = 0;
        loop {
            let seen = self.word.load(Ordering::Relaxed);
            if seen & HOLDER == 0 {
                let taken =
                    self.word.compare_exchange(seen, held, Ordering::Acquire, Ordering::Relaxed);
                if taken.is_ok() {
                    return Ok(seen & OWNER_DIED != 0);
                }
            } else if looks < LOOKS {
                looks += 1;
                std::hint::spin_loop();
            } else {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                let woken = futex::wait(self.word, seen, deadline);
                self.waiting.fetch_sub(1, Ordering::SeqCst);
                if !woken? {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
        }
    }

    #[inline]
    fn unlock(self) {
        self.word.swap(0, Ordering::SeqCst);
        fault!("unlock.emptied");
        if self.waiting.load(Ordering::SeqCst) != 0 {
            futex::wake(self.word, 1);
        }
    }
}

impl Guard<'_> {
    /// Whether the thread that held the lock before died with it.
    pub fn is_inherited(&self) -> bool {
        self.inherited
    }
}

impl Drop for Guard<'_> {
    #[inline]
    fn drop(&mut self) {
        self.lock.unlock();
        compiler_fence(Ordering::SeqCst);
        self.pending.store(0, Ordering::Relaxed);
    }
}

/// What this thread has with the kernel.
#[derive(Clone, Copy)]
struct Registered {
    id: u32,
    /// The field `list_op_pending` of its record.
    pending: &'static AtomicUsize,
    /// The field `futex_offset`: from the address in `pending` to the word.
    offset: usize,
}

/// `struct robust_list_head` of the kernel.
#[repr(C)]
struct Head {
    list: usize,
    futex_offset: usize,
    list_op_pending: AtomicUsize,
}

#[inline]
fn registered() -> io::Result<Registered> {
    thread_local! {
        static KNOWN: Cell<Option<(Mark, Registered)>> = const { Cell::new(None) };
    }
    let mark = thread::mark();
    if let Some((known, registered)) = KNOWN.get() {
        if mark.is_some_and(|mark| mark == known) {
            return Ok(registered);
        }
    }
    let registered = ask()?;
    KNOWN.set(mark.map(|mark| (mark, registered)));
    Ok(registered)
}

#[cold]
fn ask() -> io::Result<Registered> {
    if head()?.is_none() {
        register();
    }
    let text = "the C library has no robust list for this thread";
    let head = head()?.ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, text))?;
    let id = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
    Ok(Registered { id, pending: &head.list_op_pending, offset: head.futex_offset })
}

/// This thread's record, if it has one. It lives in the thread's own control block; the reference
/// is used by this thread only, so it does not outlive it.
fn head() -> io::Result<Option<&'static Head>> {
    let mut head: *const Head = std::ptr::null();
    let mut length: libc::size_t = 0;
    let own_thread = 0;
    // SAFETY: the kernel writes a pointer and a length into the two variables.
    let asked = unsafe {
        libc::syscall(libc::SYS_get_robust_list, own_thread, &raw mut head, &raw mut length)
    };
    if asked != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: null, or the record that the C library registered for this thread, which it keeps in
    // place until the thread ends and writes only from this thread.
    Ok(unsafe { head.as_ref() }.filter(|_| length == size_of::<Head>()))
}

/// musl registers a thread at its first robust mutex that processes share: here is one.
fn register() {
    let mut attributes = std::mem::MaybeUninit::uninit();
    let mut mutex = std::mem::MaybeUninit::uninit();
    // SAFETY: each object is initialised before it is used and destroyed after; the mutex is this
    // thread's alone. Where one of the calls fails there is no record, which the caller finds.
    unsafe {
        if libc::pthread_mutexattr_init(attributes.as_mut_ptr()) != 0 {
            return;
        }
        libc::pthread_mutexattr_setrobust(attributes.as_mut_ptr(), libc::PTHREAD_MUTEX_ROBUST);
        libc::pthread_mutexattr_setpshared(attributes.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED);
        if libc::pthread_mutex_init(mutex.as_mut_ptr(), attributes.as_ptr()) == 0 {
            if libc::pthread_mutex_lock(mutex.as_mut_ptr()) == 0 {
                libc::pthread_mutex_unlock(mutex.as_mut_ptr());
            }
            libc::pthread_mutex_destroy(mutex.as_mut_ptr());
        }
        libc::pthread_mutexattr_destroy(attributes.as_mut_ptr());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::Shared;
    use std::sync::Arc;

    fn memory() -> Arc<Shared> {
        Arc::new(Shared::new(4096).expect("memory"))
    }

    fn lock(memory: &Shared) -> Lock<'_> {
        Lock::new(&memory.half_words()[0], &memory.half_words()[1])
    }

    fn patience() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    /// Runs `work` in a thread that ends as a killed one does: whatever it holds, it keeps.
    fn dying(work: impl FnOnce() + Send + 'static) {
        std::thread::spawn(work).join().expect("the dying thread");
    }

    #[test]
    fn one_at_a_time() {
        let memory = memory();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let memory = Arc::clone(&memory);
                std::thread::spawn(move || {
                    for _ in 0..20_000 {
                        let _guard = lock(&memory).lock(Some(patience())).expect("the lock");
                        let count = memory.words()[1].load(Ordering::Relaxed);
                        memory.words()[1].store(count + 1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("a thread");
        }
        assert_eq!(memory.words()[1].load(Ordering::Relaxed), 80_000);
        let left = memory.half_words()[..2].iter().map(|word| word.load(Ordering::Relaxed));
        assert_eq!(left.collect::<Vec<_>>(), [0, 0]);
    }

    #[test]
    fn a_second_lock_in_one_thread_is_an_error() {
        let memory = memory();
        let _guard = lock(&memory).lock(None).expect("free");
        let other = Lock::new(&memory.half_words()[4], &memory.half_words()[5]);
        assert_eq!(other.lock(None).expect_err("one").kind(), io::ErrorKind::Deadlock);
    }

    #[test]
    fn a_deadline_ends_the_wait_and_leaves_nothing_behind() {
        let memory = memory();
        let guard = lock(&memory).lock(None).expect("free");
        let there = Arc::clone(&memory);
        let waiter = std::thread::spawn(move || {
            let soon = Instant::now() + Duration::from_millis(5);
            let kind = lock(&there).lock(Some(soon)).expect_err("held").kind();
            (kind, registered().expect("a record").pending.load(Ordering::Relaxed))
        });
        assert_eq!(waiter.join().expect("the waiter"), (io::ErrorKind::TimedOut, 0));
        drop(guard);
        assert!(!lock(&memory).lock(None).expect("free").is_inherited());
    }

    #[test]
    fn the_lock_of_the_dead_is_handed_on_and_says_so() {
        let memory = memory();
        let there = Arc::clone(&memory);
        dying(move || std::mem::forget(lock(&there).lock(None).expect("free")));
        let guard = lock(&memory).lock(Some(patience())).expect("handed on");
        assert!(guard.is_inherited());
        drop(guard);
        assert!(!lock(&memory).lock(Some(patience())).expect("free").is_inherited());
    }

    /// A thread that waits for the lock; comes back when it is surely asleep.
    fn sleeper(memory: &Arc<Shared>) -> std::thread::JoinHandle<()> {
        let before = memory.half_words()[1].load(Ordering::SeqCst);
        let there = Arc::clone(memory);
        let (send, receive) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            send.send(rustix::thread::gettid().as_raw_nonzero()).expect("the test listens");
            drop(lock(&there).lock(Some(patience())).expect("the sleeper is woken"));
        });
        let status = format!("/proc/self/task/{}/status", receive.recv().expect("its id"));
        let deadline = patience();
        let asleep = || {
            let counted = memory.half_words()[1].load(Ordering::SeqCst) > before;
            let status = std::fs::read_to_string(&status).unwrap_or_default();
            counted && status.lines().any(|line| line.starts_with("State:\tS"))
        };
        while !asleep() {
            assert!(Instant::now() < deadline, "it does not fall asleep");
            std::thread::yield_now();
        }
        thread
    }

    #[test]
    fn a_holder_that_dies_wakes_a_sleeper() {
        let memory = memory();
        let (there, gate) = (Arc::clone(&memory), Arc::new(std::sync::Barrier::new(2)));
        let opened = Arc::clone(&gate);
        let holder = std::thread::spawn(move || {
            let guard = lock(&there).lock(None).expect("free");
            opened.wait();
            opened.wait();
            std::mem::forget(guard);
        });
        gate.wait();
        let sleeper = sleeper(&memory);
        gate.wait();
        holder.join().expect("the holder");
        sleeper.join().expect("woken");
    }

    #[test]
    fn one_that_dies_between_unlocking_and_waking_wakes_a_sleeper() {
        let memory = memory();
        let (there, gate) = (Arc::clone(&memory), Arc::new(std::sync::Barrier::new(2)));
        let opened = Arc::clone(&gate);
        let holder = std::thread::spawn(move || {
            let guard = lock(&there).lock(None).expect("free");
            opened.wait();
            opened.wait();
            there.half_words()[0].swap(0, Ordering::SeqCst);
            std::mem::forget(guard);
        });
        gate.wait();
        let sleeper = sleeper(&memory);
        gate.wait();
        holder.join().expect("the holder");
        sleeper.join().expect("woken");
    }
}
