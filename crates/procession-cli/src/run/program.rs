//! Becoming the program.
//!
//! In: the inner process, started again under [`MARK`]. Out: the program in its place. What always
//! holds: it dies with the inner process from its first instruction on, and has nothing of ours
//! but its variables.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use super::options::INSIDE;
use super::signals;

/// The first argument of a process that is to become a program; clap never sees it.
const MARK: &str = "--become";
/// What a shell exits with where a program is not found, and where it cannot be executed.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// What a program is started with.
#[derive(Debug)]
pub(crate) struct Start<'s> {
    /// It and its arguments.
    pub(crate) command: &'s [OsString],
    /// Where its `sd_notify` datagrams go, if anywhere.
    pub(crate) notify: Option<&'s str>,
    /// How often it is to say that it gets on.
    pub(crate) watchdog: Option<Duration>,
    /// Whether its output goes through a pipe: (standard output, standard error).
    pub(crate) piped: (bool, bool),
}

impl Start<'_> {
    /// Starts a process that becomes the program. Called on the thread that lives as long as this
    /// process, as the program dies with it.
    pub(crate) fn start(&self) -> io::Result<Child> {
        let stream = |piped| if piped { Stdio::piped() } else { Stdio::inherit() };
        let mut command = Command::new("/proc/self/exe");
        command.arg0("procession").arg(MARK).arg(std::process::id().to_string());
        command.args(self.command).env_remove(INSIDE);
        for variable in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
            command.env_remove(variable);
        }
        if let Some(socket) = self.notify {
            command.env("NOTIFY_SOCKET", socket);
            if let Some(time) = self.watchdog {
                command.env("WATCHDOG_USEC", time.as_micros().to_string());
            }
        }
        command.stdout(stream(self.piped.0)).stderr(stream(self.piped.1)).spawn()
    }
}

/// Becomes the program, if these arguments say so; returns only where it could not.
pub(crate) fn become_program(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    if arguments.next()? != MARK {
        return None;
    }
    let parent = arguments.next()?.to_str()?.parse().ok()?;
    let (name, rest) = (arguments.next()?, arguments);
    let tied = procession_sys::life::die_with_parent().and_then(|()| signals::give_back());
    if tied.is_err() {
        eprintln!(
            "procession run: the kernel does not tie {} to this process",
            name.to_string_lossy()
        );
        return Some(ExitCode::from(NOT_EXECUTABLE));
    }
    if procession_sys::life::Pid::parent().map(procession_sys::life::Pid::as_raw) != Some(parent) {
        // It died before the tie was made.
        return Some(ExitCode::FAILURE);
    }
    let mut command = Command::new(&name);
    if std::env::var_os("WATCHDOG_USEC").is_some() {
        command.env("WATCHDOG_PID", std::process::id().to_string());
    }
    let error = command.args(rest).exec();
    eprintln!("procession run: {}: {error}", name.to_string_lossy());
    let not_found = error.kind() == io::ErrorKind::NotFound;
    Some(ExitCode::from(if not_found { NOT_FOUND } else { NOT_EXECUTABLE }))
}
