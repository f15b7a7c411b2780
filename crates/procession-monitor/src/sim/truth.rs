//! What really happened, beside what the judge said.
//!
//! In: deaths and verdicts. Out: a [`Report`]. Always: an alarm is false unless its server was
//! dead, cut off, or cut off so shortly before that it had no chance to catch up.

use crate::judge::check::CATCH_UP;
use crate::judge::{Ms, Time};
use std::fmt;

/// Width of a bar of the histogram: half a minute.
const BAR: Ms = 30_000;

/// What a simulation found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Beats that the judge was given.
    pub beats: u64,
    /// Silent deaths that lasted long enough to be found.
    pub deaths: u64,
    /// Deaths that were not found within their bound: (server, when, how long it took).
    pub missed: Vec<(usize, Time, Option<Ms>)>,
    /// Servers judged silent that were not: (server, when).
    pub false_alarms: Vec<(usize, Time)>,
    /// Messages about one server that was only cut off together with most of its group.
    pub single_messages_in_a_cut: u64,
    /// Partitions of nine tenths of a group.
    pub cuts: u64,
    /// Messages that a mass silence began.
    pub mass_messages: u64,
    /// Messages that a host's incident began.
    pub host_messages: u64,
    /// Messages about what joined or left an incident that was open.
    pub changes: u64,
    /// Failures that jobs reported.
    pub job_failures: u64,
    /// Pauses by an operator.
    pub pauses: u64,
    /// Failures of jobs that no message told: (server, when).
    pub untold: Vec<(usize, Time)>,
    /// Rules of a receiver that a message broke.
    pub broken: Vec<String>,
    /// Absences of the monitor: restarts and stalls.
    pub absences: u64,
    /// The longest time from a return of the monitor until it had heard of everybody whose beat it
    /// had missed and who could reach it.
    pub catch_up: Ms,
    /// Deaths found, by half minutes from death to verdict, while the monitor saw all along.
    pub latency: Vec<u64>,
    /// The longest of these.
    pub slowest: Ms,
}

/// The truth about one server.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fate {
    /// When it died without a word.
    pub(super) died: Option<Time>,
    /// That death was found, or need not be any more.
    pub(super) settled: bool,
    /// Since when it cannot reach the monitor.
    pub(super) cut: Option<Time>,
    /// When it last came back from a death, a stop or a pause.
    pub(super) back: Option<Time>,
    /// When it could reach it again.
    pub(super) healed: Option<Time>,
}

impl Fate {
    /// Whether a verdict of silence at `now` is just.
    pub(super) fn is_silent(&self, now: Time) -> bool {
        let just_healed = self.healed.is_some_and(|at| now - at <= CATCH_UP);
        self.died.is_some() || self.cut.is_some() || just_healed
    }
}

impl Report {
    /// A death was found.
    pub(super) fn found(
        &mut self,
        server: usize,
        died: Time,
        now: Time,
        bound: Time,
        saw_all: bool,
    ) {
        self.deaths += 1;
        let took = now - died;
        if now > bound {
            self.missed.push((server, died, Some(took)));
        }
        if saw_all {
            let bar = usize::try_from(took / BAR).unwrap_or(usize::MAX);
            if self.latency.len() <= bar {
                self.latency.resize(bar + 1, 0);
            }
            self.latency[bar] += 1;
            self.slowest = self.slowest.max(took);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "beats judged              {}", self.beats)?;
        writeln!(f, "absences of the monitor   {}", self.absences)?;
        writeln!(f, "  and the longest catch-up {:.1} s", seconds(self.catch_up))?;
        writeln!(f, "silent deaths found       {}", self.deaths)?;
        writeln!(f, "  not within the bound    {}", self.missed.len())?;
        writeln!(f, "false alarms              {}", self.false_alarms.len())?;
        writeln!(f, "partitions                {}", self.cuts)?;
        writeln!(f, "  messages for them       {}", self.mass_messages)?;
        writeln!(f, "  messages for one of it  {}", self.single_messages_in_a_cut)?;
        writeln!(f, "messages for one host     {}", self.host_messages)?;
        writeln!(f, "failures of jobs          {}", self.job_failures)?;
        writeln!(f, "  not told                {}", self.untold.len())?;
        writeln!(f, "pauses                    {}", self.pauses)?;
        writeln!(f, "changes of open incidents {}", self.changes)?;
        writeln!(f, "  broken receivers' rules {}", self.broken.len())?;
        writeln!(f, "death to verdict, monitor present throughout:")?;
        let most = self.latency.iter().copied().max().unwrap_or(1).max(1);
        for (bar, count) in self.latency.iter().enumerate().filter(|(_, count)| **count > 0) {
            let width = usize::try_from(count * 50 / most).unwrap_or(50);
            let from = bar as u64 * BAR / 1000;
            writeln!(
                f,
                "  {from:>4}..{:<4} s {count:>6} {}",
                from + BAR / 1000,
                "#".repeat(width)
            )?;
        }
        write!(f, "  slowest {:.1} s", seconds(self.slowest))
    }
}

fn seconds(span: Ms) -> f64 {
    f64::from(u32::try_from(span).unwrap_or(u32::MAX)) / 1e3
}
