//! `procession run`: runs of one name that overlap.

use crate::support::{Monitor, said, until};
use std::process::{Child, Stdio};

/// A run that waits for the end of its input, as the monitor knows once this returns.
fn begun(monitor: &Monitor, name: &str, options: &[&str], script: &str) -> Child {
    let mut run = monitor.sh(name, options, &format!("cat >/dev/null; {script}"));
    let child = run.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run");
    until("its start", || monitor.check(name).is_some_and(|check| !check["running"].is_null()));
    child
}

/// Lets a run that waits come to its end; its exit code and its standard error.
fn ended(mut child: Child) -> (Option<i32>, String) {
    drop(child.stdin.take());
    let output = child.wait_with_output().expect("waited");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_run_that_fails_after_a_newer_one_of_its_name_has_ended_well_is_down_and_is_told() {
    let directory = tempfile::tempdir().expect("made");
    let told = directory.path().join("told");
    let script = directory.path().join("tell");
    crate::support::write(&script, &format!("cat >>{}\n", told.display()));
    let command = format!("sh {}", script.display());
    let monitor = Monitor::start(&["--open", "--command", &command]);
    let older = begun(&monitor, "backup", &["--every", "1d"], "echo no disk >&2; exit 5");
    let newer = said(&mut monitor.sh("backup", &["--every", "1d"], "exit 0"));
    assert_eq!((newer.code, newer.err.as_str()), (Some(0), ""));
    assert_eq!(monitor.check("backup").expect("reported")["state"], "up");
    assert_eq!(ended(older), (Some(5), "no disk\n".into()));
    // Reported before `run` ended: nothing is waited for here.
    let check = monitor.check("backup").expect("reported");
    let found = (&check["state"], check["problem"].as_str());
    assert_eq!(found, (&"down".into(), Some("dead: exit code 5")));
    let message = || std::fs::read_to_string(&told).unwrap_or_default();
    until("the message", || message().contains("backup dead: exit code 5"));
    // The next run that ends well heals it.
    let next = said(&mut monitor.sh("backup", &["--every", "1d"], "exit 0"));
    assert_eq!(next.code, Some(0), "{}", next.err);
    assert_eq!(monitor.check("backup").expect("reported")["state"], "up");
}

#[test]
fn a_run_that_ends_well_after_a_newer_one_of_its_name_has_failed_is_up() {
    let monitor = Monitor::open();
    let older = begun(&monitor, "sync", &[], "exit 0");
    assert_eq!(said(&mut monitor.sh("sync", &[], "exit 5")).code, Some(5));
    assert_eq!(monitor.check("sync").expect("reported")["state"], "down");
    assert_eq!(ended(older), (Some(0), String::new()));
    assert_eq!(monitor.check("sync").expect("reported")["state"], "up");
}

#[test]
fn the_end_of_a_service_whose_newer_run_works_is_not_taken_and_run_says_so() {
    let monitor = Monitor::open();
    let older = begun(&monitor, "web", &["--service"], "exit 3");
    let newer = begun(&monitor, "web", &["--service"], "exit 0");
    // Each service says that it begins and that it lives; the older one may live on.
    let beats = || monitor.check("web").expect("reported")["beats"].as_u64();
    until("the newer run", || beats() >= Some(4));
    let (code, error) = ended(older);
    assert_eq!(code, Some(3));
    let said = "procession run: the monitor did not take its end (exit code 3): \
                a newer run of web has reported since\n";
    assert_eq!(error, said);
    assert_eq!(monitor.check("web").expect("reported")["state"], "up");
    assert_eq!(ended(newer).0, Some(0));
}
