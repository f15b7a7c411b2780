//! What the monitor says on standard error.

use crate::support::{PATIENCE, first_line, procession, said, signal};
use procession_sys::descriptor::pipe;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// A monitor whose lines on standard error are read.
struct Logged {
    child: Child,
    url: String,
    lines: Receiver<String>,
    _directory: tempfile::TempDir,
}

fn monitor(directory: &tempfile::TempDir, more: &[&str]) -> Command {
    let mut command = procession(&["monitor", "--open", "--listen", "127.0.0.1:0"]);
    command.args(["--group-wait", "0s", "--data"]).arg(directory.path().join("m.db"));
    command.args(more).stdout(Stdio::piped());
    command
}

impl Logged {
    fn start(more: &[&str]) -> Logged {
        let directory = tempfile::tempdir().expect("a directory");
        let mut child = monitor(&directory, more).stderr(Stdio::piped()).spawn().expect("started");
        let (tell, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let url = first_line(&mut child);
        Logged { child, url, lines, _directory: directory }
    }

    /// The next line with these words.
    fn line(&self, words: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{words}"));
            if line.contains(words) {
                return line;
            }
        }
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(url: &str, code: &str) {
    let program = ["--", "sh", "-c", &format!("exit {code}")];
    said(procession(&["run", "--url", url, "--name", "backup", "--host", "db-1"]).args(program));
}

#[test]
fn a_monitor_says_a_line_for_each_event_with_its_time_and_level() {
    let monitor = Logged::start(&["--command", "true"]);
    assert!(monitor.line(" info: monitor ").contains(&monitor.url));
    run(&monitor.url, "2");
    let line = monitor.line("check backup on db-1");
    let (before, after) = line.split_once(" info: ").expect("a level");
    assert_eq!(after, "check backup on db-1: down, dead: exit code 2");
    let time = before.strip_prefix("procession: ").expect("who speaks");
    assert!(time.len() == 25 && time.ends_with("+00:00"), "{time}");
    monitor.line(" info: message 1:1:firing:command is delivered: db-1: backup dead");
    run(&monitor.url, "0");
    monitor.line(" info: check backup on db-1: up");
    signal(&monitor.child, "TERM");
    monitor.line(" info: the monitor has ended");
}

#[test]
fn a_receiver_that_fails_is_a_warning() {
    let monitor = Logged::start(&["--command", "false"]);
    run(&monitor.url, "2");
    monitor.line(" warning: message 1:1:firing:command is not delivered and tried again: ");
}

#[test]
fn a_standard_error_that_nobody_reads_holds_nothing_up() {
    let directory = tempfile::tempdir().expect("a directory");
    // A pipe that is full from the start, and one whose reader has gone.
    let (reader, writer) = pipe().expect("a pipe");
    rustix::io::ioctl_fionbio(&writer, true).expect("made one that does not wait");
    while rustix::io::write(&writer, &[b'x'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).expect("made one that waits");
    let mut child = monitor(&directory, &[]).stderr(writer).spawn().expect("started");
    let url = first_line(&mut child);
    run(&url, "2");
    let status = said(&mut procession(&["status", "--url", &url]));
    assert!(status.out.contains("dead: exit code 2"), "{}{}", status.out, status.err);
    drop(reader);
    run(&url, "0");
    let status = said(&mut procession(&["status", "--url", &url]));
    assert!(status.out.starts_with("1 up"), "{}{}", status.out, status.err);
    signal(&child, "TERM");
    assert_eq!(child.wait().expect("waited for").code(), Some(0));
}
