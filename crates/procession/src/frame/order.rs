//! What the parent asks of its server.
//!
//! In: a plan ready to send. Out: the pieces of a frame; and from a frame, the order. What always
//! holds: a start is one frame, whose arguments and environment are not copied on their way, and
//! which the server hands to the child as it came.
//!
//! A start is its kind, the lengths of head and environment (4 bytes each), the head (postcard),
//! the environment, the arguments. Its descriptors are the child's end of the corridor, the
//! working directory, the three standard streams, then those of the arguments.

use super::FrameError;
use procession_sys::image::Key;
use procession_sys::parcel::Bytes;
use serde::{Deserialize, Serialize};

const START: u8 = b'S';
const DETACH: u8 = b'D';
const SIGNAL: u8 = b'K';
const LIST: u8 = b'L';
const EXITING: u8 = b'E';

/// How many descriptors a start has before those of its arguments.
pub(crate) const OWN_DESCRIPTORS: usize = 5;

/// One order, read.
#[derive(Debug)]
pub(crate) enum Order<'a> {
    /// Start a process.
    Start(Start<'a>),
    /// Do not wait for the process with this number when the program ends.
    Detach(u64),
    /// Send the process with this number a signal.
    Signal(u64, i32),
    /// Say who is alive, on the socket that comes along.
    List,
    /// The program ends: end the daemons, say when the others have ended.
    Exiting,
}

/// A start, in its parts.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    pub(crate) head: Head<'a>,
    pub(crate) environment: &'a [u8],
    pub(crate) arguments: &'a [u8],
}

/// Everything about a start but its environment and arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Head<'a> {
    /// Number of this start among those of its parent, from 1.
    pub(crate) serial: u64,
    pub(crate) name: &'a str,
    /// The numbers of the family tree down to this process.
    pub(crate) family: Vec<u64>,
    pub(crate) daemon: bool,
    pub(crate) method: StartMethod,
    pub(crate) parent: (i32, &'a str),
    pub(crate) function_key: &'a [u8],
    pub(crate) setup_key: Option<&'a [u8]>,
    pub(crate) world: World,
}

/// How a process is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StartMethod {
    /// The program's fork server, a small single-threaded process that is this program too and
    /// runs no user code, forks the child. The default: it costs a message and a fork, whatever
    /// the size of the parent.
    #[default]
    ForkServer,
    /// The fork server runs the program afresh for this one child: its own address layout and
    /// hash seeds, every constructor run again. Costs an exec more.
    Spawn,
}

/// What the child takes over from its parent as it is now, beside environment and descriptors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct World {
    pub(crate) umask: u32,
    pub(crate) limits: Vec<(Option<u64>, Option<u64>)>,
    pub(crate) nice: i32,
    pub(crate) affinity: Vec<u16>,
    /// Whether an abort for want of memory is told apart.
    pub(crate) reports_want_of_memory: bool,
}

impl Head<'_> {
    pub(crate) fn function(&self) -> Result<Key, FrameError> {
        key(self.function_key)
    }

    pub(crate) fn setup(&self) -> Result<Option<Key>, FrameError> {
        self.setup_key.map(key).transpose()
    }

    /// The bytes before environment and arguments.
    pub(crate) fn to_frame(&self, environment: &[u8]) -> Result<Vec<u8>, FrameError> {
        let head = postcard::to_stdvec(self)?;
        let mut frame = Vec::with_capacity(9 + head.len());
        frame.push(START);
        for part in [&head[..], environment] {
            let length = u32::try_from(part.len())
                .map_err(|_| FrameError("an environment above 4 GiB".into()))?;
            frame.extend(length.to_le_bytes());
        }
        frame.extend(head);
        Ok(frame)
    }
}

fn key(bytes: &[u8]) -> Result<Key, FrameError> {
    let bytes = bytes.try_into().map_err(|_| FrameError("a key of another length".into()))?;
    Ok(Key::from_bytes(bytes))
}

impl<'a> Order<'a> {
    pub(crate) fn detach(serial: u64) -> Vec<u8> {
        [&[DETACH], &serial.to_le_bytes()[..]].concat()
    }

    pub(crate) fn signal(serial: u64, signal: i32) -> Vec<u8> {
        [&[SIGNAL], &serial.to_le_bytes()[..], &signal.to_le_bytes()[..]].concat()
    }

    pub(crate) const fn list() -> [u8; 1] {
        [LIST]
    }

    pub(crate) const fn exiting() -> [u8; 1] {
        [EXITING]
    }

    pub(crate) fn read(bytes: &'a Bytes) -> Result<Self, FrameError> {
        let cut = || FrameError("a frame that ends too early".into());
        let (&kind, rest) = bytes.split_first().ok_or_else(cut)?;
        match kind {
            START => {
                let (head, rest) = length(rest).ok_or_else(cut)?;
                let (environment, rest) = length(rest).ok_or_else(cut)?;
                let (head, rest) = rest.split_at_checked(head).ok_or_else(cut)?;
                let (environment, arguments) =
                    rest.split_at_checked(environment).ok_or_else(cut)?;
                let head = postcard::from_bytes(head)?;
                Ok(Self::Start(Start { head, environment, arguments }))
            }
            DETACH => Ok(Self::Detach(u64::from_le_bytes(*array(rest).ok_or_else(cut)?))),
            SIGNAL => {
                let (serial, signal) = rest.split_at_checked(8).ok_or_else(cut)?;
                let serial = u64::from_le_bytes(*array(serial).ok_or_else(cut)?);
                Ok(Self::Signal(serial, i32::from_le_bytes(*array(signal).ok_or_else(cut)?)))
            }
            LIST => Ok(Self::List),
            EXITING => Ok(Self::Exiting),
            _ => Err(FrameError(format!("no order begins with {kind:#04x}"))),
        }
    }
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*length)).ok()?, rest))
}

fn array<const N: usize>(bytes: &[u8]) -> Option<&[u8; N]> {
    bytes.try_into().ok()
}
