//! A process that reports to a monitor how this one is.
//!
//! In: a monitor's URL and how to be named. Out: reports that the program lives, is stuck, has
//! ended or means to end. What always holds: the program never waits for its heartbeat, nor ends
//! otherwise because of it; a heartbeat is gone `linger` after its program; nothing is guessed.
//!
//! `page` is what both processes share, `witness` what the program writes there when it panics or
//! exits, `life` the program's handle; `watch` is the heartbeat process, with `vitals` from `/proc`,
//! the pure rules `progress` and `verdict`, and `sender`.

mod error;
mod life;
mod page;
mod progress;
mod sender;
mod verdict;
mod vitals;
mod watch;
mod witness;

pub use error::HeartbeatError;
pub use life::Life;
pub use page::Delivery;

use crate::fd::Fd;
use crate::process::Process;
use crate::stdio::Stdio;
use page::Page;
use procession_beat::{Beat, Kind, beat};
use procession_sys::life::{Pid, pidfd};
use procession_sys::thread;
use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use watch::{Orders, watch};
use witness::{Watched, witness};

/// How long a heartbeat stays to report its program's end, where nothing else is said.
const LINGER: Duration = Duration::from_secs(10);

/// A heartbeat of this program, to be started: a process that tells a monitor that it lives.
///
/// ```no_run
/// use procession::Heartbeat;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let life = Heartbeat::to("http://monitor:8420").stuck_after(Duration::from_secs(60)).start()?;
/// for page in 0..100 {
///     life.note(format!("page {page}"));
///     // … work …
///     life.tick();
/// }
/// life.goodbye(None);
/// # Ok(())
/// # }
/// ```
///
/// It reports at once and then every period: what the program uses, its children and how they are.
/// It reports within a second that the program has ended, with exit code or signal, panic and last
/// notes; and that it is stuck, where it promised to [`tick`](Life::tick). If both are gone, or the
/// network is, the monitor learns it from the silence. A monitor that cannot be reached costs the
/// program nothing; what was not reported is kept, a day long, and sent later as history.
///
/// The program itself gets an exit handler and a panic hook, which calls the hook that was there
/// before; a hook that is set later and does not chain hides panics from the heartbeat.
#[must_use = "a heartbeat does nothing until it is started"]
pub struct Heartbeat {
    url: String,
    name: Option<String>,
    every: Duration,
    grace: Option<Duration>,
    labels: BTreeMap<String, String>,
    token: Option<String>,
    token_file: Option<PathBuf>,
    ca: Option<PathBuf>,
    stuck_after: Option<Duration>,
    linger: Duration,
}

impl Heartbeat {
    /// A heartbeat that reports to the monitor at `url`, its root: `http://HOST:PORT`, or `https`
    /// with a certificate that the common authorities have signed, or those of [`ca`](Self::ca).
    pub fn to(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            name: None,
            every: Duration::from_millis(beat::DEFAULT_PERIOD_MS),
            grace: None,
            labels: BTreeMap::new(),
            token: None,
            token_file: None,
            ca: None,
            stuck_after: None,
            linger: LINGER,
        }
    }

    /// What the monitor calls this program. With the machine's name it is the monitor's check.
    /// Default: the name of its file.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How often it reports while nothing happens, 100 ms to 365 days. Default: five minutes.
    pub fn every(mut self, period: Duration) -> Self {
        self.every = period;
        self
    }

    /// How much longer than the period the monitor forgives silence. Default: a fifth of the
    /// period, a minute at least.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// A label, shown by the monitor; `group` names the group of machines for mass silence.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// The secret that the monitor wants from those who report.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The same secret in a file, on its first line, so that it stands neither in the program nor in
    /// its environment. It is read once, by [`start`](Self::start).
    ///
    /// ```no_run
    /// # fn main() -> Result<(), procession::HeartbeatError> {
    /// use procession::Heartbeat;
    ///
    /// let file = "/run/credentials/crawler.service/token";
    /// let life = Heartbeat::to("https://monitor:8420").token_file(file).start()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn token_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.token_file = Some(file.into());
        self
    }

    /// Trusts only the authorities whose certificates are in this file (PEM), for a monitor whose
    /// certificate a private authority has signed. It is read once, by [`start`](Self::start).
    /// Default: the authorities that browsers trust.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), procession::HeartbeatError> {
    /// use procession::Heartbeat;
    ///
    /// let life = Heartbeat::to("https://monitor:8420").ca("/etc/ssl/our-ca.pem").start()?;
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "cacert")]
    pub fn ca(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca = Some(file.into());
        self
    }

    /// Promises a [`tick`](Life::tick) at least this often: without one the program is reported as
    /// stuck, after this time and a quarter of it at the latest. Default: no such promise.
    pub fn stuck_after(mut self, limit: Duration) -> Self {
        self.stuck_after = Some(limit);
        self
    }

    /// How long the heartbeat may outlive the program to report its end. Default: ten seconds.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Starts it. It reports from now on until this process ends, or says [`goodbye`](Life::goodbye).
    ///
    /// # Errors
    /// [`HeartbeatError`]: the URL or a limit is wrong, or its process cannot be started. Whether
    /// the monitor can be reached is no matter; [`Life::delivery`] tells.
    pub fn start(self) -> Result<Life, HeartbeatError> {
        let system = |doing| move |source| HeartbeatError::System { doing, source };
        let rest = self.url.strip_prefix("http://").or_else(|| self.url.strip_prefix("https://"));
        if rest.is_none_or(|rest| rest.is_empty() || rest.contains(char::is_whitespace)) {
            return Err(HeartbeatError::Url(self.url));
        }
        let beat = self.beat()?;
        let authorities = self.authorities()?;
        let token = self.secret()?;
        let main = pidfd(Pid::own()).map_err(system("opening a pidfd of this process"))?;
        let page = Page::new().map_err(system("making its shared memory"))?;
        let (here, there) = UnixStream::pair().map_err(system("making its bell"))?;
        let watched = Watched { page: page.clone(), mark: thread::mark(), bell: Arc::new(here) };
        witness(watched.clone()).map_err(system("preparing this process"))?;
        let orders = Orders {
            page,
            bell: Fd(there.into()),
            main: Fd(main),
            url: self.url,
            token,
            authorities,
            beat: beat.encode(),
            stuck_after: self.stuck_after,
            linger: self.linger,
            aborts: cfg!(panic = "abort"),
        };
        // It runs nothing of the user's, a default set-up included.
        let process = Process::new(watch, (orders,)).setup(|| ()).name("heartbeat").daemon(false);
        let process = process.stdin(Stdio::Null).stdout(Stdio::Null).stderr(Stdio::Null);
        process.current_dir("/").start()?.detach();
        Ok(Life(watched))
    }

    /// What is the same in all its reports, within the limits that monitors keep.
    fn beat(&self) -> Result<Beat, HeartbeatError> {
        let system = |doing| move |source| HeartbeatError::System { doing, source };
        let instance = vitals::instance(std::process::id());
        let instance = instance.map_err(system("reading who this process is"))?;
        let host = vitals::host().map_err(system("reading the machine's name"))?;
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let period_ms = ms(self.every);
        let beat = Beat {
            period_ms,
            grace_ms: self.grace.map_or(beat::default_grace_ms(period_ms), ms),
            labels: self.labels.clone(),
            ..Beat::new(&self.program(), &host, instance, 0, Kind::Alive)
        };
        beat.within_limits()?;
        if self.stuck_after.is_some_and(|limit| limit < Duration::from_millis(beat::SPAN_LIMIT.0)) {
            return Err(HeartbeatError::Limit("stuck_after: 100 ms at least".to_owned()));
        }
        Ok(beat)
    }

    /// What is in the file of authorities, if one is named, once it is known to hold some.
    fn authorities(&self) -> Result<Option<Vec<u8>>, HeartbeatError> {
        let Some(path) = &self.ca else { return Ok(None) };
        let wrong = |why: String| HeartbeatError::Authorities(path.clone(), why);
        let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        procession_beat::authorities(&pem).map_err(|error| wrong(error.to_string()))?;
        Ok(Some(pem))
    }

    fn secret(&self) -> Result<Option<String>, HeartbeatError> {
        let Some(path) = &self.token_file else { return Ok(self.token.clone()) };
        let wrong = |why: String| HeartbeatError::Token(path.clone(), why);
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        match text.lines().next().map(str::trim) {
            Some(token) if !token.is_empty() => Ok(Some(token.to_owned())),
            _ => Err(wrong("its first line is empty".to_owned())),
        }
    }

    fn program(&self) -> String {
        let file = || {
            let program = std::env::args_os().next().unwrap_or_default();
            Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned()
        };
        self.name.clone().unwrap_or_else(file)
    }
}

/// All but the token.
impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Heartbeat");
        shown.field("url", &self.url).field("name", &self.name).field("every", &self.every);
        shown.field("stuck_after", &self.stuck_after).field("linger", &self.linger);
        shown.finish_non_exhaustive()
    }
}
