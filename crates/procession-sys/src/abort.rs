//! Reporting an abort for want of memory from its signal handler.
//!
//! Rust aborts when an allocation fails; seen from outside, that is SIGABRT like any other. From
//! inside it is told by who called `abort`: [`std::alloc::handle_alloc_error`] is on the stack.
//!
//! In: a socket and the packet to send then. Out: that packet, then the abort. What always holds:
//! an abort from anywhere else sends nothing; the handler allocates nothing and always returns to
//! the abort.

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicI32, AtomicU16, Ordering};

static SOCKET: AtomicI32 = AtomicI32::new(-1);
static PACKET: AtomicU16 = AtomicU16::new(0);

/// Sends `packet` on `socket` when this process aborts for want of memory.
///
/// # Errors
/// As `sigaction(2)`.
pub fn report_to(socket: BorrowedFd<'static>, packet: [u8; 2]) -> io::Result<()> {
    PACKET.store(u16::from_ne_bytes(packet), Ordering::Relaxed);
    SOCKET.store(socket.as_raw_fd(), Ordering::Release);
    // SAFETY: all zeros is a valid `sigaction` (no flags, an empty mask).
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_abort as *const () as libc::sighandler_t;
    // SAFETY: `on_abort` has the signature of a handler without SA_SIGINFO.
    if unsafe { libc::sigaction(libc::SIGABRT, &raw const action, std::ptr::null_mut()) } == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

extern "C" fn on_abort(_signal: c_int) {
    let mut found = false;
    // SAFETY: the callback has the unwinder's signature and is given the flag it expects. Walking
    // the stack reads only the unwind tables of loaded modules and allocates nothing.
    unsafe { _Unwind_Backtrace(look, (&raw mut found).cast()) };
    if !found {
        return;
    }
    let packet = PACKET.load(Ordering::Relaxed).to_ne_bytes();
    let socket = SOCKET.load(Ordering::Acquire);
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: the packet lives until the call returns; `send` is signal-safe. `abort` goes on to
    // end the process when the handler returns.
    unsafe { libc::send(socket, packet.as_ptr().cast(), packet.len(), flags) };
}

// The unwinder that std itself links, of the Itanium C++ ABI: Exception Handling, level 1.
unsafe extern "C" {
    fn _Unwind_Backtrace(
        each: extern "C" fn(*mut c_void, *mut c_void) -> c_int,
        argument: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
    fn _Unwind_FindEnclosingFunction(address: *mut c_void) -> *mut c_void;
}

/// Looks at one frame; ends the walk at the one looked for.
extern "C" fn look(frame: *mut c_void, found: *mut c_void) -> c_int {
    const GO_ON: c_int = 0;
    const END: c_int = 4;
    // SAFETY: the unwinder passes a valid frame; any address may be asked for. A return address
    // may stand behind the end of a function whose last act is a call, so the byte before it.
    let function = unsafe {
        let inside = _Unwind_GetIP(frame).wrapping_sub(1);
        _Unwind_FindEnclosingFunction(std::ptr::without_provenance_mut(inside))
    };
    if function.addr() != (std::alloc::handle_alloc_error as *const ()).addr() {
        return GO_ON;
    }
    // SAFETY: `found` is the flag that `on_abort` passed.
    unsafe { *found.cast::<bool>() = true };
    END
}
