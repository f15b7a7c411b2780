//! The server: `run(config, listener, shutdown)`.
//!
//! In: a configuration, a listening socket, a future that ends when the server shall. Out: nothing,
//! until it has ended in order. Always: nothing is served before the judge has taken up the saved
//! state; a judge that stops is noticed by the watchdog, which ends the process so that whoever
//! supervises it starts it again; at an orderly end everything decided is written.

use crate::alerts::{Receiver, Senders, deadman};
use crate::intake::{App, router};
use crate::judge;
use crate::registry::{Registry, Scope};
use crate::store::{Reader, Writer, schema};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver as Stop, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How often deadlines are judged at least, and the sign of life is written: every second.
const TICK: Duration = Duration::from_secs(1);
/// How often deadlines are judged at most.
const PASS: Duration = Duration::from_millis(50);
/// Seconds without a pass of the judge after which the process ends itself.
const WATCHDOG: u64 = 10;
/// What the files of a new database take, in bytes: the tables, their log and its index.
const NEW_DATABASE: u64 = 256 * 1024;
/// How long a request's head may take.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long open connections may go on once the server shall end.
const DRAIN: Duration = Duration::from_secs(5);

/// What a monitor is told.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The database file; it is made if there is none.
    pub database: PathBuf,
    /// Where the monitor is reached, for the URLs it shows; `None`: by the listener's address.
    pub url: Option<String>,
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
    /// URLs of the healthchecks form that are pinged every minute while all is well.
    pub deadman: Vec<String>,
    /// How the judge is set up.
    pub judge: judge::Config,
}

/// Why a monitor could not run.
#[derive(Debug)]
pub enum RunError {
    /// The database could not be opened.
    Database(PathBuf, rusqlite::Error),
    /// The disk of the database has no room; what it lacks.
    NoRoom(PathBuf, String),
    /// No file can be made beside the database.
    Lock(PathBuf, std::io::Error),
    /// Another monitor has the database.
    InUse(PathBuf),
    /// The listener is reachable from elsewhere, and neither TLS nor plain HTTP was asked for.
    PlainHttp(SocketAddr),
    /// The certificate chain or the key, in these files, could not be used.
    Tls(PathBuf, PathBuf, std::io::Error),
    /// A receiver, by its name, could never be told anything, and why.
    Receiver(String, String),
    /// The socket could not be served.
    Socket(std::io::Error),
}

/// Runs a monitor until `shutdown` ends.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let address = listener.local_addr().map_err(RunError::Socket)?;
    if config.tls.is_none() && !config.plain && !address.ip().is_loopback() {
        return Err(RunError::PlainHttp(address));
    }
    for receiver in &config.receivers {
        let checked = receiver.check();
        checked.map_err(|why| RunError::Receiver(receiver.name().to_owned(), why))?;
    }
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let url = config.url.clone().unwrap_or_else(|| format!("{scheme}://{address}"));
    let tls = match &config.tls {
        Some((chain, key)) => {
            // Whoever installed one before us may keep it.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let config = RustlsConfig::from_pem_file(chain, key).await;
            Some(config.map_err(|why| RunError::Tls(chain.clone(), key.clone(), why))?)
        }
        None => None,
    };
    let house = House::open(&config, &url)?;
    let app = Arc::new(App {
        registry: house.registry.clone(),
        url,
        open: config.open,
        scheme,
        receivers: config.receivers.iter().map(|r| (r.name().to_owned(), r.kind())).collect(),
        taken: AtomicU64::new(0),
        judging: AtomicBool::new(true),
    });
    let pulse = house.pulse.clone();
    let watchdog = tokio::spawn(watch(pulse, app.clone()));
    let served = serve(listener, tls, app, shutdown).await;
    watchdog.abort();
    let _ = watchdog.await;
    tokio::task::spawn_blocking(move || house.close()).await.ok();
    served
}

async fn serve(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    app: Arc<App>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    listener.set_nonblocking(true).map_err(RunError::Socket)?;
    let registry = app.registry.clone();
    let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
    let handle = Handle::new();
    let stop = handle.clone();
    macro_rules! serve {
        ($server:expr) => {{
            let mut server = $server.map_err(RunError::Socket)?.handle(handle);
            let timer = hyper_util::rt::TokioTimer::new();
            server.http_builder().http1().timer(timer).header_read_timeout(HEAD_TIME);
            let serving = server.serve(service);
            tokio::pin!(serving, shutdown);
            tokio::select! {
                ended = &mut serving => return ended.map_err(RunError::Socket),
                () = &mut shutdown => {
                    registry.hush();
                    stop.graceful_shutdown(Some(DRAIN));
                }
            }
            serving.await.map_err(RunError::Socket)
        }};
    }
    match tls {
        None => serve!(axum_server::from_tcp(listener)),
        Some(tls) => serve!(axum_server::from_tcp_rustls(listener, tls)),
    }
}

/// The threads of a running monitor.
struct House {
    registry: Arc<Registry>,
    senders: crate::alerts::sender::Working,
    writer: std::thread::JoinHandle<()>,
    judge: std::thread::JoinHandle<()>,
    deadman: std::thread::JoinHandle<()>,
    stop: [std::sync::mpsc::Sender<()>; 2],
    /// Counts the passes of the judge.
    pulse: Arc<AtomicU64>,
    _lock: std::fs::File,
}

impl House {
    fn open(config: &Config, url: &str) -> Result<House, RunError> {
        let lock = lock(&config.database)?;
        let wrong = |error| match lacking(&config.database) {
            Some(what) => RunError::NoRoom(config.database.clone(), what),
            None => RunError::Database(config.database.clone(), error),
        };
        let connection = schema::open(&config.database).map_err(wrong)?;
        let saved = Reader::open(&config.database).and_then(|r| r.saved()).map_err(wrong)?;
        let senders = Senders::new(config.receivers.clone());
        let post = senders.post();
        for letter in &saved.letters {
            post.put(letter.clone());
        }
        let (writer, thread) = Writer::start(connection, move |letter| post.put(letter));
        let names = config.receivers.iter().map(|r| r.name().to_owned()).collect();
        let registry = Arc::new(Registry::restore(
            saved,
            config.judge.clone(),
            writer,
            config.database.clone(),
            names,
        ));
        for (secret, scope, host) in &config.tokens {
            registry.allow(secret, *scope, host.clone(), false);
        }
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
        Ok(House { registry, senders, writer: thread, judge, deadman, stop, pulse, _lock: lock })
    }

    /// Ends in order: no more judging, no more sending, everything written.
    fn close(self) {
        drop(self.stop);
        let _ = self.judge.join();
        let _ = self.deadman.join();
        self.senders.stop();
        self.registry.tick();
        drop(self.registry);
        let _ = self.writer.join();
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
            eprintln!("procession: the judge has not passed for {WATCHDOG} s: ending");
            std::process::abort();
        }
    }
}

/// What the disk of a database lacks that could not be opened, if it is full.
fn lacking(database: &Path) -> Option<String> {
    let directory = database.parent().filter(|path| !path.as_os_str().is_empty());
    let disk = rustix::fs::statvfs(directory.unwrap_or(Path::new("."))).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < NEW_DATABASE {
        let (free, needed) = (free / 1024, NEW_DATABASE / 1024);
        return Some(format!("{free} KiB are free, and a new database takes {needed} KiB"));
    }
    (disk.f_files > 0 && disk.f_favail < 3).then(|| "no inodes are free for its files".to_owned())
}

/// One database, one monitor: the lock goes with the process, however it ends.
fn lock(database: &Path) -> Result<std::fs::File, RunError> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|why| RunError::Lock(database.to_owned(), why))?;
    let operation = rustix::fs::FlockOperation::NonBlockingLockExclusive;
    rustix::fs::flock(&file, operation).map_err(|_| RunError::InUse(database.to_owned()))?;
    Ok(file)
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Database(path, _) => {
                write!(f, "the database {} cannot be opened", path.display())
            }
            RunError::NoRoom(path, what) => write!(
                f,
                "there is no room for the database {}: {what}: free some, or name another place",
                path.display()
            ),
            RunError::Lock(path, _) => {
                write!(f, "no file can be made beside the database {}", path.display())
            }
            RunError::InUse(path) => {
                write!(
                    f,
                    "another monitor uses the database {}: stop it, or use another file",
                    path.display()
                )
            }
            RunError::PlainHttp(address) => write!(
                f,
                "{address} can be reached from other machines, where plain HTTP would show every \
                 token: give a certificate and its key, or say that plain HTTP is meant"
            ),
            RunError::Tls(chain, key, _) => write!(
                f,
                "the certificate {} or its key {} cannot be used",
                chain.display(),
                key.display()
            ),
            RunError::Receiver(name, why) => {
                write!(f, "the receiver {name} can be told nothing: {why}")
            }
            RunError::Socket(_) => f.write_str("the socket cannot be served"),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Without a message it prints the code, which is its source as well.
            RunError::Database(_, rusqlite::Error::SqliteFailure(code, None)) => Some(code),
            RunError::Database(_, why) => Some(why),
            RunError::Lock(_, why) | RunError::Tls(_, _, why) | RunError::Socket(why) => Some(why),
            RunError::InUse(_)
            | RunError::PlainHttp(_)
            | RunError::NoRoom(..)
            | RunError::Receiver(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;

    fn errors() -> Vec<RunError> {
        let (path, system) =
            (|| PathBuf::from("beats.db"), || std::io::Error::from_raw_os_error(13));
        let database = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(14), None);
        vec![
            RunError::Database(path(), database),
            RunError::Lock(path(), system()),
            RunError::NoRoom(path(), "0 KiB are free".into()),
            RunError::InUse(path()),
            RunError::PlainHttp(([0, 0, 0, 0], 80).into()),
            RunError::Tls(path(), path(), system()),
            RunError::Socket(system()),
        ]
    }

    #[test]
    fn each_text_of_a_chain_is_printed_once() {
        fn check(error: &dyn Error) {
            if let Some(cause) = error.source() {
                let (text, cause_text) = (error.to_string(), cause.to_string());
                assert!(!text.contains(&cause_text), "{text}: {cause_text}");
                check(cause);
            }
        }
        for error in errors() {
            check(&error);
        }
        let with_source = errors().iter().filter(|error| error.source().is_some()).count();
        assert_eq!(with_source, 4);
    }

    #[test]
    fn the_error_can_be_sent_to_and_shared_with_other_threads() {
        fn check<E: Error + Send + Sync + 'static>() {}
        check::<RunError>();
    }
}
