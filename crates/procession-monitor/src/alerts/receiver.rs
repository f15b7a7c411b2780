//! One attempt to deliver a letter: to a webhook or to a command.
//!
//! In: a letter. Out: delivered, or why not. Always: an attempt ends, whatever the other side does:
//! after ten seconds for a webhook, after thirty for a command, which is then killed with all that
//! it has started.

use super::command::run;
use super::words::{summary, webhook};
use crate::judge::Transition;
use crate::store::Letter;
use procession_beat::Route;
use rustix::fs::{Access, access};
use std::path::Path;
use std::time::Duration;

/// How long a webhook may take.
const WEBHOOK_TIME: Duration = Duration::from_secs(10);
/// How long a command may take.
const COMMAND_TIME: Duration = Duration::from_secs(30);

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
    /// `PROCESSION_STATUS` and `PROCESSION_SUMMARY` are in its environment, with the few variables of
    /// the monitor's own that [`is_passed_on`](super::command::is_passed_on) lets through. Exit code 0:
    /// delivered. What it has started ends with it.
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
                run(command, &environment, json.as_bytes(), COMMAND_TIME)
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
