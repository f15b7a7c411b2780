//! What is asked of `procession run`.

use super::name::name;
use crate::reach::Reach;
use clap::Args;
use procession_beat::Schedule as Slots;
use procession_beat::beat::SPAN_LIMIT;
use procession_monitor::registry::Schedule;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Options, and the program.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// The program's name at the monitor; else the name of its file or script
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// This machine's name at the monitor; else its host name
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// A beat, or the next run of a job, comes at least this often
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    pub(crate) every: Duration,
    /// When the job is due, as cron or a timer of systemd has it, in place of --every
    #[arg(long, value_name = "CRON", value_parser = schedule)]
    pub(crate) schedule: Option<String>,
    /// The time zone of --schedule; else that of this machine
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub(crate) tz: Option<String>,
    /// How much longer silence is forgiven; else a fifth of --every, but a minute at least
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) grace: Option<Duration>,
    /// Report a failure when the program still runs after this time, which does not end it; else
    /// --every, unless it is a service
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) max_runtime: Option<Duration>,
    /// The program is meant to run for ever: it is up from its start, and its end is a failure
    #[arg(long)]
    pub(crate) service: bool,
    /// Leave what the program has started running when it has ended: for one that starts daemons
    #[arg(long)]
    pub(crate) keep: bool,
    /// Tell the program to send WATCHDOG=1 within this time; once it has, report it as stuck where it
    /// does not
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) watchdog: Option<Duration>,
    /// A label at the monitor; `group` names the group of machines
    #[arg(long, value_name = "NAME=VALUE", value_parser = label)]
    pub(crate) label: Vec<(String, String)>,
    /// A word to find the program by at the monitor
    #[arg(long, value_name = "WORD")]
    pub(crate) tag: Vec<String>,
    /// Bytes of each stream of output kept for the report of a failure; 0: output is not looked at
    #[arg(long, value_name = "BYTES", default_value_t = 4_096)]
    pub(crate) tail: usize,
    /// How long the end of the program is tried to be reported before its exit code is given
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) linger: Duration,
    /// Where an end that cannot be reported is kept for the next run; else
    /// /var/lib/procession for root, ~/.local/state/procession for others
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) spool: Option<PathBuf>,
    /// The process that stands above this one.
    #[arg(long, hide = true)]
    pub(crate) inside: Option<i32>,
    /// What is wrong outside the command line.
    #[arg(skip)]
    pub(crate) left_out: LeftOut,
    /// The program and its arguments
    #[arg(trailing_var_arg = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// What `procession run` does without, since its program is to run whatever is wrong with its
/// reports.
#[derive(Debug, Clone, Default)]
pub(crate) struct LeftOut {
    /// What is wrong, for a person.
    pub(crate) why: Vec<String>,
    /// The monitor's address may be among it.
    pub(crate) has_address: bool,
}

/// What comes of a program whose reports cannot be sent.
pub(crate) const UNREPORTED: &str = "the program runs, and nothing of it is reported";

/// The variable that tells the inner process which process is the outer one.
pub(crate) const INSIDE: &str = "PROCESSION_RUN_INSIDE";

impl Options {
    /// The schedule with its time zone, if there is one.
    pub(crate) fn slots(&self) -> Option<Slots> {
        let own = || jiff::tz::TimeZone::system().iana_name().map(str::to_owned);
        let zone = || self.tz.clone().or_else(own).unwrap_or_else(|| "UTC".into());
        Some(Slots { expression: self.schedule.clone()?, zone: zone() })
    }

    /// The time from a run to the next.
    pub(crate) fn period(&self) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let between = |slots: Slots| {
            let schedule = Schedule::read(&slots.expression, &slots.zone).ok()?;
            let first = schedule.after(u64::try_from(now.as_millis()).ok()?)?;
            Some(Duration::from_millis(schedule.after(first)?.saturating_sub(first)))
        };
        let longest = Duration::from_millis(SPAN_LIMIT.1);
        self.slots().map_or(self.every, |slots| between(slots).unwrap_or(longest).min(longest))
    }

    /// Where ends are kept that cannot be reported; `None` if there is no such place.
    pub(crate) fn spool(&self) -> Option<PathBuf> {
        let absolute =
            |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
        let of_root = || rustix::process::geteuid().is_root().then(|| PathBuf::from("/var/lib"));
        let home = || Some(absolute("HOME")?.join(".local/state"));
        let state = || absolute("XDG_STATE_HOME").or_else(of_root).or_else(home);
        self.spool.clone().or_else(|| Some(state()?.join("procession")))
    }

    /// Whether reports would go to a monitor that was not meant, since the address may be among what
    /// was left out.
    pub(crate) fn has_no_address(&self) -> bool {
        self.left_out.has_address && self.reach.url.is_none()
    }

    /// The program's name at the monitor.
    pub(crate) fn program(&self) -> String {
        let own = || name(&self.command);
        self.name.clone().or_else(own).unwrap_or_else(|| "program".into())
    }
}

fn schedule(text: &str) -> Result<String, &'static str> {
    Schedule::read(text, "UTC").map(|_| text.to_owned()).map_err(|(_, why)| why)
}

fn zone(text: &str) -> Result<String, &'static str> {
    Schedule::read("* * * * *", text).map(|_| text.to_owned()).map_err(|(_, why)| why)
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.into(), value.into()))
        }
        _ => Err("a label is NAME=VALUE".into()),
    }
}
