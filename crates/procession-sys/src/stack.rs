//! How much stack the calling thread has left.
//!
//! # Invariants
//! - The floor that [`floor`] gives lies inside the stack of the calling thread, or at most
//!   64 KiB below the caller where the stack is not the thread's own (a coroutine).
//! - A read of the cached floor makes no system call.

use std::cell::Cell;
use std::mem::MaybeUninit;

/// What may be used below the caller on a stack that is not the thread's own: 64 KiB.
const FOREIGN: usize = 64 << 10;

/// The part of a stack kept for functions that do not ask: an eighth, at most 128 KiB.
const RESERVE: usize = 128 << 10;
const RESERVED_PART: usize = 8;

/// The largest main stack that is believed in: 64 MiB. The kernel keeps 128 MiB below the main stack
/// free of mappings, whatever the limit says.
const LARGEST_MAIN: usize = 64 << 20;

/// The addresses of a stack, from the lowest that may be used to the first above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    low: usize,
    high: usize,
}

thread_local! {
    static BOUNDS: Cell<Bounds> = const { Cell::new(Bounds { low: 0, high: 0 }) };
}

/// An address in the caller's frame, or close to it.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the address is that of the caller's frame")]
pub fn here() -> usize {
    let mark = 0_u8;
    (&raw const mark).addr()
}

/// The lowest address that the stack may reach from here, with a reserve below it for functions
/// that do not ask. The thread's bounds are looked up once.
#[inline]
pub fn floor() -> usize {
    // miri places each variable anywhere, and has no end of the stack that could be asked for.
    if cfg!(miri) {
        return 0;
    }
    let (here, bounds) = (here(), BOUNDS.get());
    if bounds.low < here && here < bounds.high {
        return bounds.floor();
    }
    fresh_floor().unwrap_or(here.saturating_sub(FOREIGN))
}

/// As [`floor`], by asking the system: the limit on the main thread's stack can change. Returns
/// `None` if the stack is not the thread's own.
#[cold]
pub fn fresh_floor() -> Option<usize> {
    let here = here();
    let holds = |bounds: &Bounds| bounds.low < here && here < bounds.high;
    let bounds = main_stack().filter(holds).or_else(|| own_stack().filter(holds))?;
    BOUNDS.set(bounds);
    Some(bounds.floor())
}

impl Bounds {
    #[inline]
    fn floor(self) -> usize {
        self.low + ((self.high - self.low) / RESERVED_PART).min(RESERVE)
    }
}

/// The stack that the kernel gave to the main thread. Its end is where the kernel wrote the
/// program's file name.
fn main_stack() -> Option<Bounds> {
    // SAFETY: it reads a word of the auxiliary vector.
    let high = usize::try_from(unsafe { libc::getauxval(libc::AT_EXECFN) }).ok()?;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Stack).current;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let low = high.checked_sub(limit.min(LARGEST_MAIN))?;
    Some(Bounds { low, high })
}

/// The stack that the C library made for the calling thread.
fn own_stack() -> Option<Bounds> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut low, mut size, mut guard) = (std::ptr::null_mut(), 0, 0);
    // SAFETY: the attributes are initialized by the first call and destroyed by the last; the others
    // write to the three variables alone.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let mut attributes = attributes.assume_init();
        let found = libc::pthread_attr_getstack(&raw const attributes, &raw mut low, &raw mut size);
        let guarded = libc::pthread_attr_getguardsize(&raw const attributes, &raw mut guard);
        libc::pthread_attr_destroy(&raw mut attributes);
        if found != 0 || guarded != 0 {
            return None;
        }
    }
    // Some versions of the C library count the guard as a part of the stack.
    let (low, high) = (low.addr().checked_add(guard)?, low.addr().checked_add(size)?);
    (low < high).then_some(Bounds { low, high })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_of_a_thread_lies_within_its_stack() {
        for size in [64 << 10, 256 << 10, 2 << 20, 64 << 20] {
            // The C library's minimum is 16 KiB on x86-64 and 128 KiB on aarch64.
            let size = size.max(libc::PTHREAD_STACK_MIN);
            let look = move || {
                let (floor, here) = (floor(), here());
                assert!(floor < here && here - floor < size, "{size}: {}", here - floor);
                assert!(here - floor > size / 2, "{size}: {}", here - floor);
                assert_eq!(Some(floor), fresh_floor());
            };
            let thread = std::thread::Builder::new().stack_size(size).spawn(look);
            thread.expect("a thread").join().expect("bounds");
        }
    }

    #[test]
    fn the_main_threads_stack_ends_where_its_mapping_ends() {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("the mappings");
        let line = maps.lines().find(|line| line.ends_with("[stack]")).expect("a main stack");
        let end = line.split([' ', '-']).nth(1).expect("an end");
        let end = usize::from_str_radix(end, 16).expect("an address");
        let high = main_stack().expect("bounds").high;
        assert!(high <= end && end - high < 8 << 10, "{high:#x} {end:#x}");
    }
}
