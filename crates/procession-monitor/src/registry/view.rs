//! What is shown of a check.
//!
//! In: a look under the lock. Out: plain copies. Always: the lock is held for the copying only;
//! times are Unix milliseconds.

use super::desk::{Desk, Entry, Registry};
use super::news::{Changed, Follower};
use crate::judge::{CheckId, Incident, Ms, Problem, State, Timing};
use crate::store::{Record, Standing};
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

/// A check at one moment.
#[derive(Clone, Debug)]
pub struct View {
    /// What it is.
    pub record: Record,
    /// What changes with every beat.
    pub standing: Standing,
    /// What it promises.
    pub timing: Timing,
    /// Where it stands.
    pub state: State,
    /// Where it stood before the monitor was blind, if it is [`State::Unknown`].
    pub known: State,
    /// Since when.
    pub since: Ms,
    /// What is wrong with it.
    pub problem: Option<Problem>,
    /// When the run under way began.
    pub run: Option<Ms>,
    /// How long the last run took.
    pub last_duration: Option<Ms>,
    /// The longest time from its last sign of life until its silence, or that its run lasts too
    /// long, is told; `None` if neither can be: it is down, paused, or nothing is expected of it.
    pub bound: Option<Ms>,
}

/// Checks that somebody has chosen.
#[derive(Clone, Debug, Default)]
pub struct Matching {
    /// Which.
    pub ids: HashSet<CheckId>,
    /// Their hosts.
    pub hosts: HashSet<String>,
    /// How many in each state.
    pub counts: BTreeMap<&'static str, usize>,
}

impl Registry {
    /// Every check, by number.
    pub fn views(&self) -> Vec<View> {
        let desk = self.lock();
        let mut ids: Vec<CheckId> = desk.entries.keys().copied().collect();
        ids.sort_unstable();
        ids.into_iter().filter_map(|id| self.view_of(&desk, id)).collect()
    }

    /// One check.
    pub fn view(&self, id: CheckId) -> Option<View> {
        self.view_of(&self.lock(), id)
    }

    /// The check of a public name.
    pub fn by_uuid(&self, uuid: Uuid) -> Option<CheckId> {
        self.lock().by_uuid.get(&uuid).copied()
    }

    /// The checks of a slug that take pings.
    pub fn by_slug(&self, slug: &str) -> Vec<CheckId> {
        let desk = self.lock();
        let all = desk.by_slug.get(slug).into_iter().flatten().copied();
        let takes_pings = |id: &CheckId| desk.entries.get(id).is_some_and(|e| !e.record.heartbeat);
        all.filter(takes_pings).collect()
    }

    /// How many checks there are in each state.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let desk = self.lock();
        let mut counts = BTreeMap::new();
        for state in desk.entries.keys().filter_map(|id| desk.judge.state(*id)) {
            *counts.entry(state.word()).or_default() += 1;
        }
        counts
    }

    /// Hears of changes from now on.
    pub fn follow(&self) -> Follower {
        self.lock().news.follow()
    }

    /// The present version, and what has changed since another.
    pub fn changed(&self, since: Option<u64>) -> (u64, Changed) {
        let desk = self.lock();
        (desk.news.version(), since.map_or(Changed::All, |version| desk.news.since(version)))
    }

    /// Sends everybody away who follows: the monitor ends.
    pub fn hush(&self) {
        self.lock().news.end();
    }

    /// The last time in which the monitor was blind, as Unix milliseconds, if there was one.
    pub fn blind(&self) -> Option<(Ms, Ms)> {
        self.lock().blind
    }

    /// The checks to which `is_meant` says yes.
    pub fn matching(&self, is_meant: impl Fn(&Record, State) -> bool) -> Matching {
        let desk = self.lock();
        let mut matching = Matching::default();
        for (id, Entry { record, .. }) in &desk.entries {
            let Some(state) = desk.judge.state(*id) else { continue };
            if is_meant(record, state) {
                *matching.counts.entry(state.word()).or_default() += 1;
                matching.ids.insert(*id);
                matching.hosts.insert(record.host.clone());
            }
        }
        matching
    }

    /// The open incidents.
    pub fn incidents(&self) -> Vec<Incident> {
        self.lock().judge.incidents().cloned().collect()
    }

    fn view_of(&self, desk: &Desk, id: CheckId) -> Option<View> {
        let (entry, check) = (desk.entries.get(&id)?, desk.judge.check(id)?);
        Some(View {
            record: entry.record.clone(),
            standing: entry.standing.clone(),
            timing: check.timing,
            state: desk.judge.state(id)?,
            known: check.state,
            since: self.clock.wall(check.since),
            problem: check.problem.clone(),
            run: check.run.as_ref().map(|run| self.clock.wall(run.at)),
            last_duration: check.last_duration,
            bound: desk
                .judge
                .bound(id)
                .filter(|bound| *bound < super::schedule::NEVER)
                .map(|bound| bound.saturating_add(super::reading::HOLD)),
        })
    }
}
