//! A Unix socket in the file system: how a listener takes its path and gives it back.
//!
//! # Invariants
//! - A file that is no socket is never removed, nor is a socket that a program serves.
//! - Checking a path, removing a socket that nobody serves and binding happen under a lock of the
//!   directory (`flock(2)`). So two listeners that want one path cannot remove each other's.
//! - A listener that goes removes its own socket only.

use procession_sys::descriptor;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{self, UnixListener};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How long to wait for the lock of a directory. A listener holds it for microseconds; longer is
/// another program's doing, and nobody has to wait for that.
const LOCK: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(1);

/// Which file a path named at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

/// Why a path was not bound.
#[derive(Debug)]
pub(super) enum NotBound {
    /// A listener serves the socket there, or it cannot be told that none does.
    Served(io::Error),
    /// The file there is no socket.
    NotASocket,
    /// The system refused.
    System(io::Error),
}

/// Listens at `path`. A socket file there that no program serves is replaced.
pub(super) fn bind(path: &Path) -> Result<(UnixListener, Identity), NotBound> {
    let lock = DirectoryLock::take(path);
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            if identity_of_socket(path).map_err(NotBound::System)?.is_none() {
                return Err(NotBound::NotASocket);
            }
            // Without the lock another listener could bind between the check and the removal.
            if lock.is_none() || !is_abandoned(path) {
                return Err(NotBound::Served(error));
            }
            fs::remove_file(path).map_err(NotBound::System)?;
            UnixListener::bind(path)
        }
        bound => bound,
    };
    let listener = listener.map_err(NotBound::System)?;
    match identity_of_socket(path) {
        Ok(Some(identity)) => Ok((listener, identity)),
        Ok(None) => Err(NotBound::System(io::ErrorKind::NotFound.into())),
        Err(error) => Err(NotBound::System(error)),
    }
}

/// Removes the socket at `path` if it is still the one that was bound.
pub(super) fn unbind(path: &Path, bound: Identity) {
    // Without the lock the check below still keeps the sockets of others, but for a moment's race.
    let _lock = DirectoryLock::take(path);
    if identity_of_socket(path).is_ok_and(|there| there == Some(bound)) {
        // It cannot be removed, as in a directory that has become read-only: the next listener
        // takes it over.
        let _ = fs::remove_file(path);
    }
}

/// Returns whether no program listens at the socket `path`, which only the kernel can tell: it
/// refuses the connection. Any other answer, such as a full queue or a missing permission, is "no".
fn is_abandoned(path: &Path) -> bool {
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    let address = net::SocketAddr::from_pathname(path);
    address.is_ok_and(|address| procession_sys::stream::begin_connect(&address).is_err_and(refused))
}

/// The socket at `path`; `None` for a file of another kind, a symbolic link included.
fn identity_of_socket(path: &Path) -> io::Result<Option<Identity>> {
    let found = fs::symlink_metadata(path)?;
    let identity = Identity { device: found.dev(), inode: found.ino() };
    Ok(found.file_type().is_socket().then_some(identity))
}

/// The lock of the directory that a path lies in.
struct DirectoryLock(File);

impl DirectoryLock {
    /// `None` if the directory cannot be opened or locked.
    fn take(path: &Path) -> Option<Self> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = File::open(parent.unwrap_or(Path::new("."))).ok()?;
        let deadline = Instant::now() + LOCK;
        loop {
            if descriptor::try_lock(directory.as_fd()).ok()? {
                return Some(Self(directory));
            }
            if Instant::now() >= deadline {
                return None;
            }
            thread::sleep(PAUSE);
        }
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        descriptor::unlock(self.0.as_fd());
    }
}
