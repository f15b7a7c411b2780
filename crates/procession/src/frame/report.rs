//! What comes back to the parent.
//!
//! In: a parcel from a child's corridor or from the server's control socket. Out: what it says.
//! What always holds: a child that was ordered says `Started` before it reads its start, so that one
//! without it has not run; `Exit` comes after the death.

use super::{Answer, FrameError};
use procession_sys::image::ModuleId;
use procession_sys::parcel::Parcel;
use std::os::fd::OwnedFd;

const STARTED: u8 = b's';
const NOT_STARTED: u8 = b'n';
const EXIT: u8 = b'x';
const HELLO: u8 = b'h';
const FAILED: u8 = b'f';
const DONE: u8 = b'd';

/// What is said on a child's corridor, by the server and by the child.
#[derive(Debug)]
pub(crate) enum Report {
    /// The process is there, with this id; its pidfd, where the kernel has pidfds.
    Started { pid: i32, pidfd: Option<OwnedFd> },
    /// The process could not be made: why, and the system's error number if it has one.
    NotStarted { why: String, error: Option<i32> },
    /// How the function ended.
    Answer(Answer),
    /// The process is gone and reaped, with this wait status.
    Exit(i32),
}

impl Report {
    pub(crate) fn started(pid: i32) -> [u8; 5] {
        with_number(STARTED, pid)
    }

    pub(crate) fn not_started(why: &str, error: Option<i32>) -> Vec<u8> {
        [&with_number(NOT_STARTED, error.unwrap_or_default()), why.as_bytes()].concat()
    }

    pub(crate) fn exit(status: i32) -> [u8; 5] {
        with_number(EXIT, status)
    }

    pub(crate) fn read(mut parcel: Parcel) -> Result<Self, FrameError> {
        let (&kind, rest) =
            parcel.bytes.split_first().ok_or_else(|| FrameError("an empty frame".into()))?;
        match kind {
            STARTED => Ok(Self::Started { pid: number(rest)?, pidfd: parcel.descriptors.pop() }),
            NOT_STARTED => {
                let cut = || FrameError("a refusal without an error number".into());
                let (error, why) = rest.split_first_chunk().ok_or_else(cut)?;
                let error = Some(i32::from_le_bytes(*error)).filter(|&error| error != 0);
                Ok(Self::NotStarted { why: String::from_utf8_lossy(why).into_owned(), error })
            }
            EXIT => number(rest).map(Self::Exit),
            _ => Answer::read(kind, parcel).map(Self::Answer),
        }
    }
}

/// What a server says on its control socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Hello {
    /// It is there and runs this build.
    Ready([u8; ModuleId::SIZE]),
    /// It cannot serve, and ends.
    Failed(String),
    /// Nobody is left for whom the program would have to wait before it ends.
    Done {
        /// Whether the server ends too: it has no child left at all.
        leaving: bool,
    },
}

impl Hello {
    pub(crate) fn ready(module: ModuleId) -> Vec<u8> {
        [&[HELLO], &module.to_bytes()[..]].concat()
    }

    pub(crate) fn failed(why: &str) -> Vec<u8> {
        [&[FAILED], why.as_bytes()].concat()
    }

    pub(crate) fn done(leaving: bool) -> [u8; 2] {
        [DONE, u8::from(leaving)]
    }

    pub(crate) fn read(parcel: &Parcel) -> Result<Self, FrameError> {
        match parcel.bytes.split_first() {
            Some((&HELLO, module)) => match module.try_into() {
                Ok(module) => Ok(Self::Ready(module)),
                Err(_) => Err(FrameError("a greeting of another length".into())),
            },
            Some((&FAILED, why)) => Ok(Self::Failed(String::from_utf8_lossy(why).into_owned())),
            Some((&DONE, [leaving])) => Ok(Self::Done { leaving: *leaving != 0 }),
            _ => Err(FrameError("no word of a server".into())),
        }
    }
}

fn with_number(kind: u8, number: i32) -> [u8; 5] {
    let [a, b, c, d] = number.to_le_bytes();
    [kind, a, b, c, d]
}

fn number(bytes: &[u8]) -> Result<i32, FrameError> {
    let bytes = bytes.try_into().map_err(|_| FrameError("a number of another length".into()))?;
    Ok(i32::from_le_bytes(bytes))
}
