//! `procession run`: signals of every kind, and what of them a program inherits.

use crate::support::{Monitor, Unprivileged, first_line, said, signal, signal_pid};
use std::io::Read;
use std::process::{Command, Stdio};

/// `procession run`, started with these signals ignored and all others as by default.
fn ignoring(signals: &[&str], run: &Command) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal");
    command.args(signals.iter().map(|signal| format!("--ignore-signal={signal}")));
    command.arg(run.get_program()).args(run.get_args());
    for (variable, value) in run.get_envs() {
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    command
}

#[test]
fn every_signal_that_can_be_passed_on_reaches_the_program_once() {
    let monitor = Monitor::open();
    let names = ["WINCH", "ABRT", "XCPU", "USR2", "ALRM", "HUP", "URG", "35", "64"];
    let traps = names.map(|name| format!("trap 'echo got {name}' {name}; ")).concat();
    let script = format!("{traps} trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done");
    // A shell cannot trap what it was started ignoring, as SIGHUP under nohup.
    let mut run = ignoring(&[], &monitor.run("signalled", &[], &["bash", "-c", &script]));
    let mut child = run.stdout(Stdio::piped()).spawn().expect("run");
    assert_eq!(first_line(&mut child), "ready");
    for name in names {
        signal(&child, name);
        assert_eq!(first_line(&mut child), format!("got {name}"));
    }
    signal(&child, "TERM");
    let mut rest = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut rest).expect("read");
    assert_eq!((rest.as_str(), child.wait().expect("waited").code()), ("", Some(7)));
}

#[test]
fn a_parent_that_ignores_its_childrens_ends_changes_nothing() {
    let monitor = Monitor::open();
    let told = said(&mut ignoring(&["CHLD"], &monitor.sh("ignored", &[], "exit 3")));
    assert_eq!((told.code, told.err.as_str()), (Some(3), ""));
}

#[test]
fn a_program_ignores_the_signals_that_it_would_have_ignored_without_us() {
    let monitor = Monitor::open();
    let ignored = |signals: &[&str]| {
        // No shell: it would set some of them itself.
        let grep = ["grep", "-e", "SigIgn", "-e", "SigBlk", "/proc/self/status"];
        let out = said(&mut ignoring(signals, &monitor.run("inherits", &[], &grep))).out;
        let mask = |line: &str| u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok();
        let masks: Vec<u64> = out.lines().filter_map(mask).collect();
        // In the order of the file; two of the C library's own, 32 and 33, are ignored in any child.
        let [blocked, ignored] = masks[..] else { panic!("{out}") };
        (blocked, ignored & !(0b11 << 31))
    };
    assert_eq!(ignored(&[]), (0, 0));
    // SIGHUP is 1, SIGPIPE 13, SIGCHLD 17: bits from 0.
    assert_eq!(ignored(&["PIPE"]), (0, 1 << 12));
    assert_eq!(ignored(&["CHLD"]), (0, 1 << 16));
    assert_eq!(ignored(&["HUP", "PIPE"]), (0, 1 << 12 | 1));
}

#[test]
fn a_hang_up_that_a_program_survives_is_no_stop() {
    let monitor = Monitor::open();
    let script = "trap 'echo again' HUP; trap 'exit 0' USR1; echo ready; \
                  while :; do sleep 0.05; done";
    for (name, options, state) in [("job", &[][..], "up"), ("service", &["--service"], "down")] {
        let mut run = ignoring(&[], &monitor.sh(name, options, script));
        let mut child = run.stdout(Stdio::piped()).spawn().expect("run");
        assert_eq!(first_line(&mut child), "ready");
        signal(&child, "HUP");
        assert_eq!(first_line(&mut child), "again");
        signal(&child, "USR1");
        assert_eq!(child.wait().expect("waited").code(), Some(0));
        monitor.until(name, state);
    }
}

#[test]
fn a_program_that_may_not_be_signalled_stays_supervised() {
    let monitor = Monitor::open();
    let unprivileged = Unprivileged::new();
    let mut command = unprivileged.run(&monitor.run("privileged", &[], &[]));
    let script = "echo $$; exec sleep infinity";
    command.arg(unprivileged.as_root()).args(["--reuid", "0", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run");
    let program = first_line(&mut child);
    signal(&child, "TERM");
    let mut stderr = std::io::BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut stderr, &mut line).expect("a line");
    let expected = format!("procession run: signal 15 does not reach process {program}: ");
    assert!(line.starts_with(&expected), "{line}");
    signal_pid(&program, "KILL");
    assert_eq!(child.wait().expect("waited").code(), Some(137));
    assert_eq!(monitor.check("privileged").expect("reported")["state"], "down");
}
