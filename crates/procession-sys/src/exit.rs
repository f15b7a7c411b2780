//! One function called when the process ends by returning from `main` or calling `exit`.
//!
//! In: a function, once. Out: nothing. What always holds: it is registered at most once a process,
//! and a panic in it cannot unwind into the C library.

use std::io;
use std::sync::OnceLock;

static AT_EXIT: OnceLock<fn()> = OnceLock::new();

/// Registers `function` (`atexit(3)`); later calls change nothing.
///
/// # Errors
/// Where the C library has no memory for one more handler.
pub fn at_exit(function: fn()) -> io::Result<()> {
    let mut first = false;
    AT_EXIT.get_or_init(|| {
        first = true;
        function
    });
    // SAFETY: `handler` is an `extern "C"` function without arguments that lives for ever.
    if first && unsafe { libc::atexit(handler) } != 0 {
        return Err(io::Error::other("atexit has no room for one more handler"));
    }
    Ok(())
}

extern "C" fn handler() {
    if let Some(function) = AT_EXIT.get() {
        let _ = std::panic::catch_unwind(function);
    }
}
