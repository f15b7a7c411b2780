//! One attempt to deliver a letter: to a webhook or to a command.
//!
//! In: a letter. Out: delivered, or why not. Always: an attempt ends, whatever the other side does:
//! after ten seconds for a webhook, after thirty for a command, which is then killed.

use super::words::{summary, webhook};
use crate::judge::Transition;
use crate::store::Letter;
use procession_beat::Route;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Access, MemfdFlags, access, memfd_create};
use rustix::process::{Pid, PidfdFlags, Resource, getrlimit, pidfd_open};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long a webhook may take.
const WEBHOOK_TIME: Duration = Duration::from_secs(10);
/// How long a command may take.
const COMMAND_TIME: Timespec = Timespec { tv_sec: 30, tv_nsec: 0 };

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// A POST of Alertmanager's webhook JSON, version 4; `Idempotency-Key` names the letter.
    Webhook {
        /// The receiver's name.
        name: String,
        /// Where to.
        url: String,
    },
    /// A command; the same JSON is on its standard input, and `PROCESSION_KEY`,
    /// `PROCESSION_STATUS` and `PROCESSION_SUMMARY` are in its environment. Exit code 0: delivered.
    Command {
        /// The receiver's name.
        name: String,
        /// The program and its arguments; no shell.
        command: Vec<String>,
    },
}

impl Receiver {
    /// The receiver's name.
    pub fn name(&self) -> &str {
        match self {
            Receiver::Webhook { name, .. } | Receiver::Command { name, .. } => name,
        }
    }

    /// What it is.
    pub fn kind(&self) -> &'static str {
        match self {
            Receiver::Webhook { .. } => "webhook",
            Receiver::Command { .. } => "command",
        }
    }

    /// Says what would make every attempt fail, as far as that can be known before one.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Receiver::Webhook { url, .. } => {
                let parsed = url.parse::<axum::http::Uri>().ok();
                match parsed.as_ref().and_then(|url| url.scheme_str()) {
                    Some("http" | "https") => Ok(()),
                    _ => Err(format!("{url} is no URL that begins with http:// or https://")),
                }
            }
            Receiver::Command { command, .. } => {
                let program = command.first().ok_or("no command is given")?;
                let is_found =
                    |path: &Path| path.is_file() && access(path, Access::EXEC_OK).is_ok();
                let found = if program.contains('/') {
                    is_found(Path::new(program))
                } else {
                    let path = std::env::var_os("PATH").unwrap_or_default();
                    std::env::split_paths(&path).any(|folder| is_found(&folder.join(program)))
                };
                if found { Ok(()) } else { Err(format!("{program} is no program that can be run")) }
            }
        }
    }

    /// Tries once. `url` is where the monitor itself is reached.
    pub fn deliver(&self, letter: &Letter, url: &str) -> Result<(), String> {
        let json = webhook(letter, url).to_string();
        match self {
            Receiver::Webhook { url, .. } => post(url, &letter.key, json.as_bytes()),
            Receiver::Command { command, .. } => {
                let over = letter.message.transition == Transition::Resolved;
                let status = if over { "resolved" } else { "firing" };
                let environment = [
                    ("PROCESSION_KEY", letter.key.clone()),
                    ("PROCESSION_STATUS", status.to_owned()),
                    ("PROCESSION_SUMMARY", summary(letter)),
                ];
                execute(command, &environment, json.as_bytes())
            }
        }
    }
}

/// A blocking HTTP agent for one URL, whose every call ends within `limit`, and its route.
pub(super) fn agent(url: &str, limit: Duration) -> Result<(ureq::Agent, Route), String> {
    let route = Route::from_environment(url);
    let agent = ureq::Agent::config_builder()
        .proxy(route.proxy()?)
        .timeout_global(Some(limit))
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent("procession-monitor")
        .build();
    Ok((agent.into(), route))
}

fn post(url: &str, key: &str, body: &[u8]) -> Result<(), String> {
    let (agent, route) = agent(url, WEBHOOK_TIME)?;
    let request = agent.post(url).header("content-type", "application/json");
    let answer = request.header("idempotency-key", key).send(body);
    let answer = answer.map_err(|error| route.explain(error.to_string()))?;
    if answer.status().is_success() { Ok(()) } else { Err(format!("HTTP {}", answer.status())) }
}

/// Runs a command to its end, with `input` as its standard input. The input is a memory file, so
/// a command that does not read it holds nobody up.
fn execute(command: &[String], environment: &[(&str, String)], input: &[u8]) -> Result<(), String> {
    let failed = |what: &str, why: &dyn std::fmt::Display| format!("{what}: {why}");
    let (program, arguments) = command.split_first().ok_or("no command is given")?;
    let file = memory_file(input).map_err(|error| failed("its input", &error))?;
    let mut child = Command::new(program)
        .args(arguments)
        .envs(environment.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::from(file))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| failed(program, &e))?;
    let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())
        .and_then(|pidfd| poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&COMMAND_TIME)));
    if !matches!(ended, Ok(1..)) {
        // It may have ended just now; then there is nothing to kill.
        let _ = child.kill();
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program}: {status}")),
        Err(error) => Err(failed(program, &error)),
    }
}

/// A memory file with these bytes, at its beginning.
fn memory_file(bytes: &[u8]) -> io::Result<File> {
    // Met in a write, the limit on the size of files, which holds for memory files too, would end
    // the monitor by SIGXFSZ.
    if let Some(limit) = getrlimit(Resource::Fsize).current {
        if bytes.len() as u64 > limit {
            let length = bytes.len();
            let why = format!(
                "{length} bytes are above this process's limit of {limit} on the size of files \
                 (RLIMIT_FSIZE)"
            );
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
    }
    let mut file = File::from(memfd_create("letter", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Rlimit, setrlimit};

    #[test]
    fn a_message_above_the_limit_on_files_is_an_error_and_the_monitor_goes_on() {
        const ALONE: &str = "PROCESSION_TEST_ALONE";
        const NAME: &str = "a_message_above_the_limit_on_files_is_an_error_and_the_monitor_goes_on";
        // The limit is the whole process's, so the test has a process of its own.
        if std::env::var_os(ALONE).is_none() {
            let mut own = Command::new(std::env::current_exe().expect("this program"));
            own.args(["--exact", &format!("alerts::receiver::tests::{NAME}")]).env(ALONE, "");
            let output = own.output().expect("this program, started again");
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("1 passed"), "{output:?}");
            return;
        }
        let maximum = getrlimit(Resource::Fsize).maximum;
        setrlimit(Resource::Fsize, Rlimit { current: Some(1000), maximum }).expect("a limit");
        let count = ["sh", "-c", "test $(wc -c) = 1000"].map(str::to_owned);
        execute(&count, &[], &[b'x'; 1000]).expect("it fits");
        let error = execute(&count, &[], &[b'x'; 1001]).expect_err("it is too long");
        assert!(error.contains("1001 bytes") && error.contains("RLIMIT_FSIZE"), "{error}");
        execute(&count, &[], &[b'x'; 1000]).expect("the next one fits");
    }
}
