//! Connections that ask nothing, or hold what they have: beats are taken all the same.

use crate::support::{PATIENCE, Process, Told, config, example, until};
use procession_beat::{Client, Kind};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;

/// A monitor that may have so many descriptors (soft and hard limit), with its standard error.
fn with_descriptors(
    soft: &str,
    hard: &str,
    directory: &Path,
    more: &[&str],
) -> (Process, mpsc::Receiver<String>) {
    let script = "ulimit -Sn $0 && ulimit -Hn $1 && shift && exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, soft, hard]).arg(example("monitor"));
    command.args(["--open", "--fast", "--data"]).arg(directory.join("monitor.db")).args(more);
    let mut monitor = Process::spawn(command.stderr(Stdio::piped()));
    let lines = BufReader::new(monitor.child.stderr.take().unwrap()).lines();
    let (send, errors) = mpsc::channel();
    std::thread::spawn(move || {
        // Ends, and closes the pipe, when nobody listens any more.
        lines.map_while(Result::ok).try_for_each(|line| send.send(line))
    });
    (monitor, errors)
}

/// The next line of standard error with these words in it; waits for it.
fn said(errors: &mpsc::Receiver<String>, words: &str) -> String {
    loop {
        let line = errors.recv_timeout(PATIENCE).unwrap_or_else(|why| panic!("{words}: {why}"));
        if line.contains(words) {
            return line;
        }
    }
}

fn address(monitor: &Process) -> &str {
    monitor.url.strip_prefix("http://").unwrap()
}

/// Sends a beat, once: what is refused here would be refused in earnest.
fn beat(monitor: &Process, seq: u64) {
    let beat = crate::support::beat(seq, Kind::Alive);
    let receipt = Client::new(&monitor.url, None).send(&beat, PATIENCE).unwrap();
    assert!(receipt.fresh && receipt.durable, "{receipt:?}");
}

#[test]
fn a_monitor_whose_standard_error_is_closed_goes_on_judging_and_telling() {
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[500; 3]);
    let more = ["--webhook", told.url.as_str()];
    let mut command = Command::new(example("monitor"));
    command.args(["--open", "--fast", "--data"]).arg(directory.path().join("monitor.db"));
    let mut monitor = Process::spawn(command.args(more).stderr(Stdio::piped()));
    drop(monitor.child.stderr.take());
    let dead = crate::support::beat(1, crate::support::dead());
    Client::new(&monitor.url, None).send(&dead, PATIENCE).unwrap();
    // The third failure is a trouble that it says on standard error.
    let keys: Vec<String> = told.letters(3).into_iter().map(|(key, _)| key).collect();
    assert!(keys.contains(&"1:1:firing:webhook".to_owned()), "{keys:?}");
}

#[test]
fn connections_that_ask_nothing_or_half_keep_no_beat_out() {
    let directory = tempfile::tempdir().unwrap();
    let (monitor, _) = with_descriptors("128", "128", directory.path(), &[]);
    let half = "POST /api/beat HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf";
    for (seq, sent) in ["", "GET / HTTP/1.1\r\n", half].into_iter().enumerate() {
        let mut held = Vec::new();
        for _ in 0..160 {
            let mut stream = TcpStream::connect(address(&monitor)).unwrap();
            // One that had to make room is closed by now.
            let _ = stream.write_all(sent.as_bytes());
            held.push(stream);
        }
        beat(&monitor, 1 + seq as u64);
    }
    assert_eq!(monitor.get("/readyz"), (200, "ok".into()));
}

#[test]
fn streams_of_events_keep_no_beat_out_and_more_than_their_share_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (monitor, _) = with_descriptors("128", "128", directory.path(), &[]);
    let (mut held, mut statuses) = (Vec::new(), Vec::new());
    for _ in 0..64 {
        let mut stream = TcpStream::connect(address(&monitor)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        statuses.push(String::from_utf8_lossy(&status[9..]).into_owned());
        held.push(stream);
    }
    let count = |wanted: &str| statuses.iter().filter(|status| *status == wanted).count();
    assert_eq!((count("200"), count("503")), (32, 32), "{statuses:?}");
    beat(&monitor, 1);
    drop(held);
    until("room for a page again", || {
        let mut stream = TcpStream::connect(address(&monitor)).unwrap();
        stream.write_all(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).is_ok() && &status[9..] == b"200"
    });
}

#[test]
fn a_connection_without_a_whole_head_in_time_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = crate::support::Monitor::start(config(directory.path()));
    let address = monitor.url.strip_prefix("http://").unwrap();
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0";
    let streams = ["", "GET / HTTP/1.1\r\nHost: x\r\n", preface].map(|sent| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(sent.as_bytes()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    });
    for (n, mut stream) in streams.into_iter().enumerate() {
        let ended = stream.read_to_end(&mut Vec::new());
        assert!(
            ended.as_ref().is_err_and(|why| why.kind() == std::io::ErrorKind::ConnectionReset)
                || ended.is_ok(),
            "{n}: {ended:?}"
        );
    }
}

#[test]
fn the_soft_limit_on_descriptors_is_raised_for_the_monitor_and_not_for_its_commands() {
    let directory = tempfile::tempdir().unwrap();
    let (script, out) = (directory.path().join("tell"), directory.path().join("out"));
    let text = format!("#!/bin/sh\nulimit -Sn >{0}.part && mv {0}.part {0}\n", out.display());
    std::fs::write(&script, text).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, executable).unwrap();
    let more = ["--command", script.to_str().unwrap()];
    let (monitor, _) = with_descriptors("100", "600", directory.path(), &more);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", monitor.child.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>()[3..5], ["600", "600"]);
    let beat = crate::support::beat(1, crate::support::dead());
    Client::new(&monitor.url, None).send(&beat, PATIENCE).unwrap();
    until("the command's output", || out.exists());
    assert_eq!(std::fs::read_to_string(out).unwrap(), "100\n");
}

#[test]
fn a_monitor_that_can_accept_no_connection_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[]);
    let more = ["--webhook", told.url.as_str()];
    let (monitor, errors) = with_descriptors("200", "200", directory.path(), &more);
    beat(&monitor, 1);
    let limit = |soft: &str| {
        let id = monitor.child.id().to_string();
        let mut command = Command::new("prlimit");
        command.args(["--pid", &id, &format!("--nofile={soft}:200")]);
        assert!(command.status().unwrap().success());
    };
    limit("3");
    let waiting = TcpStream::connect(address(&monitor)).unwrap();
    let said = said(&errors, "connections: ");
    assert!(said.contains("Too many open files") && said.contains("LimitNOFILE"), "{said}");
    limit("200");
    let summary =
        |at: usize| told.letters(at + 1)[at].1["commonAnnotations"]["summary"].to_string();
    assert!(summary(0).contains("connections: none can be accepted"), "{}", summary(0));
    beat(&monitor, 2);
    drop(waiting);
    self::said(&errors, "connections: well again");
}
