//! Is it alive, signal it, reap it.
//!
//! In: process ids that are certainly ours. Out: pidfds, wait statuses. What always holds: a signal
//! goes through a pidfd, or to a child that its own parent has not reaped; never to a bare number
//! that may have been recycled.

use crate::descriptor::above_standard;
use crate::usage::Usage;
use crate::wait::Interest;
use rustix::process::{PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions};
use std::io;
use std::mem::MaybeUninit;
use std::num::NonZeroI32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// A process id: positive, unlike the numbers that `kill` reads as groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(NonZeroI32);

impl Pid {
    /// The process id with this number, if it is positive.
    pub fn from_raw(raw: i32) -> Option<Self> {
        NonZeroI32::new(raw).filter(|raw| raw.is_positive()).map(Self)
    }

    /// This process.
    pub fn own() -> Self {
        Self(rustix::process::getpid().as_raw_nonzero())
    }

    /// The process id that is told as `id`, where it is one.
    pub fn told(id: u32) -> Option<Self> {
        i32::try_from(id).ok().and_then(Self::from_raw)
    }

    /// The parent of this process; none where it lives outside our pid namespace.
    pub fn parent() -> Option<Self> {
        rustix::process::getppid().map(|parent| Self(parent.as_raw_nonzero()))
    }

    /// Its number.
    pub fn as_raw(self) -> i32 {
        self.0.get()
    }

    fn to_kernel(self) -> rustix::io::Result<rustix::process::Pid> {
        rustix::process::Pid::from_raw(self.as_raw()).ok_or(rustix::io::Errno::SRCH)
    }
}

/// A descriptor for the process, ready to read when it has ended (Linux 5.3, `pidfd_open(2)`).
///
/// # Errors
/// `ENOSYS` or `EPERM` where the kernel or a sandbox lacks it, `ESRCH` where the process is gone.
pub fn pidfd(pid: Pid) -> io::Result<OwnedFd> {
    above_standard(rustix::process::pidfd_open(pid.to_kernel()?, PidfdFlags::empty())?)
}

/// As [`pidfd`]; none where the kernel or a sandbox lacks them, which is no want of anything.
///
/// # Errors
/// `EMFILE`, `ENFILE`, `ENOMEM`.
pub fn pidfd_if_known(pid: Pid) -> io::Result<Option<OwnedFd>> {
    if_known(pidfd(pid))
}

fn if_known(pidfd: io::Result<OwnedFd>) -> io::Result<Option<OwnedFd>> {
    match pidfd {
        Ok(pidfd) => Ok(Some(pidfd)),
        Err(error) if is_unknown(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the kernel or a sandbox lacks pidfds.
fn is_unknown(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::NOSYS | Errno::PERM))
}

/// As [`pidfd`], for a child of this process. Where the child has ended and was reaped, its number
/// may be another process's: that is an error, and never a descriptor of the other process.
///
/// # Errors
/// As [`pidfd`].
pub fn pidfd_of_child(child: Pid) -> io::Result<OwnedFd> {
    let pidfd = pidfd(child)?;
    // A kernel before 5.4 cannot tell.
    match look_after(WaitId::PidFd(pidfd.as_fd())) {
        Err(rustix::io::Errno::CHILD) => Err(rustix::io::Errno::SRCH.into()),
        _ => Ok(pidfd),
    }
}

/// As [`pidfd_of_child`]; none where the kernel or a sandbox lacks pidfds.
///
/// # Errors
/// As [`pidfd_if_known`], and `ESRCH`.
pub fn pidfd_of_child_if_known(child: Pid) -> io::Result<Option<OwnedFd>> {
    if_known(pidfd_of_child(child))
}

/// Asks for the state of a child, which stays to be reaped; an error where it is no child.
fn look_after(child: WaitId<'_>) -> rustix::io::Result<()> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    rustix::process::waitid(child, options).map(drop)
}

/// Kills a child of this process that was started just now, and reaps it.
///
/// A child that has been reaped, by whoever reaps any child of this process, is not signalled: its
/// number may be another process's. Nor is one for which there is no room for a pidfd: its sockets
/// are to be closed before this is called, so that it ends by itself.
pub fn end_child(child: Pid) {
    match pidfd_of_child(child) {
        Ok(pidfd) => {
            if send_signal(pidfd.as_fd(), crate::signal::SIGKILL).is_ok() {
                let _ = crate::wait::ready(&[(pidfd.as_fd(), Interest::Readable)], None);
                reap(pidfd.as_fd(), child);
            }
        }
        // Without pidfds the number must do, while it is certainly the child's.
        Err(error) if is_unknown(&error) => {
            let is_child = child.to_kernel().and_then(|pid| look_after(WaitId::Pid(pid))).is_ok();
            if is_child {
                let _ = signal_child(child, crate::signal::SIGKILL);
                reap_child(child);
            }
        }
        Err(_) => {}
    }
}

/// Waits for the end of a child of this process, which is about to come, and reaps it.
pub(crate) fn reap_child(child: Pid) {
    let Ok(pid) = child.to_kernel() else { return };
    let wait = || rustix::process::waitpid(Some(pid), WaitOptions::empty());
    while matches!(wait(), Err(rustix::io::Errno::INTR)) {}
}

/// Sends signal number `signal` through a pidfd; a process that has ended is no error.
///
/// # Errors
/// `EPERM` where the process has changed its user, `EINVAL` for a number that is no signal.
pub fn send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    gone_is_fine(rustix::process::pidfd_send_signal(pidfd, named(signal)?))
}

/// Whether the kernel or a sandbox refuses every signal that goes through a pidfd.
pub fn refuses_signals() -> bool {
    // This process has certainly not been reaped, and may signal itself.
    pidfd(Pid::own()).is_ok_and(|own| !is_kept(own.as_fd()))
}

/// Sends a signal to a child of this process that this process has not reaped.
///
/// # Errors
/// As [`send_signal`].
pub fn signal_child(child: Pid, signal: i32) -> io::Result<()> {
    gone_is_fine(rustix::process::kill_process(child.to_kernel()?, named(signal)?))
}

fn named(signal: i32) -> io::Result<Signal> {
    if (libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(&signal) {
        // SAFETY: real-time signals in the range that the C library leaves to programs (signal(7)).
        return Ok(unsafe { Signal::from_raw_unchecked(signal) });
    }
    Signal::from_named_raw(signal).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

fn gone_is_fine(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Reaps one ended child of this process, whichever it is, without waiting.
///
/// Only for a process whose children are all its own business, as a fork server.
pub fn reap_any() -> Option<(Pid, Reaped)> {
    loop {
        let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::uninit());
        // SAFETY: both pointers are good for the call.
        let reaped = unsafe { libc::wait4(-1, &raw mut status, libc::WNOHANG, usage.as_mut_ptr()) };
        if let Some(pid) = Pid::from_raw(reaped) {
            // SAFETY: the call succeeded, so the kernel has written all of it.
            let usage = Usage::of(unsafe { usage.assume_init_ref() });
            return Some((pid, Reaped { status: ExitStatus::from_raw(status), usage }));
        }
        let interrupted = io::Error::last_os_error().kind() == io::ErrorKind::Interrupted;
        if reaped == 0 || !interrupted {
            return None;
        }
    }
}

/// How a process ended and what it used: known to the process that reaps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reaped {
    /// How it ended.
    pub status: ExitStatus,
    /// What it used.
    pub usage: Usage,
}

/// Reaps exactly the process behind `pidfd`, which has this number, if it is a child of this
/// process, has ended and nobody else has reaped it; gives how it ended and what it used.
pub fn reap(pidfd: BorrowedFd<'_>, pid: Pid) -> Option<Reaped> {
    let number = libc::id_t::try_from(pidfd.as_raw_fd()).ok()?;
    match wait_id(P_PIDFD, number) {
        // A kernel before 5.4.
        Err(rustix::io::Errno::INVAL) if is_kept(pidfd) => {
            wait_id(libc::P_PID, libc::id_t::try_from(pid.as_raw()).ok()?).ok()?
        }
        // No child, or reaped already (ECHILD): nothing to do here.
        reaped => reaped.ok()?,
    }
}

/// `P_PIDFD` of `waitid(2)`, which musl's headers lack.
const P_PIDFD: libc::idtype_t = 3;

/// Reaps a child that has ended. The system call gives its usage too; the C library's does not.
fn wait_id(kind: libc::idtype_t, number: libc::id_t) -> rustix::io::Result<Option<Reaped>> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG;
    loop {
        // SAFETY: both pointers are good for the call, which writes no more than the two structs.
        let waited = unsafe {
            let (info, usage) = (info.as_mut_ptr(), usage.as_mut_ptr());
            libc::syscall(libc::SYS_waitid, kind, number, info, options, usage)
        };
        if waited == 0 {
            break;
        }
        match rustix::io::Errno::from_io_error(&io::Error::last_os_error()) {
            Some(rustix::io::Errno::INTR) => {}
            error => return Err(error.unwrap_or(rustix::io::Errno::CHILD)),
        }
    }
    // SAFETY: zeros are valid for both, and the kernel has written what it knows. A process id of
    // zero means that the child has not ended, so there is nothing in the other fields.
    let (info, usage) = unsafe { (info.assume_init(), usage.assume_init()) };
    // SAFETY: the kernel fills the fields of a child's end, or leaves zeros.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    if pid == 0 {
        return Ok(None);
    }
    let raw = match info.si_code {
        libc::CLD_EXITED => status << 8,
        libc::CLD_DUMPED => status | 0x80,
        _ => status,
    };
    Ok(Some(Reaped { status: ExitStatus::from_raw(raw), usage: Usage::of(&usage) }))
}

/// Whether nobody has reaped the process behind `pidfd`, whose number is no other's until then.
fn is_kept(pidfd: BorrowedFd<'_>) -> bool {
    let nothing = std::ptr::null::<libc::siginfo_t>();
    let number = pidfd.as_raw_fd();
    // SAFETY: the signal 0 is none: the kernel only says whether the process is still there.
    unsafe { libc::syscall(libc::SYS_pidfd_send_signal, number, 0, nothing, 0) == 0 }
}

/// What the kernel tells of a process behind a pidfd (`PIDFD_GET_INFO`, Linux 6.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// How it ended. Known once its parent, whoever that is, has reaped it (Linux 6.15).
    Exit(ExitStatus),
    /// Nothing yet.
    NotYet,
    /// Nothing ever: the kernel is too old.
    Never,
}

/// Asks the kernel how the process behind `pidfd` ended, whoever's child it was.
pub fn exit_status(pidfd: BorrowedFd<'_>) -> Told {
    /// The kernel's `struct pidfd_info`, in its first size.
    #[repr(C)]
    #[derive(Default)]
    struct Info {
        mask: u64,
        cgroup: u64,
        ids: [u32; 11],
        exit_code: i32,
    }
    const EXIT: u64 = 1 << 3;
    /// `_IOWR(0xFF, 11, struct pidfd_info)`.
    const GET_INFO: u64 = (3 << 30) | ((size_of::<Info>() as u64) << 16) | (0xff << 8) | 0x0b;
    let mut info = Info { mask: EXIT, ..Info::default() };
    // SAFETY: the kernel writes at most the size that the request's number names into `info`.
    let asked = unsafe { libc::ioctl(pidfd.as_raw_fd(), GET_INFO as _, &raw mut info) };
    match asked {
        0 if info.mask & EXIT != 0 => Told::Exit(ExitStatus::from_raw(info.exit_code)),
        0 => Told::NotYet,
        // A process reaped before the kernel kept exits has nothing to tell any more.
        _ => Told::Never,
    }
}

/// Has the kernel send this process SIGKILL when the thread that started it ends.
///
/// # Errors
/// None that `prctl(2)` names; passed on as the kernel says.
pub fn die_with_parent() -> io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?)
}

/// Has the kernel send this process a signal of its choice when the thread that started it ends.
///
/// # Errors
/// `InvalidInput` for a number that is no signal.
pub fn be_told_of_parents_end(signal: i32) -> io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(Some(named(signal)?))?)
}

/// Whether this process has children that it has not reaped.
pub fn has_children() -> bool {
    // Whatever else goes wrong is no proof that there are none.
    look_after(WaitId::All).err() != Some(rustix::io::Errno::CHILD)
}

/// Takes [`die_with_parent`] back.
///
/// # Errors
/// As [`die_with_parent`].
pub fn outlive_parent() -> io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(None)?)
}
