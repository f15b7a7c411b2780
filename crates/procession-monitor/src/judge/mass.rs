//! Whether many hosts fell silent together.
//!
//! In: when each host of a group was last heard, or since when it is overdue. Out: how it looks,
//! and a label that only the silent share. Always: the share is taken of those hosts that *should*
//! have spoken in a window, because with random phases only a part of a group is due in any minute;
//! two windows are asked, the time a verdict takes for a sharp cut and a period for a thin group.

use super::{Config, Ms, Time};
use std::collections::BTreeMap;

/// How long a suspicion may delay a host's message, and how much longer than a host's grace the
/// short window is, so that the first host judged silent is not alone in it: a minute.
pub const SUSPICION: Ms = 60_000;

/// What is known of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign {
    /// When it last spoke.
    pub heard: Option<Time>,
    /// Since when it is overdue and has not spoken.
    pub silent_since: Option<Time>,
}

/// How the silence in a group looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    /// Hosts by themselves.
    Single,
    /// Half of what makes a mass: worth waiting a little.
    Suspicious,
    /// One cause for many.
    Mass,
}

/// How `group` looks at `now`, over the windows that the period and the grace of the host at hand
/// ask for.
pub fn look(
    config: &Config,
    group: &(impl Iterator<Item = Sign> + Clone),
    now: Time,
    period: Ms,
    grace: Ms,
) -> Look {
    let window = |span: Ms| {
        let begin = now - span;
        let within = |at: Option<Time>| at.is_some_and(|at| at >= begin);
        let (mut silent, mut heard) = (0, 0);
        for sign in group.clone() {
            if sign.silent_since.is_some() {
                silent += usize::from(within(sign.silent_since));
            } else {
                heard += usize::from(within(sign.heard));
            }
        }
        let reaches = |part: usize| {
            silent * part >= config.mass_hosts
                && silent * 100 * part >= config.mass_percent * (silent + heard)
        };
        match () {
            () if reaches(1) => Look::Mass,
            () if reaches(2) && silent + heard >= config.mass_hosts => Look::Suspicious,
            () => Look::Single,
        }
    };
    window(grace + SUSPICION).max(window(period + grace))
}

/// The least number of beats to be expected of others whose absence is no chance: fewer than one
/// time in twenty thousand are as many missing at random phases (`e^-10`).
const EXPECTED: f64 = 10.0;

/// Whether nothing is heard at all: enough hosts are silent, no host has spoken since `now - window`,
/// and of those that are not overdue yet beats were due, or none of them reports as often as every
/// `period`.
pub fn is_everything(
    config: &Config,
    hosts: impl Iterator<Item = (Sign, Ms)>,
    now: Time,
    period: Ms,
    window: Ms,
) -> bool {
    let (mut silent, mut others, mut expected) = (0, 0, 0.0);
    for (sign, own_period) in hosts {
        let speaks = sign.heard.filter(|at| now - *at <= own_period);
        match (sign.silent_since, speaks) {
            (Some(_), _) => silent += 1,
            (None, Some(at)) if at > now - window => return false,
            (None, Some(_)) => {
                others += usize::from(own_period <= period);
                expected += as_f64(window) / as_f64(own_period.max(1));
            }
            (None, None) => {}
        }
    }
    silent >= config.mass_hosts && (others == 0 || expected >= EXPECTED)
}

/// A span as a number; spans of more than 49 days count as 49 days.
fn as_f64(span: Ms) -> f64 {
    f64::from(u32::try_from(span).unwrap_or(u32::MAX))
}

/// A label that every silent host carries and at least one speaking host does not.
pub fn common_label<'a>(
    mut silent: impl Iterator<Item = &'a BTreeMap<String, String>>,
    speaking: &(impl Iterator<Item = &'a BTreeMap<String, String>> + Clone),
) -> Option<(String, String)> {
    let mut shared = silent.next()?.clone();
    for labels in silent {
        shared.retain(|key, value| labels.get(key) == Some(value));
    }
    shared
        .into_iter()
        .find(|(key, value)| speaking.clone().any(|labels| labels.get(key) != Some(value)))
}
