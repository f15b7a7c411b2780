//! Functions called when the process ends by returning from `main` or calling `exit`.
//!
//! In: a function, once. Out: nothing. What always holds: each is registered at most once a process,
//! and a panic in it cannot unwind into the C library.

use crate::per_process::Once;
use crate::published::Published;
use crate::wait::Interest;
#[cfg(target_env = "gnu")]
use std::ffi::{c_int, c_void};
use std::io;
use std::time::Instant;

static AT_EXIT: Published<fn()> = Published::new();
/// Done once the C library has taken the handler.
static REGISTERED: Once = Once::new();

/// Registers `function` (`atexit(3)`); later calls change nothing.
///
/// # Errors
/// Where the C library has no memory for one more handler.
pub fn at_exit(function: fn()) -> io::Result<()> {
    AT_EXIT.get_or(|| Box::leak(Box::new(function)));
    // SAFETY: `handler` is an `extern "C"` function without arguments that lives for ever.
    let registered = REGISTERED.call(|| unsafe { libc::atexit(handler) } == 0);
    registered.then_some(()).ok_or_else(no_room)
}

extern "C" fn handler() {
    if let Some(function) = AT_EXIT.get() {
        let _ = std::panic::catch_unwind(function);
    }
}

static AT_EXIT_CODE: Published<fn(Option<i32>)> = Published::new();
static REGISTERED_WITH_CODE: Once = Once::new();

/// Registers `function`, which is told the code that the process exits with; later calls change
/// nothing. The code is known where the C library has `on_exit(3)`, as glibc.
///
/// # Errors
/// Where the C library has no memory for one more handler.
pub fn at_exit_with_code(function: fn(Option<i32>)) -> io::Result<()> {
    AT_EXIT_CODE.get_or(|| Box::leak(Box::new(function)));
    let registered = REGISTERED_WITH_CODE.call(register_with_code);
    registered.then_some(()).ok_or_else(no_room)
}

fn no_room() -> io::Error {
    io::Error::other("the C library has no room for one more exit handler")
}

#[cfg(target_env = "gnu")]
fn register_with_code() -> bool {
    unsafe extern "C" {
        fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
    }
    extern "C" fn handler(status: c_int, _: *mut c_void) {
        // What a parent sees of it: its lowest eight bits.
        tell_code(Some(status & 0xff));
    }
    // SAFETY: as `on_exit(3)` declares it; `handler` lives for ever and ignores its argument.
    unsafe { on_exit(handler, std::ptr::null_mut()) == 0 }
}

#[cfg(not(target_env = "gnu"))]
fn register_with_code() -> bool {
    extern "C" fn handler() {
        tell_code(None);
    }
    // SAFETY: `handler` is an `extern "C"` function without arguments that lives for ever.
    unsafe { libc::atexit(handler) == 0 }
}

fn tell_code(code: Option<i32>) {
    if let Some(function) = AT_EXIT_CODE.get() {
        let _ = std::panic::catch_unwind(|| function(code));
    }
}

/// Writes what the C library and std hold back in buffers. What cannot be written is lost.
pub fn flush() {
    let _ = io::Write::flush(&mut io::stdout());
    // SAFETY: a null stream stands for all of them.
    unsafe { libc::fflush(std::ptr::null_mut()) };
}

/// Writes to standard error, in an exit handler: nothing where it has no room, and past std's lock,
/// which another thread may hold.
pub fn complain(text: &str) {
    let errors = rustix::stdio::stderr();
    let room = crate::wait::ready(&[(errors, Interest::Writable)], Some(Instant::now()));
    if room.is_ok_and(|room| room == [true]) {
        let _ = rustix::io::write(errors, text.as_bytes());
    }
}

/// Ends the process at once: no exit handlers, no flushing (`_exit(2)`).
pub fn now(code: i32) -> ! {
    // SAFETY: `_exit` has no precondition.
    unsafe { libc::_exit(code) }
}
