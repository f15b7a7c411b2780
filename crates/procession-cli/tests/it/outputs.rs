//! Outputs that are closed or full, and what is said once of wrong options.

use crate::support::{BEAT_TOKEN, Monitor, procession, said, until};
use procession_sys::descriptor::pipe;
use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

/// Every way to have something printed, and the exit code where the output takes it.
const WAYS: [(&[&str], i32); 9] = [
    (&["status"], 0),
    (&["status", "--json"], 0),
    (&["status", "--exit-code"], 1),
    (&["checks", "list"], 0),
    (&["checks", "add", "another"], 0),
    (&["doctor"], 0),
    (&["completions", "bash"], 0),
    (&["help", "run"], 0),
    (&["--version"], 0),
];

fn asking(monitor: &Monitor, arguments: &[&str]) -> Command {
    let mut command = procession(arguments);
    command.env("PROCESSION_URL", &monitor.url);
    command
}

/// A pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").expect("opened").into()
}

#[test]
fn an_output_that_nobody_reads_ends_quietly_with_the_exit_code_of_the_answer() {
    let monitor = Monitor::open();
    said(&mut monitor.sh("backup", &[], "exit 2"));
    for (arguments, code) in WAYS {
        let mut command = asking(&monitor, arguments);
        let output = command.stdout(closed()).stderr(Stdio::piped()).output().expect("started");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*err), (Some(code), ""), "{arguments:?}");
    }
}

#[test]
fn an_output_that_is_full_is_said_and_ends_with_2() {
    let monitor = Monitor::open();
    said(&mut monitor.sh("backup", &[], "exit 2"));
    for (arguments, _) in WAYS {
        let mut command = asking(&monitor, arguments);
        let output = command.stdout(full()).stderr(Stdio::piped()).output().expect("started");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {err}");
        let words = "procession: standard output takes nothing";
        assert!(err.starts_with(words) && err.contains("No space left"), "{arguments:?}: {err}");
    }
    // Where standard error is full as well, the exit code is left.
    let mut command = procession(&["status", "--url", "nowhere"]);
    let status = command.stdout(full()).stderr(full()).status().expect("started");
    assert_eq!(status.code(), Some(2));
}

#[test]
fn a_monitor_whose_address_nobody_reads_serves_all_the_same() {
    let directory = tempfile::tempdir().expect("a directory");
    // A port that is free now; the address of this one is not read.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = port.local_addr().expect("its address").to_string();
    drop(port);
    let mut command = procession(&["monitor", "--open", "--listen", &address, "--data"]);
    command.arg(directory.path().join("m.db")).stdout(full()).stderr(Stdio::piped());
    let mut monitor = command.spawn().expect("started");
    let url = format!("http://{address}");
    until("the monitor", || said(&mut procession(&["status", "--url", &url])).code == Some(0));
    monitor.kill().expect("killed");
    let mut err = String::new();
    monitor.stderr.take().expect("piped").read_to_string(&mut err).expect("text");
    monitor.wait().expect("waited for");
    assert!(err.contains("standard output takes nothing"), "{err}");
}

#[test]
fn a_filter_and_the_exit_code_are_about_what_the_filter_means() {
    let monitor = Monitor::open();
    said(&mut monitor.sh("backup", &["--host", "db-1"], "exit 2"));
    said(&mut monitor.sh("report", &["--host", "web-1"], "true"));
    let ask = |filter: &str| {
        let arguments = ["status", "--exit-code", "--filter", filter];
        said(&mut asking(&monitor, &arguments))
    };
    let (all, ill, well) = (ask(""), ask("backup"), ask("report"));
    assert_eq!((all.code, ill.code, well.code), (Some(1), Some(1), Some(0)), "{}", well.out);
    assert!(ill.out.contains("db-1 is in trouble"), "{}", ill.out);
    assert!(well.out.starts_with("1 up") && !well.out.contains("db-1"), "{}", well.out);
    assert_eq!(ask("no such").code, Some(0));
}

#[test]
fn an_empty_or_relative_xdg_config_home_is_as_if_it_were_not_set() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(directory.path().join("procession")).expect("made");
    let file = directory.path().join("procession/config.toml");
    crate::support::write(&file, "no option = 1\n");
    let ask = |home: &str, xdg: &str| {
        let mut command = procession(&["doctor", "--help"]);
        command.current_dir(directory.path()).env("XDG_CONFIG_HOME", xdg).env("HOME", home);
        said(&mut command)
    };
    for (home, xdg) in [("/nowhere", ""), ("/nowhere", "."), ("", "")] {
        let said = ask(home, xdg);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{home:?} {xdg:?}");
    }
    let absolute = ask("", directory.path().to_str().expect("text"));
    assert!(absolute.err.contains("is no TOML"), "{}", absolute.err);
}

#[test]
fn a_url_without_its_protocol_or_with_the_other_one_is_an_error_that_says_so_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let (cert, key) = crate::tls::certificate(directory.path());
    let plain = Monitor::open();
    let [cert, key] = [&cert, &key].map(|path| path.to_str().expect("text"));
    let secure = Monitor::start(&["--open", "--cert", cert, "--key", key]);
    let bare = plain.url.strip_prefix("http://").expect("a protocol");
    let other = |url: &str| match url.split_once("://").expect("a protocol") {
        ("http", rest) => format!("https://{rest}"),
        (_, rest) => format!("http://{rest}"),
    };
    let cases = [
        (bare.to_owned(), format!("--url `{bare}` names no protocol: write http://{bare}")),
        (String::new(), "--url ``: a monitor's URL begins with http".into()),
        ("ftp://monitor".into(), "a monitor's URL begins with http".into()),
        ("http://".into(), "--url `http://` is no URL".into()),
        (other(&plain.url), "it speaks no TLS: does its URL begin with http://?".into()),
        (other(&secure.url), "it speaks no HTTP: does its URL begin with https://?".into()),
    ];
    for (url, words) in cases {
        let shown = said(&mut procession(&["status", "--url", &url]));
        assert_eq!(shown.code, Some(2), "{url}: {}", shown.err);
        assert_eq!(shown.err.matches(&words).count(), 1, "{url}: {}", shown.err);
        assert_eq!(shown.err.lines().count(), 1, "{url}: {}", shown.err);
    }
    let mut run = procession(&["run", "--linger", "2s", "--url", &other(&plain.url), "--", "true"]);
    let err = said(&mut run).err;
    assert_eq!(err.matches("speaks no TLS").count(), 1, "{err}");
}

#[test]
fn an_error_of_the_server_names_its_option() {
    let cases: [(&[&str], &str); 6] = [
        (&["--deadman", "hc.example/uuid"], "--deadman `hc.example/uuid` is no URL"),
        (&["--public-url", "monitor.example"], "--public-url `monitor.example` is no address"),
        (&["--data", "/nowhere/m.db"], "--data: "),
        (&["--listen", "0.0.0.0:0"], "--cert with --key, or --plain: "),
        (&["--cert", "/nowhere", "--key", "/nowhere"], "--cert, --key: "),
        (&["--command", "/nowhere"], "--command: "),
    ];
    let directory = tempfile::tempdir().expect("a directory");
    for (arguments, words) in cases {
        let mut command = procession(&["monitor", "--open", "--listen", "127.0.0.1:0"]);
        // The last --listen would be a second one.
        if arguments[0] == "--listen" {
            command = procession(&["monitor", "--open"]);
        }
        let said = said(command.args(arguments).current_dir(directory.path()));
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.err);
        assert!(said.err.starts_with(&format!("procession: {words}")), "{}", said.err);
    }
}

#[test]
fn a_report_that_is_refused_is_said_once() {
    let monitor = Monitor::start(&["--beat-token", BEAT_TOKEN]);
    let refused = said(&mut monitor.sh("guarded", &["--token", "wrong"], "exit 3"));
    assert_eq!(refused.code, Some(3));
    assert_eq!(refused.err.matches("HTTP 401").count(), 1, "{}", refused.err);
}
