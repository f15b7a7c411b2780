//! The process that was called.
//!
//! In: signals, and the inner process. Out: the program's exit code. What always holds: it stays
//! until nothing of the program is left, also when the inner process is killed; with `--keep`, until
//! the inner process has ended.

use super::family;
use super::manager;
use super::options::INSIDE;
use super::relay::{self, RELAY, Relay};
use super::signals::{self, Arrived, IGNORED, Signals};
use super::socket::receive;
use crate::output::complain;
use nix::sys::wait::WaitStatus;
use procession_sys::life::{self, Pid};
use procession_sys::wait::{Interest, ready};
use std::error::Error;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

/// What shells add to the number of the signal by which a program ended.
const BY_SIGNAL: i32 = 128;

/// Starts the inner process with the same arguments, and stands above it until it has ended, and
/// unless `keep` until nothing of the program is left.
pub(crate) fn stand(keep: bool) -> Result<ExitCode, Box<dyn Error>> {
    let listeners = manager::open_listeners(i32::try_from(std::process::id())?);
    let ignored = signals::ignored();
    let signals = Signals::take()?;
    family::adopt_orphans()?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0("procession").args(std::env::args_os().skip(1));
    command.env(INSIDE, std::process::id().to_string()).env(IGNORED, ignored).env_remove(RELAY);
    let mut link = None;
    if let Some(manager) = Relay::to_manager() {
        let (outer, inner) = relay::pair()?;
        command.env(RELAY, inner.as_raw_fd().to_string());
        link = Some((Link { from: outer, to: manager }, inner));
    }
    let inner = command.spawn()?;
    let mut link = link.map(|(link, _inner)| link);
    manager::close(&listeners);
    let pid = i32::try_from(inner.id())?;
    let pidfd = life::pidfd(Pid::from_raw(pid).ok_or("no process id")?)?;
    let code = watch(&signals, pid, &pidfd, &mut link)?;
    if !keep {
        for survivor in family::end_all(Duration::ZERO) {
            complain!("procession run: {survivor}");
        }
    }
    Ok(ExitCode::from(u8::try_from(code & 0xff)?))
}

/// The way of datagrams from the inner process to the service manager.
struct Link {
    from: OwnedFd,
    to: Relay,
}

impl Link {
    /// What is waited for until it can go on.
    fn waits_for(&self) -> (BorrowedFd<'_>, Interest) {
        if self.to.is_free() {
            (self.from.as_fd(), Interest::Readable)
        } else {
            (self.to.as_fd(), Interest::Writable)
        }
    }

    /// Passes on what is there; gives whether more can come.
    fn go_on(&mut self) -> bool {
        self.to.go_on();
        while self.to.is_free() {
            match receive(self.from.as_fd()) {
                // At the end of a connection the kernel gives an empty one, which none sends.
                Some((datagram, _)) if datagram.text.is_empty() => return false,
                Some((datagram, _)) => self.to.send(datagram),
                None => return true,
            }
        }
        true
    }
}

fn watch(
    signals: &Signals,
    inner: i32,
    pidfd: &OwnedFd,
    link: &mut Option<Link>,
) -> Result<i32, Box<dyn Error>> {
    loop {
        let mut waited = vec![(signals.as_fd(), Interest::Readable)];
        waited.extend(link.as_ref().map(Link::waits_for));
        ready(&waited, None)?;
        if link.as_mut().is_some_and(|link| !link.go_on()) {
            *link = None;
        }
        for arrived in signals.arrived() {
            if let Arrived::Sent(signal) = arrived {
                // It has the user of this process, so it takes signals until it has ended.
                let _ = life::send_signal(pidfd.as_fd(), signal);
            }
        }
        for ended in family::reap() {
            if let Some(code) = code_of(&ended, inner) {
                // What it has handed over last.
                let _ = link.as_mut().map(Link::go_on);
                return Ok(code);
            }
        }
    }
}

/// The exit code that stands for the end of this process, as shells have it.
pub(crate) fn code_of(ended: &WaitStatus, process: i32) -> Option<i32> {
    match ended {
        WaitStatus::Exited(pid, code) if pid.as_raw() == process => Some(*code),
        WaitStatus::Signaled(pid, signal, _) if pid.as_raw() == process => {
            Some(BY_SIGNAL + *signal as i32)
        }
        _ => None,
    }
}
