//! Whether a beat is news, a repetition, or comes from a run that a newer one has overtaken.
//!
//! Input: the run that reports and its count. Output: [`Freshness`].
//!
//! # Invariants
//! - No clock is asked.
//! - A count that was seen before changes nothing.
//! - A run that another has overtaken proves nothing about the present, however late its beats
//!   arrive. What it reports of its own end is told apart from that, once.

use procession_beat::Instance;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// How many overtaken runs are remembered: enough for a crash loop within one retry, and for the
/// runs of a job that overlap.
const REMEMBERED: usize = 8;

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
    /// The next word of a run that a newer one has overtaken.
    Overtaken,
    /// Said before.
    Stale,
}

/// What is remembered of those who spoke.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    current: Option<(Instance, u64)>,
    /// Runs that a newer one has overtaken, each with its count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    overtaken: Vec<(Instance, u64)>,
}

impl Memory {
    /// Judges a stamp and remembers it if it was not seen before.
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
        let known = self.overtaken.iter_mut().find(|(instance, _)| *instance == stamp.instance);
        if let Some((_, seq)) = known {
            if stamp.seq <= *seq {
                return Freshness::Stale;
            }
            *seq = stamp.seq;
            return Freshness::Overtaken;
        }
        if stamp.instance.order(current) == Some(Ordering::Less) {
            self.remember((stamp.instance.clone(), stamp.seq));
            return Freshness::Overtaken;
        }
        let before = std::mem::replace(current, stamp.instance.clone());
        let before = (before, std::mem::replace(seq, stamp.seq));
        self.remember(before);
        Freshness::NewRun
    }

    /// The run that spoke last.
    pub fn current(&self) -> Option<&Instance> {
        self.current.as_ref().map(|(instance, _)| instance)
    }

    fn remember(&mut self, run: (Instance, u64)) {
        if self.overtaken.len() == REMEMBERED {
            self.overtaken.remove(0);
        }
        self.overtaken.push(run);
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
    fn a_run_that_was_overtaken_never_speaks_for_the_present_again() {
        let mut memory = Memory::default();
        memory.hear(&stamp("a", 1, 5));
        assert_eq!(memory.hear(&stamp("a", 2, 1)), Freshness::NewRun);
        assert_eq!(memory.hear(&stamp("a", 1, 6)), Freshness::Overtaken);
        assert_eq!(memory.hear(&stamp("b", 1, 1)), Freshness::NewRun);
        assert_eq!(memory.hear(&stamp("a", 2, 99)), Freshness::Overtaken, "the machine restarted");
    }

    #[test]
    fn each_beat_of_an_overtaken_run_is_taken_once_whether_or_not_it_was_known() {
        let mut memory = Memory::default();
        memory.hear(&stamp("a", 5, 1));
        memory.hear(&stamp("a", 7, 1));
        for started in [5, 3] {
            assert_eq!(memory.hear(&stamp("a", started, 2)), Freshness::Overtaken, "{started}");
            assert_eq!(memory.hear(&stamp("a", started, 2)), Freshness::Stale, "{started}");
            assert_eq!(memory.hear(&stamp("a", started, 1)), Freshness::Stale, "{started}");
        }
        assert_eq!(memory.hear(&stamp("a", 7, 2)), Freshness::Next);
    }
}
