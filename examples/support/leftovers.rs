//! A second process that sees from outside what a program leaves behind.
//!
//! In: this program, run once more with a mark. Out: what is left when it has ended: processes,
//! entries of `/dev/shm`, temporary files. What always holds: the kernel hands every orphan of the
//! program to the observer (`PR_SET_CHILD_SUBREAPER`), so that none can hide.

use rustix::io::Errno;
use rustix::process::{self, WaitOptions};
use std::collections::BTreeSet;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

const MARK: &str = "PROCESSION_OBSERVED";
const SHARED_MEMORY: &str = "/dev/shm";
/// Hundreds of times what a fork server takes to see that its program has ended.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a program left when it had ended.
pub(crate) struct Left {
    /// How the program itself ended.
    pub(crate) status: ExitStatus,
    /// How many processes ended after it, and how long after.
    pub(crate) later: (usize, Duration),
    /// Processes that did not end.
    pub(crate) processes: Vec<String>,
    /// Entries of `/dev/shm` that were not there before, and that no living process uses.
    pub(crate) shared_memory: Vec<PathBuf>,
    /// Entries of its own temporary directory.
    pub(crate) temporary: Vec<PathBuf>,
}

/// Whether this is the process that is observed.
pub(crate) fn is_observed() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Runs this program once more, and observes it till nobody of it is left.
pub(crate) fn observe() -> Result<Left, Box<dyn Error>> {
    process::set_child_subreaper(Some(process::getpid()))?;
    let own = format!("procession-tour-{}", std::process::id());
    let temporary = std::env::temp_dir().join(own);
    fs::create_dir(&temporary)?;
    let before = entries(Path::new(SHARED_MEMORY));

    let status = Command::new("/proc/self/exe")
        .args(std::env::args_os().skip(1))
        .env(MARK, "yes")
        .env("TMPDIR", &temporary)
        .spawn()
        .and_then(|mut program| program.wait())?;
    let ended = Instant::now();
    let (later, all_ended) = await_orphans(ended + PATIENCE)?;
    let left = Left {
        status,
        later: (later, ended.elapsed()),
        processes: if all_ended { Vec::new() } else { children()? },
        shared_memory: nobodys(entries(Path::new(SHARED_MEMORY)).difference(&before)),
        temporary: entries(&temporary).into_iter().collect(),
    };
    fs::remove_dir_all(temporary)?;
    Ok(left)
}

/// Reaps orphans until there is none; how many, and whether all ended in time.
fn await_orphans(deadline: Instant) -> Result<(usize, bool), Box<dyn Error>> {
    let (reaped, reports) = mpsc::channel();
    thread::spawn(move || {
        loop {
            match process::wait(WaitOptions::empty()) {
                Ok(_one) => reaped.send(()).unwrap_or_default(),
                Err(Errno::INTR) => {}
                // ECHILD: nobody is left. The channel closes.
                Err(_) => return,
            }
        }
    });
    let mut count = 0;
    loop {
        match reports.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(()) => count += 1,
            Err(RecvTimeoutError::Disconnected) => return Ok((count, true)),
            Err(RecvTimeoutError::Timeout) => return Ok((count, false)),
        }
    }
}

/// This process's children, as /proc names them.
fn children() -> Result<Vec<String>, Box<dyn Error>> {
    let own = format!("PPid:\t{}", std::process::id());
    let mut children = Vec::new();
    for (pid, directory) in processes()? {
        let status = fs::read_to_string(directory.join("status")).unwrap_or_default();
        if status.lines().any(|line| line == own) {
            let name = status.lines().next().unwrap_or("Name:\t?").replace("Name:\t", "");
            children.push(format!("`{name}` (pid {pid})"));
        }
    }
    Ok(children)
}

fn processes() -> Result<Vec<(u32, PathBuf)>, Box<dyn Error>> {
    let number = |path: PathBuf| Some((path.file_name()?.to_str()?.parse().ok()?, path));
    Ok(fs::read_dir("/proc")?.flatten().filter_map(|entry| number(entry.path())).collect())
}

fn entries(directory: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Those that no living process has open or mapped: what others made meanwhile is theirs.
fn nobodys<'a>(new: impl Iterator<Item = &'a PathBuf>) -> Vec<PathBuf> {
    let mut new: Vec<PathBuf> = new.cloned().collect();
    if new.is_empty() {
        return new;
    }
    for (_, process) in processes().unwrap_or_default() {
        let mapped = fs::read_to_string(process.join("maps")).unwrap_or_default();
        let open: BTreeSet<OsString> = entries(&process.join("fd"))
            .iter()
            .filter_map(|file| Some(fs::read_link(file).ok()?.into_os_string()))
            .collect();
        let used = |path: &PathBuf| {
            open.contains(path.as_os_str()) || mapped.contains(&path.display().to_string())
        };
        new.retain(|path| !used(path));
    }
    new.retain(|path| path.symlink_metadata().is_ok());
    new
}
