//! `/proc/self/status`, kept open.
//!
//! Opening and closing it takes as long as the kernel's writing of it.
//!
//! In: nothing. Out: what it says of this process now. What always holds: it is this process's own,
//! not that of one it was forked from, and not whatever has its number since somebody closed it.

use crate::descriptor::above_standard;
use crate::thread::{self, Mark};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

const PATH: &str = "/proc/self/status";

/// Its first lines, with the two looked for.
const START: usize = 512;

static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

struct Kept {
    file: File,
    /// The process that opened it, and its id as the file says it: `/proc` may be of another
    /// namespace.
    owner: (Mark, u32),
}

/// The file mode creation mask.
pub(super) fn umask() -> io::Result<u32> {
    let mark = thread::mark();
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let own = kept.as_ref().filter(|kept| Some(kept.owner.0) == mark);
    let found = own.and_then(|kept| Some((kept.owner.1, read(&kept.file).ok()?)));
    if let Some((_, (_, umask))) = found.filter(|(id, (said, _))| id == said) {
        return Ok(umask);
    }
    // Its number may be somebody else's, and is not ours to close.
    std::mem::forget(kept.take());
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("{PATH}: {error}: is /proc mounted?"))
    };
    let file = File::from(above_standard(File::open(PATH).map_err(named)?.into())?);
    let (id, umask) = read(&file)?;
    *kept = mark.map(|mark| Kept { file, owner: (mark, id) });
    Ok(umask)
}

/// Process id and mask.
fn read(file: &File) -> io::Result<(u32, u32)> {
    let mut start = [0; START];
    let length = file.read_at(&mut start, 0)?;
    let text = String::from_utf8_lossy(&start[..length]);
    let value = |name, radix| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        u32::from_str_radix(line.trim(), radix).ok()
    };
    let found = value("Pid:", 10).zip(value("Umask:", 8));
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
        let before = umask().expect("a mask");
        // The mask is the whole process's; the runner gives each test a process of its own.
        rustix::process::umask(Mode::from_raw_mode(0o051));
        assert_eq!(umask().expect("a mask"), 0o051);
        let other = File::open("/dev/null").expect("a file").into_raw_fd();
        let taken = number();
        // SAFETY: the file's owner forgets it as it finds another in its place.
        assert_eq!(unsafe { libc::dup2(other, taken) }, taken);
        assert_eq!(umask().expect("a mask"), 0o051);
        assert_ne!(number(), taken);
        // SAFETY: as above.
        unsafe { libc::close(number()) };
        assert_eq!(umask().expect("a mask"), 0o051);
        rustix::process::umask(Mode::from_raw_mode(before));
    }
}
