//! Reporting an abort for want of memory from its signal handler.
//!
//! Rust aborts when an allocation fails; seen from outside, that is SIGABRT like any other. From
//! inside it is told by who called `abort`: [`std::alloc::handle_alloc_error`] is on the stack. The
//! stack is searched for it, not unwound: musl has no unwind tables for its `abort`.
//!
//! In: a socket and the packet to send then. Out: that packet, then the abort. What always holds:
//! an abort from anywhere else, or in a copy of the process, sends nothing; the handler allocates
//! nothing; SIGABRT ends the process in any case, whoever sent it.

use crate::life::Pid;
use crate::overflow;
use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicI32, AtomicU16, Ordering};

/// How many words of the stack are looked at. The frames from `abort` to the failed allocation, of
/// std and the C library, have a tenth of them.
const NEAR: usize = 512;

static SOCKET: AtomicI32 = AtomicI32::new(-1);
/// Whose socket it is: a copy of this process, by a `fork`, has nothing to say on it.
static OWNER: AtomicI32 = AtomicI32::new(0);
static PACKET: AtomicU16 = AtomicU16::new(0);

/// Sends `packet` on `socket` when this process aborts for want of memory.
///
/// # Errors
/// As `sigaction(2)`.
pub fn report_to(socket: BorrowedFd<'static>, packet: [u8; 2]) -> io::Result<()> {
    PACKET.store(u16::from_ne_bytes(packet), Ordering::Relaxed);
    OWNER.store(Pid::own().as_raw(), Ordering::Relaxed);
    SOCKET.store(socket.as_raw_fd(), Ordering::Release);
    // SAFETY: all zeros is a valid `sigaction` (no flags, an empty mask).
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_flags = libc::SA_SIGINFO;
    action.sa_sigaction = on_abort as *const () as libc::sighandler_t;
    // SAFETY: `on_abort` has the signature of a handler with SA_SIGINFO.
    if unsafe { libc::sigaction(libc::SIGABRT, &raw const action, std::ptr::null_mut()) } == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

extern "C" fn on_abort(signal: c_int, _info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives a SA_SIGINFO handler its context.
    let stack = unsafe { overflow::stack_pointer(context) };
    // SAFETY: this handler runs on the thread's stack, below what the signal interrupted.
    if unsafe { words_above(stack) }.any(returns_to_a_failed_allocation) {
        report();
    }
    // `abort` would go on by itself; somebody's `kill` does not come again. Blocked here, the
    // signal waits for our return.
    // SAFETY: `signal` and `raise` are allowed in a handler.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

fn report() {
    let packet = PACKET.load(Ordering::Relaxed).to_ne_bytes();
    let socket = SOCKET.load(Ordering::Acquire);
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: the packet lives until the call returns; both calls are signal-safe.
    unsafe {
        if libc::getpid() == OWNER.load(Ordering::Relaxed) {
            libc::send(socket, packet.as_ptr().cast(), packet.len(), flags);
        }
    }
}

/// The words of the stack from `stack` on, as far as it goes.
///
/// # Safety
/// `stack` must be this thread's stack pointer, or above it.
unsafe fn words_above(stack: usize) -> impl Iterator<Item = usize> {
    /// No page is smaller.
    const PAGE: usize = 4096;
    let first = stack.next_multiple_of(align_of::<usize>());
    let addresses = (0..NEAR).map(move |index| first + index * size_of::<usize>());
    let on_the_stack = |address: &usize| address % PAGE != 0 || is_readable(*address);
    addresses.take_while(on_the_stack).map(|address| {
        // SAFETY: it is aligned, lies in this thread's stack, and its page is there to read.
        unsafe { std::ptr::with_exposed_provenance::<usize>(address).read_volatile() }
    })
}

/// Whether this process may read a word here. Asked of a system call that every sandbox allows and
/// that copies what it is given before it finds the rest of the question wrong.
fn is_readable(address: usize) -> bool {
    const NO_SUCH_WAY: c_int = -1;
    const SET_SIZE: usize = 8;
    let set = std::ptr::with_exposed_provenance::<c_void>(address);
    let old = std::ptr::null_mut::<c_void>();
    // SAFETY: the kernel reads a set of signals at any address, or says that it cannot.
    let refused =
        unsafe { libc::syscall(libc::SYS_rt_sigprocmask, NO_SUCH_WAY, set, old, SET_SIZE) };
    refused == -1 && io::Error::last_os_error().raw_os_error() != Some(libc::EFAULT)
}

/// Whether a word is an address in [`std::alloc::handle_alloc_error`] behind a call, which nothing
/// puts on a stack but the calls of that function, none of which returns.
fn returns_to_a_failed_allocation(word: usize) -> bool {
    /// More than the length of the function, in bytes.
    const LONGEST: usize = 4096;
    let function = (std::alloc::handle_alloc_error as *const ()).addr();
    let inside = word.wrapping_sub(1);
    if inside <= function || inside - function > LONGEST {
        return false;
    }
    // It may stand behind the end of the function, whose last act is a call, so the byte before it.
    // SAFETY: any address may be asked for; the unwinder only reads the tables of loaded modules.
    let around = unsafe { _Unwind_FindEnclosingFunction(std::ptr::without_provenance_mut(inside)) };
    around.addr() == function
}

// The unwinder that std itself links, of the Itanium C++ ABI: Exception Handling, level 1.
unsafe extern "C" {
    fn _Unwind_FindEnclosingFunction(address: *mut c_void) -> *mut c_void;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_known_without_a_fault() {
        let there = 7_usize;
        assert!(is_readable((&raw const there).addr()));
        assert!(!is_readable(0));
        assert!(!is_readable(usize::MAX & !7));
    }

    #[test]
    fn the_search_ends_with_the_stack() {
        let page = rustix::param::page_size();
        let (read, hidden) = (libc::PROT_READ | libc::PROT_WRITE, libc::PROT_NONE);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: two new pages, of which the first is written to; nobody else knows them.
        let last_words = unsafe {
            let pages = libc::mmap(std::ptr::null_mut(), 2 * page, read, flags, -1, 0);
            assert_ne!(pages, libc::MAP_FAILED);
            assert_eq!(libc::mprotect(pages.byte_add(page), page, hidden), 0);
            let words = pages.byte_add(page).cast::<usize>().sub(3);
            words.cast::<[usize; 3]>().write([1, 2, 3]);
            words.expose_provenance()
        };
        // SAFETY: the words are there to read, up to the end of their page.
        assert!(unsafe { words_above(last_words) }.eq([1, 2, 3]));
    }
}
