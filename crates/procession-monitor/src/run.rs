//! The server: [`run`]`(config, listener, shutdown)`, or [`Monitor::open`] and [`Monitor::serve`].
//!
//! In: a configuration, a listening socket, a future that ends when the server shall. Out: nothing,
//! until it has ended in order. Always: nothing is served before the judge has taken up the saved
//! state; a judge that stops is noticed by the watchdog, which ends the process so that whoever
//! supervises it starts it again; at an orderly end everything decided is written.

mod error;

pub use error::RunError;

use crate::alerts::{Receiver, Senders, Tally, deadman};
use crate::descriptors;
use crate::intake::App;
use crate::judge;
use crate::log::{self, log};
use crate::registry::{Registry, Scope};
use crate::serve::certificate::Certificate;
use crate::serve::connections::Capacity;
use crate::serve::serve;
use crate::serve::stream::Connections;
use crate::store::file::lacking;
use crate::store::{DatabaseFile, FileError, Reader, Saved, Writer, schema};
use ipnet::IpNet;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver as Stop, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore};

/// How often deadlines are judged at least, and the sign of life is written: every second.
const TICK: Duration = Duration::from_secs(1);
/// How often deadlines are judged at most.
const PASS: Duration = Duration::from_millis(50);
/// Seconds without a pass of the judge after which the process ends itself.
const WATCHDOG: u64 = 10;

/// What a monitor is told.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The database file; it is made if there is none.
    pub database: PathBuf,
    /// Where the monitor is reached, for the URLs it shows; `None`: by the listener's address.
    pub url: Option<String>,
    /// Proxies in front of the monitor. What they say of their clients is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whoever reaches the listener may do everything: for one's own machine.
    pub open: bool,
    /// Plain HTTP although the listener is not on the loopback interface.
    pub plain: bool,
    /// The certificate chain and the key, as PEM files.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Secrets, what they open, and for which host.
    pub tokens: Vec<(String, Scope, Option<String>)>,
    /// Who is told.
    pub receivers: Vec<Receiver>,
    /// Say on standard error also what is no trouble: the start and the end, checks that change
    /// their state, messages that are delivered.
    pub verbose: bool,
    /// URLs of the healthchecks form that are pinged every minute while all is well.
    pub deadman: Vec<String>,
    /// Notified to have the certificate read again at once, rather than within seconds of a change.
    pub reload: Arc<Notify>,
    /// How the judge is set up.
    pub judge: judge::Config,
}

/// Runs a monitor until `shutdown` ends.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    Monitor::open(config, listener).await?.serve(shutdown).await
}

/// A monitor whose certificate and database are open, so that nothing but its socket can fail.
#[derive(Debug)]
pub struct Monitor {
    listener: TcpListener,
    app: Arc<App>,
    house: House,
    url: String,
    reload: Arc<Notify>,
}

impl Monitor {
    /// Opens everything and takes up where the database ends: deadlines are judged and messages sent
    /// from now on. Connections wait at the listener until the monitor serves.
    pub async fn open(config: Config, listener: TcpListener) -> Result<Monitor, RunError> {
        let address = listener.local_addr().map_err(RunError::Socket)?;
        if config.tls.is_none() && !config.plain && !address.ip().is_loopback() {
            return Err(RunError::PlainHttp(address));
        }
        for receiver in &config.receivers {
            let checked = receiver.check();
            checked.map_err(|why| RunError::Receiver(receiver.name().to_owned(), why))?;
        }
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let own_url = format!("{scheme}://{address}");
        let url = config.url.as_deref().unwrap_or(&own_url).trim_end_matches('/').to_owned();
        let certificate = match &config.tls {
            Some((chain, key)) => {
                let loaded = Certificate::load(chain, key).await;
                let failed = |why| RunError::Tls(chain.clone(), key.clone(), why);
                Some(Arc::new(loaded.map_err(failed)?))
            }
            None => None,
        };
        let capacity = Capacity::of(descriptors::raise());
        let house = House::open(&config, &url)?;
        let app = Arc::new(App {
            registry: house.registry.clone(),
            url,
            open: config.open,
            trusted_proxies: config.trusted_proxies.clone(),
            scheme,
            receivers: config.receivers.iter().map(|r| (r.name().to_owned(), r.kind())).collect(),
            tallies: house.tallies.clone(),
            taken: AtomicU64::new(0),
            judging: AtomicBool::new(true),
            certificate,
            connections: Connections::new(capacity, config.trusted_proxies.clone()),
            streams: Arc::new(Semaphore::new(capacity.streams)),
        });
        Ok(Monitor { listener, app, house, url: own_url, reload: config.reload.clone() })
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Serves until `shutdown` ends.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
        let Monitor { listener, app, house, url: _, reload } = self;
        let watchdog = tokio::spawn(watch(house.pulse.clone(), app.clone()));
        let certificate = app.certificate.clone();
        let tls = certificate.as_ref().map(|certificate| certificate.config());
        let renewal = certificate
            .map(|certificate| tokio::spawn(certificate.watch(app.registry.clone(), reload)));
        let served = serve(listener, tls, app, shutdown).await;
        for task in [Some(watchdog), renewal].into_iter().flatten() {
            task.abort();
            let _ = task.await;
        }
        tokio::task::spawn_blocking(move || house.close()).await.ok();
        served.map_err(RunError::Socket)
    }
}

/// The threads of a running monitor.
#[derive(Debug)]
struct House {
    registry: Arc<Registry>,
    senders: crate::alerts::sender::Working,
    tallies: BTreeMap<String, Arc<Tally>>,
    writer: std::thread::JoinHandle<()>,
    judge: std::thread::JoinHandle<()>,
    deadman: std::thread::JoinHandle<()>,
    stop: [std::sync::mpsc::Sender<()>; 2],
    /// Counts the passes of the judge.
    pulse: Arc<AtomicU64>,
    /// The last to be dropped, since `SQLite` has the file as long as the others live.
    _file: Arc<DatabaseFile>,
}

impl House {
    fn open(config: &Config, url: &str) -> Result<House, RunError> {
        let (file, connection, saved) = open_database(&config.database)?;
        let senders = Senders::new(config.receivers.clone());
        let post = senders.post();
        for letter in &saved.letters {
            post.put(letter.clone());
        }
        let (writer, thread) =
            Writer::start(connection, file.clone(), move |letter| post.put(letter));
        let names = config.receivers.iter().map(|r| r.name().to_owned()).collect();
        let registry = Arc::new(Registry::restore(
            saved,
            config.judge.clone(),
            writer,
            file.path().to_owned(),
            names,
            config.verbose,
        ));
        for (secret, scope, host) in &config.tokens {
            registry.allow(secret, *scope, host.clone());
        }
        let tallies = senders.tallies();
        let senders = senders.start(&registry, url);
        let pulse = Arc::new(AtomicU64::new(0));
        let (stop_judge, stopped) = channel();
        let judge = {
            let (registry, pulse) = (registry.clone(), pulse.clone());
            std::thread::spawn(move || judge_all(&registry, &pulse, &stopped))
        };
        let (stop_deadman, stopped) = channel();
        let deadman = {
            let (registry, urls) = (registry.clone(), config.deadman.clone());
            let pulse = pulse.clone();
            std::thread::spawn(move || {
                let seen = AtomicU64::new(u64::MAX);
                let judging = || {
                    let now = pulse.load(Ordering::Relaxed);
                    seen.swap(now, Ordering::Relaxed) != now
                };
                deadman::ping_all(&urls, &registry, judging, &stopped);
            })
        };
        let stop = [stop_judge, stop_deadman];
        if config.verbose {
            let (version, count) =
                (env!("CARGO_PKG_VERSION"), registry.counts().values().sum::<usize>());
            let database = config.database.display();
            log!(Info, "monitor {version} at {url} with {count} checks in {database}");
        }
        Ok(House {
            registry,
            senders,
            tallies,
            writer: thread,
            judge,
            deadman,
            stop,
            pulse,
            _file: file,
        })
    }

    /// Ends in order: no more judging, no more sending, everything written.
    fn close(self) {
        let is_verbose = self.registry.is_verbose();
        drop(self.stop);
        let _ = self.judge.join();
        let _ = self.deadman.join();
        self.senders.stop();
        self.registry.tick();
        drop(self.registry);
        let _ = self.writer.join();
        if is_verbose {
            log!(Info, "the monitor has ended, and everything is written");
        }
        log::flush();
    }
}

fn judge_all(registry: &Registry, pulse: &AtomicU64, stop: &Stop<()>) {
    let mut tick = Instant::now();
    loop {
        if Instant::now() >= tick {
            registry.tick();
            pulse.fetch_add(1, Ordering::Relaxed);
            tick = Instant::now() + TICK;
        } else {
            registry.judge();
        }
        // Between two ticks it wakes for the next deadline.
        let due = registry.due_in().map_or(TICK, Duration::from_millis).max(PASS);
        let wait = due.min(tick.saturating_duration_since(Instant::now()));
        match stop.recv_timeout(wait) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Counts its own seconds, not the clock's: a process that was stopped as a whole has missed none.
async fn watch(pulse: Arc<AtomicU64>, app: Arc<App>) {
    let (mut seen, mut missed) = (pulse.load(Ordering::Relaxed), 0);
    loop {
        tokio::time::sleep(TICK).await;
        let now = pulse.load(Ordering::Relaxed);
        missed = if now == seen { missed + 1 } else { 0 };
        seen = now;
        app.judging.store(missed < 3, Ordering::Relaxed);
        if missed >= WATCHDOG {
            log!(Error, "the judge has not passed for {WATCHDOG} s: the monitor ends");
            log::flush();
            std::process::abort();
        }
    }
}

fn open_database(path: &Path) -> Result<(Arc<DatabaseFile>, Connection, Saved), RunError> {
    let wrong = |error| match lacking(path) {
        Some(what) => RunError::NoRoom(path.to_owned(), what),
        None => error,
    };
    let file = DatabaseFile::open(path).map_err(|error| match error {
        FileError::Open(why) => wrong(RunError::File(path.to_owned(), why)),
        FileError::InUse => RunError::InUse(path.to_owned()),
        FileError::Links(names) => RunError::Links(path.to_owned(), names),
    })?;
    let failed = |error| wrong(RunError::Database(path.to_owned(), error));
    let connection = schema::open(file.path()).map_err(failed)?;
    let saved = Reader::open(file.path()).and_then(|reader| reader.saved()).map_err(failed)?;
    Ok((Arc::new(file), connection, saved))
}
