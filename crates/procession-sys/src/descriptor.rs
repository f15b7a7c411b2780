//! Closing all but some, moving to 0-2, keeping over an exec.
//!
//! In: descriptors. Out: a process with just those. What always holds: a descriptor made by this
//! crate is close-on-exec until it is handed over by name, and never takes the number of a standard
//! stream that the program has closed.

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::FdFlags;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Which file a descriptor is of: equal for all of the same file, as long as it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

/// Which file a descriptor is of.
///
/// # Errors
/// As `fstat(2)`: none that is expected.
pub fn identity(descriptor: BorrowedFd<'_>) -> io::Result<Identity> {
    let stat = rustix::fs::fstat(descriptor)?;
    Ok(Identity { device: stat.st_dev, inode: stat.st_ino })
}

/// Whether what is written to two descriptors keeps its order: they are of one file, and of one
/// position in it.
///
/// # Errors
/// As [`identity`].
pub fn share_an_order(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> io::Result<bool> {
    if identity(one)? != identity(other)? {
        return Ok(false);
    }
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(one)?.st_mode);
    let appends =
        |file| rustix::fs::fcntl_getfl(file).is_ok_and(|has| has.contains(OFlags::APPEND));
    // A pipe, a socket and a device have no position, and who appends writes at the end.
    let has_position = kind == rustix::fs::FileType::RegularFile;
    Ok(!has_position || (appends(one) && appends(other)) || is_one_description(one, other))
}

/// Whether two descriptors of one file were opened together (`KCMP_FILE` of `kcmp(2)`).
fn is_one_description(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    const KCMP_FILE: libc::c_int = 0;
    let own = rustix::process::getpid().as_raw_nonzero().get();
    // SAFETY: the call takes numbers only, and looks at two descriptors of this process.
    let order = unsafe {
        let (one, other) = (one.as_raw_fd(), other.as_raw_fd());
        libc::syscall(libc::SYS_kcmp, own, own, KCMP_FILE, one, other)
    };
    if order >= 0 {
        return order == 0;
    }
    // A kernel or a sandbox without the call. Files that were opened apart and stand at one place
    // would overwrite each other.
    let place = |file| (rustix::fs::tell(file).ok(), rustix::fs::fcntl_getfl(file).ok());
    place(one) == place(other)
}

/// The error of a process that has as many open files as it may have (`EMFILE`).
pub const TOO_MANY: i32 = libc::EMFILE;

/// How many open files this process may have; `None` if that is not limited.
pub fn limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

/// Closes every descriptor above 2 but `keep` (`close_range(2)`, Linux 5.9; else one by one).
///
/// For a process that has just been forked or started: nothing else in it may own a descriptor
/// that is closed here.
///
/// # Errors
/// Where neither `close_range` nor `/proc/self/fd` can be had.
pub fn close_all_but(keep: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut kept: Vec<RawFd> = keep.iter().map(AsRawFd::as_raw_fd).collect();
    kept.push(libc::STDERR_FILENO);
    kept.sort_unstable();
    for gap in kept.windows(2) {
        close_between(gap[0].saturating_add(1), gap[1].saturating_sub(1))?;
    }
    close_between(kept[kept.len() - 1].saturating_add(1), RawFd::MAX)
}

fn close_between(first: RawFd, last: RawFd) -> io::Result<()> {
    if first > last {
        return Ok(());
    }
    if close_range(first, last) { Ok(()) } else { close_listed(first, last) }
}

fn close_range(first: RawFd, last: RawFd) -> bool {
    // SAFETY: closing is sound towards the kernel; either the caller's contract says that nothing
    // which goes on running in this process owns a descriptor of this range, or the range is the
    // one number that no limit lets a descriptor have.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) == 0 }
}

/// Whether `close_range(2)` can be had; without it [`close_all_but`] closes one by one.
pub fn has_close_range() -> bool {
    close_range(RawFd::MAX, RawFd::MAX)
}

fn close_listed(first: RawFd, last: RawFd) -> io::Result<()> {
    let listed: Vec<RawFd> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|descriptor| (first..=last).contains(descriptor))
        .collect();
    for descriptor in listed {
        // SAFETY: as in `close_between`; the directory's own descriptor is closed already, and
        // closing a number that is not open is an error that changes nothing.
        unsafe { libc::close(descriptor) };
    }
    Ok(())
}

/// Takes over a descriptor whose number was handed to this process at its start.
///
/// Gives none when the number is no open descriptor above 2. Each number may be taken once.
pub fn adopt(number: RawFd) -> Option<OwnedFd> {
    if number <= libc::STDERR_FILENO {
        return None;
    }
    // SAFETY: `F_SETFD` on a number that is not open fails with `EBADF` and changes nothing.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } == -1 {
        return None;
    }
    // SAFETY: the number is open, and it was given to this process for nobody but the caller.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}

/// The same open file under a number that is no standard stream's.
///
/// # Errors
/// As `fcntl(2)`: `EMFILE`.
pub fn above_standard(descriptor: OwnedFd) -> io::Result<OwnedFd> {
    if descriptor.as_raw_fd() > libc::STDERR_FILENO {
        return Ok(descriptor);
    }
    Ok(rustix::io::fcntl_dupfd_cloexec(&descriptor, libc::STDERR_FILENO + 1)?)
}

/// One of the three standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// Descriptor 0.
    Input,
    /// Descriptor 1.
    Output,
    /// Descriptor 2.
    Error,
}

/// Makes `source` (or `/dev/null`, without one) the standard stream `stream`.
///
/// # Errors
/// As `dup2(2)`, or where `/dev/null` cannot be opened.
pub fn set_standard(stream: Standard, source: Option<&OwnedFd>) -> io::Result<()> {
    let null;
    let source = if let Some(source) = source {
        source
    } else {
        null = dev_null()?;
        &null
    };
    match stream {
        Standard::Input => rustix::stdio::dup2_stdin(source)?,
        Standard::Output => rustix::stdio::dup2_stdout(source)?,
        Standard::Error => rustix::stdio::dup2_stderr(source)?,
    }
    Ok(())
}

/// A duplicate of a standard stream, close-on-exec; none where the stream is closed.
pub fn duplicate_standard(stream: Standard) -> Option<OwnedFd> {
    let number = match stream {
        Standard::Input => libc::STDIN_FILENO,
        Standard::Output => libc::STDOUT_FILENO,
        Standard::Error => libc::STDERR_FILENO,
    };
    // SAFETY: duplicating a number that is not open fails with `EBADF` and changes nothing.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    // SAFETY: a non-negative result is a fresh descriptor that nobody else owns.
    (copy >= 0).then(|| unsafe { OwnedFd::from_raw_fd(copy) })
}

/// `/dev/null`, open for reading and writing.
///
/// # Errors
/// As `open(2)`.
pub fn dev_null() -> io::Result<OwnedFd> {
    const PATH: &str = "/dev/null";
    let named = |error: rustix::io::Errno| {
        let error = io::Error::from(error);
        io::Error::new(error.kind(), format!("{PATH}: {error}"))
    };
    let opened = rustix::fs::open(PATH, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
    above_standard(opened.map_err(named)?)
}

/// Takes the lock of an open file or directory (`flock(2)`), unless another open file has it.
///
/// Gives whether it was taken. Release it with [`unlock`]: merely closing the descriptor keeps the
/// lock in a forked process that has a copy.
///
/// # Errors
/// As `flock(2)`: `ENOLCK`, or a file system without locks.
pub fn try_lock(file: BorrowedFd<'_>) -> io::Result<bool> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Releases the lock that [`try_lock`] has taken.
pub fn unlock(file: BorrowedFd<'_>) {
    let _ = rustix::fs::flock(file, FlockOperation::Unlock);
}

/// A pipe: (reading end, writing end), both close-on-exec.
///
/// # Errors
/// As `pipe2(2)`: `EMFILE`, `ENFILE`.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    Ok((above_standard(reader)?, above_standard(writer)?))
}

/// Keeps a descriptor open over the next exec.
///
/// # Errors
/// As `fcntl(2)`.
pub fn keep_over_exec(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::io::fcntl_setfd(descriptor, FdFlags::empty())?)
}

/// Has reads and writes on `descriptor` return at once with `WouldBlock` instead of waiting.
///
/// # Errors
/// As `fcntl(2)`.
pub fn set_nonblocking(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(descriptor)?;
    Ok(rustix::fs::fcntl_setfl(descriptor, flags | OFlags::NONBLOCK)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    fn descriptors_share_an_order_where_they_share_a_position_or_need_none() {
        let path = std::env::temp_dir().join(format!("procession-order-{}", std::process::id()));
        let file = File::create(&path).expect("made");
        let copy = file.try_clone().expect("a copy");
        let apart = File::options().write(true).open(&path).expect("opened");
        let append = || File::options().append(true).open(&path).expect("opened");
        let (one, other) = (append(), append());
        std::fs::remove_file(&path).expect("removed");
        let (reading, writing) = pipe().expect("a pipe");
        let is = |one: &dyn AsFd, other: &dyn AsFd| share_an_order(one.as_fd(), other.as_fd()).ok();
        assert_eq!(is(&file, &copy), Some(true));
        assert_eq!(is(&file, &apart), Some(false), "each would overwrite the other");
        assert_eq!(is(&one, &other), Some(true));
        assert_eq!(is(&file, &writing), Some(false));
        assert_eq!(is(&writing, &writing), Some(true));
        drop(reading);
    }
}
