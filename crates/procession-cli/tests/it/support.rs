//! A monitor of one's own, the command, and patience.

use procession_sys::life::{Pid, pidfd};
use procession_sys::wait::{Interest, ready};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything is waited for before it counts as never coming.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const API_KEY: &str = "0123456789abcdef0123456789abcdef";

/// The shortest token that a monitor takes.
pub(crate) const BEAT_TOKEN: &str = "sixteen letters!";

/// The command, with nothing of the machine's own options.
pub(crate) fn procession(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_procession"));
    command.args(arguments).env("XDG_CONFIG_HOME", "/nowhere");
    // Nothing can be made there.
    command.env("XDG_STATE_HOME", "/proc/nowhere").stdin(Stdio::null());
    command
}

/// What a command says and exits with.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn said(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = command.output().expect("started");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Said { code: status.code(), out: text(stdout), err: text(stderr) }
}

/// The answer to a request that a person makes by hand.
pub(crate) fn curl(arguments: &[&str]) -> String {
    let mut command = Command::new("curl");
    let said = said(command.args(["--silent", "--show-error"]).args(arguments));
    assert_eq!(said.code, Some(0), "curl {arguments:?}: {}", said.err);
    said.out
}

/// A monitor process; killed when dropped.
pub(crate) struct Monitor {
    child: Child,
    pub(crate) url: String,
    pub(crate) directory: tempfile::TempDir,
}

impl Monitor {
    /// One that lets everybody do everything.
    pub(crate) fn open() -> Monitor {
        Monitor::start(&["--open"])
    }

    pub(crate) fn start(arguments: &[&str]) -> Monitor {
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = procession(&["monitor", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(directory.path().join("m.db")).args(["--group-wait", "0s"]).args(arguments);
        Monitor::of(command, directory)
    }

    /// The monitor that this command starts, with its files in `directory`.
    pub(crate) fn of(mut command: Command, directory: tempfile::TempDir) -> Monitor {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("started");
        let mut url = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut url).expect("its address");
        assert!(url.starts_with("http"), "a monitor says its address: {url:?}");
        Monitor { child, url: url.trim().into(), directory }
    }

    /// `procession run` of a program with this name, reporting here.
    pub(crate) fn run(&self, name: &str, options: &[&str], program: &[&str]) -> Command {
        let mut command = procession(&["run", "--url", &self.url, "--name", name]);
        // A busy machine's monitor has the time it needs: reports are looked for afterwards.
        command.args(["--linger", "60s"]);
        command.args(options).arg("--").args(program);
        command
    }

    /// A script under `run`.
    pub(crate) fn sh(&self, name: &str, options: &[&str], script: &str) -> Command {
        self.run(name, options, &["sh", "-c", script])
    }

    /// The check of this name, as the page shows it.
    pub(crate) fn check(&self, name: &str) -> Option<Value> {
        let filter = ["status", "--json", "--url", &self.url, "--filter", name];
        let said = said(&mut procession(&filter));
        assert_eq!(said.code, Some(0), "{}", said.err);
        let status: Value = serde_json::from_str(&said.out).expect("JSON");
        let checks = status["checks"].as_array().expect("checks");
        checks.iter().find(|check| check["name"] == name).cloned()
    }

    /// Waits until the check of this name is in this state; gives it.
    pub(crate) fn until(&self, name: &str, state: &str) -> Value {
        let mut last = None;
        until(&format!("{name} to be {state}"), || {
            last = self.check(name);
            last.as_ref().is_some_and(|check| check["state"] == state)
        });
        last.expect("just seen")
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Ends it in order; its files.
    pub(crate) fn end(mut self) -> tempfile::TempDir {
        signal(&self.child, "TERM");
        assert!(self.child.wait().expect("waited for").success());
        std::mem::replace(&mut self.directory, tempfile::tempdir().expect("a directory"))
    }

    /// Ends it in order; its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        signal(&self.child, "TERM");
        self.child.wait().expect("waited for").code()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks until the answer is yes.
pub(crate) fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "waited for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a signal to one process.
pub(crate) fn signal(child: &Child, name: &str) {
    signal_pid(&child.id().to_string(), name);
}

pub(crate) fn signal_pid(pid: &str, name: &str) {
    let status = Command::new("kill").args(["-s", name, "--", pid]).status().expect("kill");
    assert!(status.success(), "kill -s {name} {pid}");
}

/// Programs that hold a pipe: that they run and that they are gone are events on it.
pub(crate) struct Marked {
    directory: tempfile::TempDir,
    pipe: File,
}

impl Marked {
    pub(crate) fn new() -> Marked {
        let directory = tempfile::tempdir().expect("made");
        let path = directory.path().join("pipe");
        let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo");
        assert!(made.success(), "mkfifo {}", path.display());
        write(&directory.path().join("sleeper"), "echo up\nexec sleep infinity\n");
        let mut options = File::options();
        // Nobody writes yet, and opening shall not wait for that.
        let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).expect("a flag");
        let pipe = options.read(true).custom_flags(flags);
        Marked { pipe: pipe.open(path).expect("opened"), directory }
    }

    /// A program that sleeps for ever with the pipe as its output, as a shell's command.
    pub(crate) fn sleeper(&self) -> String {
        let directory = self.directory.path().display();
        format!("sh {directory}/sleeper >{directory}/pipe")
    }

    /// The pipe, for programs that write to it and hold it themselves.
    pub(crate) fn pipe(&self) -> PathBuf {
        self.directory.path().join("pipe")
    }

    /// Waits until so many of them run.
    pub(crate) fn await_started(&mut self, count: usize) {
        let mut lines = 0;
        while lines < count {
            let more = self.next().expect("one more of them");
            lines += more.matches('\n').count();
        }
    }

    /// Waits until none of them is there any more.
    pub(crate) fn await_gone(&mut self) {
        while self.next().is_some() {}
    }

    /// The next line that they write.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        while !line.ends_with('\n') {
            line += &self.next().expect("a line of theirs");
        }
        line.trim_end().into()
    }

    /// What they have written; none of them is there any more.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        // Not waited for: whatever is there still holds the pipe.
        self.pipe.read_to_string(&mut rest).expect("all of them are gone");
        rest
    }

    /// Whether none of them is there any more.
    pub(crate) fn are_gone(&mut self) -> bool {
        matches!(self.pipe.read(&mut [0; 64]), Ok(0))
    }

    /// What they write next; none once they are gone.
    fn next(&mut self) -> Option<String> {
        await_event(self.pipe.as_fd(), "the marked programs");
        let mut bytes = [0; 64];
        let count = self.pipe.read(&mut bytes).expect("read");
        (count > 0).then(|| String::from_utf8_lossy(&bytes[..count]).into_owned())
    }
}

/// A user that is not root, and a program that becomes root when that user starts it.
pub(crate) struct Unprivileged {
    directory: tempfile::TempDir,
}

impl Unprivileged {
    pub(crate) fn new() -> Unprivileged {
        assert!(rustix::process::geteuid().is_root(), "it needs root, to make a set-uid program");
        let directory = tempfile::tempdir().expect("a directory");
        let unprivileged = Unprivileged { directory };
        let root = unprivileged.as_root();
        std::fs::copy("/usr/bin/setpriv", &root).expect("util-linux");
        for (path, mode) in [(unprivileged.directory.path(), 0o755), (&root, 0o4755)] {
            std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("a mode");
        }
        unprivileged
    }

    /// `setpriv`, started as root by any user: as sudo does it, root can be the real user too.
    pub(crate) fn as_root(&self) -> PathBuf {
        self.directory.path().join("as-root")
    }

    /// This command of `procession run`, as that user.
    pub(crate) fn run(&self, run: &Command) -> Command {
        let own = self.directory.path().join("procession");
        std::fs::copy(run.get_program(), &own).expect("a copy that everybody can run");
        std::fs::set_permissions(&own, PermissionsExt::from_mode(0o755)).expect("a mode");
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--clear-groups"]).arg(&own).args(run.get_args());
        command.env("XDG_CONFIG_HOME", "/nowhere").current_dir("/");
        command
    }
}

/// A process whose end is to be awaited, though it is no child.
pub(crate) struct Ending(OwnedFd);

impl Ending {
    pub(crate) fn of(pid: u32) -> Ending {
        let pid = Pid::from_raw(i32::try_from(pid).expect("a process id")).expect("a process id");
        Ending(pidfd(pid).expect("it is there"))
    }

    pub(crate) fn await_end(&self) {
        await_event(self.0.as_fd(), "the end of a process");
    }
}

fn await_event(descriptor: BorrowedFd<'_>, what: &str) {
    let event = ready(&[(descriptor, Interest::Readable)], Some(Instant::now() + PATIENCE));
    assert_eq!(event.expect("a wait"), [true], "waited for {what}");
}

/// The first line that a child writes.
pub(crate) fn first_line(child: &mut Child) -> String {
    let stdout = child.stdout.as_mut().expect("piped");
    let (mut line, mut byte) = (Vec::new(), [0]);
    while stdout.read(&mut byte).expect("read") == 1 && byte != *b"\n" {
        line.push(byte[0]);
    }
    String::from_utf8(line).expect("text")
}

/// The children of a process.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

pub(crate) fn write(path: &Path, text: &str) -> PathBuf {
    let mut file = File::create(path).expect("made");
    file.write_all(text.as_bytes()).expect("written");
    path.into()
}
