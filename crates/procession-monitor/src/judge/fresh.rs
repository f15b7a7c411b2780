//! Whether a beat is news, a repetition or a voice from the past.
//!
//! In: the run that speaks and its count. Out: [`Freshness`]. Always: a clock is never asked. A
//! count seen before changes nothing; a run that another has followed cannot speak for the present
//! again, however late its packets arrive.

use procession_beat::Instance;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// How many followed runs are remembered: enough for a crash loop within one retry.
const REMEMBERED: usize = 4;

/// Who speaks, and for the how manieth time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The run.
    pub instance: Instance,
    /// Its count.
    pub seq: u64,
}

/// What a stamp is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// The first word of a run that follows none.
    First,
    /// The next word of the run that spoke last.
    Next,
    /// The first word of a run that follows another.
    NewRun,
    /// Said before, or overtaken.
    Stale,
}

/// What is remembered of those who spoke.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    current: Option<(Instance, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    followed: Vec<Instance>,
}

impl Memory {
    /// Judges a stamp and remembers it if it is news.
    pub fn hear(&mut self, stamp: &Stamp) -> Freshness {
        let Some((current, seq)) = &mut self.current else {
            self.current = Some((stamp.instance.clone(), stamp.seq));
            return Freshness::First;
        };
        if *current == stamp.instance {
            if stamp.seq <= *seq {
                return Freshness::Stale;
            }
            *seq = stamp.seq;
            return Freshness::Next;
        }
        let older = stamp.instance.order(current) == Some(Ordering::Less);
        if older || self.followed.contains(&stamp.instance) {
            return Freshness::Stale;
        }
        if self.followed.len() == REMEMBERED {
            self.followed.remove(0);
        }
        self.followed.push(std::mem::replace(current, stamp.instance.clone()));
        *seq = stamp.seq;
        Freshness::NewRun
    }

    /// The run that spoke last.
    pub fn current(&self) -> Option<&Instance> {
        self.current.as_ref().map(|(instance, _)| instance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(boot: &str, started: u64, seq: u64) -> Stamp {
        Stamp { instance: Instance { boot: boot.into(), pid: 1, started }, seq }
    }

    #[test]
    fn a_repeated_or_overtaken_count_is_stale() {
        let mut memory = Memory::default();
        assert_eq!(memory.hear(&stamp("a", 1, 5)), Freshness::First);
        assert_eq!(memory.hear(&stamp("a", 1, 5)), Freshness::Stale);
        assert_eq!(memory.hear(&stamp("a", 1, 4)), Freshness::Stale);
        assert_eq!(memory.hear(&stamp("a", 1, 9)), Freshness::Next);
    }

    #[test]
    fn a_run_that_was_followed_never_speaks_for_the_present_again() {
        let mut memory = Memory::default();
        memory.hear(&stamp("a", 1, 5));
        assert_eq!(memory.hear(&stamp("a", 2, 1)), Freshness::NewRun);
        assert_eq!(memory.hear(&stamp("a", 1, 6)), Freshness::Stale);
        assert_eq!(memory.hear(&stamp("b", 1, 1)), Freshness::NewRun);
        assert_eq!(memory.hear(&stamp("a", 2, 99)), Freshness::Stale, "the machine was restarted");
    }
}
