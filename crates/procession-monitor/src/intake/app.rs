//! What every handler is given.
//!
//! In: the registry and the settings of the server. Out: the same, shared. Always: what changes
//! here are counters only.

use crate::alerts::Tally;
use crate::registry::Registry;
use crate::serve::certificate::Certificate;
use crate::serve::stream::Connections;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use tokio::sync::Semaphore;

/// What every handler is given.
#[derive(Debug)]
pub struct App {
    /// Everything the monitor knows.
    pub registry: Arc<Registry>,
    /// Where the monitor is reached, for the URLs it shows; without a slash at the end.
    pub url: String,
    /// Whoever reaches the listener may beat, read and manage: a monitor for one's own machine.
    pub open: bool,
    /// The proxies whose word on the client is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Names and kinds of the receivers.
    pub receivers: Vec<(String, &'static str)>,
    /// What each receiver is told, in numbers.
    pub tallies: BTreeMap<String, Arc<Tally>>,
    /// Beats and pings taken.
    pub taken: AtomicU64,
    /// The watchdog has seen the judge at work.
    pub judging: AtomicBool,
    /// The certificate, if it is shown one.
    pub(crate) certificate: Option<Arc<Certificate>>,
    /// Who is connected.
    pub(crate) connections: Connections,
    /// Room for streams of events: as many as leave connections for beats.
    pub(crate) streams: Arc<Semaphore>,
}
