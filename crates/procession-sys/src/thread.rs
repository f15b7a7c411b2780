//! The proof that a process has one thread, and the mark that tells it from those it was forked
//! from.
//!
//! In: nothing. Out: a [`SingleThreaded`] token, or how many threads there are; a [`Mark`]. What
//! always holds: a token exists only where the kernel counted exactly one thread, and it cannot
//! leave the thread that asked for it; what needs it asks the kernel again, since a token may be
//! older than a thread.

use crate::life::Pid;
use crate::published::Published;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Proof that the calling thread was the only one of its process when the kernel was asked.
#[derive(Debug)]
pub struct SingleThreaded(PhantomData<*const ()>);

impl SingleThreaded {
    /// Asks the kernel (the entries of `/proc/self/task`). Threads that have run their last
    /// instruction and are counted still are waited for, for some thousand turns of the scheduler.
    ///
    /// # Errors
    /// Where there is more than one thread, or where `/proc` cannot be read.
    pub fn prove() -> io::Result<Self> {
        require_one().map(|()| Self(PhantomData))
    }
}

/// A process has several threads where it may have only one; how many.
#[derive(Debug)]
pub struct ManyThreads(usize);

impl fmt::Display for ManyThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the process has {} threads, and may have only one", self.0)
    }
}

impl std::error::Error for ManyThreads {}

/// How often threads that have run their last instruction are waited for. The kernel counts one for
/// a moment longer, also when it has been joined.
const TRIES: usize = 10_000;

/// Asks the kernel once more, by one system call where there is one: a thread may be younger than a
/// proof.
pub(crate) fn require_one() -> io::Result<()> {
    let several = |threads: usize| io::Error::other(ManyThreads(threads));
    for _try in 0..TRIES {
        if count()? == 1 {
            return Ok(());
        }
        // No proof where it is one: another may have been started behind the look.
        let running = count_running()?;
        if running > 1 {
            return Err(several(running));
        }
        std::thread::yield_now();
    }
    Err(several(count()?))
}

/// The number of threads that may run code yet, as far as a look at one after the other tells.
fn count_running() -> io::Result<usize> {
    let mut running = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        running += usize::from(is_running(&thread?.path())?);
    }
    Ok(running)
}

/// Whether the thread that has this directory may run code yet. One that cannot be looked at may.
fn is_running(thread: &Path) -> io::Result<bool> {
    match std::fs::read(thread.join("stat")) {
        // A name is cut after 15 bytes, amid a letter too.
        Ok(stat) => Ok(!is_leaving(&String::from_utf8_lossy(&stat))),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a thread with this `/proc/PID/task/TID/stat` is on its way out (`PF_EXITING`): it has
/// run its last instruction.
fn is_leaving(stat: &str) -> bool {
    const EXITING: u64 = 4;
    // The flags are the seventh behind the name, which is in parentheses and may hold anything.
    let flags = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().nth(6));
    flags.and_then(|flags| flags.parse::<u64>().ok()).is_some_and(|flags| flags & EXITING != 0)
}

/// The number of threads of this process.
///
/// # Errors
/// Where `/proc` cannot be read.
pub fn count() -> io::Result<usize> {
    // Each thread is a directory, and a directory has a link from each one in it and two more. A
    // kernel that does not count links says less than three.
    let links = std::fs::metadata("/proc/self/task")?.nlink();
    match usize::try_from(links).map_err(io::Error::other)?.checked_sub(2) {
        Some(threads @ 1..) => Ok(threads),
        _ => Ok(std::fs::read_dir("/proc/self/task")?.count()),
    }
}

/// Whether the calling thread is the one that the process began with.
pub fn is_main() -> bool {
    rustix::thread::gettid() == rustix::process::getpid()
}

/// Tells a process from those that it was forked from: two marks are equal exactly when no fork
/// lies between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(u32);

/// The mark of this process; none before Linux 4.14, where a fork cannot be noticed so.
///
/// It is kept in a page that the kernel wipes in a child (`MADV_WIPEONFORK`), so reading it costs
/// no system call.
#[inline]
pub fn mark() -> Option<Mark> {
    static PAGE: Published<AtomicU32> = Published::new();
    static FORKS: AtomicU32 = AtomicU32::new(0);
    let page = PAGE.get_or(|| wiped_page().unwrap_or(&NO_PAGE));
    if std::ptr::eq(page, &raw const NO_PAGE) {
        return None;
    }
    let mark = page.load(Ordering::Relaxed);
    if mark != 0 {
        return Some(Mark(mark));
    }
    // The first mark after a fork, whose child has one thread; at the first of all, threads may
    // race, and the first to write its number wins.
    let next = FORKS.fetch_add(1, Ordering::Relaxed).wrapping_add(1).max(1);
    let set = page.compare_exchange(0, next, Ordering::Relaxed, Ordering::Relaxed);
    Some(Mark(set.map_or_else(|other| other, |_| next)))
}

/// Stands for the page of a kernel that wipes none. Nobody writes it.
static NO_PAGE: AtomicU32 = AtomicU32::new(0);

/// Tells a process from those that it was forked from, whatever the kernel. Before Linux 4.14 the
/// process id must do, which a copy may share with an ancestor that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Known by its mark.
    Marked(Mark),
    /// Known by its process id.
    Numbered(Pid),
}

/// The identity of this process.
pub fn identity() -> Identity {
    mark().map_or_else(|| Identity::Numbered(Pid::own()), Identity::Marked)
}

fn wiped_page() -> Option<&'static AtomicU32> {
    use rustix::mm::{Advice, MapFlags, ProtFlags};
    let length = rustix::param::page_size();
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    let null = std::ptr::null_mut();
    // SAFETY: a new anonymous mapping of a page, which is never removed, so that the word at its
    // beginning, aligned and zero, lives for ever.
    unsafe {
        let page = rustix::mm::mmap_anonymous(null, length, protection, MapFlags::PRIVATE).ok()?;
        rustix::mm::madvise(page, length, Advice::LinuxWipeOnFork).ok()?;
        Some(AtomicU32::from_ptr(page.cast()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_a_process_stays() {
        let here = mark().expect("a kernel that wipes pages on fork");
        let there = std::thread::spawn(mark).join().expect("a thread");
        assert_eq!(Some(here), there);
    }

    #[test]
    fn only_a_thread_on_its_way_out_is_left_out() {
        let stat = |flags: u64| format!("7 (a) name) R 1 7 7 0 -1 {flags} 12 0 0 0");
        assert!(is_leaving(&stat(0x0040_0044)) && !is_leaving(&stat(0x0040_0040)));
        assert!(!is_leaving("7 (a) R") && !is_leaving(""));
        assert!(count_running().expect("a count") >= 2, "this thread, and the harness's own");
    }

    #[test]
    fn a_thread_counts_whatever_its_name() {
        // 16 bytes, of which the kernel keeps 15.
        let thread = std::thread::Builder::new().name("\u{e4}".repeat(8));
        let look = || is_running(Path::new("/proc/thread-self"));
        let running = thread.spawn(look).expect("a thread").join().expect("no panic");
        assert!(running.expect("its state"));
    }

    #[test]
    fn a_proof_does_not_outlive_the_start_of_a_thread() {
        let listed = || std::fs::read_dir("/proc/self/task").expect("the threads").count();
        // The harness has a thread for this test beside its own.
        assert!(count().expect("a count") >= 2 && listed() >= 2);
        SingleThreaded::prove().expect_err("two threads");
        let old = SingleThreaded(PhantomData);
        crate::fork::fork(&old).expect_err("two threads");
        crate::inherit::set_environment(&old, Vec::new()).expect_err("two threads");
    }
}
