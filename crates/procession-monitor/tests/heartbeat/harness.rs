//! A program with a heartbeat that does as it is told, and what the monitor shows of it.

use crate::support::{self, Monitor, until};
use procession_monitor::{Config, Scope};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

/// A program with a heartbeat; killed when dropped.
pub(crate) struct Program {
    pub(crate) child: Child,
    output: BufReader<ChildStdout>,
    /// Its heartbeat's process id.
    pub(crate) heart: Pid,
}

impl Program {
    /// Runs it until it says that it was reported.
    pub(crate) fn start(url: &str, options: &[&str]) -> Program {
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

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_ref().unwrap(), "{line}").unwrap();
    }

    pub(crate) fn does(&mut self, line: &str) {
        self.tell(line);
        assert_eq!(self.line(), format!("did {line}"));
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end; how it ended, and what else it said.
    pub(crate) fn end(&mut self) -> (ExitStatus, String, String) {
        let (mut output, mut errors) = (String::new(), String::new());
        self.output.read_to_string(&mut output).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (self.child.wait().unwrap(), output, errors)
    }

    pub(crate) fn heart_beats(&self) -> bool {
        test_kill_process(self.heart).is_ok()
    }

    pub(crate) fn wait_until_nothing_is_left(&self) {
        until("the end of the heartbeat", || !self.heart_beats());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn configuration(directory: &Path) -> Config {
    let tokens = vec![("BEAT".into(), Scope::Beat, None)];
    Config { open: true, tokens, ..support::config(directory) }
}

/// What the monitor shows of the check of this name.
pub(crate) fn check(monitor: &Monitor, name: &str) -> Value {
    let checks = monitor.get("/api/status").json()["checks"].take();
    let named = |check: &&Value| check["name"] == name;
    checks.as_array().unwrap().iter().find(named).cloned().unwrap_or(Value::Null)
}

pub(crate) fn wait_for(monitor: &Monitor, state: &str) -> Value {
    let mut seen = Value::Null;
    until(&format!("the program to be {state}"), || {
        seen = check(monitor, "program");
        seen["state"] == state
    });
    seen
}

/// Waits for the report of an end: the silence of a slow machine may have been told before.
pub(crate) fn wait_for_death(monitor: &Monitor, name: &str) -> Value {
    let mut seen = Value::Null;
    until(&format!("the end of {name} to be told"), || {
        seen = check(monitor, name);
        seen["beat"]["kind"]["type"] == "dead"
    });
    seen
}
