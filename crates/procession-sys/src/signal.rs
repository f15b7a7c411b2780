//! Masks, dispositions, a descriptor for what a server must know.
//!
//! In: what a process of ours wants of its signals. Out: the same, set. What always holds: only
//! processes that this library started call these; a user's own process is never touched.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

pub use libc::{
    SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGPWR, SIGQUIT, SIGSEGV, SIGSTOP, SIGTERM,
    SIGTSTP, SIGTTIN, SIGTTOU,
};

/// What a terminal sends to its foreground process group, and its hang-up.
const TERMINAL: [i32; 6] = [SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGHUP];

/// What service managers and people send to all processes of a program at once.
pub const GROUP: [i32; 3] = [SIGTERM, libc::SIGUSR1, libc::SIGUSR2];

/// The highest signal number that Linux has.
const LAST: i32 = 64;

/// The calling thread blocks what a terminal sends, and nothing else: it waits until
/// [`block_none`].
pub fn block_terminal() {
    set_mask(&TERMINAL);
}

/// The calling thread, and threads that it starts, block what a terminal or a service manager sends
/// to all processes of a program at once, and nothing else.
pub fn block_group() {
    set_mask(&[&TERMINAL[..], &GROUP].concat());
}

/// What std gives every Rust program, for a process that was started with all defaults: SIGPIPE
/// ignored, none blocked. What constructors of the program have set stays, as before any `main`.
pub fn as_std_leaves_them() {
    set(SIGPIPE, libc::SIG_IGN);
    block_none();
}

/// Every disposition is the default, but for those that may not be set.
pub(crate) fn all_default() {
    for signal in 1..=LAST {
        set(signal, libc::SIG_DFL);
    }
}

/// The calling thread blocks every signal; gives those that it blocked before.
pub(crate) fn block_all() -> libc::sigset_t {
    let (all, mut before) = (full_set(), set_of(&[]));
    // SAFETY: both sets are initialised.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before) };
    before
}

/// The calling thread blocks what it did before [`block_all`].
pub(crate) fn restore(before: &libc::sigset_t) {
    // SAFETY: `before` is initialised; a null third argument asks for no old mask.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, std::ptr::null_mut()) };
}

/// The calling thread blocks no signal from now on.
pub fn block_none() {
    set_mask(&[]);
}

fn set(signal: i32, disposition: libc::sighandler_t) {
    // SAFETY: both dispositions used here run no code of ours; a number that may not be set
    // (SIGKILL, SIGSTOP, those of the C library) is refused and changes nothing.
    unsafe { libc::signal(signal, disposition) };
}

/// Whether this program was started with SIGPIPE ignored, which std hides from `main`.
static PIPE_IGNORED: AtomicBool = AtomicBool::new(false);

/// Notes what std changes. Called before `main`.
pub(crate) fn note_start() {
    PIPE_IGNORED.store(is_ignored(SIGPIPE), Ordering::Relaxed);
}

/// Whether this program was started with SIGPIPE ignored.
pub fn started_ignoring_pipe() -> bool {
    PIPE_IGNORED.load(Ordering::Relaxed)
}

/// Whether a signal is ignored now.
pub fn is_ignored(signal: i32) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action only the present one is written, to memory of its size; zeroes
    // are an action too.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Ignores a signal or takes it as by default, for the program that this process becomes.
pub fn set_ignored(signal: i32, ignored: bool) {
    set(signal, if ignored { libc::SIG_IGN } else { libc::SIG_DFL });
}

/// The kernel keeps children that have ended until they are waited for, whatever this program's
/// parent left in SIGCHLD.
pub fn keep_children() {
    set(SIGCHLD, libc::SIG_DFL);
}

/// The calling thread blocks exactly these signals from now on.
fn set_mask(blocked: &[i32]) {
    let set = set_of(blocked);
    // SAFETY: `set` is initialised; a null third argument asks for no old mask.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()) };
}

pub(crate) fn set_of(signals: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` initialises the set, `sigaddset` changes an initialised one.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for &signal in signals {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        set.assume_init()
    }
}

/// A descriptor for signals that are blocked.
fn open_signalfd(signals: &libc::sigset_t) -> io::Result<OwnedFd> {
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: `signals` is initialised; -1 asks for a new descriptor.
    let descriptor = unsafe { libc::signalfd(-1, std::ptr::from_ref(signals), flags) };
    if descriptor == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a fresh descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Every signal there is.
pub(crate) fn full_set() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `sigfillset` initialises the set.
    unsafe {
        libc::sigfillset(set.as_mut_ptr());
        set.assume_init()
    }
}

/// A descriptor that is ready to read when a child of this process has ended, or the terminal has
/// sent a signal (`signalfd(2)`).
///
/// With [`GROUP`], both stay blocked: nothing but SIGKILL and a fault of its
/// own ends a process that has this, and what is sent to its children is never lost, since a child
/// is born with the same blocked and not ignored.
#[derive(Debug)]
pub struct ServerSignals(OwnedFd);

/// A descriptor that is ready to read when this process has been sent any signal that can be blocked.
#[derive(Debug)]
pub struct AllSignals(OwnedFd);

impl AllSignals {
    /// Blocks all signals in the calling thread, and opens the descriptor.
    ///
    /// # Errors
    /// As `signalfd(2)`: `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn open() -> io::Result<Self> {
        block_all();
        open_signalfd(&full_set()).map(Self)
    }

    /// As [`open`](Self::open), but for these signals, which stay as they are.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_all_but(left: &[i32]) -> io::Result<Self> {
        let mut set = full_set();
        for &signal in left {
            // SAFETY: the set is initialised.
            unsafe { libc::sigdelset(&raw mut set, signal) };
        }
        // SAFETY: `set` is initialised; a null third argument asks for no old mask.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
        open_signalfd(&set).map(Self)
    }

    /// The descriptor to wait on.
    pub fn descriptor(&self) -> &OwnedFd {
        &self.0
    }

    /// Takes the signals that have been sent so far: the number of each, and that of the process
    /// that sent it, unless the kernel did.
    pub fn take(&self) -> Vec<(i32, Option<i32>)> {
        const AT_ONCE: usize = 16;
        let mut infos = [const { MaybeUninit::<libc::signalfd_siginfo>::uninit() }; AT_ONCE];
        let size = size_of_val(&infos);
        // SAFETY: the kernel writes at most `size` bytes into `infos`.
        let read = unsafe { libc::read(self.0.as_raw_fd(), infos.as_mut_ptr().cast(), size) };
        let count = usize::try_from(read).unwrap_or(0) / size_of::<libc::signalfd_siginfo>();
        let signal = |info: &MaybeUninit<libc::signalfd_siginfo>| {
            // SAFETY: the kernel wrote whole ones, `count` of them.
            let info = unsafe { info.assume_init_ref() };
            let sender = i32::try_from(info.ssi_pid).ok();
            (
                i32::try_from(info.ssi_signo).unwrap_or_default(),
                sender.filter(|_| info.ssi_code <= 0),
            )
        };
        infos[..count].iter().map(signal).collect()
    }
}

/// What has been signalled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signalled {
    /// A child has ended.
    pub child: bool,
    /// The terminal sent something to its foreground process group, or has hung up.
    pub terminal: bool,
}

impl ServerSignals {
    /// Blocks these signals in the calling thread, and the `others`, and opens the descriptor.
    ///
    /// # Errors
    /// As `signalfd(2)`: `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn open(others: &[i32]) -> io::Result<Self> {
        set(SIGCHLD, libc::SIG_DFL);
        let read = [&[SIGCHLD], &TERMINAL[..]].concat();
        set_mask(&[&read[..], others].concat());
        open_signalfd(&set_of(&read)).map(Self)
    }

    /// The descriptor to wait on.
    pub fn descriptor(&self) -> &OwnedFd {
        &self.0
    }

    /// Takes what has been signalled so far, so that the next signal makes it ready again.
    pub fn take(&self) -> Signalled {
        const KINDS: usize = 1 + TERMINAL.len();
        let mut signalled = Signalled::default();
        // However often it was sent, a signal waits once; what has no room makes it ready again.
        let mut infos = [const { MaybeUninit::<libc::signalfd_siginfo>::uninit() }; KINDS];
        let size = size_of_val(&infos);
        // SAFETY: the kernel writes at most `size` bytes into `infos`.
        let read = unsafe { libc::read(self.0.as_raw_fd(), infos.as_mut_ptr().cast(), size) };
        let count = usize::try_from(read).unwrap_or(0) / size_of::<libc::signalfd_siginfo>();
        for info in &infos[..count] {
            // SAFETY: the kernel wrote whole ones, `count` of them.
            let signal = unsafe { info.assume_init_ref() }.ssi_signo;
            let child = signal == SIGCHLD.unsigned_abs();
            signalled.child |= child;
            signalled.terminal |= !child;
        }
        signalled
    }
}
