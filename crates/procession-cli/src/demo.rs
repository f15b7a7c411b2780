//! `procession demo`: a program at work, two deaths, and a monitor that notices both.
//!
//! In: nothing. Out: what happens, line by line. Always: exit code 0 only if the monitor noticed
//! everything; no process and no file is left, whatever happened.
//!
//! The program is this command again, in a process of its own, as a user's would be: its workers
//! read real files in processes of procession, and each has a heartbeat.

use crate::output::{complain, say};
use crate::reach::Reach;
use crate::run::family;
use crate::status;
use clap::Args;
use procession::{Child, Failure, Heartbeat, Life, Process};
use procession_monitor::{Config, judge, run};
use procession_sys::life::{self, Pid};
use procession_sys::signal::SIGKILL;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long the monitor may take to notice something.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long heartbeats may take to report and to end after the program.
const LINGER: Duration = Duration::from_secs(10);
/// What the workers read.
const WORK: [(&str, &str); 3] =
    [("reader-etc", "/etc"), ("reader-lib", "/usr/lib"), ("reader-proc", "/proc/self")];
/// The one that is killed.
const VICTIM: &str = "reader-lib";
const PROGRAM: &str = "demo";

/// What is asked for.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Be the program, reporting to the monitor at this URL.
    #[arg(long, hide = true)]
    program: Option<String>,
}

/// Shows it.
pub(crate) fn show(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    if let Some(url) = &options.program {
        return work(url);
    }
    family::adopt_orphans()?;
    let told = perform();
    let left = family::end_all(LINGER);
    told?;
    if let Some(survivor) = left.first() {
        return Err(survivor.to_string().into());
    }
    say!("nothing is left: no process, no file")?;
    Ok(ExitCode::SUCCESS)
}

fn perform() -> Result<(), Box<dyn Error>> {
    let directory = Directory::new()?;
    // Dropped before its directory.
    let monitor = Monitor::start(directory.0.join("demo.db"))?;
    let url = monitor.url.clone();
    say!("a monitor listens at {url}")?;
    let mut program = Command::new("/proc/self/exe")
        .args(["demo", "--program", &url])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    say!("a program (pid {}) reads files in {} processes:", program.id(), WORK.len())?;
    let mut lines = BufReader::new(program.stdout.take().ok_or("no output")?).lines();
    let mut victim = None;
    for _ in WORK {
        let line = lines.next().ok_or("the program ended too early")??;
        say!("  {line}")?;
        if let Some(rest) = line.strip_prefix(&format!("{VICTIM} ")) {
            victim = rest.split(' ').next().and_then(|pid| pid.parse().ok());
        }
    }
    let reach = Reach { url: Some(url), token: None, token_file: None, ca: None };
    let all = WORK.map(|(name, _)| name).into_iter().chain([PROGRAM]);
    for name in all.clone() {
        await_state(&reach, name, "up")?;
    }
    say!("all four report that they live\n")?;
    kill(victim.ok_or("the worker gave no process id")?)?;
    say!("kill -9 of the worker {VICTIM}")?;
    say!("  the program:  {}", lines.next().ok_or("the program ended too early")??)?;
    say!("  the monitor:  {VICTIM} is {}\n", await_state(&reach, VICTIM, "down")?)?;
    kill(i32::try_from(program.id())?)?;
    program.wait()?;
    say!("kill -9 of the program")?;
    for name in all {
        say!("  the monitor:  {name} is {}", await_state(&reach, name, "down")?)?;
    }
    say!("\nwhat `procession status` shows:")?;
    say!("{}", status::picture(&reach.json("GET", "/api/status", None)?))?;
    Ok(())
}

/// The program: its workers, and what becomes of them.
fn work(url: &str) -> Result<ExitCode, Box<dyn Error>> {
    let _life = heartbeat(url.to_owned(), PROGRAM)?;
    let mut readers = Vec::new();
    for (name, place) in WORK {
        let arguments = (url.to_owned(), name, place);
        let reader = Process::new(read_for_ever, arguments).name(name).daemon(true).start()?;
        say!("{name} {} reads {place}", reader.id())?;
        readers.push(reader);
    }
    std::thread::scope(|scope| {
        for reader in readers {
            scope.spawn(move || say_end(reader));
        }
    });
    Ok(ExitCode::SUCCESS)
}

fn say_end(reader: Child<()>) {
    if let Err(error) = reader.join() {
        // The command that shows this reads it as long as it lives.
        let _ = say!("{error}");
    }
}

fn heartbeat(url: String, name: &str) -> Result<Life, procession::HeartbeatError> {
    // The grace stays a minute: on a busy machine silence shall not come before a death.
    let (second, half_a_minute) = (Duration::from_secs(1), Duration::from_secs(30));
    Heartbeat::to(url).name(name).every(second).stuck_after(half_a_minute).start()
}

/// A worker: the size of every file below `place`, again and again.
fn read_for_ever(url: String, name: &str, place: &str) {
    // Without it nobody would miss this worker: the demonstration shall fail.
    let life = heartbeat(url, name).expect("a heartbeat");
    loop {
        let mut bytes = 0_u64;
        read(Path::new(place), &mut bytes, &life);
        life.note(format!("{bytes} bytes below {place}"));
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn read(place: &Path, bytes: &mut u64, life: &Life) {
    life.tick();
    for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => read(&entry.path(), bytes, life),
            Ok(kind) if kind.is_file() => *bytes += entry.metadata().map_or(0, |data| data.len()),
            _ => {}
        }
    }
}

/// The monitor, in a thread of this process.
struct Monitor {
    url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Monitor {
    fn start(database: PathBuf) -> Result<Monitor, Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let judge = judge::Config { group_wait: 0, ..judge::Config::default() };
        let config = Config { database, open: true, judge, ..Config::default() };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let thread = std::thread::spawn(move || {
            if let Err(error) = runtime.block_on(run(config, listener, shutdown)) {
                complain!("procession demo: {:#}", Failure::of(&error));
            }
        });
        Ok(Monitor { url, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().map(JoinHandle::join);
    }
}

/// Waits until the monitor sees `name` so; gives its state and problem in words.
fn await_state(reach: &Reach, name: &str, state: &str) -> Result<String, Box<dyn Error>> {
    let begun = Instant::now();
    loop {
        let status = reach.json("GET", "/api/status", None)?;
        let checks = status["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
        let check = checks.iter().find(|check| check["name"] == name);
        if let Some(check) = check.filter(|check| check["state"] == state) {
            let problem = check["problem"].as_str().unwrap_or_default();
            return Ok(crate::text::plain(&format!("{state}, {problem}")));
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("the monitor did not notice that {name} is {state}").into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn kill(pid: i32) -> Result<(), Box<dyn Error>> {
    let pidfd = life::pidfd(Pid::from_raw(pid).ok_or("no process id")?)?;
    Ok(life::send_signal(pidfd.as_fd(), SIGKILL)?)
}

/// A directory of the demonstration's own.
struct Directory(PathBuf);

impl Directory {
    fn new() -> std::io::Result<Directory> {
        let name = format!("procession-demo-{:016x}", fastrand::u64(..));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Directory(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
