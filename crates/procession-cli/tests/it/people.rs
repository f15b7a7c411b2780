//! What `status` and `checks` show to people, and how a check is made, changed and forgotten.

use crate::support::{Monitor, Said, curl, procession, said, until};
use serde_json::Value;
use std::process::Command;

fn ask(monitor: &Monitor, arguments: &[&str]) -> Said {
    said(procession(arguments).env("PROCESSION_URL", &monitor.url))
}

/// The cells of the line in which this name stands.
fn line<'o>(out: &'o str, name: &str) -> Vec<&'o str> {
    let is = |line: &&str| cells(line).contains(&name);
    cells(out.lines().find(is).unwrap_or_else(|| panic!("no line of {name}: {out}")))
}

fn cells(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

#[test]
fn status_tells_spans_and_last_words_and_no_bound_of_what_is_down() {
    let monitor = Monitor::open();
    said(&mut monitor.sh(
        "backup",
        &["--host", "db-1"],
        "echo copying; echo disk full >&2; exit 2",
    ));
    said(&mut monitor.sh("report", &["--host", "web-1", "--every", "1d", "--grace", "2h"], "true"));
    said(&mut procession(&["checks", "add", "nightly", "--url", &monitor.url]));
    let status = said(procession(&["status", "--url", &monitor.url]).env("TZ", "Etc/GMT-3")).out;
    let dead = line(&status, "backup");
    assert_eq!((dead[0], dead[1], dead[5]), ("down", "db-1", "-"), "{status}");
    assert!(dead[3].ends_with("ago") || dead[3] == "now", "{status}");
    assert_eq!(dead[6], "dead: exit code 2", "{status}");
    let words: Vec<&str> = status.lines().map(str::trim).collect();
    assert!(words.contains(&"copying") && words.contains(&"disk full"), "{status}");
    assert_eq!(line(&status, "report")[5], "1d 2h", "{status}");
    assert_eq!(
        line(&status, "nightly"),
        ["new", "-", "nightly", line(&status, "nightly")[3], "-", "-"]
    );
    // A moment is on the clock of the reader's zone, three hours ahead.
    let incident = status.lines().find(|line| line.starts_with("incident since ")).expect("one");
    assert!(incident.contains(" +03, "), "{incident}");
}

#[test]
fn what_is_known_within_holds_for_the_run_that_is_under_way() {
    let monitor = Monitor::open();
    let added = ask(&monitor, &["checks", "add", "nightly", "--every", "1d", "--grace", "1h"]);
    let ping = |what: &str| curl(&[&format!("{}{what}", added.out.trim())]);
    let within = || line(&ask(&monitor, &["status"]).out, "nightly")[5].to_owned();
    ping("");
    assert_eq!(within(), "1d 1h", "silence is judged after the period and the grace");
    ping("/start");
    // That the run does not end is judged an hour after its start, and told within two minutes.
    assert_eq!(within(), "1h 1m");
    ping("");
    assert_eq!(within(), "1d 1h");
}

#[test]
fn a_check_has_a_name_that_no_other_has() {
    let monitor = Monitor::open();
    let add = |name: &str| ask(&monitor, &["checks", "add", name]);
    assert_eq!(add("nightly").code, Some(0));
    for name in ["", " "] {
        let refused = add(name);
        assert_eq!(refused.code, Some(2), "{name:?}");
        assert!(refused.err.contains("a check has a name"), "{}", refused.err);
    }
    let twin = add("nightly");
    assert_eq!(twin.code, Some(2));
    assert!(twin.err.contains("a check is called `nightly` already"), "{}", twin.err);
    add("weekly");
    let renamed = ask(&monitor, &["checks", "edit", "weekly", "--name", "nightly"]);
    assert_eq!(renamed.code, Some(2));
    assert!(renamed.err.contains("a check is called `nightly` already"), "{}", renamed.err);
    assert_eq!(ask(&monitor, &["checks", "list"]).out.lines().count(), 3);
}

#[test]
fn what_the_monitor_objects_to_is_told_by_the_names_of_the_options() {
    let monitor = Monitor::open();
    let add = |options: &[&str]| ask(&monitor, &[&["checks", "add", "nightly"], options].concat());
    for (options, words) in [
        (["--every", "1s"], "procession: --every is too small: give a minute to a year\n"),
        (["--grace", "5s"], "procession: --grace is too small: give a minute to a year\n"),
        (["--slug", "Ä b"], "procession: --slug does not match pattern\n"),
    ] {
        let refused = add(&options);
        assert_eq!((refused.code, refused.err.as_str()), (Some(2), words), "{options:?}");
    }
    let fraction = add(&["--every", "90500ms"]);
    assert!(fraction.err.contains("--every <TIME>': give whole seconds"), "{}", fraction.err);
    assert!(!ask(&monitor, &["checks", "list"]).out.contains("nightly"));
}

#[test]
fn a_check_is_edited_and_shown_with_its_last_pings() {
    let monitor = Monitor::open();
    let added = ask(&monitor, &["checks", "add", "nightly", "--every", "1d", "--tag", "db"]);
    let none = ask(&monitor, &["checks", "edit", "nightly"]);
    assert_eq!(none.code, Some(2));
    assert!(none.err.contains("nothing says what to change"), "{}", none.err);
    let changes =
        ["--name", "hourly", "--every", "1h", "--tag", "", "--desc", "copies", "--grace", "5m"];
    let edited = ask(&monitor, &[&["checks", "edit", "nightly"], &changes[..]].concat());
    assert_eq!(edited.code, Some(0), "{}", edited.err);
    curl(&["--data", "hello", added.out.trim()]);
    let show = |more: &[&str]| ask(&monitor, &[&["checks", "show", "hourly"], more].concat()).out;
    until("the ping's row", || show(&[]).contains("success"));
    let shown = show(&[]);
    for words in
        ["hourly", "copies", "every        1h", "grace        5m", added.out.trim(), "127.0.0.1"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains("tags"), "{shown}");
    let json: Value = serde_json::from_str(&show(&["--json"])).expect("JSON");
    assert_eq!((&json["timeout"], &json["pings"][0]["n"]), (&3600.into(), &1.into()));
}

#[test]
fn a_host_that_is_no_more_is_forgotten_and_no_other() {
    let monitor = Monitor::open();
    for (host, name) in [("web-1", "a"), ("web-1", "b"), ("web-10", "c")] {
        said(&mut monitor.sh(name, &["--host", host], "exit 1"));
    }
    let forgotten = ask(&monitor, &["checks", "forget", "web-1"]);
    assert_eq!(forgotten.out, "a: deleted\nb: deleted\n", "{}", forgotten.err);
    assert_eq!(line(&ask(&monitor, &["status"]).out, "c")[1], "web-10");
    let again = ask(&monitor, &["checks", "forget", "web-1"]);
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains("no program of the host `web-1` is known"), "{}", again.err);
}

#[test]
fn a_new_database_on_a_full_disk_says_what_is_missing() {
    let directory = tempfile::tempdir().expect("a directory");
    for (disk, words) in [
        ("size=32k", "KiB are free, and a new database takes 256 KiB"),
        ("size=1m,nr_inodes=2", "no inodes are free"),
    ] {
        let script = format!("mount -t tmpfs -o {disk} small \"$1\" && shift && exec \"$@\"");
        let mut command = Command::new("unshare");
        command
            .args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"])
            .arg(directory.path());
        command.arg(env!("CARGO_BIN_EXE_procession"));
        command.args(["monitor", "--open", "--listen", "127.0.0.1:0", "--data"]);
        let said = said(command.arg(directory.path().join("m.db")).env("XDG_CONFIG_HOME", ""));
        assert_eq!(said.code, Some(2), "{disk}: {}", said.err);
        let named =
            format!("--data: there is no room for the database {}", directory.path().display());
        assert!(said.err.contains(&named) && said.err.contains(words), "{disk}: {}", said.err);
    }
}

#[test]
fn a_browser_gets_a_picture_for_its_tab() {
    let monitor = Monitor::open();
    let kind = ["--output", "/dev/null", "--write-out", "%{http_code} %{content_type}"];
    let url = format!("{}/favicon.ico", monitor.url);
    assert_eq!(curl(&[&kind[..], &[&url]].concat()), "200 image/svg+xml");
}
