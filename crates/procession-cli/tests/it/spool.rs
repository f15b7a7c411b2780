//! `procession run`: an end that could not be reported is reported by the next run.

use crate::support::{Monitor, procession, said};
use std::path::Path;
use std::process::Stdio;

/// What is kept here.
fn files(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn an_end_that_finds_no_monitor_is_told_by_the_next_run() {
    let directory = tempfile::tempdir().expect("a directory");
    let spool = directory.path().join("spool");
    let kept_at = ["--spool", spool.to_str().expect("text")];
    for code in ["0", "5"] {
        let mut run = procession(&["run", "--url", "http://127.0.0.1:9", "--linger", "0s"]);
        run.args(kept_at).args(["--name", "away", "--", "sh", "-c", &format!("exit {code}")]);
        let told = said(&mut run);
        assert_eq!(told.code, code.parse().ok());
        let words = format!("; the next run reports it, from {}/", spool.display());
        assert!(told.err.contains(&words) && told.err.lines().count() == 1, "{}", told.err);
    }
    assert_eq!(files(&spool).len(), 2);
    let monitor = Monitor::open();
    let mut run = monitor.sh("away", &kept_at, "read -r line; exit 0");
    let mut child = run.stdin(Stdio::piped()).spawn().expect("run");
    // The next run is under way, and has not ended yet.
    assert_eq!(monitor.until("away", "down")["problem"], "dead: exit code 5");
    drop(child.stdin.take());
    assert_eq!(child.wait().expect("waited").code(), Some(0));
    assert_eq!(monitor.check("away").expect("reported")["state"], "up");
    assert_eq!(files(&spool), [""; 0]);
}

#[test]
fn an_end_that_cannot_be_kept_is_said_to_be_lost() {
    let mut run = procession(&["run", "--url", "http://127.0.0.1:9", "--linger", "0s"]);
    let told = said(run.args(["--spool", "/proc/nowhere", "--", "sh", "-c", "exit 4"]));
    assert_eq!(told.code, Some(4));
    assert!(told.err.contains("it cannot be kept for the next run: "), "{}", told.err);
}
