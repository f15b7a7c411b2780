//! Why a heartbeat could not be started.

use crate::start_error::StartError;
use procession_beat::BeatError;
use std::path::PathBuf;
use std::{fmt, io};

/// A heartbeat could not be started. The program goes on without one.
#[derive(Debug)]
#[non_exhaustive]
pub enum HeartbeatError {
    /// The monitor's address is no URL that it could be reached by; the address.
    Url(String),
    /// A name, label or time is out of the limits that monitors keep; which, and its limits.
    Limit(String),
    /// The certificates of the authorities to trust cannot be had from this file, and why.
    Authorities(PathBuf, String),
    /// The token cannot be had from this file, and why.
    Token(PathBuf, String),
    /// Its process could not be started.
    Start(StartError),
    /// The kernel refused something.
    System {
        /// What was being done.
        doing: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

impl From<BeatError> for HeartbeatError {
    fn from(error: BeatError) -> Self {
        Self::Limit(error.to_string())
    }
}

impl From<StartError> for HeartbeatError {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

impl fmt::Display for HeartbeatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the heartbeat could not be started")?;
        match self {
            Self::Url(url) => {
                write!(f, ": `{url}` is no monitor's URL: give http://HOST:PORT or https://HOST")
            }
            Self::Limit(what) => write!(f, ": {what}"),
            Self::Authorities(path, why) => {
                write!(f, ": the certificates to trust in {}: {why}", path.display())
            }
            Self::Token(path, why) => write!(f, ": the token in {}: {why}", path.display()),
            // The source names the process and says why.
            Self::Start(_) => Ok(()),
            Self::System { doing, .. } => write!(f, ": {doing} failed"),
        }
    }
}

impl std::error::Error for HeartbeatError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start(error) => Some(error),
            Self::System { source, .. } => Some(source),
            Self::Url(_) | Self::Limit(_) | Self::Authorities(..) | Self::Token(..) => None,
        }
    }
}
