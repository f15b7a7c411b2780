//! What comes back to the parent.
//!
//! In: a parcel from a child's corridor or from the server's control socket. Out: what it says.
//! What always holds: a child that was ordered says `Started` before it reads its start, so that one
//! without it has not run; `Exit` comes after the death.

use super::text::excerpt;
use super::{Answer, FrameError};
use procession_sys::image::ModuleId;
use procession_sys::parcel::Parcel;
use procession_sys::usage::Usage;
use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;
use std::time::Duration;

const STARTED: u8 = b's';
const NOT_STARTED: u8 = b'n';
const EXIT: u8 = b'x';
const HELLO: u8 = b'h';
const FAILED: u8 = b'f';
const DONE: u8 = b'd';
const AWAITED: u8 = b'w';

/// What is said on a child's corridor, by the server and by the child.
#[derive(Debug)]
pub(crate) enum Report {
    /// The process is there, with this id; its pidfd, where the kernel has pidfds.
    Started { pid: i32, pidfd: Option<OwnedFd> },
    /// The process could not be made: why, and the system's error number if it has one.
    NotStarted { why: String, error: Option<i32> },
    /// How the function ended.
    Answer(Answer),
    /// The process is gone and reaped.
    Exit(Departure),
}

impl Report {
    pub(crate) fn started(pid: i32) -> [u8; 5] {
        with_number(STARTED, pid)
    }

    pub(crate) fn not_started(why: &str, error: Option<i32>) -> Vec<u8> {
        let error = with_number(NOT_STARTED, error.unwrap_or_default());
        [&error, excerpt(why).as_bytes()].concat()
    }

    pub(crate) fn exit(departure: &Departure) -> Result<Vec<u8>, FrameError> {
        Ok(postcard::to_extend(departure, vec![EXIT])?)
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
            EXIT => Ok(Self::Exit(postcard::from_bytes(rest)?)),
            _ => Answer::read(kind, parcel).map(Self::Answer),
        }
    }
}

/// How a process left, as its server saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Departure {
    /// The wait status.
    pub(crate) status: i32,
    /// Whether it was killed because its time was over.
    pub(crate) timed_out: bool,
    user_micros: u64,
    system_micros: u64,
    max_rss: u64,
    faults: [u64; 2],
    blocks: [u64; 2],
    switches: [u64; 2],
    /// The process ids of descendants that could not be killed.
    pub(crate) survivors: Vec<i32>,
}

impl Departure {
    pub(crate) fn new(status: i32, timed_out: bool, usage: &Usage) -> Self {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self {
            status,
            timed_out,
            user_micros: micros(usage.user_time),
            system_micros: micros(usage.system_time),
            max_rss: usage.max_rss,
            faults: [usage.minor_faults, usage.major_faults],
            blocks: [usage.blocks_in, usage.blocks_out],
            switches: [usage.voluntary_switches, usage.involuntary_switches],
            survivors: Vec::new(),
        }
    }

    /// As a reaper says it to its server.
    pub(crate) fn to_frame(&self) -> Result<Vec<u8>, FrameError> {
        Ok(postcard::to_stdvec(self)?)
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, FrameError> {
        Ok(postcard::from_bytes(bytes)?)
    }

    pub(crate) fn with_survivors(self, survivors: &[i32]) -> Self {
        Self { survivors: survivors.to_vec(), ..self }
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            user_time: Duration::from_micros(self.user_micros),
            system_time: Duration::from_micros(self.system_micros),
            max_rss: self.max_rss,
            minor_faults: self.faults[0],
            major_faults: self.faults[1],
            blocks_in: self.blocks[0],
            blocks_out: self.blocks[1],
            voluntary_switches: self.switches[0],
            involuntary_switches: self.switches[1],
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
    /// The names of those for whom the program waits.
    Awaited(String),
}

impl Hello {
    pub(crate) fn ready(module: ModuleId) -> Vec<u8> {
        [&[HELLO], &module.to_bytes()[..]].concat()
    }

    pub(crate) fn failed(why: &str) -> Vec<u8> {
        [&[FAILED], excerpt(why).as_bytes()].concat()
    }

    pub(crate) fn done(leaving: bool) -> [u8; 2] {
        [DONE, u8::from(leaving)]
    }

    pub(crate) fn awaited(names: &str) -> Vec<u8> {
        [&[AWAITED], excerpt(names).as_bytes()].concat()
    }

    pub(crate) fn read(parcel: &Parcel) -> Result<Self, FrameError> {
        match parcel.bytes.split_first() {
            Some((&HELLO, module)) => match module.try_into() {
                Ok(module) => Ok(Self::Ready(module)),
                Err(_) => Err(FrameError("a greeting of another length".into())),
            },
            Some((&FAILED, why)) => Ok(Self::Failed(String::from_utf8_lossy(why).into_owned())),
            Some((&AWAITED, names)) => {
                Ok(Self::Awaited(String::from_utf8_lossy(names).into_owned()))
            }
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
