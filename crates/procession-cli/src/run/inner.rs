//! The process that supervises.
//!
//! In: the program, its signals, its output, its `sd_notify` datagrams. Out: reports, and the
//! program's exit code. What always holds: one wait, on descriptors and the next deadline; nothing
//! that the monitor does or fails to do reaches the program; when the main process has ended,
//! everything else that was started ends too.

use super::family;
use super::life::{Exit, Life, Promise};
use super::manager;
use super::notify::{Word, parse};
use super::options::{Options, UNREPORTED};
use super::outer::code_of;
use super::output::{Output, Pipes};
use super::program::Start;
use super::relay::Relay;
use super::report::Reporter;
use super::signals::{Arrived, Signals, asks};
use super::socket::NotifySocket;
use super::suspend::Suspend;
use crate::output::complain;
use nix::sys::wait::WaitStatus;
use procession_beat::beat::default_grace_ms;
use procession_sys::alarm::{Alarm, since_boot};
use procession_sys::life::{self, Pid, Told};
use procession_sys::signal::SIGKILL;
use procession_sys::wait::{Interest, ready};
use std::error::Error;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long what a program leaves behind has to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

/// The exit code where nobody could tell how the program ended, or this process had to end it.
const NO_CODE: i32 = 1;

/// When nothing is due.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

struct Supervisor {
    begun: Instant,
    life: Life,
    /// `None`: nothing is reported.
    reporter: Option<Reporter>,
    socket: Option<NotifySocket>,
    /// To the process above; `None` if no service manager listens.
    relay: Option<Relay>,
    main: Main,
}

/// The process whose end is the program's.
struct Main {
    pid: i32,
    pidfd: OwnedFd,
}

/// Runs the program under the process `outer`.
pub(crate) fn supervise(options: &Options, outer: i32) -> Result<ExitCode, Box<dyn Error>> {
    let listeners = manager::open_listeners(outer);
    let signals = Signals::take()?;
    let relay = Relay::to_outer();
    let watchdog = options.watchdog.or_else(|| manager::watchdog(outer));
    family::adopt_orphans()?;
    let above = life::pidfd(Pid::from_raw(outer).ok_or("no process stands above this one")?)?;
    if Pid::parent().map(Pid::as_raw) != Some(outer) {
        return Err("the process above this one is gone".into());
    }
    let reporter = reporter(options);
    // Where there are no such sockets, the program runs without one; `doctor` says so.
    let socket = NotifySocket::open().ok();
    let start = Start {
        command: &options.command,
        notify: socket.as_ref().map(NotifySocket::name),
        watchdog,
        outer,
        pipes: Pipes::new(options.tail),
    };
    let program = start.start()?;
    manager::close(&listeners);
    let mut output = Output::pass(program.stdout, program.stderr, options.tail)?;
    let run = format!("{:016x}", fastrand::u64(..));
    let mut supervisor = Supervisor {
        begun: Instant::now(),
        life: Life::new(run, Promise { watchdog, ..promise(options) }, fastrand::f64()),
        reporter,
        socket,
        relay,
        main: Main::of(i32::try_from(program.process.id())?)?,
    };
    supervisor.report(supervisor.life.begin());
    let (exit, code) = supervisor.watch(&signals, &above)?;
    supervisor.end_rest(exit, options.keep);
    supervisor.hear();
    let last = supervisor.life.end(exit, output.last_lines());
    supervisor.report(vec![last]);
    let finished = supervisor.reporter.map(|reporter| reporter.finish(options.linger));
    if let Some(why) = finished.flatten() {
        complain!("procession run: the end of {} was not reported: {why}", options.program());
    }
    output.finish();
    Ok(ExitCode::from(u8::try_from(code & 0xff)?))
}

/// What reports; `None` if nothing can, which is said once.
fn reporter(options: &Options) -> Option<Reporter> {
    if options.has_no_address() {
        return None;
    }
    let started = Reporter::start(options);
    started.map_err(|error| complain!("procession run: {error}; {UNREPORTED}")).ok()
}

fn promise(options: &Options) -> Promise {
    let default = || {
        let period = u64::try_from(options.period().as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(default_grace_ms(period))
    };
    Promise {
        every: options.period(),
        grace: options.grace.unwrap_or_else(default),
        max_runtime: options.max_runtime,
        watchdog: options.watchdog,
        service: options.service,
    }
}

impl Main {
    fn of(pid: i32) -> Result<Main, Box<dyn Error>> {
        let pidfd = life::pidfd(Pid::from_raw(pid).ok_or("no process id")?)?;
        Ok(Main { pid, pidfd })
    }
}

impl Supervisor {
    /// Waits for the end of the main process; how it ended, and the exit code that stands for it.
    fn watch(&mut self, signals: &Signals, above: &OwnedFd) -> Result<(Exit, i32), Box<dyn Error>> {
        let alarm = Alarm::new()?;
        let mut suspend = Suspend::new(since_boot(), self.begun.elapsed());
        loop {
            // A time that passes in a suspend is past when the machine wakes.
            let next = self.reporter.as_ref().map_or(NEVER, |_| self.life.next());
            alarm.set(since_boot() + next.saturating_sub(self.begun.elapsed()))?;
            let mut waited = vec![
                (signals.as_fd(), Interest::Readable),
                (above.as_fd(), Interest::Readable),
                (self.main.pidfd.as_fd(), Interest::Readable),
                (alarm.as_fd(), Interest::Readable),
            ];
            let is_relay_free = self.relay.as_ref().is_none_or(Relay::is_free);
            match (&self.socket, &self.relay) {
                (_, Some(relay)) if !is_relay_free => {
                    waited.push((relay.as_fd(), Interest::Writable));
                }
                (Some(socket), _) => waited.push((socket.as_fd(), Interest::Readable)),
                (None, _) => {}
            }
            let arrived = ready(&waited, None)?;
            if arrived[1] {
                return Ok((Exit::Orphaned, NO_CODE));
            }
            // Before the end is looked at: what it said last was said before.
            self.hear();
            for signal in signals.arrived() {
                self.pass_on(signal);
            }
            let ended = family::reap();
            if let Some(end) = ended.iter().find_map(|status| self.end_of_main(status)) {
                return Ok(end);
            }
            if arrived[2] {
                if let Some(end) = self.end_of_anothers() {
                    return Ok(end);
                }
            }
            if suspend.came(since_boot(), self.begun.elapsed()) {
                self.life.woke(self.begun.elapsed());
            }
            if self.reporter.is_some() {
                let due = self.life.due(self.begun.elapsed());
                self.report(due);
            }
        }
    }

    /// Ends all that the program has left, or what its plan says of it.
    fn end_rest(&self, exit: Exit, keep: bool) {
        let is_orphaned = exit == Exit::Orphaned;
        if keep {
            if is_orphaned {
                let _ = life::send_signal(self.main.pidfd.as_fd(), SIGKILL);
            }
            return;
        }
        let left = family::end_all(if is_orphaned { Duration::ZERO } else { GRACE });
        // Else the process above looks after them, and says who is left.
        for survivor in left.iter().filter(|_| is_orphaned) {
            complain!("procession run: {survivor}");
        }
    }

    fn report(&self, kinds: Vec<procession_beat::Kind>) {
        if let Some(reporter) = &self.reporter {
            reporter.report(kinds, self.life.main());
        }
    }

    fn pass_on(&mut self, signal: Arrived) {
        let (Arrived::Sent(number) | Arrived::Terminal(number)) = signal else { return };
        self.life.asked(asks(number));
        let Arrived::Sent(number) = signal else { return };
        // A program that has another user by now goes on, and so does its supervision.
        if let Err(error) = life::send_signal(self.main.pidfd.as_fd(), number) {
            let pid = self.main.pid;
            complain!("procession run: signal {number} does not reach process {pid}: {error}");
        }
    }

    /// Takes in all datagrams that are there, as far as they can be passed on.
    fn hear(&mut self) {
        if let Some(relay) = &mut self.relay {
            relay.go_on();
        }
        while self.relay.as_ref().is_none_or(Relay::is_free) {
            let Some(datagram) = self.socket.as_ref().and_then(NotifySocket::receive) else {
                return;
            };
            let words = parse(&datagram.text);
            let datagram = datagram.for_manager();
            if let (Some(relay), Some(datagram)) = (&mut self.relay, datagram) {
                relay.send(datagram);
            }
            for word in words {
                if let Word::MainPid(pid) = word {
                    self.follow(pid);
                }
                let kinds = self.life.hear(&word, self.begun.elapsed());
                self.report(kinds);
            }
        }
    }

    /// Another process is the main one from now on, if it is one of ours.
    fn follow(&mut self, pid: i32) {
        if let Ok(main) = Main::of(pid) {
            // Asked after the descriptor was opened, so that it is that of the process asked about.
            if family::is_descendant(pid) == Some(true) {
                self.main = main;
            }
        }
    }

    fn end_of_main(&self, status: &WaitStatus) -> Option<(Exit, i32)> {
        let code = code_of(status, self.main.pid)?;
        Some(match status {
            WaitStatus::Signaled(_, signal, _) => (Exit::Signal(*signal as i32), code),
            _ => (Exit::Code(code), code),
        })
    }

    /// The main process has ended, but another process is its parent: the kernel tells how, once
    /// that has reaped it.
    fn end_of_anothers(&self) -> Option<(Exit, i32)> {
        // A child of ours that has ended since the last look: the next look reaps it.
        let own = Pid::own().as_raw();
        if family::parent_of(self.main.pid) == Some(own) {
            return None;
        }
        Some(match life::exit_status(self.main.pidfd.as_fd()) {
            Told::Exit(status) => match (status.code(), status.signal()) {
                (Some(code), _) => (Exit::Code(code), code),
                (None, Some(signal)) => (Exit::Signal(signal), 128 + signal),
                (None, None) => (Exit::Unknown, NO_CODE),
            },
            Told::NotYet | Told::Never => (Exit::Unknown, NO_CODE),
        })
    }
}
