//! The heartbeat of a real program, at a real monitor: each end has its verdict, and the program
//! is as it would be without.

mod support;

use procession_monitor::{Config, Scope};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::SystemTime;
use support::{Monitor, until};

/// A program with a heartbeat; killed when dropped.
struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
    /// Its heartbeat's process id.
    heart: Pid,
}

impl Program {
    /// Runs it until it says that it was reported.
    fn start(url: &str, options: &[&str]) -> Program {
        let test = std::env::current_exe().unwrap();
        let program = test.parent().and_then(Path::parent).unwrap();
        let program = program.join("examples/heartbeat_program");
        assert!(program.exists(), "{} is missing: cargo build --examples", program.display());
        let mut child = Command::new(program)
            .arg(url)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut program = Program { child, output, heart: Pid::INIT };
        let heart = program.line();
        let heart = heart.strip_prefix("heart ").unwrap_or_else(|| panic!("{heart}"));
        program.heart = Pid::from_raw(heart.parse().unwrap()).unwrap();
        assert_eq!(program.line(), "reported");
        program
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_ref().unwrap(), "{line}").unwrap();
    }

    fn does(&mut self, line: &str) {
        self.tell(line);
        assert_eq!(self.line(), format!("did {line}"));
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end; how it ended, and what else it said.
    fn end(&mut self) -> (ExitStatus, String, String) {
        let (mut output, mut errors) = (String::new(), String::new());
        self.output.read_to_string(&mut output).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (self.child.wait().unwrap(), output, errors)
    }

    fn heart_beats(&self) -> bool {
        test_kill_process(self.heart).is_ok()
    }

    fn wait_until_nothing_is_left(&self) {
        until("the end of the heartbeat", || !self.heart_beats());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(directory: &Path) -> Config {
    let tokens = vec![("BEAT".into(), Scope::Beat, None)];
    Config { open: true, tokens, ..support::config(directory) }
}

/// What the monitor shows of the check of this name.
fn check(monitor: &Monitor, name: &str) -> Value {
    let checks = monitor.get("/api/status").json()["checks"].take();
    let named = |check: &&Value| check["name"] == name;
    checks.as_array().unwrap().iter().find(named).cloned().unwrap_or(Value::Null)
}

fn wait_for(monitor: &Monitor, state: &str) -> Value {
    let mut seen = Value::Null;
    until(&format!("the program to be {state}"), || {
        seen = check(monitor, "program");
        seen["state"] == state
    });
    seen
}

/// Waits for the report of an end: the silence of a slow machine may have been told before.
fn wait_for_death(monitor: &Monitor, name: &str) -> Value {
    let mut seen = Value::Null;
    until(&format!("the end of {name} to be told"), || {
        seen = check(monitor, name);
        seen["beat"]["kind"]["type"] == "dead"
    });
    seen
}

#[test]
fn each_end_of_a_program_is_told_as_it_was_and_is_as_without_a_heartbeat() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let code = |code: i32| ExitStatus::from_raw(code << 8);
    // (what it is told, its wait status, the verdict)
    let cases = [
        ("return", code(0), "exit code 0"),
        ("exit 7", code(7), "exit code 7"),
        ("panic", code(101), "exit code 101, panic at "),
        ("abort", ExitStatus::from_raw(6), "signal 6"),
        ("kill", ExitStatus::from_raw(9), "signal 9"),
    ];
    for (word, status, verdict) in cases {
        let mut program = Program::start(&monitor.url, &[]);
        wait_for(&monitor, "up");
        program.does("note almost done");
        if word == "kill" {
            program.signal(Signal::KILL);
        } else {
            program.tell(word);
        }
        let (ended, output, errors) = program.end();
        // A core dump is the machine's to make or not.
        assert_eq!((ended.code(), ended.signal()), (status.code(), status.signal()), "{word}");
        assert_eq!(output, "", "{word}");
        assert_eq!(errors.contains("as it was told"), word == "panic", "{word}: {errors}");
        let check = wait_for_death(&monitor, "program");
        let problem = check["problem"].as_str().unwrap();
        assert!(problem.contains(verdict), "{word}: {problem}");
        assert_eq!(problem.contains(": as it was told"), word == "panic", "{problem}");
        let kind = &check["beat"]["kind"];
        assert_eq!((&kind["type"], &kind["last_words"]), (&json!("dead"), &json!(["almost done"])));
        program.wait_until_nothing_is_left();
    }
}

#[test]
fn a_program_that_becomes_another_has_ended() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let mut program = Program::start(&monitor.url, &[]);
    program.tell("exec");
    let check = wait_for_death(&monitor, "program");
    assert_eq!(check["beat"]["kind"]["cause"], "exec", "{check}");
    program.wait_until_nothing_is_left();
    assert!(program.child.try_wait().unwrap().is_none(), "what it became lives on");
}

#[test]
fn a_program_without_progress_is_stuck_until_it_ticks() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let mut program = Program::start(&monitor.url, &["--stuck", "200"]);
    let stuck = wait_for(&monitor, "degraded");
    assert!(stuck["problem"].as_str().unwrap().contains("no progress"), "{stuck}");
    until("to be well once it ticks", || {
        program.does("tick");
        check(&monitor, "program")["state"] == "up"
    });
    wait_for(&monitor, "degraded");
}

#[test]
fn a_stopped_program_is_stuck_and_not_dead_until_it_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let program = Program::start(&monitor.url, &[]);
    wait_for(&monitor, "up");
    program.signal(Signal::STOP);
    wait_for(&monitor, "degraded");
    program.signal(Signal::CONT);
    wait_for(&monitor, "up");
}

#[test]
fn a_killed_heartbeat_changes_nothing_for_its_program_and_is_silence_for_the_monitor() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let mut program = Program::start(&monitor.url, &[]);
    kill_process(program.heart, Signal::KILL).unwrap();
    for step in ["tick", "note still here"] {
        program.does(step);
    }
    let check = wait_for(&monitor, "down");
    assert!(!check["problem"].as_str().unwrap_or_default().contains("exit"), "{check}");
    program.does("goodbye");
    program.tell("exit 7");
    assert_eq!(program.end().0.code(), Some(7));
}

#[test]
fn the_signals_of_a_whole_program_do_not_keep_its_heartbeat_from_telling() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let mut program = Program::start(&monitor.url, &[]);
    for signal in [Signal::HUP, Signal::INT, Signal::TERM] {
        kill_process(program.heart, signal).unwrap();
    }
    program.signal(Signal::TERM);
    assert_eq!(program.end().0.signal(), Some(15));
    assert_eq!(
        wait_for_death(&monitor, "program")["beat"]["kind"]["cause"],
        json!({ "signal": 15 })
    );
}

#[test]
fn a_planned_stop_is_no_alarm_until_its_time_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let mut program = Program::start(&monitor.url, &[]);
    program.does("goodbye 3600000");
    program.tell("exit 3");
    assert_eq!(program.end().0.code(), Some(3));
    wait_for(&monitor, "stopped");
    program.wait_until_nothing_is_left();
    assert_eq!(check(&monitor, "program")["state"], "stopped", "its end was planned");

    let mut program = Program::start(&monitor.url, &[]);
    wait_for(&monitor, "up");
    program.does("goodbye 100");
    wait_for(&monitor, "down");
}

#[test]
fn what_a_fork_of_the_program_does_is_not_the_programs() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let mut program = Program::start(&monitor.url, &[]);
    program.does("fork");
    wait_for(&monitor, "up");
    program.tell("exit 5");
    assert_eq!(program.end().0.code(), Some(5));
    let kind = wait_for_death(&monitor, "program")["beat"]["kind"].take();
    assert_eq!(kind, json!({ "type": "dead", "cause": { "code": 5 } }));
}

#[test]
fn two_heartbeats_of_one_program_speak_each_for_itself() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let mut program = Program::start(&monitor.url, &["--twice"]);
    until("the second", || check(&monitor, "second")["state"] == "up");
    program.tell("exit 4");
    program.end();
    for name in ["program", "second"] {
        let cause = wait_for_death(&monitor, name)["beat"]["kind"]["cause"].take();
        assert_eq!(cause, json!({ "code": 4 }), "{name}");
    }
}

#[test]
fn a_beat_says_what_the_program_uses_and_who_its_children_are() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let program = Program::start(&monitor.url, &[]);
    // The page shows a beat of a check that is not well.
    program.signal(Signal::STOP);
    let beat = wait_for(&monitor, "degraded")["beat"].take();
    let sample = &beat["sample"];
    assert!(sample["memory"].as_u64().unwrap() > 100_000, "{beat}");
    assert_eq!((&sample["threads"], &sample["children"]), (&json!(1), &Value::Null), "{beat}");
    assert!(sample["open_files"].as_u64().unwrap() > 3, "{beat}");
    assert_eq!(
        (&beat["labels"]["group"], &beat["main"]["state"]),
        (&json!("tests"), &json!("stuck"))
    );
}

#[test]
fn a_monitor_that_is_not_there_changes_nothing_and_hears_the_history_when_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = unused.local_addr().unwrap().to_string();
    drop(unused);
    let url = format!("http://{address}");
    let mut program = Program::start(&url, &["--wait", "--linger", "300"]);
    program.does("note nobody hears it");
    program.tell("exit 6");
    assert_eq!(program.end().0.code(), Some(6));
    program.wait_until_nothing_is_left();

    let deaf = TcpListener::bind(&address).unwrap();
    let mut program = Program::start(&url, &["--wait"]);
    let mut unheard = BTreeSet::new();
    while unheard.len() < 2 {
        unheard.extend(number_of_beat(deaf.accept().unwrap().0));
    }
    drop(deaf);
    let monitor = Monitor::start_at(configuration(directory.path()), &address);
    let begun = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    wait_for(&monitor, "up");
    let database = rusqlite::Connection::open(directory.path().join("monitor.db")).unwrap();
    until("what was said before the monitor was there", || {
        let begun = i64::try_from(begun.as_millis()).unwrap();
        let rows = "SELECT count(*) FROM beat_run WHERE last < ?1";
        let rows: rusqlite::Result<i64> = database.query_row(rows, [begun], |row| row.get(0));
        rows.is_ok_and(|rows| rows > 0)
    });
    drop(database);
    drop(monitor);
    program.does("tick");
    let monitor = Monitor::start_at(configuration(directory.path()), &address);
    let before = check(&monitor, "program")["beats"].as_u64().unwrap();
    until("it to be heard again", || {
        check(&monitor, "program")["beats"].as_u64().unwrap() > before
    });
    program.tell("exit 8");
    assert_eq!(program.end().0.code(), Some(8));
    assert_eq!(wait_for_death(&monitor, "program")["beat"]["kind"]["cause"], json!({ "code": 8 }));
}

/// The number of the beat in a request that is not answered, unless it was given up before.
fn number_of_beat(mut stream: TcpStream) -> Option<String> {
    let mut request = Vec::new();
    let mut some = [0; 1024];
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((number, _)) =
            text.split_once("\"seq\":").and_then(|(_, rest)| rest.split_once(','))
        {
            return Some(number.to_owned());
        }
        match stream.read(&mut some) {
            Ok(0) | Err(_) => return None,
            Ok(length) => request.extend_from_slice(&some[..length]),
        }
    }
}

#[test]
fn a_monitor_that_never_answers_holds_the_heartbeat_no_longer_than_its_linger() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut program = Program::start(&url, &["--wait", "--linger", "1000"]);
    let (_taken, _) = silent.accept().unwrap();
    program.tell("exit 2");
    // Its streams end with it, though its heartbeat lives on.
    assert_eq!(program.end().0.code(), Some(2));
    program.wait_until_nothing_is_left();
}
