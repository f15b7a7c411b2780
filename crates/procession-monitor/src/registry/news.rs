//! What has changed since somebody looked.
//!
//! In: checks that changed, as it happens. Out: which changed since a version, for whoever follows.
//! What always holds: a follower that was away too long, or comes from another run of the monitor,
//! is told to look at everything; nothing that changed is left out.

use crate::clock::wall;
use crate::judge::CheckId;
use crate::store::Batch;
use std::collections::{BTreeSet, VecDeque};
use tokio::sync::watch;

/// How many changes are kept for those who follow.
const KEPT: usize = 16_384;
/// The version that is told once there will be no other.
const LAST: u64 = u64::MAX;

/// A numbered log of changes.
#[derive(Debug)]
pub(super) struct News {
    /// The version before the first change that is kept.
    first: u64,
    /// One version each.
    changes: VecDeque<Change>,
    bell: watch::Sender<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Check(CheckId),
    /// Something that concerns no check alone: incidents, counts.
    Rest,
}

/// What a follower is to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Everything.
    All,
    /// These checks.
    Checks(BTreeSet<CheckId>),
}

impl News {
    /// Versions grow over restarts too: a thousand changes in a millisecond are not reached.
    pub(super) fn new() -> News {
        let first = wall() << 10;
        News { first, changes: VecDeque::new(), bell: watch::Sender::new(first) }
    }

    pub(super) fn version(&self) -> u64 {
        self.first + self.changes.len() as u64
    }

    /// Takes in what a batch changes.
    pub(super) fn note(&mut self, batch: &Batch) {
        if batch.blind.is_some() || !batch.deleted.is_empty() {
            // A check that was not heard since is shown as unknown; one that is gone has no name.
            self.first = self.version() + 1;
            self.changes.clear();
        } else {
            let records = batch.records.iter().map(|record| record.id);
            let states = batch.states.iter().map(|(id, ..)| *id);
            self.changes.extend(records.chain(states).map(Change::Check));
            if !batch.incidents.is_empty() {
                self.changes.push_back(Change::Rest);
            }
            let over = self.changes.len().saturating_sub(KEPT);
            self.changes.drain(..over);
            self.first += over as u64;
        }
        let version = self.version();
        self.bell.send_if_modified(|told| {
            let is_new = *told != LAST && *told != version;
            if is_new {
                *told = version;
            }
            is_new
        });
    }

    /// Hears of changes from now on.
    pub(super) fn follow(&self) -> Follower {
        Follower(self.bell.subscribe())
    }

    /// Sends everybody away who follows.
    pub(super) fn end(&self) {
        self.bell.send_replace(LAST);
    }

    pub(super) fn since(&self, version: u64) -> Changed {
        let Some(seen) =
            version.checked_sub(self.first).and_then(|seen| usize::try_from(seen).ok())
        else {
            return Changed::All;
        };
        if seen > self.changes.len() {
            return Changed::All;
        }
        let checks = self.changes.range(seen..).filter_map(|change| match change {
            Change::Check(id) => Some(*id),
            Change::Rest => None,
        });
        Changed::Checks(checks.collect())
    }
}

/// Hears when something changes.
#[derive(Debug)]
pub struct Follower(watch::Receiver<u64>);

impl Follower {
    /// Waits until there is something newer than `version`; false once there will be nothing more.
    pub async fn after(&mut self, version: u64) -> bool {
        self.0.wait_for(|told| *told != version).await.is_ok_and(|told| *told != LAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{Check, Source, Time, Timing};
    use crate::store::Standing;

    fn batch(ids: &[u64]) -> Batch {
        let timing = Timing { period: 1, grace: 1, max_runtime: None, source: Source::Ping };
        let state = |id: &u64| (CheckId(*id), Check::new(timing, Time(0)), Standing::default());
        Batch { states: ids.iter().map(state).collect(), ..Batch::default() }
    }

    #[test]
    fn a_follower_is_told_of_each_change_once_and_of_everything_after_a_gap() {
        let mut news = News::new();
        let begin = news.version();
        news.note(&batch(&[1, 2]));
        let seen = news.version();
        news.note(&batch(&[2, 3, 3]));
        let of = |ids: &[u64]| Changed::Checks(ids.iter().map(|id| CheckId(*id)).collect());
        assert_eq!(news.since(begin), of(&[1, 2, 3]));
        assert_eq!(news.since(seen), of(&[2, 3]));
        assert_eq!(news.since(news.version()), of(&[]));
        for other in [0, begin - 1, news.version() + 1, u64::MAX] {
            assert_eq!(news.since(other), Changed::All, "of another run");
        }
        news.note(&batch(&vec![4; KEPT]));
        assert_eq!(news.since(begin), Changed::All, "no longer kept");
        let before = news.version();
        news.note(&Batch { blind: Some((1, 2)), ..Batch::default() });
        assert_eq!(news.since(before), Changed::All, "all may be unknown now");
        assert_eq!(news.since(news.version()), of(&[]));
    }
}
