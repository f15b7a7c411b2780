//! Where options come from, and what is said of wrong ones.

use crate::support::{Monitor, procession, said, write};
use serde_json::Value;
use std::process::Command;

#[test]
fn a_flag_beats_a_variable_and_a_variable_beats_the_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = write(&directory.path().join("c.toml"), "url = 'http://127.0.0.1:1'\n");
    let ask = |variable: Option<&str>, flag: &[&str]| {
        let mut command = procession(&["status", "--config", file.to_str().expect("text")]);
        command.args(flag);
        if let Some(url) = variable {
            command.env("PROCESSION_URL", url);
        }
        said(&mut command).err
    };
    assert!(ask(None, &[]).contains("127.0.0.1:1"));
    assert!(ask(Some("http://127.0.0.1:2"), &[]).contains("127.0.0.1:2"));
    let flag = ["--url", "http://127.0.0.1:3"];
    assert!(ask(Some("http://127.0.0.1:2"), &flag).contains("127.0.0.1:3"));
}

#[test]
fn a_file_of_the_user_is_found_and_its_unknown_keys_are_named() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(directory.path().join("procession")).expect("made");
    write(&directory.path().join("procession/config.toml"), "[run]\nevry = '5m'\n");
    let mut command = procession(&["status"]);
    let said = said(command.env("XDG_CONFIG_HOME", directory.path()));
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("config.toml: `run.evry` is no option"), "{}", said.err);
}

#[test]
fn a_monitor_that_nobody_or_everybody_could_use_by_mistake_is_not_started() {
    let cases: [(&[&str], &str); 5] = [
        (&[], "nobody could send or read"),
        (&["--api-key", "short"], "--api-key has 32 characters"),
        (&["--open", "--cert", "x"], "--cert and --key"),
        (&["--open", "--listen", "nowhere"], "cannot listen on nowhere"),
        (&["--open", "--listen", "0.0.0.0:0"], "plain HTTP"),
    ];
    for (arguments, words) in cases {
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = procession(&["monitor"]);
        let said = said(command.args(arguments).current_dir(directory.path()));
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.err);
        assert!(said.err.contains(words), "{arguments:?}: {}", said.err);
    }
}

#[test]
fn completions_are_sound_and_every_subcommand_has_a_manual_page() {
    let bash = said(&mut procession(&["completions", "bash"]));
    let mut check = Command::new("bash");
    assert!(check.args(["-n", "-c", &bash.out]).status().expect("bash").success());
    let directory = tempfile::tempdir().expect("a directory");
    said(procession(&["man"]).arg(directory.path()));
    for page in ["procession", "procession-run", "procession-monitor", "procession-checks-add"] {
        let path = directory.path().join(format!("{page}.1"));
        let text = std::fs::read_to_string(&path).expect(page);
        assert!(text.contains(".TH"), "{page}: {text}");
    }
    let help = said(&mut procession(&["run", "--help"])).out;
    assert!(help.contains("PROCESSION_RUN_MAX_RUNTIME") && !help.contains("inside"), "{help}");
}

/// Variables of the environment, with their values.
type Variables = &'static [(&'static str, &'static str)];

/// Runs a job with these variables and options; gives what is said on standard error.
fn job(variables: Variables, options: &[&str]) -> String {
    let mut command = procession(&["run"]);
    command.args(options).args(["--", "sh", "-c", "echo done; exit 3"]);
    let told = said(command.envs(variables.iter().copied()));
    assert_eq!((told.code, told.out.as_str()), (Some(3), "done\n"), "{}", told.err);
    told.err
}

#[test]
fn a_job_runs_whatever_is_wrong_with_its_reports_and_that_is_said_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = write(&directory.path().join(name), text);
        path.into_os_string().into_string().expect("text")
    };
    let (broken, empty) = (file("broken.toml", "[run"), file("ca.pem", ""));
    let long = "x".repeat(201);
    let cases: [(Variables, &[&str], &str); 9] = [
        (
            &[],
            &["--config", "/nowhere/c.toml"],
            "--config: the file /nowhere/c.toml cannot be read",
        ),
        (&[], &["--config", &broken], "is no TOML"),
        (&[], &["--ca", "/nowhere.pem"], "--ca: the certificates to trust in /nowhere.pem"),
        (&[], &["--ca", &empty], "there is no certificate in it"),
        (&[("PROCESSION_URL", "")], &[], "--url ``: a monitor's URL begins with http"),
        (&[], &["--every", "10ms"], "--every: 100 ms to 365 days"),
        (&[], &["--every", "0s"], "--every: 100 ms to 365 days"),
        (&[], &["--name", &long], "--name: 1 to 200 bytes"),
        (&[], &["--label", "a=\u{7}"], "--label: "),
    ];
    for (variables, options, words) in cases {
        let err = job(variables, options);
        assert!(err.contains(words), "{words}: {err}");
        let ending = "the program runs, and nothing of it is reported\n";
        assert!(err.ends_with(ending) && err.matches("procession run").count() == 1, "{err}");
    }
}

#[test]
fn a_job_is_reported_without_what_is_wrong_in_a_variable_or_a_file() {
    let monitor = Monitor::open();
    let directory = tempfile::tempdir().expect("a directory");
    let typo = write(&directory.path().join("c.toml"), "[run]\nevry = '1d'\nlabel = ['a=b']\n");
    let typo = typo.to_str().expect("text");
    let cases: [(&str, Variables, &[&str], &str); 5] = [
        (
            "empty",
            &[("PROCESSION_RUN_EVERY", "")],
            &[],
            "the variable PROCESSION_RUN_EVERY: it is empty",
        ),
        (
            "config",
            &[("PROCESSION_CONFIG", "")],
            &[],
            "the variable PROCESSION_CONFIG: it is empty",
        ),
        ("ca", &[("PROCESSION_CA", "")], &[], "the variable PROCESSION_CA: it is empty"),
        ("bad", &[("PROCESSION_RUN_SERVICE", "maybe")], &[], "the variable PROCESSION_RUN_SERVICE"),
        ("typo", &[], &["--config", typo], "c.toml: `run.evry` is no option"),
    ];
    for (name, variables, options, words) in cases {
        let all = [&["--url", &monitor.url, "--linger", "60s", "--name", name], options].concat();
        let err = job(variables, &all);
        assert!(err.contains(words) && err.ends_with("; it is left out\n"), "{words}: {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
        let check = monitor.check(name).expect("reported");
        assert_eq!(check["problem"], "dead: exit code 3");
        assert_eq!(check["labels"]["a"], if name == "typo" { "b".into() } else { Value::Null });
    }
}

#[test]
fn a_wrong_command_line_stops_a_job() {
    for wrong in [&["--every", "soon"][..], &["--evry", "1m"], &["--label", "a"]] {
        let told = said(procession(&["run"]).args(wrong).args(["--", "echo", "done"]));
        assert_eq!((told.code, told.out.as_str()), (Some(2), ""), "{wrong:?}");
    }
}
