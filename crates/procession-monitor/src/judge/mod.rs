//! The judge: from beats and the passing of time to verdicts and messages.
//!
//! Pure. In: what was heard and when, on the monitor's own clock. Out: flips of checks, incidents,
//! messages to send. Always: no clock, no input or output, no randomness; the same calls give the
//! same answers, so a table can test it and a simulator can drive years through it.
//!
//! | room | what it decides |
//! |---|---|
//! | [`time`] | the monitor's clock, as a number |
//! | [`check`] | one check: which state a signal or a deadline brings |
//! | [`fresh`] | whether a beat is news, a repetition or a voice from the past |
//! | [`deadlines`] | whose deadline is next |
//! | [`incident`] | what is told, and under which name |
//! | `alerts` | when it is told: one message a host, one for a mass silence |
//! | [`mass`] | whether many hosts fell silent together |
//! | [`fleet`] | all of them together: the [`Judge`] |

mod alerts;
pub mod check;
pub mod deadlines;
pub mod fleet;
pub mod fresh;
pub mod incident;
pub mod mass;
pub mod time;

pub use check::{Check, Flip, Problem, Signal, Source, State, Timing};
pub use fleet::{Heard, Judge, Spec, Verdicts};
pub use fresh::Stamp;
pub use incident::{Ended, How, Incident, Message, Subject, Transition, Trouble};
pub use time::{Ms, Time};

/// A check's number: given once, never again.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct CheckId(pub u64);

/// How the judge is set up; [`Default`] is for a period of five minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How often [`Judge::advance`] is called at least. Later than two of these is blindness.
    pub tick: Ms,
    /// How long a problem of a check of which nothing has been told waits for its fellows.
    pub group_wait: Ms,
    /// The shortest time between two messages about one incident, where checks of which it has told
    /// recover or have another problem.
    pub group_interval: Ms,
    /// How often an incident that lasts is told again.
    pub repeat: Ms,
    /// A host whose incidents follow each other within this time flaps.
    pub flap_window: Ms,
    /// Good beats that end an incident of a host that flaps.
    pub flap_beats: u8,
    /// Fewest silent hosts that make a mass silence.
    pub mass_hosts: usize,
    /// The share of a group, in per cent, that makes a mass silence.
    pub mass_percent: usize,
    /// How long a mass silence stands for its hosts before those still silent are listed.
    pub mass_hold: Ms,
    /// The shortest blindness that is told.
    pub blind_notice: Ms,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            tick: 1_000,
            group_wait: 10_000,
            group_interval: 5 * 60_000,
            repeat: 4 * 3_600_000,
            flap_window: 3_600_000,
            flap_beats: 2,
            mass_hosts: 5,
            mass_percent: 30,
            mass_hold: 10 * 60_000,
            blind_notice: 5 * 60_000,
        }
    }
}
