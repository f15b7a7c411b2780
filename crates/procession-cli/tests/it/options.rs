//! Where options come from, and what is said of wrong ones.

use crate::support::{procession, said, write};
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
    let mut command = procession(&["run", "--", "true"]);
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
