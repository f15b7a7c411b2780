//! Reporting a stack overflow from its signal handler.
//!
//! std installs such a handler before `main`, but processes that wake before `main` never get
//! there, and std's cannot tell another process.
//!
//! In: a socket and the packet to send when the main thread's stack ends. Out: that packet and
//! std's own words on standard error, then the signal's default death. What always holds: the
//! handler calls only what signal-safety(7) allows, and a fault elsewhere dies as if there were no
//! handler.

use crate::life::Pid;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

/// How far from the stack pointer an access of the current frame can fall: frames larger than a
/// page touch their pages one by one, arguments and red zone stay well below this. In bytes.
const NEAR: usize = 64 << 10;

/// The most bytes a packet of [`report_to`] may have.
const LONGEST: usize = 8;

static SOCKET: AtomicI32 = AtomicI32::new(-1);
/// Whose socket it is: a copy of this process, by a `fork`, has nothing to say on it.
static OWNER: AtomicI32 = AtomicI32::new(0);
static PACKET: [AtomicUsize; LONGEST] = [const { AtomicUsize::new(0) }; LONGEST];
static LENGTH: AtomicUsize = AtomicUsize::new(0);
static TOP: AtomicUsize = AtomicUsize::new(0);

/// Installs the handler for the calling (the main) thread, which says `packet` once it has been
/// told where ([`report_to`]). It has its own stack, as std's. Processes forked from this one
/// inherit all of it.
///
/// # Errors
/// `InvalidInput` for a packet above 8 bytes; as `sigaltstack(2)` and `sigaction(2)`.
pub fn watch(packet: &[u8]) -> io::Result<()> {
    if packet.len() > LONGEST {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (slot, &byte) in PACKET.iter().zip(packet) {
        slot.store(usize::from(byte), Ordering::Relaxed);
    }
    LENGTH.store(packet.len(), Ordering::Relaxed);
    TOP.store((&raw const packet).addr(), Ordering::Relaxed);
    own_stack()?;
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        install(signal)?;
    }
    Ok(())
}

/// Where the handler sends its packet.
pub fn report_to(socket: BorrowedFd<'static>) {
    OWNER.store(Pid::own().as_raw(), Ordering::Relaxed);
    SOCKET.store(socket.as_raw_fd(), Ordering::Release);
}

/// A stack for handlers, kept for the life of the process and of those forked from it. It is
/// not touched before a handler runs, so it costs no memory.
fn own_stack() -> io::Result<()> {
    let size = libc::SIGSTKSZ.max(64 << 10);
    let memory = Box::leak(Box::<[u8]>::new_uninit_slice(size));
    let stack =
        libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: memory.len() };
    // SAFETY: the memory is leaked, so it outlives every handler that runs on it.
    if unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) } == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn install(signal: i32) -> io::Result<()> {
    // SAFETY: all zeros is a valid `sigaction` (no flags, an empty mask).
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_fault as *const () as libc::sighandler_t;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: `on_fault` has the signature that SA_SIGINFO asks for and is signal-safe.
    if unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) } == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

extern "C" fn on_fault(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel hands a SA_SIGINFO handler valid pointers to both.
    let (code, fault, stack) =
        unsafe { ((*info).si_code, (*info).si_addr().addr(), stack_pointer(context)) };
    let top = TOP.load(Ordering::Relaxed);
    let sent = code <= 0;
    if !sent && fault < top && fault.abs_diff(stack) <= NEAR && stack < top {
        report();
    }
    // Back to the default action: the same access faults again at once and ends the process.
    // SAFETY: `signal` is allowed in a handler.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    if sent {
        // Somebody's `kill` does not come again by itself; blocked here, it waits for our return.
        // SAFETY: `raise` is allowed in a handler.
        unsafe { libc::raise(signal) };
    }
}

fn report() {
    let mut packet = [0_u8; LONGEST];
    for (byte, slot) in packet.iter_mut().zip(&PACKET) {
        *byte = slot.load(Ordering::Relaxed).to_le_bytes()[0];
    }
    let length = LENGTH.load(Ordering::Relaxed);
    let socket = SOCKET.load(Ordering::Acquire);
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    let words = b"\nthread 'main' has overflowed its stack\n";
    // SAFETY: both buffers live until the calls return, all of which are signal-safe.
    unsafe {
        if libc::getpid() == OWNER.load(Ordering::Relaxed) {
            libc::send(socket, packet.as_ptr().cast(), length, flags);
        }
        libc::write(libc::STDERR_FILENO, words.as_ptr().cast(), words.len());
    }
}

/// The stack pointer of the interrupted code.
///
/// # Safety
/// `context` must be the third argument of a `SA_SIGINFO` handler.
pub(crate) unsafe fn stack_pointer(context: *mut libc::c_void) -> usize {
    // SAFETY: by the caller's promise it points to a `ucontext_t`.
    let machine = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext };
    #[cfg(target_arch = "x86_64")]
    let pointer = usize::try_from(machine.gregs[libc::REG_RSP as usize]).unwrap_or(0);
    #[cfg(target_arch = "aarch64")]
    let pointer = usize::try_from(machine.sp).unwrap_or(0);
    pointer
}
