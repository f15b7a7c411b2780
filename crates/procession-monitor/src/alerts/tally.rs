//! What one receiver was told, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the messages of one receiver, since the start.
#[derive(Debug, Default)]
pub struct Tally {
    waiting: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
}

impl Tally {
    /// A message waits.
    pub(super) fn wait(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// So many messages wait no more.
    pub(super) fn end(&self, count: usize) {
        self.waiting.fetch_sub(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
    }

    /// An attempt has ended.
    pub(super) fn tried(&self, is_delivered: bool) {
        let counter = if is_delivered { &self.delivered } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Messages that wait.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Attempts after which a message was delivered.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Attempts that failed.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}
