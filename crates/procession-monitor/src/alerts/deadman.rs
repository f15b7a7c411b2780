//! The ping out that says that all of this works.
//!
//! In: URLs of the healthchecks form, and the state of the monitor. Out: a GET a minute. Always:
//! it is sent only if the judge passes and the database commits and no receiver has been given up;
//! whoever watches it (another monitor, for one) hears of everything else by its silence.

use super::receiver::agent;
use crate::registry::Registry;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// How often: once a minute.
const PERIOD: Duration = Duration::from_secs(60);
/// How long one ping may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Pings until `stop` closes.
pub fn ping_all(
    urls: &[String],
    registry: &Registry,
    judging: impl Fn() -> bool,
    stop: &Receiver<()>,
) {
    // A URL whose proxy cannot be used is pinged by nobody: its watcher hears of that by silence.
    let agents = urls.iter().filter_map(|url| Some((url, agent(url, LIMIT).ok()?.0)));
    let agents: Vec<_> = agents.collect();
    loop {
        if judging() && registry.problems().is_none() {
            for (url, agent) in &agents {
                // Whether it arrived is for its watcher to judge.
                let _ = agent.get(url.as_str()).call();
            }
        }
        match stop.recv_timeout(PERIOD) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
