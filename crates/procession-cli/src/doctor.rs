//! `procession doctor`: what this machine supports, and what it costs to lack the rest.
//!
//! In: the kernel, tried out, and a monitor. Out: a line each. Always: nothing is read off a
//! version number; exit code 1 if something is missing without which procession does not work.

use crate::output::say;
use crate::reach::{Answer, Reach};
use crate::text::plain;
use clap::Args;
use jiff::Timestamp;
use procession_sys::life::{self, Told};
use rustix::fs::{MemfdFlags, SealFlags};
use serde_json::json;
use std::error::Error;
use std::os::fd::AsFd;
use std::process::ExitCode;

/// The largest difference of clocks that is no trouble, in seconds.
const SKEW: i64 = 5;

/// What is asked for.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    reach: Reach,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What came of one examination.
struct Finding {
    what: &'static str,
    /// What was found, or what is wrong.
    result: Result<String, String>,
    /// What it costs to lack it.
    cost: &'static str,
    needed: bool,
}

/// Examines everything.
pub(crate) fn examine(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let mut findings = machine();
    findings.extend(monitor(&options.reach));
    if options.json {
        let line = |one: &Finding| {
            let (Ok(said) | Err(said)) = &one.result;
            json!({ "what": one.what, "there": one.result.is_ok(), "found": said,
                    "cost": one.cost, "needed": one.needed })
        };
        let all = serde_json::Value::Array(findings.iter().map(line).collect());
        say!("{all:#}")?;
    } else {
        for finding in &findings {
            say!("{}", finding.line())?;
        }
    }
    let ill = findings.iter().any(|one| one.needed && one.result.is_err());
    Ok(if ill { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Finding {
    fn line(&self) -> String {
        match &self.result {
            Ok(found) => format!("ok      {:<16} {found}", self.what),
            Err(why) => {
                let mark = if self.needed { "MISSING" } else { "without" };
                format!("{mark} {:<16} {why}; {}", self.what, self.cost)
            }
        }
    }
}

fn machine() -> Vec<Finding> {
    let finding = |what, needed, result, cost| Finding { what, result, cost, needed };
    vec![
        finding("/proc", true, proc(), "no process can be started without it: mount it"),
        finding(
            "pidfd",
            true,
            pidfd(),
            "processes cannot be watched and signalled safely: Linux 5.3",
        ),
        finding(
            "pidfd info",
            false,
            pidfd_info(),
            "a heartbeat cannot ask how a program ended that left no word: Linux 6.15",
        ),
        finding(
            "close_range",
            false,
            close_range(),
            "descriptors are closed one by one, which makes starts slower: Linux 5.9",
        ),
        finding(
            "memfd seals",
            true,
            seals(),
            "values above 64 KiB and shared memory cannot cross: Linux 3.17",
        ),
        finding(
            "subreaper",
            true,
            subreaper(),
            "`procession run` could not find a program's orphans: Linux 3.4",
        ),
        finding(
            "abstract sockets",
            false,
            abstract_socket(),
            "`procession run` has no NOTIFY_SOCKET for its program",
        ),
        finding(
            "process titles",
            false,
            title(),
            "`ps` shows children under their program's name: PR_SET_MM_MAP is refused here",
        ),
        finding("open files", false, open_files(), "pools and monitors hit the limit: ulimit -n"),
        finding("processes", false, processes(), "starts fail at the limit: ulimit -u"),
    ]
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn proc() -> Result<String, String> {
    std::fs::read_link("/proc/self/exe").map(|_| "mounted".into()).map_err(words)
}

fn pidfd() -> Result<String, String> {
    let own = life::pidfd(life::Pid::own()).map_err(words)?;
    // Signal 0 would ask no more; SIGCONT to a running process does nothing.
    life::send_signal(own.as_fd(), procession_sys::signal::SIGCONT).map_err(words)?;
    Ok("opened, and signals go through it".into())
}

fn pidfd_info() -> Result<String, String> {
    let mut child = std::process::Command::new("/proc/self/exe")
        .arg("--version")
        .stdout(std::process::Stdio::null())
        .spawn()
        .map_err(words)?;
    let raw = i32::try_from(child.id()).map_err(words)?;
    let pid = life::Pid::from_raw(raw).ok_or("no process id")?;
    let pidfd = life::pidfd(pid).map_err(words)?;
    child.wait().map_err(words)?;
    match life::exit_status(pidfd.as_fd()) {
        Told::Exit(_) => Ok("tells how a reaped process ended".into()),
        Told::NotYet | Told::Never => Err("this kernel does not tell".into()),
    }
}

fn close_range() -> Result<String, String> {
    procession_sys::descriptor::has_close_range().then(|| "there".into()).ok_or("refused".into())
}

fn seals() -> Result<String, String> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = rustix::fs::memfd_create("doctor", flags).map_err(words)?;
    rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::WRITE).map_err(words)?;
    Ok("memory files can be sealed".into())
}

fn subreaper() -> Result<String, String> {
    let own = rustix::process::getpid();
    rustix::process::set_child_subreaper(Some(own)).map_err(words)?;
    rustix::process::set_child_subreaper(None).map_err(words)?;
    Ok("orphans can be adopted".into())
}

fn abstract_socket() -> Result<String, String> {
    crate::run::socket::NotifySocket::open().map(|_| "there".into()).map_err(words)
}

fn title() -> Result<String, String> {
    let title = procession_sys::title::Layout::read().map_err(words)?;
    title.show("procession doctor").map_err(words)?;
    Ok("can be set".into())
}

fn open_files() -> Result<String, String> {
    limit(rustix::process::Resource::Nofile, 1_024)
}

fn processes() -> Result<String, String> {
    limit(rustix::process::Resource::Nproc, 512)
}

fn limit(resource: rustix::process::Resource, few: u64) -> Result<String, String> {
    match rustix::process::getrlimit(resource).current {
        Some(limit) if limit < few => Err(format!("only {limit}")),
        Some(limit) => Ok(limit.to_string()),
        None => Ok("no limit".into()),
    }
}

fn monitor(reach: &Reach) -> Vec<Finding> {
    let asked = reach.ask("GET", "/readyz", None);
    let skew = asked.as_ref().ok().and_then(skew);
    let reached = match asked {
        Ok(_) => Ok(format!("{} is ready", reach.url())),
        Err(error) => Err(error.to_string()),
    };
    let cost = "beats, `status` and `checks` have nowhere to go";
    // A machine where nobody has named a monitor may have none.
    let needed = reach.url.is_some();
    let is_there = reached.is_ok();
    let mut found = vec![Finding { what: "monitor", result: reached, cost, needed }];
    if is_there {
        found.push(token(reach));
    }
    if let Some(seconds) = skew {
        let result = if seconds.abs() <= SKEW {
            Ok("agrees with the monitor's".into())
        } else {
            Err(format!("{} s {} the monitor's", seconds.abs(), side(seconds)))
        };
        let cost = "nothing is judged by it, but the times shown mislead: run a time service";
        found.push(Finding { what: "clock", result, cost, needed: false });
    }
    found
}

/// What the monitor lets this token do.
fn token(reach: &Reach) -> Finding {
    let asked = reach.json("GET", "/api/token", None);
    let result = asked.map_err(words).map(|opens| {
        let purpose = match opens["scope"].as_str() {
            Some("beat") => "may send beats",
            Some("ping") => "may ping checks",
            Some("read") => "may read",
            _ => "may do everything",
        };
        let host = opens["host"].as_str();
        let of = host.map_or_else(String::new, |host| format!(" of the host {}", plain(host)));
        format!("{purpose}{of}")
    });
    let cost = "what needs a token is refused";
    Finding { what: "token", result, cost, needed: reach.has_token() }
}

fn side(seconds: i64) -> &'static str {
    if seconds > 0 { "ahead of" } else { "behind" }
}

/// How far this clock is ahead of the monitor's, in seconds.
fn skew(answer: &Answer) -> Option<i64> {
    let theirs = jiff::fmt::rfc2822::parse(answer.date.as_ref()?).ok()?;
    Some(Timestamp::now().as_second() - theirs.timestamp().as_second())
}
