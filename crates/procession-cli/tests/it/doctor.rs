//! `doctor`, on this machine and on machines that lack something.

use crate::support::{Monitor, procession, said};
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
    assert_eq!(alone.code, Some(0));
    assert!(alone.out.contains("without monitor"), "{}", alone.out);
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
        let mut command = procession(&["doctor", "--url", "http://127.0.0.1:9"]);
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
    assert!(said.out.contains("without monitor"), "{}", said.out);
}
