//! Why a monitor could not run.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a monitor could not run.
#[derive(Debug)]
pub enum RunError {
    /// The database could not be opened.
    Database(PathBuf, rusqlite::Error),
    /// The disk of the database has no room; what it lacks.
    NoRoom(PathBuf, String),
    /// The database file could not be opened, made or locked.
    File(PathBuf, std::io::Error),
    /// The database file has this many names (hard links).
    Links(PathBuf, u64),
    /// Another monitor has the database.
    InUse(PathBuf),
    /// The listener is reachable from elsewhere, and neither TLS nor plain HTTP was asked for.
    PlainHttp(SocketAddr),
    /// The certificate chain or the key, in these files, could not be used.
    Tls(PathBuf, PathBuf, std::io::Error),
    /// A receiver, by its name, could never be told anything, and why.
    Receiver(String, String),
    /// The socket could not be served.
    Socket(std::io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Database(path, _) => {
                write!(f, "the database {} cannot be opened", path.display())
            }
            RunError::NoRoom(path, what) => write!(
                f,
                "there is no room for the database {}: {what}: free some, or name another place",
                path.display()
            ),
            RunError::File(path, _) => {
                write!(f, "the database {} cannot be opened or made", path.display())
            }
            RunError::Links(path, names) => write!(
                f,
                "the database {} has {names} names (hard links), and under another name a part of \
                 it is missed: remove all but one of them, or use a copy",
                path.display()
            ),
            RunError::InUse(path) => {
                write!(
                    f,
                    "another monitor uses the database {}: stop it, or use another file",
                    path.display()
                )
            }
            RunError::PlainHttp(address) => write!(
                f,
                "{address} can be reached from other machines, where plain HTTP would show every \
                 token: give a certificate and its key, or say that plain HTTP is meant"
            ),
            RunError::Tls(chain, key, _) => write!(
                f,
                "the certificate {} or its key {} cannot be used",
                chain.display(),
                key.display()
            ),
            RunError::Receiver(name, why) => {
                write!(f, "the receiver {name} can be told nothing: {why}")
            }
            RunError::Socket(_) => f.write_str("the socket cannot be served"),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Without a message it prints the code, which is its source as well.
            RunError::Database(_, rusqlite::Error::SqliteFailure(code, None)) => Some(code),
            RunError::Database(_, why) => Some(why),
            RunError::File(_, why) | RunError::Tls(_, _, why) | RunError::Socket(why) => Some(why),
            RunError::InUse(_)
            | RunError::NoRoom(..)
            | RunError::Links(..)
            | RunError::PlainHttp(_)
            | RunError::Receiver(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;

    fn errors() -> Vec<RunError> {
        let (path, system) =
            (|| PathBuf::from("beats.db"), || std::io::Error::from_raw_os_error(13));
        let database = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(14), None);
        vec![
            RunError::Database(path(), database),
            RunError::File(path(), system()),
            RunError::Links(path(), 2),
            RunError::NoRoom(path(), "0 KiB are free".into()),
            RunError::InUse(path()),
            RunError::PlainHttp(([0, 0, 0, 0], 80).into()),
            RunError::Tls(path(), path(), system()),
            RunError::Socket(system()),
        ]
    }

    #[test]
    fn each_text_of_a_chain_is_printed_once() {
        fn check(error: &dyn Error) {
            if let Some(cause) = error.source() {
                let (text, cause_text) = (error.to_string(), cause.to_string());
                assert!(!text.contains(&cause_text), "{text}: {cause_text}");
                check(cause);
            }
        }
        for error in errors() {
            check(&error);
        }
        let with_source = errors().iter().filter(|error| error.source().is_some()).count();
        assert_eq!(with_source, 4);
    }

    #[test]
    fn the_error_can_be_sent_to_and_shared_with_other_threads() {
        fn check<E: Error + Send + Sync + 'static>() {}
        check::<RunError>();
    }
}
