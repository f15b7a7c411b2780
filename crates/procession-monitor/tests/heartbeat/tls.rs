//! A monitor over TLS whose certificate a private authority has signed.

use crate::harness::{Program, configuration};
use crate::support::{Monitor, until};
use procession_monitor::Config;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use ureq::tls::TlsConfig;

/// An authority that exists in this test only.
struct Authority {
    directory: tempfile::TempDir,
}

impl Authority {
    fn new() -> Authority {
        let authority = Authority { directory: tempfile::tempdir().unwrap() };
        authority
            .openssl("req -x509 -newkey ed25519 -nodes -subj /CN=ours -out ca.pem -keyout ca.key");
        authority
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A certificate for the loopback address, and its key.
    fn sign(&self) -> (PathBuf, PathBuf) {
        self.openssl(
            "req -x509 -newkey ed25519 -nodes -subj /CN=monitor -CA ca.pem -CAkey ca.key \
             -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=IP:127.0.0.1 \
             -out monitor.pem -keyout monitor.key",
        );
        (self.file("monitor.pem"), self.file("monitor.key"))
    }

    fn openssl(&self, words: &str) {
        let mut command = Command::new("openssl");
        command.args(words.split_whitespace()).current_dir(&self.directory);
        let output = command
            .output()
            .unwrap_or_else(|why| panic!("openssl: {why}; `cargo xtask test` installs it"));
        assert!(output.status.success(), "{words}: {output:?}");
    }
}

fn monitor(directory: &Path, authority: &Authority) -> Monitor {
    Monitor::start(Config { tls: Some(authority.sign()), ..configuration(directory) })
}

/// What the monitor shows of the one program that reports to it.
fn shown(monitor: &Monitor, authority: &Path) -> Value {
    let roots = procession_beat::authorities(&std::fs::read(authority).unwrap()).unwrap();
    let tls = TlsConfig::builder().root_certs(roots).build();
    let agent = ureq::Agent::config_builder().tls_config(tls).build().new_agent();
    let mut answer = agent.get(format!("{}/api/status", monitor.url)).call().unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    let status: Value = serde_json::from_str(&text).unwrap();
    status["checks"].get(0).cloned().unwrap_or_default()
}

#[test]
fn a_program_reports_to_a_monitor_whose_authority_it_was_named() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let monitor = monitor(directory.path(), &authority);
    let ca = authority.file("ca.pem");
    let mut program = Program::start(&monitor.url, &["--ca", ca.to_str().unwrap()]);
    program.does("delivery taken by the monitor");
    assert_eq!(shown(&monitor, &ca)["state"], "up");
    program.tell("exit 7");
    assert_eq!(program.end().0.code(), Some(7));
    until("its end to be told", || shown(&monitor, &ca)["problem"] == "dead: exit code 7");
    program.wait_until_nothing_is_left();
}

#[test]
fn a_monitor_that_cannot_prove_who_it_is_hears_nothing_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (authority, another) = (Authority::new(), Authority::new());
    let monitor = monitor(directory.path(), &authority);
    let other = another.file("ca.pem");
    // Of another authority, and of none: those of browsers have not signed it either.
    for options in [&["--ca", other.to_str().unwrap()][..], &[]] {
        let options = [options, &["--wait", "--linger", "300"]].concat();
        let mut program = Program::start(&monitor.url, &options);
        program.does("delivery the monitor could not prove who it is");
        program.does("note still at work");
        program.tell("exit 7");
        let (ended, output, errors) = program.end();
        assert_eq!((ended.code(), output.as_str(), errors.as_str()), (Some(7), "", ""));
        program.wait_until_nothing_is_left();
    }
    assert_eq!(shown(&monitor, &authority.file("ca.pem")), Value::Null);
}

#[test]
fn a_file_without_certificates_is_an_error_at_the_start_that_names_it() {
    let authority = Authority::new();
    for (name, words) in [("ca.key", "no certificate in it"), ("none.pem", "No such file")] {
        let start = procession::Heartbeat::to("https://127.0.0.1:9").ca(authority.file(name));
        let error = start.start().expect_err(name).to_string();
        assert!(error.contains(name) && error.contains(words), "{error}");
    }
}
