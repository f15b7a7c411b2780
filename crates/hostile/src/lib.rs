//! What a careless or hostile program does to its own process.
//!
//! For tests only, which do it in a process of its own. In: a descriptor, a signal. Out: harm that
//! safe Rust has no words for. What always holds: nothing here harms another process.

use std::io;

mod constructor;
mod mapping;
mod refusals;
mod sandbox;

pub use constructor::{SAYS, keep_constructor};
pub use mapping::with_numbers;
pub use refusals::{REFUSALS, Refusal, SHORTAGES};
pub use sandbox::{LACKS, Lack, answer, forbid, forbid_everywhere, forbid_in, lack_of, watch};

/// Closes a descriptor by its number, whoever owns it in this process.
///
/// # Errors
/// As `close(2)`: `EBADF` where it is not open.
pub fn close(number: i32) -> io::Result<()> {
    // SAFETY: sound towards the kernel. Whoever owns the number here finds it gone, or somebody
    // else's: that is what the caller, which exists for nothing else, wants to see survived.
    check(unsafe { libc::close(number) })
}

/// Puts the open file `source` in the place of `number`, whoever owns that in this process.
///
/// # Errors
/// As `dup2(2)`: `EBADF` where `source` is not open.
pub fn replace(number: i32, source: i32) -> io::Result<()> {
    // SAFETY: as in `close`.
    check(unsafe { libc::dup2(source, number) }.min(0))
}

/// Makes a copy of this process (`fork(2)`), which lacks all threads but the calling one, and has
/// every lock as it is. Returns the process id of the copy, and `None` in it.
///
/// # Errors
/// As `fork(2)`.
pub fn copy() -> io::Result<Option<u32>> {
    // SAFETY: sound towards the kernel, and the C library's allocator works in the copy. Locks that
    // other threads hold are held there without an end, which is what the caller wants to see
    // survived.
    match unsafe { libc::fork() } {
        0 => Ok(None),
        pid => u32::try_from(pid).map(Some).map_err(|_| io::Error::last_os_error()),
    }
}

/// Ends the calling thread as the C library's `pthread_exit` does in the end, without unwinding it.
/// The process goes on while it has others.
pub fn end_thread() -> ! {
    // SAFETY: the kernel ends the thread; its stack and what is on it stay.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    unreachable!("the kernel ends the thread")
}

/// Reads from the null page.
pub fn segfault() -> ! {
    // SAFETY: none; the access is meant to fault, and is volatile so that it is made.
    unsafe { std::ptr::without_provenance::<u8>(8).read_volatile() };
    unreachable!("the null page can be read")
}

/// Ignores a signal from now on.
///
/// # Errors
/// As `sigaction(2)`: `EINVAL` for SIGKILL, SIGSTOP and numbers that are no signal.
pub fn ignore(signal: i32) -> io::Result<()> {
    act(signal, libc::SIG_IGN)
}

/// Catches a signal from now on and does nothing about it; calls that it interrupts end early.
///
/// # Errors
/// As [`ignore`].
pub fn catch(signal: i32) -> io::Result<()> {
    extern "C" fn nothing(_signal: i32) {}
    act(signal, nothing as *const () as libc::sighandler_t)
}

/// Has each child of this process reaped as it ends, from now on, by a handler of SIGCHLD.
///
/// # Errors
/// As [`ignore`].
pub fn reap_every_child() -> io::Result<()> {
    extern "C" fn reap(_signal: i32) {
        // SAFETY: `waitpid` is signal-safe, and a null status is asked for.
        while unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) } > 0 {}
    }
    act(libc::SIGCHLD, reap as *const () as libc::sighandler_t)
}

/// Leaves a signal to its default from now on.
///
/// # Errors
/// As [`ignore`].
pub fn leave_alone(signal: i32) -> io::Result<()> {
    act(signal, libc::SIG_DFL)
}

/// Blocks a signal in the calling thread.
///
/// # Errors
/// As `sigaddset(3)`: `EINVAL` for a number that is no signal.
pub fn block(signal: i32) -> io::Result<()> {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: `sigemptyset` initialises the set before it is used.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        check(libc::sigaddset(set.as_mut_ptr(), signal))?;
        check(libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut()))
    }
}

/// Sends a signal to a process by its number, whoever it is.
///
/// # Errors
/// As `kill(2)`.
pub fn send(process: u32, signal: i32) -> io::Result<()> {
    let process = i32::try_from(process).map_err(io::Error::other)?;
    // SAFETY: sound towards the kernel, and this process keeps its memory.
    check(unsafe { libc::kill(process, signal) })
}

/// Sends a packet on a descriptor, whoever owns it in this process.
///
/// # Errors
/// As `send(2)`: `ENOTSOCK` where it is no socket, `EBADF` where it is not open.
pub fn send_bytes(number: i32, bytes: &[u8]) -> io::Result<()> {
    let flags = libc::MSG_NOSIGNAL;
    // SAFETY: the bytes outlive the call; who owns the socket is whom the caller wants to confuse.
    let sent = unsafe { libc::send(number, bytes.as_ptr().cast(), bytes.len(), flags) };
    check(if sent == -1 { -1 } else { 0 })
}

/// Sets a variable in this process's environment, for a test with one thread.
pub fn set_variable(name: &str, value: &str) {
    // SAFETY: the caller's process runs one test on one thread, which is here.
    unsafe { std::env::set_var(name, value) };
}

fn act(signal: i32, handler: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: all zeros is a valid `sigaction`: no flags, so no restart, and an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    // SAFETY: the handler does nothing, which is signal-safe.
    check(unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) })
}

fn check(result: i32) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
