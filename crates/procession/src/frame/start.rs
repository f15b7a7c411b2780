//! What a child is to become and to do: the one frame that its parent sends it.
//!
//! In: a plan ready to send. Out: the pieces of a frame; and from a frame, the start. What always
//! holds: a start is one frame, whose arguments and environment are not copied on their way.
//!
//! A start is its kind, the lengths of head and environment (4 bytes each), the head (postcard),
//! the environment, the arguments. Its descriptors are the working directory, the three standard
//! streams, then those of the set-up's arguments, then those of the function's.

use super::FrameError;
use procession_sys::image::Key;
use procession_sys::inherit::Limit;
use procession_sys::parcel::Bytes;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const START: u8 = b'S';

/// How many descriptors a start has before those of its arguments.
pub(crate) const OWN_DESCRIPTORS: usize = 4;

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
    pub(crate) name: &'a str,
    /// The numbers of the family tree down to this process.
    pub(crate) family: Vec<u64>,
    pub(crate) daemon: bool,
    pub(crate) parent: (i32, &'a str),
    pub(crate) function_key: &'a [u8],
    #[serde(borrow)]
    pub(crate) setup: Option<SetupCall<'a>>,
    /// The monotonic time at which the process is killed.
    pub(crate) kill_at: Option<Duration>,
    /// Whether its descendants end with it: it ends with its reaper then.
    pub(crate) kill_descendants: bool,
    pub(crate) privileges: Privileges,
    pub(crate) world: World,
}

/// A function to call before the process's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SetupCall<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) arguments: &'a [u8],
    /// How many descriptors its arguments have: the first behind the start's own.
    pub(crate) descriptors: u32,
}

/// What the child becomes besides, if its plan says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Privileges {
    pub(crate) session: bool,
    pub(crate) process_group: Option<i32>,
    pub(crate) groups: Option<Vec<u32>>,
    pub(crate) gid: Option<u32>,
    pub(crate) uid: Option<u32>,
    pub(crate) no_new_privs: bool,
}

/// What the child takes over from its parent as it is now, beside environment and descriptors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct World {
    pub(crate) umask: u32,
    pub(crate) limits: Vec<Limit>,
    pub(crate) nice: i32,
    pub(crate) affinity: Vec<u16>,
    /// Whether an abort for want of memory is told apart.
    pub(crate) reports_want_of_memory: bool,
}

impl World {
    /// Whether who has this can come to have what `other` has without a privilege: nobody lowers
    /// its niceness or raises a hard limit without one.
    pub(crate) fn reaches(&self, other: &Self) -> bool {
        // The kernel's number for none is this too.
        let hard = |limit: &Limit| limit.1.unwrap_or(u64::MAX);
        let mut limits = self.limits.iter().zip(&other.limits);
        self.nice <= other.nice && limits.all(|(own, other)| hard(other) <= hard(own))
    }
}

impl Head<'_> {
    pub(crate) fn function(&self) -> Result<Key, FrameError> {
        key(self.function_key)
    }

    pub(crate) fn setup(&self) -> Result<Option<Key>, FrameError> {
        self.setup.as_ref().map(|setup| key(setup.key)).transpose()
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

impl<'a> Start<'a> {
    pub(crate) fn read(bytes: &'a Bytes) -> Result<Self, FrameError> {
        let cut = || FrameError("a start that ends too early".into());
        let (&kind, rest) = bytes.split_first().ok_or_else(cut)?;
        if kind != START {
            return Err(FrameError(format!("no start begins with {kind:#04x}")));
        }
        let (head, rest) = length(rest).ok_or_else(cut)?;
        let (environment, rest) = length(rest).ok_or_else(cut)?;
        let (head, rest) = rest.split_at_checked(head).ok_or_else(cut)?;
        let (environment, arguments) = rest.split_at_checked(environment).ok_or_else(cut)?;
        Ok(Self { head: postcard::from_bytes(head)?, environment, arguments })
    }
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*length)).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_privilege_is_not_reached_without_it() {
        let world = |nice, hard| World { nice, limits: vec![(Some(1), hard)], ..World::default() };
        let own = world(5, Some(10));
        for reached in [world(5, Some(10)), world(6, Some(10)), world(5, Some(9))] {
            assert!(own.reaches(&reached), "{reached:?}");
        }
        for beyond in [world(4, Some(10)), world(5, Some(11)), world(5, None)] {
            assert!(!own.reaches(&beyond), "{beyond:?}");
        }
        assert!(world(5, None).reaches(&own));
    }
}
