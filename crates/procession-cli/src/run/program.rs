//! Becoming the program.
//!
//! In: the inner process, started again under [`MARK`]. Out: the program in its place. What always
//! holds: it dies with the inner process from its first instruction on, and has nothing of ours
//! but its variables.

use crate::output::complain;
use nix::errno::Errno;
use nix::unistd::execvpe;
use procession_sys::descriptor::pipe;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use super::manager::{self, LISTEN_PID};
use super::options::INSIDE;
use super::output::Pipes;
use super::relay::RELAY;
use super::signals::{self, IGNORED};

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
    /// The outer process, which a service manager may have meant with what the program is to take.
    pub(crate) outer: i32,
    /// Where its output goes.
    pub(crate) pipes: Pipes,
}

/// A program that was started.
#[derive(Debug)]
pub(crate) struct Started {
    /// Its process.
    pub(crate) process: Child,
    /// What it writes to standard output, or to both where they are one.
    pub(crate) stdout: Option<OwnedFd>,
    /// What it writes to standard error.
    pub(crate) stderr: Option<OwnedFd>,
}

impl Start<'_> {
    /// Starts a process that becomes the program. Called on the thread that lives as long as this
    /// process, as the program dies with it.
    pub(crate) fn start(&self) -> io::Result<Started> {
        let stream = |piped| if piped { Stdio::piped() } else { Stdio::inherit() };
        let mut command = Command::new("/proc/self/exe");
        command.arg0("procession").arg(MARK).arg(std::process::id().to_string());
        command.args(self.command).env_remove(INSIDE);
        for variable in [RELAY, "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
            command.env_remove(variable);
        }
        if manager::listeners(self.outer).is_some() {
            command.env(LISTEN_PID, std::process::id().to_string());
        }
        if let Some(socket) = self.notify {
            command.env("NOTIFY_SOCKET", socket);
            if let Some(time) = self.watchdog {
                command.env("WATCHDOG_USEC", time.as_micros().to_string());
            }
        }
        match self.pipes {
            Pipes::One => {
                let (reading, writing) = pipe()?;
                command.stdout(writing.try_clone()?).stderr(writing);
                Ok(Started { process: command.spawn()?, stdout: Some(reading), stderr: None })
            }
            Pipes::Apart { stdout, stderr } => {
                let mut process = command.stdout(stream(stdout)).stderr(stream(stderr)).spawn()?;
                let stdout = process.stdout.take().map(Into::into);
                let stderr = process.stderr.take().map(Into::into);
                Ok(Started { process, stdout, stderr })
            }
        }
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
    signals::give_back();
    if procession_sys::life::die_with_parent().is_err() {
        complain!(
            "procession run: the kernel does not tie {} to this process",
            name.to_string_lossy()
        );
        return Some(ExitCode::from(NOT_EXECUTABLE));
    }
    if procession_sys::life::Pid::parent().map(procession_sys::life::Pid::as_raw) != Some(parent) {
        // It died before the tie was made.
        return Some(ExitCode::FAILURE);
    }
    let error = execute(&name, rest);
    let why = io::Error::from(error);
    complain!("procession run: {}: {why}", name.to_string_lossy());
    let not_found = error == Errno::ENOENT;
    Some(ExitCode::from(if not_found { NOT_FOUND } else { NOT_EXECUTABLE }))
}

/// Becomes the program, with this environment but for what is ours; why it could not. Not by std, which
/// takes back that SIGPIPE is ignored.
fn execute(name: &OsStr, arguments: impl Iterator<Item = OsString>) -> Errno {
    let text = |text: &OsStr| CString::new(text.as_bytes());
    let variable = |(name, value): (OsString, OsString)| text(&[name, value].join(OsStr::new("=")));
    let own = OsString::from(std::process::id().to_string());
    let parent = std::os::unix::process::parent_id().to_string();
    let variables = std::env::vars_os().filter(|(name, _)| name != IGNORED);
    let variables = variables.map(|(name, value)| {
        // The process above has named itself, since it did not know the number of this one.
        let is_meant = name == LISTEN_PID && value == OsStr::new(&parent);
        (name, if is_meant { own.clone() } else { value })
    });
    let watchdog = std::env::var_os("WATCHDOG_USEC");
    let watchdog = watchdog.map(|_| (OsString::from("WATCHDOG_PID"), own.clone()));
    let variables: Result<Vec<_>, _> = variables.chain(watchdog).map(variable).collect();
    let words = std::iter::once(name.to_owned()).chain(arguments);
    let words: Result<Vec<_>, _> = words.map(|word| text(&word)).collect();
    let (Ok(name), Ok(words), Ok(variables)) = (text(name), words, variables) else {
        return Errno::EINVAL;
    };
    let Err(error) = execvpe(&name, &words, &variables);
    error
}
