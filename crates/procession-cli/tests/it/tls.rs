//! A monitor over TLS with a certificate that somebody made himself.

use crate::support::{API_KEY, BEAT_TOKEN, Monitor, procession, said, until};
use std::path::{Path, PathBuf};
use std::process::Command;

/// As `docs/command.md` says: the certificate, and its key.
pub(crate) fn certificate(directory: &Path) -> (PathBuf, PathBuf) {
    let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=monitor -days 3650 \
                 -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=IP:127.0.0.1 \
                 -out monitor.pem -keyout monitor.key";
    let mut command = Command::new("openssl");
    let output = command.args(words.split_whitespace()).current_dir(directory).output();
    let output = output.expect("openssl; `cargo xtask test` installs it");
    assert!(output.status.success(), "{output:?}");
    (directory.join("monitor.pem"), directory.join("monitor.key"))
}

#[test]
fn whoever_is_named_the_monitors_certificate_speaks_to_it_and_nobody_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let (certificate, key) = certificate(directory.path());
    let [certificate, key] = [&certificate, &key].map(|path| path.to_str().expect("text"));
    let keys = ["--beat-token", BEAT_TOKEN, "--api-key", API_KEY];
    let monitor = Monitor::start(&[&keys[..], &["--cert", certificate, "--key", key]].concat());
    assert!(monitor.url.starts_with("https://"), "{}", monitor.url);
    let script = "echo out; exit 3";
    let told =
        said(&mut monitor.sh("trusting", &["--token", BEAT_TOKEN, "--ca", certificate], script));
    assert_eq!((told.code, told.out.as_str(), told.err.as_str()), (Some(3), "out\n", ""));
    let mut doubting = procession(&["run", "--url", &monitor.url, "--name", "doubting"]);
    doubting.args(["--linger", "5s", "--token", BEAT_TOKEN, "--", "sh", "-c", script]);
    let untold = said(&mut doubting);
    assert_eq!((untold.code, untold.out.as_str()), (Some(3), "out\n"));
    for words in
        ["the end of doubting was not reported", "could not prove who it is", "UnknownIssuer"]
    {
        assert!(untold.err.contains(words), "{words}: {}", untold.err);
    }
    // Variables name it as well; the key is no certificate.
    let ask = |file: Option<&str>| {
        let mut command = procession(&["status", "--url", &monitor.url]);
        command.env("PROCESSION_TOKEN", API_KEY).envs(file.map(|file| ("PROCESSION_CA", file)));
        said(&mut command)
    };
    let shown = ask(Some(certificate));
    assert!(shown.out.contains("trusting") && !shown.out.contains("doubting"), "{}", shown.out);
    for (file, words) in [(None, "with --ca"), (Some(key), "no certificate in it")] {
        let refused = ask(file);
        assert_eq!(refused.code, Some(2));
        assert!(refused.err.contains(words), "{words}: {}", refused.err);
    }
}

#[test]
fn a_certificate_that_changes_is_used_at_once_on_sighup_and_soon_without() {
    let directory = tempfile::tempdir().expect("a directory");
    let new = || {
        let place = tempfile::tempdir().expect("a directory");
        let files = certificate(place.path());
        (place, files)
    };
    let [certificate, key] = ["m.pem", "m.key"].map(|name| directory.path().join(name));
    let install = |files: &(PathBuf, PathBuf)| {
        for (from, to) in [(&files.0, &certificate), (&files.1, &key)] {
            std::fs::copy(from, to).expect("copied");
        }
    };
    let (first, second, third) = (new(), new(), new());
    install(&first.1);
    let texts = [&certificate, &key].map(|path| path.to_str().expect("text"));
    let keys = ["--api-key", API_KEY, "--cert", texts[0], "--key", texts[1]];
    let monitor = Monitor::start(&keys);
    let is_shown = |files: &(PathBuf, PathBuf)| {
        let mut command = procession(&["status", "--url", &monitor.url]);
        command.env("PROCESSION_TOKEN", API_KEY).env("PROCESSION_CA", &files.0);
        said(&mut command).code == Some(0)
    };
    assert!(is_shown(&first.1) && !is_shown(&second.1));
    install(&second.1);
    monitor.signal("HUP");
    until("the second certificate", || is_shown(&second.1));
    assert!(!is_shown(&first.1));
    // One that cannot be used replaces none.
    std::fs::write(&certificate, "no certificate").expect("written");
    monitor.signal("HUP");
    let metrics = || {
        let mut command = procession(&["status", "--json", "--url", &monitor.url]);
        command.env("PROCESSION_TOKEN", API_KEY).env("PROCESSION_CA", &second.1.0);
        said(&mut command).out
    };
    until("the trouble to be told", || metrics().contains("new certificate: "));
    install(&third.1);
    until("the third certificate", || is_shown(&third.1));
}

#[test]
fn a_certificate_that_ends_soon_is_a_trouble_of_the_monitors_own() {
    let directory = tempfile::tempdir().expect("a directory");
    let words = "req -x509 -newkey ed25519 -nodes -subj /CN=monitor -days 90 \
                 -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=IP:127.0.0.1 \
                 -out monitor.pem -keyout monitor.key";
    let mut command = Command::new("faketime");
    command.args(["-80 days", "openssl"]).args(words.split_whitespace());
    let output = command.current_dir(directory.path()).output().expect("faketime");
    assert!(output.status.success(), "{output:?}");
    let [pem, key] = ["monitor.pem", "monitor.key"].map(|name| directory.path().join(name));
    let texts = [&pem, &key].map(|path| path.to_str().expect("text"));
    let monitor = Monitor::start(&["--api-key", API_KEY, "--cert", texts[0], "--key", texts[1]]);
    until("the trouble to be told", || {
        let mut command = procession(&["status", "--json", "--url", &monitor.url]);
        command.env("PROCESSION_TOKEN", API_KEY).env("PROCESSION_CA", &pem);
        said(&mut command).out.contains("certificate: it ends at ")
    });
}

#[test]
fn a_certificate_that_is_none_is_an_error_of_the_monitor_that_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_, key) = certificate(directory.path());
    for (cert, key) in [(&key, &key), (&directory.path().join("none.pem"), &key)] {
        let mut command = procession(&["monitor", "--open", "--listen", "127.0.0.1:0"]);
        command.arg("--cert").arg(cert).arg("--key").arg(key).current_dir(directory.path());
        let said = said(&mut command);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{}", said.err);
        let (cert, key) = (cert.display(), key.display());
        let named = format!("the certificate {cert} or its key {key} cannot be used: ");
        assert!(said.err.contains(&named), "{}", said.err);
    }
}
