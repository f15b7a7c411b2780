//! The parent's end of a corridor: what has come back so far, and waiting for the rest.
//!
//! In: reports from the child and from the server. Out: an answer, an exit. What always holds:
//! everything that was sent is read before an ending is judged; every wait ends with the process,
//! whoever dies: the child (pidfd), the server (its pidfd), or both.

use crate::ending::{Ending, Exit, verdict};
use crate::frame::{Answer, Departure, Report, Returned};
use crate::handle::{Outcome, Target};
use crate::link::Server;
use crate::stdio::Drain;
use crate::usage::ResourceUsage;
use procession_sys::fault;
use procession_sys::fault::stands;
use procession_sys::life::{self, Pid, Told};
use procession_sys::parcel::{self, Waiting};
use procession_sys::signal::SIGKILL;
use procession_sys::timer;
use procession_sys::wait::{self, Interest};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How long the new parent of an orphaned process may take to reap it. Some inits look once a
/// second.
const NEW_PARENT: Duration = Duration::from_secs(5);

/// How long a living server may take to say that a process has ended: a stopped one says nothing,
/// and must not hold up a wait that has a deadline.
const SERVER: Duration = Duration::from_secs(1);

/// How many reports are read before the clock is looked at: many times what a process and its
/// server say. One that speaks as fast as we read must not hold up a wait that has a deadline.
const REPORTS_AT_ONCE: usize = 64;

/// What a wait is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// The answer, or the end of a process that gives none.
    Answer,
    /// The end of the process.
    Exit,
}

/// What a single wait has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happened {
    /// The time is over.
    Nothing,
    /// Only output of the child can be read.
    Output,
    /// The child or its server has sent something, or has ended.
    News,
}

/// What is known of a process when it has been given its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) pid: i32,
    pub(crate) serial: u64,
    /// The monotonic time at which it is killed.
    pub(crate) kill_at: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct Corridor {
    target: Arc<Target>,
    /// The monotonic time at which the process is killed.
    kill_at: Option<Duration>,
    /// The process that kills this one when it drops the handle; a copy of it does not.
    kill_on_drop: Option<Pid>,
    answer: Option<Answer>,
    exit: Option<Exit>,
    /// The socket has nothing more to say.
    hung_up: bool,
    /// The process has ended, reaped or not.
    ended: bool,
    /// The server has ended.
    serverless: bool,
    /// Since when only the kernel can tell how the process ended.
    lost_since: Option<Instant>,
}

impl Corridor {
    pub(crate) fn new(
        name: &str,
        Known { pid, serial, kill_at }: Known,
        socket: OwnedFd,
        pidfd: Option<Arc<OwnedFd>>,
        server: Option<Arc<Server>>,
    ) -> Self {
        let (name, id) = (name.to_owned(), u32::try_from(pid).unwrap_or_default());
        let (serverless, outcome) = (server.is_none(), OnceLock::new());
        let target = Target { name, id, serial, socket, pidfd, server, outcome };
        Self {
            target: Arc::new(target),
            serverless,
            kill_at,
            kill_on_drop: None,
            answer: None,
            exit: None,
            hung_up: false,
            ended: false,
            lost_since: None,
        }
    }

    /// Whether dropping it kills a process that has not been joined.
    pub(crate) fn set_kill_on_drop(&mut self, kill: bool) {
        self.kill_on_drop = kill.then(Pid::own);
    }

    /// The process, as all of its handles know it.
    pub(crate) fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Waits until `until` or the deadline; whether it came. Drains `outputs` meanwhile.
    pub(crate) fn wait(
        &mut self,
        until: Until,
        deadline: Option<Instant>,
        outputs: &mut [&mut Drain],
    ) -> io::Result<bool> {
        let mut told_by = None;
        loop {
            fault!("join.waits");
            // Without draining, what ends the process is looked at before what it sent.
            if !stands("draining") {
                self.watch(deadline, outputs)?;
            }
            let reading = stands("draining") || !(self.ended || self.serverless);
            let more = reading && self.read_reports(until);
            if self.is_lost() && !self.ask_kernel(deadline) {
                return Ok(false);
            }
            let answered = until == Until::Answer && self.answer.is_some();
            if answered || self.exit.is_some() {
                drain(outputs);
                return Ok(true);
            }
            // Once the process has ended, its server is about to say so.
            let mut told_by = || *told_by.get_or_insert_with(|| Instant::now() + SERVER);
            let deadline = deadline.map(|at| if self.ended { at.max(told_by()) } else { at });
            // Also when it is late: whether the process has ended is asked of this look.
            let happened = self.watch(deadline, outputs)?;
            // Reports and output that never stop must not hold up a wait that has a deadline.
            let late = deadline.is_some_and(|deadline| deadline <= Instant::now());
            let endless = more || happened == Happened::Output;
            if happened == Happened::Nothing || late && endless {
                return Ok(false);
            }
        }
    }

    /// Waits once for the kernel; returns what happened before the deadline.
    fn watch(
        &mut self,
        deadline: Option<Instant>,
        outputs: &mut [&mut Drain],
    ) -> io::Result<Happened> {
        let readable = |descriptor| (descriptor, Interest::Readable);
        // A server tells of the end once it has reaped. To be woken by the end itself, a moment
        // before, is of use only where the server may be silent, or there is a time to look at.
        let told = deadline.is_none() && !self.hung_up && !self.serverless;
        let end = self.target.pidfd.as_ref().filter(|_| !self.ended && !told);
        let watched = [
            (!self.hung_up).then(|| readable(self.target.socket.as_fd())),
            end.map(|pidfd| readable(pidfd.as_fd())),
            self.target
                .server
                .as_ref()
                .filter(|_| !self.serverless)
                .map(|server| readable(server.end())),
        ];
        let drained = outputs.iter().map(|output| output.interest());
        let slots: Vec<Option<(BorrowedFd<'_>, Interest)>> =
            watched.into_iter().chain(drained).collect();
        let polled: Vec<(BorrowedFd<'_>, Interest)> = slots.iter().copied().flatten().collect();
        let mut ready = wait::ready(&polled, deadline)?.into_iter();
        let mut happened = slots.iter().map(|slot| slot.is_some() && ready.next() == Some(true));
        let (socket, ended, server) = (happened.next(), happened.next(), happened.next());
        let happened = if [socket, ended, server].contains(&Some(true)) {
            Happened::News
        } else if happened.any(|output| output) {
            Happened::Output
        } else {
            Happened::Nothing
        };
        drop(slots);
        self.ended |= ended == Some(true);
        self.serverless |= server == Some(true);
        drain(outputs);
        Ok(happened)
    }

    /// Reads what has been sent so far, or some of it, or what is waited for; never waits. Whether
    /// there may be more to read: behind an exit there is nothing.
    fn read_reports(&mut self, until: Until) -> bool {
        for _ in 0..REPORTS_AT_ONCE {
            let answered = until == Until::Answer && self.answer.is_some();
            if answered || self.hung_up || self.exit.is_some() {
                return false;
            }
            match parcel::receive(self.target.socket.as_fd(), Waiting::Never) {
                Ok(Some(report)) => match Report::read(report) {
                    Ok(Report::Answer(answer)) => self.answered(answer),
                    Ok(Report::Exit(departure)) => self.exited(&departure),
                    Ok(Report::Started { .. } | Report::NotStarted { .. }) => {
                        self.answered(Answer::Garbled("it was started twice".to_owned()));
                    }
                    Err(error) => self.answered(Answer::Garbled(error.to_string())),
                },
                Ok(None) => self.hung_up = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    self.answered(Answer::Garbled(error.to_string()));
                }
                Err(_broken) => self.hung_up = true,
            }
        }
        true
    }

    /// Only the server says so, of a process that has ended; the process itself has the same end of
    /// the socket.
    fn exited(&mut self, departure: &Departure) {
        let end = self.target.pidfd.as_ref().map(|pidfd| [(pidfd.as_fd(), Interest::Readable)]);
        let now = Some(Instant::now());
        let end = end.filter(|_| stands("exit-check"));
        if end.is_some_and(|end| wait::ready(&end, now).is_ok_and(|ready| ready == [false])) {
            return self.answered(Answer::Garbled("it told of an end that is not its".to_owned()));
        }
        self.ended = true;
        let survivors = departure.survivors.iter().filter_map(|&pid| u32::try_from(pid).ok());
        let usage = ResourceUsage::new(departure.usage());
        let _ = self.target.outcome.set(Outcome { usage, survivors: survivors.collect() });
        let status = ExitStatus::from_raw(departure.status);
        let exit = if departure.timed_out { Exit::TimedOut } else { Exit::Reaped(status) };
        self.exit.get_or_insert(exit);
    }

    /// The first answer counts: what a process says afterwards changes nothing.
    fn answered(&mut self, answer: Answer) {
        self.answer.get_or_insert(answer);
    }

    /// Nobody is left who could tell how the process ended, and it has.
    fn is_lost(&self) -> bool {
        let untold = self.exit.is_none() && (self.hung_up || self.serverless);
        untold && (self.ended || (self.target.pidfd.is_none() && self.hung_up))
    }

    /// Learns without a server how the process ended; whether it is settled by the deadline.
    ///
    /// A child of our own is reaped here. Else its new parent (init, usually) reaps it, and a new
    /// kernel keeps the status for whoever holds a pidfd.
    fn ask_kernel(&mut self, deadline: Option<Instant>) -> bool {
        self.exit = self.told();
        if self.exit.is_some() {
            return true;
        }
        let patience = *self.lost_since.get_or_insert_with(Instant::now) + NEW_PARENT;
        if let Some(pidfd) = &self.target.pidfd {
            let until = deadline.map_or(patience, |deadline| deadline.min(patience));
            // A failing wait, like a new parent that does not reap, leaves the status lost.
            let _ = wait::ready(&[(pidfd.as_fd(), Interest::HangUp)], Some(until));
            self.exit = self.told();
        }
        if Instant::now() >= patience {
            self.exit.get_or_insert(Exit::Lost);
        }
        self.exit.is_some()
    }

    /// What the kernel tells now; none while it may tell later.
    fn told(&self) -> Option<Exit> {
        let (Some(pidfd), Some(pid)) = (&self.target.pidfd, Pid::told(self.target.id)) else {
            return Some(Exit::Lost);
        };
        if let Some(reaped) = life::reap(pidfd.as_fd(), pid) {
            let usage = ResourceUsage::new(reaped.usage);
            let _ = self.target.outcome.set(Outcome { usage, survivors: Vec::new() });
            return Some(self.exit_by(reaped.status));
        }
        match life::exit_status(pidfd.as_fd()) {
            Told::Exit(status) => Some(self.exit_by(status)),
            Told::Never => Some(Exit::Lost),
            Told::NotYet => None,
        }
    }

    /// Without a server that saw the end, a kill that is seen after the deadline counts as its.
    fn exit_by(&self, status: ExitStatus) -> Exit {
        let over = self.kill_at.is_some_and(|time| time <= timer::monotonic());
        let killed = status.signal() == Some(SIGKILL);
        if over && killed { Exit::TimedOut } else { Exit::Reaped(status) }
    }

    /// Whether the process has ended, as far as was seen by the last wait.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended || self.exit.is_some()
    }

    /// The verdict on what has come so far; it takes the answer along.
    pub(crate) fn verdict(&mut self) -> Option<Result<Returned, Ending>> {
        let verdict = verdict(self.answer.take(), self.exit);
        // A process that has given its value may take its time to leave.
        self.kill_on_drop = self.kill_on_drop.filter(|_| verdict.is_none());
        verdict
    }
}

impl Drop for Corridor {
    fn drop(&mut self) {
        let killer = self.kill_on_drop.filter(|_| self.exit.is_none());
        if killer.is_some_and(|killer| killer == Pid::own()) {
            // Refused only for a process of another user by now.
            let _ = self.target.signal(SIGKILL);
        }
    }
}

fn drain(outputs: &mut [&mut Drain]) {
    for output in outputs {
        output.read();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use procession_sys::parcel::pair;
    use std::fs::File;
    use std::sync::mpsc;

    #[test]
    fn a_wait_with_a_deadline_ends_also_beside_an_output_that_never_does() {
        let (here, _there) = pair().expect("a pair");
        // The caller itself, which does not end meanwhile, and an output that is always ready.
        let pidfd = life::pidfd(Pid::own()).expect("a pidfd");
        let known = Known { pid: Pid::own().as_raw(), serial: 0, kill_at: None };
        let mut corridor = Corridor::new("endless", known, here, Some(Arc::new(pidfd)), None);
        let mut endless = Drain::of(File::open("/dev/zero").expect("a file")).expect("a drain");
        let (sender, ended) = mpsc::channel();
        std::thread::spawn(move || {
            let deadline = Some(Instant::now() + Duration::from_millis(10));
            let came = corridor.wait(Until::Exit, deadline, &mut [&mut endless]);
            sender.send(came.expect("poll"))
        });
        assert_eq!(ended.recv_timeout(Duration::from_secs(30)), Ok(false));
    }
}
