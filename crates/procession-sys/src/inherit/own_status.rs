//! `/proc/self/status`, kept open.
//!
//! Opening and closing it takes as long as the kernel's writing of it.
//!
//! In: nothing. Out: some of what it says of this process now. What always holds: it is this
//! process's own, not that of one it was forked from, and not whatever has its number since
//! somebody closed it; it is read whole.

use crate::descriptor::above_standard;
use crate::per_process::try_lock;
use crate::thread::{self, Mark};
use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;

const PATH: &str = "/proc/self/status";
const OF_THREAD: &str = "/proc/thread-self/status";

/// More than it is, but for a user of hundreds of groups, who has it read again.
const LENGTH: usize = 4096;
/// More than it can be, with all the groups that the kernel allows: what is longer is another file.
const LONGEST: usize = 1 << 20;

/// The lines that say who a process is to the kernel, and what it may do.
const RIGHTS: [&str; 11] = [
    "Uid",
    "Gid",
    "Groups",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "Seccomp",
    "Seccomp_filters",
];

static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

struct Kept {
    file: File,
    /// The process that opened it, and its id as the file says it: `/proc` may be of another
    /// namespace.
    owner: (Mark, u32),
}

/// What the file says of a process.
struct Said {
    id: u32,
    umask: u32,
    rights: String,
}

/// The file mode creation mask, and the lines of what the main thread is and may do.
pub(super) fn umask_and_rights() -> io::Result<(u32, String)> {
    let mark = thread::mark();
    // A thread that holds it may be one that this process lacks since a fork.
    let Some(mut kept) = try_lock(&KEPT) else {
        return open().map(|(_, Said { umask, rights, .. })| (umask, rights));
    };
    let own = kept.as_ref().filter(|kept| Some(kept.owner.0) == mark);
    let found = own.and_then(|kept| Some((kept.owner.1, read(&kept.file).ok()?)));
    if let Some((_, said)) = found.filter(|(id, said)| *id == said.id) {
        return Ok((said.umask, said.rights));
    }
    // Its number may be somebody else's, and is not ours to close.
    std::mem::forget(kept.take());
    let (file, Said { id, umask, rights }) = open()?;
    *kept = file.zip(mark).map(|(file, mark)| Kept { file, owner: (mark, id) });
    Ok((umask, rights))
}

/// The file is that of the process; none once the main thread has ended, which has given up what the
/// file is about. The calling thread has the same file mode creation mask, and its own rights.
fn open() -> io::Result<(Option<File>, Said)> {
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("{PATH}: {error}: is /proc mounted?"))
    };
    let file = File::from(above_standard(File::open(PATH).map_err(named)?.into())?);
    match read(&file) {
        Ok(said) => Ok((Some(file), said)),
        Err(_main_has_ended) => Ok((None, read(&File::open(OF_THREAD).map_err(named)?)?)),
    }
}

fn read(file: &File) -> io::Result<Said> {
    let mut text = vec![0; LENGTH];
    let mut length = file.read_at(&mut text, 0)?;
    while length == text.len() && length < LONGEST {
        text.resize(2 * length, 0);
        length = file.read_at(&mut text, 0)?;
    }
    let text = &text[..length];
    // Only the name of a program may be something else, and the other way takes microseconds.
    let text = std::str::from_utf8(text).map_or_else(|_| String::from_utf8_lossy(text), Cow::from);
    let (mut id, mut umask, mut rights) = (None, None, String::with_capacity(LENGTH / 8));
    let number = |text: &str, radix| u32::from_str_radix(text.trim(), radix).ok();
    // Most lines are about memory and signals.
    for line in text.lines().filter(|line| line.starts_with(['P', 'U', 'G', 'C', 'N', 'S'])) {
        match line.split_once(':') {
            Some(("Pid", text)) => id = number(text, 10),
            Some(("Umask", text)) => umask = number(text, 8),
            Some((name, _)) if RIGHTS.contains(&name) => rights.push_str(line),
            _ => {}
        }
    }
    let found = id.zip(umask).map(|(id, umask)| Said { id, umask, rights });
    found.ok_or_else(|| io::Error::other("/proc/self/status lacks the lines Pid and Umask"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::Mode;
    use std::os::fd::{AsRawFd, IntoRawFd};

    fn number() -> i32 {
        let kept = KEPT.lock().expect("no panic");
        kept.as_ref().expect("a file").file.as_raw_fd()
    }

    #[test]
    fn the_mask_is_read_anew_each_time_also_when_another_has_the_number_of_the_file() {
        let before = umask_and_rights().expect("a mask").0;
        // The mask is the whole process's; the runner gives each test a process of its own.
        rustix::process::umask(Mode::from_raw_mode(0o051));
        assert_eq!(umask_and_rights().expect("a mask").0, 0o051);
        let other = File::open("/dev/null").expect("a file").into_raw_fd();
        let taken = number();
        // SAFETY: the file's owner forgets it as it finds another in its place.
        assert_eq!(unsafe { libc::dup2(other, taken) }, taken);
        assert_eq!(umask_and_rights().expect("a mask").0, 0o051);
        assert_ne!(number(), taken);
        // SAFETY: as above.
        unsafe { libc::close(number()) };
        assert_eq!(umask_and_rights().expect("a mask").0, 0o051);
        rustix::process::umask(Mode::from_raw_mode(before));
    }

    #[test]
    fn a_file_that_another_thread_is_reading_is_not_waited_for() {
        let before = umask_and_rights().expect("a mask");
        let kept = KEPT.lock().expect("no panic");
        assert_eq!(umask_and_rights().expect("a mask"), before);
        drop(kept);
    }

    #[test]
    fn a_sandbox_is_seen_behind_hundreds_of_groups() {
        let groups = "4294967294 ".repeat(1000);
        let status = format!("Umask:\t0022\nPid:\t7\nGroups:\t{groups}\nSeccomp:\t2\n");
        let memory = rustix::fs::memfd_create("status", rustix::fs::MemfdFlags::CLOEXEC);
        let file = File::from(memory.expect("memory"));
        file.write_all_at(status.as_bytes(), 0).expect("room for it");
        assert!(read(&file).expect("a status").rights.ends_with("Seccomp:\t2"));
    }
}
