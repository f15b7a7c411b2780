//! `doctor`, on this machine and on machines that lack something.

use crate::support::{API_KEY, BEAT_TOKEN, Monitor, procession, said};
use serde_json::Value;
use std::process::Command;

#[test]
fn the_doctor_finds_what_this_machine_has_and_a_monitor_that_is_missing() {
    let monitor = Monitor::open();
    let well = said(&mut procession(&["doctor", "--json", "--url", &monitor.url]));
    assert_eq!(well.code, Some(0), "{}", well.out);
    let findings: Value = serde_json::from_str(&well.out).expect("JSON");
    let there = |what: &str| {
        let all = findings.as_array().expect("a list");
        all.iter().find(|one| one["what"] == what).map(|one| one["there"].clone())
    };
    for what in ["pidfd", "memfd seals", "subreaper", "monitor", "clock"] {
        assert_eq!(there(what), Some(true.into()), "{what}: {findings}");
    }
    let alone = said(&mut procession(&["doctor", "--url", "http://127.0.0.1:9"]));
    assert_eq!(alone.code, Some(1), "a monitor that was named is needed");
    assert!(alone.out.contains("MISSING monitor"), "{}", alone.out);
}

#[test]
fn the_doctor_says_what_a_token_opens_and_that_a_wrong_one_opens_nothing() {
    let beats = format!("{BEAT_TOKEN}@web-1");
    let monitor = Monitor::start(&["--beat-token", &beats, "--api-key", API_KEY]);
    let examine = |token: Option<&str>| {
        let mut command = procession(&["doctor", "--url", &monitor.url]);
        said(command.envs(token.map(|token| ("PROCESSION_TOKEN", token))))
    };
    let line =
        |out: &str| out.lines().find(|line| line[8..].starts_with("token")).map(str::to_owned);
    let cases = [
        (Some(BEAT_TOKEN), "ok      token            may send beats of the host web-1", 0),
        (Some(API_KEY), "ok      token            may do everything", 0),
        (Some("wrong"), "MISSING token            the monitor at", 1),
        (None, "without token            the monitor at", 0),
    ];
    for (token, words, code) in cases {
        let said = examine(token);
        let line = line(&said.out).expect("a line of the token");
        assert!(line.starts_with(words), "{token:?}: {line}");
        assert_eq!(said.code, Some(code), "{token:?}: {}", said.out);
    }
}

#[test]
fn what_a_kernel_lacks_is_named_with_its_cost_and_only_what_is_needed_is_an_error() {
    // (what the kernel lacks, how the line begins, the exit code)
    let cases = [
        ("pidfd_open", "MISSING pidfd ", 1),
        ("pidfd_send_signal", "MISSING pidfd ", 1),
        ("PIDFD_GET_INFO", "without pidfd info", 0),
        ("close_range", "without close_range", 0),
        ("PR_SET_MM", "without process titles", 0),
    ];
    for (lack, line, code) in cases {
        let mut command = procession(&["doctor"]);
        hostile::forbid_in(&mut command, &[hostile::lack_of(lack)]);
        let said = said(&mut command);
        assert_eq!((said.code, said.err.as_str()), (Some(code), ""), "{lack}: {}", said.out);
        assert!(said.out.lines().any(|one| one.starts_with(line)), "{lack}: {}", said.out);
    }
}

#[test]
fn a_machine_without_proc_is_examined_to_the_end_and_told_so() {
    let hidden = "mount -t tmpfs none /proc && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", hidden, "sh"]);
    command.arg(env!("CARGO_BIN_EXE_procession")).args(["doctor", "--url", "http://127.0.0.1:9"]);
    let said = said(&mut command);
    assert_eq!((said.code, said.err.as_str()), (Some(1), ""), "{}", said.out);
    assert!(said.out.contains("MISSING /proc") && said.out.contains("mount it"), "{}", said.out);
    assert!(said.out.contains("MISSING monitor"), "{}", said.out);
}
