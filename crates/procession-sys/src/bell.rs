//! Waking whoever waits, and noticing that the other side is gone.
//!
//! In: a pipe. Out: its [`Ringer`], which many may hold, and its [`Bell`], which many may wait on.
//! What always holds: a bell that was rung stays ready to read until it is silenced; it is ready,
//! and stays so, once every ringer is closed, however their processes ended; no call waits.
//!
//! A pipe and not an eventfd, since only a pipe ends with its writers; and not a socket, which takes
//! twice as long to wake somebody.

use crate::descriptor;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The side that rings.
#[derive(Debug)]
pub struct Ringer(OwnedFd);

/// The side that is rung.
#[derive(Debug)]
pub struct Bell(OwnedFd);

/// A new bell.
///
/// # Errors
/// As `pipe2(2)`: `EMFILE`, `ENFILE`.
pub fn bell() -> io::Result<(Ringer, Bell)> {
    let (reader, writer) = descriptor::pipe()?;
    descriptor::set_nonblocking(reader.as_fd())?;
    descriptor::set_nonblocking(writer.as_fd())?;
    Ok((Ringer(writer), Bell(reader)))
}

impl Ringer {
    /// Takes over the writing end of a pipe that came from another process.
    ///
    /// # Errors
    /// `InvalidData` where it is no writing end that never waits.
    pub fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
        pipe_end(&descriptor, rustix::fs::OFlags::WRONLY)?;
        Ok(Self(descriptor))
    }

    /// Rings; whether anybody is left to hear it.
    ///
    /// # Errors
    /// As `write(2)` on a pipe: none that is expected.
    pub fn ring(&self) -> io::Result<bool> {
        let written = without_sigpipe(|| rustix::io::write(&self.0, &[1]));
        match written {
            // A pipe that is full has rung already.
            Ok(_) | Err(Errno::AGAIN) => Ok(true),
            Err(Errno::PIPE) => Ok(false),
            Err(Errno::INTR) => self.ring(),
            Err(error) => Err(error.into()),
        }
    }
}

impl Bell {
    /// Takes over the reading end of a pipe that came from another process.
    ///
    /// # Errors
    /// `InvalidData` where it is no reading end that never waits.
    pub fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
        pipe_end(&descriptor, rustix::fs::OFlags::RDONLY)?;
        Ok(Self(descriptor))
    }

    /// Whether nobody is left who could ring. It leaves the ringing as it is.
    ///
    /// # Errors
    /// As `poll(2)`: `ENOMEM`.
    pub fn is_deserted(&self) -> io::Result<bool> {
        let mut polled = [PollFd::new(&self.0, PollFlags::empty())];
        loop {
            match poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
                Ok(_) => return Ok(polled[0].revents().contains(PollFlags::HUP)),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Stops the ringing; whether anybody is left who could ring.
    ///
    /// # Errors
    /// As `read(2)` on a pipe: none that is expected.
    pub fn silence(&self) -> io::Result<bool> {
        let mut rung = [0; 64];
        loop {
            match rustix::io::read(&self.0, &mut rung) {
                Ok(0) => return Ok(false),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Ringer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

pub(crate) fn pipe_end(descriptor: &OwnedFd, mode: rustix::fs::OFlags) -> io::Result<()> {
    use rustix::fs::{FileType, OFlags};
    let kind = FileType::from_raw_mode(rustix::fs::fstat(descriptor)?.st_mode);
    let flags = rustix::fs::fcntl_getfl(descriptor)?;
    let fits = kind == FileType::Fifo
        && flags & OFlags::RWMODE == mode
        && flags.contains(OFlags::NONBLOCK);
    let error = || io::Error::new(io::ErrorKind::InvalidData, "not the end of a bell");
    fits.then_some(()).ok_or_else(error)
}

/// A write to a pipe that nobody reads raises SIGPIPE. Rust programs ignore that signal from their
/// start, but one that took the default back must not be ended by it here: the signal is held back
/// in this thread and taken before it can act.
pub(crate) fn without_sigpipe<T>(write: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    if ignores_sigpipe() {
        return write();
    }
    let pipe = crate::signal::set_of(&[libc::SIGPIPE]);
    let mut old = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are live; the old mask is initialised by the call, which cannot fail.
    let old = unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const pipe, old.as_mut_ptr());
        old.assume_init()
    };
    // SAFETY: `old` is initialised.
    let held_back_before = unsafe { libc::sigismember(&raw const old, libc::SIGPIPE) } == 1;
    let written = write();
    if matches!(written, Err(Errno::PIPE)) && !held_back_before {
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `pipe` and `at_once` are live; no information on the signal is asked for.
        unsafe { libc::sigtimedwait(&raw const pipe, std::ptr::null_mut(), &raw const at_once) };
    }
    // SAFETY: the mask that the thread had before.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const old, std::ptr::null_mut()) };
    written
}

fn ignores_sigpipe() -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: a null new action only asks for the present one, which the call initialises.
    unsafe {
        libc::sigaction(libc::SIGPIPE, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::{self, Interest};
    use std::time::Instant;

    fn is_ready(bell: &Bell) -> bool {
        let now = Some(Instant::now());
        wait::ready(&[(bell.as_fd(), Interest::Readable)], now).expect("poll") == [true]
    }

    #[test]
    fn a_rung_bell_is_ready_until_it_is_silenced() {
        let (ringer, bell) = bell().expect("a bell");
        assert!(!is_ready(&bell));
        for _ in 0..100_000 {
            assert!(ringer.ring().expect("ring"));
        }
        assert!(is_ready(&bell));
        assert!(bell.silence().expect("silence"));
        assert!(!is_ready(&bell));
    }

    #[test]
    fn a_bell_that_nobody_can_ring_any_more_is_ready_for_ever() {
        let (ringer, bell) = bell().expect("a bell");
        assert!(ringer.ring().expect("ring") && !bell.is_deserted().expect("poll"));
        drop(ringer);
        assert!(bell.is_deserted().expect("poll"));
        assert!(is_ready(&bell) && !bell.silence().expect("silence") && is_ready(&bell));
    }

    #[test]
    fn ringing_where_nobody_hears_says_so_and_never_ends_the_process() {
        let (ringer, bell) = bell().expect("a bell");
        drop(bell);
        // SAFETY: the default action, for the time of this call; should the signal act, the test
        // process ends, which is what the test would report.
        let before = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        assert!(!ringer.ring().expect("ring"));
        // SAFETY: what it was before.
        unsafe { libc::signal(libc::SIGPIPE, before) };
    }

    #[test]
    fn only_the_right_end_of_a_pipe_is_adopted() {
        let copy = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().expect("a duplicate");
        let (ringer, bell) = bell().expect("a bell");
        Ringer::adopt(copy(ringer.as_fd())).expect("a ringer");
        Bell::adopt(copy(bell.as_fd())).expect("a bell");
        Ringer::adopt(copy(bell.as_fd())).expect_err("the other end");
        Bell::adopt(copy(ringer.as_fd())).expect_err("the other end");
        let (waits, _writer) = descriptor::pipe().expect("a pipe");
        Bell::adopt(waits).expect_err("it would wait");
        Bell::adopt(descriptor::dev_null().expect("null")).expect_err("no pipe");
    }
}
