//! What a child takes over from the process that asked for it.
//!
//! In: nothing (reading one's own) or a value (taking it over). Out: the same of this process.
//! What always holds: reading changes nothing, and what is applied is applied whole or an error.

mod own_status;

use crate::descriptor::above_standard;
use crate::thread::{self, SingleThreaded};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, Rlimit};
use std::ffi::{CString, c_char};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// How a directory is opened that is only gone through.
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The working directory, as a descriptor that works even where its path is gone.
///
/// # Errors
/// As `open(2)`.
pub fn directory() -> io::Result<OwnedFd> {
    above_standard(rustix::fs::open(".", DIRECTORY, Mode::empty())?)
}

/// Makes `directory` the working directory.
///
/// # Errors
/// As `fchdir(2)`.
pub fn enter(directory: &OwnedFd) -> io::Result<()> {
    Ok(rustix::process::fchdir(directory)?)
}

/// The file mode creation mask, and the standing. The mask is read from `/proc/self/status` (Linux
/// 4.7), since the system call can only read by writing, which other threads would notice.
///
/// # Errors
/// Where `/proc` cannot be read.
pub fn umask_and_standing() -> io::Result<(u32, Standing)> {
    let (umask, rights) = own_status::umask_and_rights()?;
    let user = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    let root = rustix::fs::stat("/")?;
    Ok((umask, Standing { user, group, root: (root.st_dev, root.st_ino), rights }))
}

/// Who this process is to the kernel, what it may do, and what `/` is to it. Whoever is forked from
/// another process has that one's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Of the calling thread, effective.
    user: u32,
    group: u32,
    /// Device and file.
    root: (u64, u64),
    /// Of the main thread: its users and groups, capabilities, and whether it is in a sandbox.
    rights: String,
}

/// Sets the file mode creation mask.
pub fn set_umask(mask: u32) {
    rustix::process::umask(Mode::from_raw_mode(mask));
}

/// Every resource limit that Linux has, in the order of [`limits`].
const RESOURCES: [Resource; 16] = [
    Resource::Cpu,
    Resource::Fsize,
    Resource::As,
    Resource::Core,
    Resource::Nofile,
    Resource::Data,
    Resource::Stack,
    Resource::Rss,
    Resource::Nproc,
    Resource::Memlock,
    Resource::Locks,
    Resource::Sigpending,
    Resource::Msgqueue,
    Resource::Nice,
    Resource::Rtprio,
    Resource::Rttime,
];

/// What `setrlimit(2)` calls them, in the same order.
const NAMES: [&str; RESOURCES.len()] = [
    "RLIMIT_CPU",
    "RLIMIT_FSIZE",
    "RLIMIT_AS",
    "RLIMIT_CORE",
    "RLIMIT_NOFILE",
    "RLIMIT_DATA",
    "RLIMIT_STACK",
    "RLIMIT_RSS",
    "RLIMIT_NPROC",
    "RLIMIT_MEMLOCK",
    "RLIMIT_LOCKS",
    "RLIMIT_SIGPENDING",
    "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE",
    "RLIMIT_RTPRIO",
    "RLIMIT_RTTIME",
];

/// Where in [`limits`] the processor time stands, in seconds.
pub const CPU_TIME: usize = 0;
/// Where in [`limits`] the size of a file stands, in bytes.
pub const FILE_SIZE: usize = 1;
/// Where in [`limits`] the address space stands, in bytes.
pub const MEMORY: usize = 2;
/// Where in [`limits`] the size of a core dump stands, in bytes.
pub const CORE_SIZE: usize = 3;
/// Where in [`limits`] the number of open files stands.
pub const OPEN_FILES: usize = 4;
/// Where in [`limits`] the main thread's stack stands, in bytes.
pub const STACK: usize = 6;
/// Where in [`limits`] the number of processes and threads of the user stands.
pub const PROCESSES: usize = 8;

unsafe extern "C" {
    /// The C library's environment, `environ(7)`.
    static mut environ: *mut *mut c_char;
}

/// Soft and hard limit of one resource; none is no limit.
pub type Limit = (Option<u64>, Option<u64>);

/// The limits of this process (`getrlimit(2)`), in an order of this crate's own.
pub fn limits() -> Vec<Limit> {
    let read = |&resource: &Resource| {
        let limit = rustix::process::getrlimit(resource);
        (limit.current, limit.maximum)
    };
    RESOURCES.iter().map(read).collect()
}

/// Sets the limits as [`limits`] gave them in another process, where they differ from `present`.
///
/// # Errors
/// The limit's name, and as `setrlimit(2)`: `EPERM` where a hard limit would rise without the
/// privilege.
pub fn set_limits(limits: &[Limit], present: &[Limit]) -> Result<(), (&'static str, io::Error)> {
    for (at, (&resource, &(current, maximum))) in RESOURCES.iter().zip(limits).enumerate() {
        if present.get(at) != Some(&(current, maximum)) {
            let set = rustix::process::setrlimit(resource, Rlimit { current, maximum });
            set.map_err(|error| (NAMES[at], error.into()))?;
        }
    }
    Ok(())
}

/// Lets this process open as many files as its hard limit allows.
pub fn raise_open_files() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Where it is refused, the soft limit goes on holding, and its error shows where it is met.
    let _ = rustix::process::setrlimit(Resource::Nofile, raised);
}

/// The niceness of the calling thread, -20 to 19.
///
/// # Errors
/// As `getpriority(2)`.
pub fn nice() -> io::Result<i32> {
    Ok(rustix::process::getpriority_process(None)?)
}

/// Sets the niceness.
///
/// # Errors
/// `EACCES` where it would fall without the privilege.
pub fn set_nice(nice: i32) -> io::Result<()> {
    Ok(rustix::process::setpriority_process(None, nice)?)
}

/// The processors the calling thread may run on, by number, in ascending order; none on a machine
/// with more than 1024 of them, whose mask has no room here.
///
/// # Errors
/// As `sched_getaffinity(2)`, but for that.
pub fn affinity() -> io::Result<Vec<u16>> {
    let set = match rustix::thread::sched_getaffinity(None) {
        Err(rustix::io::Errno::INVAL) => return Ok(Vec::new()),
        set => set?,
    };
    let all = 0..u16::try_from(rustix::thread::CpuSet::MAX_CPU).unwrap_or(u16::MAX);
    let count = usize::try_from(set.count()).unwrap_or_default();
    Ok(all.filter(|&cpu| set.is_set(usize::from(cpu))).take(count).collect())
}

/// Binds the calling thread to processors.
///
/// # Errors
/// `EINVAL` where none of them is usable.
pub fn set_affinity(cpus: &[u16]) -> io::Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    for &cpu in cpus.iter().filter(|&&cpu| usize::from(cpu) < rustix::thread::CpuSet::MAX_CPU) {
        set.set(usize::from(cpu));
    }
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

/// Replaces the whole environment by `block`: entries `NAME=value`, each ended by a NUL.
///
/// The block is kept for the life of the process, as the C library points into it.
///
/// # Errors
/// Where a thread has been started since the proof.
pub fn set_environment(_proof: &SingleThreaded, block: Vec<u8>) -> io::Result<()> {
    thread::require_one()?;
    let block = block.leak();
    let mut entries: Vec<*mut c_char> =
        block.split_inclusive_mut(|&byte| byte == 0).filter_map(as_c_string).collect();
    entries.push(std::ptr::null_mut());
    // SAFETY: one thread, so nobody reads or writes `environ` meanwhile; the array is ended by a
    // null and both it and its NUL-ended strings are leaked.
    unsafe { environ = entries.leak().as_mut_ptr() };
    Ok(())
}

/// An unfinished last entry, which no sender of ours makes, is left out: it has no NUL.
fn as_c_string(entry: &mut [u8]) -> Option<*mut c_char> {
    (entry.last() == Some(&0)).then(|| entry.as_mut_ptr().cast())
}

/// The name of the calling thread, which `ps` and `top` show for the process of a main thread.
/// The kernel keeps 15 bytes of it.
pub fn set_thread_name(name: &str) {
    let visible: Vec<u8> = name.bytes().take(15).filter(|&byte| byte != 0).collect();
    if let Ok(name) = CString::new(visible) {
        let _ = rustix::thread::set_name(&name);
    }
}

/// Opens the directory `path`, looked up from the directory `from`.
///
/// # Errors
/// As `openat(2)`: `ENOENT`, `ENOTDIR`, `EACCES`.
pub fn open_directory(from: &OwnedFd, path: &std::path::Path) -> io::Result<OwnedFd> {
    above_standard(rustix::fs::openat(from.as_fd(), path, DIRECTORY, Mode::empty())?)
}
