//! The process that was called.
//!
//! In: signals, and the inner process. Out: the program's exit code. What always holds: it stays
//! until nothing of the program is left, also when the inner process is killed; with `--keep`, until
//! the inner process has ended.

use super::family;
use super::options::INSIDE;
use super::signals::{self, Arrived, IGNORED, Signals};
use crate::output::complain;
use nix::sys::wait::WaitStatus;
use procession_sys::life::{self, Pid};
use procession_sys::wait::{Interest, ready};
use std::error::Error;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

/// What shells add to the number of the signal by which a program ended.
const BY_SIGNAL: i32 = 128;

/// Starts the inner process with the same arguments, and stands above it until it has ended, and
/// unless `keep` until nothing of the program is left.
pub(crate) fn stand(keep: bool) -> Result<ExitCode, Box<dyn Error>> {
    let ignored = signals::ignored();
    let signals = Signals::take()?;
    family::adopt_orphans()?;
    let inner = Command::new("/proc/self/exe")
        .arg0("procession")
        .args(std::env::args_os().skip(1))
        .env(INSIDE, std::process::id().to_string())
        .env(IGNORED, ignored)
        .spawn()?;
    let pid = i32::try_from(inner.id())?;
    let pidfd = life::pidfd(Pid::from_raw(pid).ok_or("no process id")?)?;
    let code = watch(&signals, pid, &pidfd)?;
    if !keep {
        for survivor in family::end_all(Duration::ZERO) {
            complain!("procession run: {survivor}");
        }
    }
    Ok(ExitCode::from(u8::try_from(code & 0xff)?))
}

fn watch(signals: &Signals, inner: i32, pidfd: &OwnedFd) -> Result<i32, Box<dyn Error>> {
    loop {
        ready(&[(signals.as_fd(), Interest::Readable)], None)?;
        for arrived in signals.arrived() {
            if let Arrived::Sent(signal) = arrived {
                // It has the user of this process, so it takes signals until it has ended.
                let _ = life::send_signal(pidfd.as_fd(), signal);
            }
        }
        for ended in family::reap() {
            if let Some(code) = code_of(&ended, inner) {
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
