//! How much may wait in a channel: pure decisions about counts.
//!
//! # Invariants
//! Whether the limits of a channel are met is the same for all its senders, whatever they send.
//! Otherwise one of them could sleep beside room that another has seen (README.md).

use super::cursor::Cursor;
use std::io;

/// How many messages may be in the annex at once: so few that they always fit its socket's buffer,
/// 208 KiB by default (`net.core.wmem_default`), of which each takes 3 at most.
pub(super) const MOST_ANNEXED: u8 = 32;

/// How many messages may be in the annex when one without descriptors is put there. The rest is for
/// those that can travel nowhere else.
const MOST_LENT: u8 = 24;

/// More messages than this never wait in a channel: half of what a cursor counts.
const MOST_MESSAGES: u32 = 1 << 27;

/// What may wait in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// So many messages; `u32::MAX` for no limit.
    pub(super) messages: u32,
    /// The next message is let in while fewer bytes wait; `u64::MAX` for no limit.
    pub(super) bytes: u64,
    /// A send that meets a limit is an error at once.
    pub(super) refuses: bool,
}

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carriage {
    /// Its bytes fit the ring.
    Short,
    /// Its bytes are too long for the ring: in lent memory, or in the overflow.
    Long,
    /// It has descriptors, or more bytes than a record counts: through the annex only.
    Annex,
}

impl Carriage {
    /// Whether a message may join so many in the annex, if it has to.
    pub(super) fn fits_beside(self, annexed: u8) -> bool {
        match self {
            Self::Short => true,
            Self::Long => annexed < MOST_LENT,
            Self::Annex => annexed < MOST_ANNEXED,
        }
    }
}

/// Where a message may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Ring,
    /// Into the overflow only, while the receivers are no further than that.
    Overflow(Cursor),
    /// Nowhere, while the receivers are no further than that.
    None(Cursor),
}

impl Limits {
    /// No limit but memory.
    pub(super) const NONE: Self = Self { messages: u32::MAX, bytes: u64::MAX, refuses: false };

    /// How many messages fit, if that is limited.
    pub(super) fn capacity(&self) -> Option<usize> {
        let limit = Some(self.messages).filter(|&messages| messages < u32::MAX);
        limit.and_then(|limit| usize::try_from(limit).ok())
    }

    /// Whether there is any.
    fn are_set(&self) -> bool {
        self.messages < MOST_MESSAGES || self.bytes < u64::MAX
    }

    /// Whether a message may join those under way, of which more may have been received by now.
    #[inline]
    pub(super) fn surely_admit(&self, under_way: Cursor, how: Carriage) -> bool {
        under_way.messages() < self.messages.min(MOST_MESSAGES)
            && how.fits_beside(under_way.annexed())
            && under_way.annexed() < MOST_ANNEXED
            && self.bytes == u64::MAX
    }

    /// Whether a message must wait until one of those under way is received.
    pub(super) fn forbid(
        &self,
        under_way: Cursor,
        bytes: impl FnOnce() -> io::Result<u64>,
        how: Carriage,
    ) -> io::Result<bool> {
        // Where a limit is set, all senders wait for the annex: they wait for the same then.
        let annex_is_full = under_way.annexed() >= MOST_ANNEXED;
        let many = under_way.messages() >= self.messages.min(MOST_MESSAGES)
            || annex_is_full && (self.are_set() || how == Carriage::Annex);
        Ok(many || self.bytes < u64::MAX && bytes()? >= self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn under_way(messages: u32, annexed: u8) -> Cursor {
        Cursor::new(0, messages, annexed)
    }

    fn forbids(limits: Limits, messages: u32, annexed: u8, bytes: u64, how: Carriage) -> bool {
        limits.forbid(under_way(messages, annexed), || Ok(bytes), how).expect("a count")
    }

    #[test]
    fn without_limits_only_descriptors_wait_for_the_annex() {
        let none = Limits::NONE;
        for how in [Carriage::Short, Carriage::Long, Carriage::Annex] {
            assert!(!forbids(none, 1 << 26, 31, u64::MAX - 1, how), "{how:?}");
            assert!(forbids(none, MOST_MESSAGES, 0, 0, how), "{how:?}");
            assert_eq!(forbids(none, 32, 32, 0, how), how == Carriage::Annex, "{how:?}");
        }
    }

    #[test]
    fn a_limit_that_is_set_is_met_for_every_message_at_once() {
        let few = Limits { messages: 40, ..Limits::NONE };
        let small = Limits { bytes: 1000, ..Limits::NONE };
        for how in [Carriage::Short, Carriage::Long, Carriage::Annex] {
            assert!(!forbids(few, 39, 31, u64::MAX, how) && forbids(few, 40, 0, 0, how));
            assert!(!forbids(small, 39, 31, 999, how) && forbids(small, 1, 0, 1000, how));
            assert!(forbids(few, 32, 32, 0, how) && forbids(small, 32, 32, 0, how));
        }
    }

    #[test]
    fn what_is_surely_admitted_is_not_forbidden() {
        for limits in [Limits::NONE, Limits { messages: 40, ..Limits::NONE }] {
            for how in [Carriage::Short, Carriage::Long, Carriage::Annex] {
                for (messages, annexed) in (0..50).flat_map(|m| (0..35).map(move |a| (m, a))) {
                    let sure = limits.surely_admit(under_way(messages, annexed), how);
                    assert!(!(sure && forbids(limits, messages, annexed, u64::MAX, how)));
                }
            }
        }
    }
}
