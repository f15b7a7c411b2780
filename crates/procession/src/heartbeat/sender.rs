//! How reports reach the monitor.
//!
//! In: reports, the newest last. Out: requests; what became of the last. What always holds: the
//! newest report is the present and is tried first, again and again inside of its period; what was
//! not sent before it is history, kept up to [`KEPT`] and sent as such once the monitor is back.

use super::page::{Delivery, Page};
use procession_beat::{Beat, Client, Plan, SendError};
use procession_sys::stream;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

/// How many reports are kept while the monitor is out of reach: a day of one every five minutes.
const KEPT: usize = 288;

pub(super) struct Sender {
    pub(super) client: Client,
    pub(super) page: Page,
    pub(super) plan: Plan,
}

impl Sender {
    /// Sends what comes until nothing more can come.
    pub(super) fn serve(&self, reports: &Receiver<Beat>) {
        let mut history = VecDeque::new();
        let mut next = reports.recv().ok();
        while let Some(beat) = next.take() {
            let (sent, newer) = self.insist(&beat, reports);
            if !sent {
                keep(&mut history, beat);
            }
            let newer = if sent { self.catch_up(&mut history, reports) } else { newer };
            next = newer.or_else(|| reports.recv().ok());
        }
    }

    /// Tries until it is sent, refused, or overtaken by a newer report.
    fn insist(&self, beat: &Beat, reports: &Receiver<Beat>) -> (bool, Option<Beat>) {
        let due = Instant::now();
        for tries in 1.. {
            match self.send(beat, self.plan.try_limit()) {
                Ok(()) => return (true, None),
                Err(error) if !error.may_pass() => return (false, None),
                Err(_) => {}
            }
            let newer = match self.plan.wait(tries, due.elapsed(), dice()) {
                Some(wait) => reports.recv_timeout(wait),
                None => reports.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match newer {
                Ok(newer) => return (false, Some(newer)),
                Err(RecvTimeoutError::Disconnected) => return (false, None),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        (false, None)
    }

    /// Sends history, oldest first, until it is all sent, the monitor is lost or a newer report
    /// comes, which it gives back.
    fn catch_up(&self, history: &mut VecDeque<Beat>, reports: &Receiver<Beat>) -> Option<Beat> {
        while let Some(oldest) = history.front() {
            match reports.try_recv() {
                Ok(newer) => return Some(newer),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            match self.client.send(oldest, self.plan.try_limit()) {
                Err(SendError::Busy(_)) => {
                    if let Ok(newer) = reports.recv_timeout(Duration::from_secs(1)) {
                        return Some(newer);
                    }
                }
                Err(SendError::Unreachable(_) | SendError::Untrusted(_)) => return None,
                Ok(_) | Err(SendError::Refused(..)) => drop(history.pop_front()),
            }
        }
        None
    }

    /// Tries for at most `linger`; whether there is nothing left to try.
    pub(super) fn send_last(&self, beat: &Beat, linger: Duration) -> bool {
        let (begun, plan) = (Instant::now(), Plan::once(linger));
        for tries in 1.. {
            let left = linger.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return false;
            }
            match self.send(beat, plan.try_limit().min(left)) {
                Ok(()) => return true,
                Err(error) if !error.may_pass() => return true,
                Err(_) => {}
            }
            match plan.wait(tries, begun.elapsed(), dice()) {
                Some(wait) => thread::sleep(wait),
                None => return false,
            }
        }
        false
    }

    fn send(&self, beat: &Beat, limit: Duration) -> Result<(), SendError> {
        // The kernel knows no time-out of zero.
        let sent = self.client.send(beat, limit.max(Duration::from_millis(1)));
        self.page.set_delivery(match &sent {
            Ok(_) => Delivery::Taken,
            Err(SendError::Refused(status, _)) => Delivery::Refused(*status),
            Err(SendError::Untrusted(_)) => Delivery::Untrusted,
            Err(SendError::Unreachable(_) | SendError::Busy(_)) => Delivery::Unreachable,
        });
        sent.map(drop)
    }
}

fn keep(history: &mut VecDeque<Beat>, mut beat: Beat) {
    beat.spooled = true;
    // Who the children were is for the page of the present.
    if let Some(sample) = &mut beat.sample {
        sample.children = Vec::new();
    }
    if history.len() == KEPT {
        history.pop_front();
    }
    history.push_back(beat);
}

/// A number in `0.0..=1.0`; one half where the kernel has no random bytes.
#[expect(clippy::cast_precision_loss, reason = "dice")]
pub(super) fn dice() -> f64 {
    stream::random::<8>().map_or(0.5, |bytes| u64::from_ne_bytes(bytes) as f64 / u64::MAX as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use procession_beat::{Instance, Kind};

    #[test]
    fn history_is_marked_as_such_and_bounded() {
        let instance = Instance { boot: "b".into(), pid: 1, started: 1 };
        let mut history = VecDeque::new();
        for seq in 0..KEPT as u64 + 2 {
            keep(&mut history, Beat::new("p", "h", instance.clone(), seq, Kind::Alive));
        }
        assert_eq!((history.len(), history[0].seq), (KEPT, 2));
        assert!(history.iter().all(|beat| beat.spooled));
    }
}
