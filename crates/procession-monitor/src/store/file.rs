//! The database as a file: who has it, under which name, and whether it is still there.
//!
//! # Invariants
//! - One monitor has a database, whatever name leads to it: the lock is on the file itself, not on a
//!   file beside it. It is `flock`'s, which the own locks of `SQLite` (`fcntl`) do not meet.
//! - A database has one name besides symbolic links. `SQLite` names its log after the name that it
//!   opens, so under a second one it would miss what the first one's log holds.
//! - The file and those beside it can be read by their owner only: addresses of pings open something.
//!
//! The descriptor stays open as long as `SQLite` has the file: to close any descriptor of a file
//! releases all `fcntl` locks that the process has on it.

use rustix::fs::{FlockOperation, Mode, fchmod, flock, statvfs};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What others than the owner may do with a file.
const OTHERS: u32 = 0o077;
/// What the owner may do with the database.
const OWNER: u32 = 0o600;

/// What the files of a new database take, in bytes: the tables, their log and its index.
const NEW_DATABASE: u64 = 256 * 1024;

/// A locked database file.
#[derive(Debug)]
pub struct DatabaseFile {
    file: File,
    path: PathBuf,
    database: Identity,
    /// The log beside it, once it has been seen.
    log: OnceLock<Identity>,
}

/// Why a database file cannot be used.
#[derive(Debug)]
pub enum FileError {
    /// It cannot be opened, made or locked.
    Open(io::Error),
    /// Another monitor has it.
    InUse,
    /// It has this many names (hard links).
    Links(u64),
}

/// Which file it is: device and inode.
type Identity = (u64, u64);

impl DatabaseFile {
    /// Opens and locks the file, and makes it if there is none.
    pub fn open(path: &Path) -> Result<DatabaseFile, FileError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(OWNER);
        let file = options.open(path).map_err(FileError::Open)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                // If the other monitor is one of this process, closing would release SQLite's locks.
                std::mem::forget(file);
                return Err(FileError::InUse);
            }
            Err(why) => return Err(FileError::Open(why.into())),
        }
        let found = file.metadata().map_err(FileError::Open)?;
        if found.nlink() > 1 {
            return Err(FileError::Links(found.nlink()));
        }
        let path = path.canonicalize().map_err(FileError::Open)?;
        let database = identity(&found);
        let database = DatabaseFile { file, path, database, log: OnceLock::new() };
        database.close_to_others(&found).map_err(FileError::Open)?;
        Ok(database)
    }

    /// Where it is, without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says what is wrong if the database or its log is not where it was.
    pub fn check(&self) -> Result<(), String> {
        let expected = self.log.get().map(|log| (self.beside("-wal"), *log));
        for (path, wanted) in [(self.path.clone(), self.database)].into_iter().chain(expected) {
            let found = fs::metadata(&path).map(|found| identity(&found));
            if found.ok() != Some(wanted) {
                return Err(format!(
                    "its file {} was deleted or replaced: put it back, or start the monitor again",
                    path.display()
                ));
            }
        }
        Ok(())
    }

    /// Notes which log belongs to it. Called after a write, when there is one.
    pub fn note_log(&self) {
        if self.log.get().is_none() {
            if let Ok(found) = fs::metadata(self.beside("-wal")) {
                // Another thread may have noted the same.
                let _ = self.log.set(identity(&found));
            }
        }
    }

    fn close_to_others(&self, found: &fs::Metadata) -> io::Result<()> {
        if found.mode() & OTHERS != 0 {
            fchmod(&self.file, Mode::from_raw_mode(OWNER))?;
        }
        for suffix in ["-wal", "-shm"] {
            let path = self.beside(suffix);
            match fs::metadata(&path) {
                Ok(found) if found.mode() & OTHERS != 0 => {
                    fs::set_permissions(&path, fs::Permissions::from_mode(OWNER))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = OsString::from(self.path.as_os_str());
        path.push(suffix);
        path.into()
    }
}

/// What the disk of a database lacks that could not be opened, if it is full.
pub fn lacking(database: &Path) -> Option<String> {
    let directory = database.parent().filter(|path| !path.as_os_str().is_empty());
    let disk = statvfs(directory.unwrap_or(Path::new("."))).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < NEW_DATABASE {
        let (free, needed) = (free / 1024, NEW_DATABASE / 1024);
        return Some(format!("{free} KiB are free, and a new database takes {needed} KiB"));
    }
    (disk.f_files > 0 && disk.f_favail < 3).then(|| "no inodes are free for its files".to_owned())
}

fn identity(found: &fs::Metadata) -> Identity {
    (found.dev(), found.ino())
}
