//! A monitor in this process, a receiver that writes down what it is told, and patience.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use procession_beat::{
    Beat, Cause, Client, Death, Instance, Kind, Main, MainState, Receipt, SendError,
};
use procession_monitor::{Config, Receiver, run};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long anything is waited for before it counts as never coming.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// A key of the form that the management API wants.
pub const API_KEY: &str = "0123456789abcdef0123456789abcdef";
pub const READ_KEY: &str = "fedcba9876543210fedcba9876543210";

/// A monitor at work; it ends in order when dropped.
pub struct Monitor {
    pub url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A configuration with every key set.
pub fn config(directory: &Path) -> Config {
    use procession_monitor::Scope;
    let mut config = Config {
        database: directory.join("monitor.db"),
        tokens: vec![
            ("BEAT".into(), Scope::Beat, Some("web-3".into())),
            ("PINGKEY".into(), Scope::Ping, None),
            (READ_KEY.into(), Scope::Read, None),
            (API_KEY.into(), Scope::Admin, None),
        ],
        ..Config::default()
    };
    config.judge.group_wait = 0;
    config
}

impl Monitor {
    pub fn start(config: Config) -> Monitor {
        Monitor::start_at(config, "127.0.0.1:0")
    }

    pub fn start_at(config: Config, address: &str) -> Monitor {
        let listener = TcpListener::bind(address).unwrap();
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
            let shutdown = async {
                let _ = stopped.await;
            };
            runtime.unwrap().block_on(run(config, listener, shutdown)).unwrap();
        });
        Monitor { url, stop: Some(stop), thread: Some(thread) }
    }

    /// Any request; the status, the headers and the body.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let headers: String =
            headers.iter().map(|(name, value)| [name, ": ", value, "\r\n"].concat()).collect();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             {headers}Content-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        // An answer may come before the whole body is read.
        let _ = stream.write_all(body.as_bytes());
        Answer::read(stream)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], "")
    }

    pub fn api(&self, method: &str, path: &str, body: &str) -> Answer {
        self.request(method, path, &[("X-Api-Key", API_KEY)], body)
    }

    /// Makes a ping check and returns its UUID.
    pub fn make(&self, body: &str) -> String {
        let answer = self.api("POST", "/api/v3/checks/", body);
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["uuid"].as_str().unwrap().to_owned()
    }

    pub fn check(&self, uuid: &str) -> serde_json::Value {
        self.api("GET", &format!("/api/v3/checks/{uuid}"), "").json()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

/// A beat of the host that the token of [`config`] is for.
pub fn beat(seq: u64, kind: Kind) -> Beat {
    let instance = Instance { boot: "b".into(), pid: 7, started: 9 };
    let mut beat = Beat::new("crawler", "web-3", instance, seq, kind);
    beat.main = Some(Main { state: MainState::Alive, ticks: seq });
    beat
}

/// A death by SIGKILL.
pub fn dead() -> Kind {
    Kind::Dead(Death { run: None, cause: Cause::Signal(9), panic: None, last_words: vec![] })
}

pub fn send(monitor: &Monitor, beat: &Beat) -> Result<Receipt, SendError> {
    Client::new(&monitor.url, Some("BEAT".into())).send(beat, PATIENCE)
}

/// An example, which cargo builds beside the tests.
pub fn example(name: &str) -> std::path::PathBuf {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(example.exists(), "{} is missing: cargo build --examples", example.display());
    example
}

fn arguments<'a>(hook: &'a str, listen: &'a str) -> [&'a str; 7] {
    ["--open", "--fast", "--webhook", hook, "--listen", listen, "--data"]
}

/// A reporting program of its own, killed when dropped.
pub struct Reporter {
    pub host: String,
    child: Child,
}

impl Reporter {
    pub fn start(url: &str, host: &str, period: Duration, grace: Duration) -> Reporter {
        Reporter::spawn(Command::new(example("reporter")), url, host, period, grace)
    }

    /// The same by a command that ends in the reporter's path.
    pub fn spawn(
        mut command: Command,
        url: &str,
        host: &str,
        period: Duration,
        grace: Duration,
    ) -> Reporter {
        let spans = [period, grace].map(|span| span.as_millis().to_string());
        let child = command.arg(url).arg(host).args(spans).stdin(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|why| panic!("{command:?}: {why}"));
        Reporter { host: host.to_owned(), child }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A monitor process of its own (the example server, which cargo builds beside the tests); killed
/// when dropped, so that a test that fails leaves nothing behind.
pub struct Process {
    pub child: Child,
    pub url: String,
}

impl Process {
    /// Everybody may send; every letter goes to `hook` without waiting for its fellows.
    pub fn start(database: &Path, hook: &str, listen: &str) -> Process {
        let mut command = Command::new(example("monitor"));
        command.args(arguments(hook, listen)).arg(database);
        Process::spawn(&mut command)
    }

    /// The same, with a wall clock that is off by what the file `clock` says (`+1d`), now and later.
    pub fn with_wall_clock(clock: &Path, database: &Path, hook: &str) -> Process {
        const FAKE: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
        assert!(Path::new(FAKE).exists(), "{FAKE} is missing: apt install faketime");
        let mut command = Command::new(example("monitor"));
        command.args(arguments(hook, "127.0.0.1:0")).arg(database);
        command.env("LD_PRELOAD", FAKE).env("FAKETIME_TIMESTAMP_FILE", clock);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Process::spawn(command.env("DONT_FAKE_MONOTONIC", "1"))
    }

    /// The same on a disk that is as lame as the file `lame` says (`tests/disk/lame.c`).
    pub fn on_a_lame_disk(lame: &Path, database: &Path, hook: &str) -> Process {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/disk/lame.c");
        let library = database.with_file_name("lame.so");
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"]).arg(&library);
        let compiled = compile.arg(source).arg("-ldl").status().expect("cc: apt install gcc");
        assert!(compiled.success());
        let mut command = Command::new(example("monitor"));
        command.args(arguments(hook, "127.0.0.1:0")).arg(database);
        Process::spawn(command.env("LD_PRELOAD", library).env("PROCESSION_LAME", lame))
    }

    /// The same with its database in `directory`, where a file system of its own of two MiB is
    /// mounted that only this process sees.
    pub fn on_a_small_disk(directory: &Path, hook: &str) -> Process {
        let mount = "mount -t tmpfs -o size=2m small \"$1\" && shift && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", mount, "sh"]).arg(directory);
        command
            .arg(example("monitor"))
            .args(arguments(hook, "127.0.0.1:0"))
            .arg(directory.join("monitor.db"));
        Process::spawn(&mut command)
    }

    /// A command that ends in the server and its arguments. It ends in order when the test ends.
    pub fn spawn(command: &mut Command) -> Process {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let child = child.unwrap_or_else(|why| panic!("{command:?}: {why}"));
        let mut process = Process { child, url: String::new() };
        let mut url = String::new();
        let stdout = process.child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut url).unwrap();
        url.trim().clone_into(&mut process.url);
        assert!(!process.url.is_empty(), "{command:?} ended before it listened");
        process
    }

    /// A request without a body: the status and the body of the answer.
    pub fn get(&self, path: &str) -> (u16, String) {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build();
        let answer = ureq::Agent::from(agent).get(format!("{}{path}", self.url)).call();
        let mut answer = answer.unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it in order.
    pub fn stop(mut self) -> ExitStatus {
        drop(self.child.stdin.take());
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn read(stream: TcpStream) -> Answer {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
        let mut body = Vec::new();
        let _ = reader.read_to_end(&mut body);
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        Answer {
            status,
            head: head.to_ascii_lowercase(),
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }
}

/// Given in place of a status: hang up with the body unread, which resets the connection.
pub const RESET: u16 = 0;
/// Given in place of a status: read everything and hang up without an answer.
pub const SILENT: u16 = 1;
/// Given in place of a status: answer with what is no HTTP.
pub const GARBAGE: u16 = 2;
/// Given in place of a status: read everything and never answer.
pub const DEAF: u16 = 3;
/// Given in place of a status: answer a byte every now and then, without an end.
pub const LORIS: u16 = 4;

/// A webhook that answers with the statuses it is given, then with 200, and keeps what it is told.
pub struct Told {
    pub url: String,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    /// Idempotency key and body of each request that was answered with 200.
    letters: Vec<(String, serde_json::Value)>,
    /// Keys of all requests.
    tries: Vec<String>,
    failures: Vec<u16>,
}

impl Told {
    pub fn start(failures: &[u16]) -> Told {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let state = State { failures: failures.to_vec(), ..State::default() };
        let state = Arc::new((Mutex::new(state), Condvar::new()));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                take(&stream.unwrap(), &shared);
            }
        });
        Told { url, state }
    }

    pub fn receiver(&self) -> Receiver {
        Receiver::Webhook { name: "hook".into(), url: self.url.clone() }
    }

    /// The first `count` letters; waits for them.
    pub fn letters(&self, count: usize) -> Vec<(String, serde_json::Value)> {
        let (state, changed) = &*self.state;
        let guard = state.lock().unwrap();
        let few = |state: &mut State| state.letters.len() < count;
        let (guard, wait) = changed.wait_timeout_while(guard, PATIENCE, few).unwrap();
        let letters = guard.letters.clone();
        assert!(!wait.timed_out(), "waited for {count} letters, got {letters:?}");
        letters
    }

    /// The keys of all tries so far.
    pub fn tries(&self) -> Vec<String> {
        self.state.0.lock().unwrap().tries.clone()
    }
}

fn take(stream: &TcpStream, state: &(Mutex<State>, Condvar)) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut length, mut key) = (0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            // Cut off in the midst: nothing was told.
            return;
        }
        if line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap(),
                "idempotency-key" => value.trim().clone_into(&mut key),
                _ => {}
            }
        }
    }
    let next = state.0.lock().unwrap().failures.first().copied();
    if next == Some(RESET) {
        let mut guard = state.0.lock().unwrap();
        guard.failures.remove(0);
        guard.tries.push(key);
        return;
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let mut guard = state.0.lock().unwrap();
    guard.tries.push(key.clone());
    let status = if guard.failures.is_empty() { 200 } else { guard.failures.remove(0) };
    if status == 200 {
        guard.letters.push((key, serde_json::from_slice(&body).unwrap()));
    }
    state.1.notify_all();
    drop(guard);
    if status == SILENT {
        return;
    }
    if status == DEAF || status == LORIS {
        let held = stream.try_clone().unwrap();
        std::thread::spawn(move || hold(held, status == LORIS));
        return;
    }
    if status == GARBAGE {
        let mut stream = stream;
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n");
        return;
    }
    let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let mut stream = stream;
    let _ = stream.write_all(answer.as_bytes());
}

/// Holds a connection until the other side has given it up.
fn hold(mut stream: TcpStream, dribble: bool) {
    let _ = stream.write_all(if dribble { b"HTTP/1.1 200 OK\r\nx: " } else { b"" });
    if dribble {
        // The pace is the point: each byte comes in time, and the answer never does.
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Asks until the answer is yes.
pub fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "waited for: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
