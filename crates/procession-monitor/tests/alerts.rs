//! Who is told what, how often and in which order.

mod support;

use procession_beat::{Cause, Death, Kind};
use serde_json::json;
use support::{Monitor, Told, beat, config, dead, send, until};

#[test]
fn a_death_is_told_with_its_cause_and_a_return_resolves_it() {
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[]);
    let monitor = Monitor::start(procession_monitor::Config {
        receivers: vec![told.receiver()],
        ..config(directory.path())
    });
    send(&monitor, &beat(1, Kind::Alive)).unwrap();
    let words = ["opening", "reading"].map(str::to_owned);
    let death = Death { run: None, cause: Cause::Signal(9), panic: None, last_words: words.into() };
    send(&monitor, &beat(2, Kind::Dead(death))).unwrap();
    let (key, letter) = told.letters(1).remove(0);
    assert_eq!(key, "1:1:firing:hook");
    assert_eq!((&letter["version"], &letter["status"]), (&json!("4"), &json!("firing")));
    assert_eq!(letter["commonAnnotations"]["summary"], "web-3: crawler dead: signal 9");
    let labels = json!({ "alertname": "Dead", "host": "web-3", "check": "crawler" });
    assert_eq!(letter["alerts"][0]["labels"], labels);
    let said =
        json!({ "summary": "dead: signal 9", "description": "last words:\nopening\nreading" });
    assert_eq!(letter["alerts"][0]["annotations"], said);
    let words = json!(["opening", "reading"]);
    let row = monitor.api("GET", "/api/status", "").json()["checks"][0].clone();
    let check = monitor.api("GET", "/api/v3/checks/", "").json()["checks"][0].clone();
    assert_eq!((&row["last_words"], &check["last_words"]), (&words, &words));
    let mut again = beat(1, Kind::Alive);
    again.instance.started = 10;
    send(&monitor, &again).unwrap();
    let (key, letter) = told.letters(2).remove(1);
    assert_eq!((key.as_str(), &letter["status"]), ("1:2:resolved:hook", &json!("resolved")));
}

/// The checks of a letter's alerts, each with its status and whether it has an end.
fn alerts(letter: &serde_json::Value) -> Vec<(String, String, bool)> {
    let alerts = letter["alerts"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let alert = |alert: &serde_json::Value| {
        let ends = text(&alert["endsAt"]) != "0001-01-01T00:00:00Z";
        (text(&alert["labels"]["check"]), text(&alert["status"]), ends)
    };
    alerts.map(alert).collect()
}

#[test]
fn a_check_that_recovers_stands_as_resolved_in_its_hosts_next_message() {
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[]);
    let mut settings = config(directory.path());
    settings.judge.group_interval = 0;
    settings.receivers = vec![told.receiver()];
    let monitor = Monitor::start(settings);
    let program = |name: &str, started, kind| {
        let mut beat = beat(1, kind);
        (beat.program, beat.instance.started) = (name.to_owned(), started);
        send(&monitor, &beat).unwrap();
    };
    program("crawler", 9, dead());
    program("indexer", 9, dead());
    let firing = told.letters(2).remove(1).1;
    assert_eq!(
        firing["commonAnnotations"]["summary"],
        "web-3: crawler dead: signal 9; indexer dead: signal 9"
    );
    program("indexer", 10, Kind::Alive);
    let (key, better) = told.letters(3).remove(2);
    assert_eq!((key.as_str(), &better["status"]), ("1:3:better:hook", &json!("firing")));
    let summary = "web-3: indexer resolved (was dead: signal 9); crawler dead: signal 9";
    assert_eq!(better["commonAnnotations"]["summary"], summary);
    let alert = |check: &str, status: &str, ends| (check.to_owned(), status.to_owned(), ends);
    let expected = [alert("crawler", "firing", false), alert("indexer", "resolved", true)];
    assert_eq!(alerts(&better), expected);
    assert_eq!(better["alerts"][1]["fingerprint"], firing["alerts"][1]["fingerprint"]);
    let uuid = monitor.api("GET", "/api/v3/checks/", "").json()["checks"].clone();
    let crawler = uuid.as_array().unwrap().iter().find(|check| check["name"] == "crawler").unwrap();
    let pause = crawler["pause_url"].as_str().unwrap();
    monitor.api("POST", pause.strip_prefix(&monitor.url).unwrap(), "");
    let over = told.letters(4).remove(3).1;
    assert_eq!(over["status"], "resolved");
    let expected = [alert("crawler", "resolved", true), alert("indexer", "resolved", true)];
    let mut ended = alerts(&over);
    ended.sort();
    assert_eq!(ended, expected);
    let crawler = over["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|alert| alert["labels"]["check"] == "crawler");
    assert_eq!(crawler.unwrap()["annotations"]["ended"], "paused");
}

#[test]
fn a_receiver_that_fails_is_told_again_under_the_same_name_until_it_takes_it() {
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[500, 503]);
    let monitor = Monitor::start(procession_monitor::Config {
        receivers: vec![told.receiver()],
        ..config(directory.path())
    });
    send(&monitor, &beat(1, dead())).unwrap();
    assert_eq!(told.letters(1).len(), 1);
    assert_eq!(told.tries(), ["1:1:firing:hook"; 3]);
}

#[test]
fn a_receiver_that_takes_nothing_is_the_monitors_own_trouble_and_the_others_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[]);
    let broken = Told::start(&[500; 4]);
    let hook = |name: &str, told: &Told| procession_monitor::Receiver::Webhook {
        name: name.into(),
        url: told.url.clone(),
    };
    let monitor = Monitor::start(procession_monitor::Config {
        receivers: vec![hook("well", &told), hook("broken", &broken)],
        ..config(directory.path())
    });
    let get = |path: &str| monitor.api("GET", path, "").body;
    assert!(
        get("/metrics")
            .contains("procession_receiver_failing{receiver=\"broken\", kind=\"webhook\"} 0")
    );
    send(&monitor, &beat(1, dead())).unwrap();
    let letters = told.letters(3);
    let summary = |at: usize| letters[at].1["commonAnnotations"]["summary"].to_string();
    assert!(summary(1).contains("receiver broken: takes no message"), "{}", summary(1));
    assert!(summary(1).contains("in 3 attempts: HTTP 500"), "{}", summary(1));
    assert_eq!(letters[2].1["status"], "resolved", "it took the fifth attempt");
    until("no trouble", || get("/readyz") == "ok");
    assert!(
        get("/metrics")
            .contains("procession_receiver_failing{receiver=\"broken\", kind=\"webhook\"} 0")
    );
}

#[test]
fn a_receiver_that_can_never_be_told_is_refused_at_the_start() {
    use procession_monitor::{Receiver, RunError};
    let refused = |receiver: Receiver| {
        let directory = tempfile::tempdir().unwrap();
        let settings =
            procession_monitor::Config { receivers: vec![receiver], ..config(directory.path()) };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let run = procession_monitor::run(settings, listener, std::future::ready(()));
        match runtime.block_on(run) {
            Err(error @ RunError::Receiver(..)) => error.to_string(),
            other => panic!("not refused: {other:?}"),
        }
    };
    let command = |program: &str| Receiver::Command {
        name: "tell".into(),
        command: vec![program.to_owned()],
    };
    let hook = |url: &str| Receiver::Webhook { name: "tell".into(), url: url.into() };
    let beginning = "the receiver tell can be told nothing: ";
    for (receiver, why) in [
        (command("/nowhere/tell"), "/nowhere/tell is no program that can be run"),
        (command("no-such-program"), "no-such-program is no program that can be run"),
        (command("/etc/passwd"), "/etc/passwd is no program that can be run"),
        (hook("example.org/hook"), "is no URL that begins with http:// or https://"),
        (hook("ftp://example.org"), "is no URL that begins"),
        (hook("http://[::"), "is no URL"),
    ] {
        let error = refused(receiver);
        assert!(error.starts_with(beginning) && error.contains(why), "{error}");
    }
}

#[test]
fn a_command_is_given_the_letter_and_the_summary() {
    let directory = tempfile::tempdir().unwrap();
    let (script, out) = (directory.path().join("tell"), directory.path().join("out"));
    let text = format!(
        "#!/bin/sh\n(echo \"$PROCESSION_KEY $PROCESSION_STATUS $PROCESSION_SUMMARY\"; cat) > {0}.part && mv {0}.part {0}\n",
        out.display()
    );
    std::fs::write(&script, text).unwrap();
    let command = vec!["/bin/sh".to_owned(), script.display().to_string()];
    let receiver = procession_monitor::Receiver::Command { name: "tell".into(), command };
    let monitor = Monitor::start(procession_monitor::Config {
        receivers: vec![receiver],
        ..config(directory.path())
    });
    send(&monitor, &beat(1, dead())).unwrap();
    until("the command's output", || out.exists());
    let out = std::fs::read_to_string(out).unwrap();
    let (line, json) = out.split_once('\n').unwrap();
    assert_eq!(line, "1:1:firing:tell firing web-3: crawler dead: signal 9");
    assert_eq!(serde_json::from_str::<serde_json::Value>(json).unwrap()["version"], "4");
}

/// A command receiver that runs this script.
fn sh(name: &str, script: String) -> procession_monitor::Receiver {
    let command = ["sh".to_owned(), "-c".to_owned(), script].to_vec();
    procession_monitor::Receiver::Command { name: name.into(), command }
}

#[test]
fn all_that_a_command_has_started_ends_with_each_try_in_other_sessions_too() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let leave = "setsid sleep 1000 & (setsid sh -c 'sleep 1000 & sleep 1000' &) ; (sleep 1000 &)";
    let script = format!("exec >{}; {leave}; echo left; exit 7", pipe.display());
    let monitor = Monitor::start(procession_monitor::Config {
        receivers: vec![sh("leave", script)],
        ..config(directory.path())
    });
    let (end, ended) = std::sync::mpsc::channel();
    // It ends once no process has the pipe open.
    std::thread::spawn(move || end.send(std::fs::read_to_string(pipe)));
    send(&monitor, &beat(1, dead())).unwrap();
    let said = ended.recv_timeout(support::PATIENCE).expect("what it has started is gone");
    assert!(said.unwrap().starts_with("left\n"));
}

#[test]
fn what_a_failing_command_wrote_last_is_told_with_its_failure() {
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[]);
    let script = "echo trying; echo no route to the pager >&2; exit 3".to_owned();
    let monitor = Monitor::start(procession_monitor::Config {
        receivers: vec![told.receiver(), sh("pager", script)],
        ..config(directory.path())
    });
    send(&monitor, &beat(1, dead())).unwrap();
    let summary = told.letters(2)[1].1["commonAnnotations"]["summary"].to_string();
    let words = "in 3 attempts: sh: exit code 3; its last output: trying / no route to the pager";
    assert!(summary.contains("receiver pager: takes no message"), "{summary}");
    assert!(summary.contains(words), "{summary}");
    let ready = monitor.api("GET", "/readyz", "").body;
    assert!(ready.contains(words), "{ready}");
}

#[test]
fn a_receiver_that_hangs_up_or_talks_nonsense_is_told_again_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[support::RESET, support::SILENT, support::GARBAGE]);
    let monitor = Monitor::start(procession_monitor::Config {
        receivers: vec![told.receiver()],
        ..config(directory.path())
    });
    send(&monitor, &beat(1, dead())).unwrap();
    let mut again = beat(1, Kind::Alive);
    again.instance.started = 10;
    send(&monitor, &again).unwrap();
    // Two more say that the monitor has trouble with this receiver, and has none any more.
    let mut keys: Vec<String> = told.letters(4).into_iter().map(|(key, _)| key).collect();
    keys.retain(|key| key.starts_with("1:"));
    assert_eq!(keys, ["1:1:firing:hook", "1:2:resolved:hook"]);
    let mut tries = told.tries();
    tries.retain(|key| key.starts_with("1:1:"));
    assert_eq!(tries, ["1:1:firing:hook"; 4], "one name for every try");
}

#[test]
fn a_receiver_that_never_comes_to_an_end_is_given_up_and_told_again_under_the_same_name() {
    let directory = tempfile::tempdir().unwrap();
    let receivers = [support::DEAF, support::LORIS].map(|how| Told::start(&[how]));
    let named = |(n, told): (usize, &Told)| procession_monitor::Receiver::Webhook {
        name: format!("hook-{n}"),
        url: told.url.clone(),
    };
    let monitor = Monitor::start(procession_monitor::Config {
        receivers: receivers.iter().enumerate().map(named).collect(),
        ..config(directory.path())
    });
    send(&monitor, &beat(1, dead())).unwrap();
    let mut again = beat(1, Kind::Alive);
    again.instance.started = 10;
    send(&monitor, &again).unwrap();
    for (n, told) in receivers.iter().enumerate() {
        let [firing, resolved] =
            ["1:1:firing", "1:2:resolved"].map(|key| format!("{key}:hook-{n}"));
        let keys: Vec<String> = told.letters(2).into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, [firing.clone(), resolved.clone()]);
        assert_eq!(told.tries(), [firing.clone(), firing, resolved]);
    }
}

#[test]
fn two_monitors_watch_each_other() {
    let directories = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let watcher = Monitor::start(config(directories.0.path()));
    let uuid = watcher.make(r#"{"name": "the other monitor"}"#);
    let deadman = vec![format!("{}/ping/{uuid}", watcher.url)];
    let other =
        Monitor::start(procession_monitor::Config { deadman, ..config(directories.1.path()) });
    until("the ping out", || watcher.check(&uuid)["status"] == "up");
    drop(other);
}

#[test]
fn a_message_carries_labels_tags_the_host_and_the_body_of_a_ping() {
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[]);
    let monitor = Monitor::start(procession_monitor::Config {
        receivers: vec![told.receiver()],
        ..config(directory.path())
    });
    let uuid = monitor.make(r#"{"name": "nightly", "tags": "db eu"}"#);
    monitor.request("POST", &format!("/ping/{uuid}/fail"), &[], "copying\ndisk full");
    let letter = told.letters(1).remove(0).1;
    let labels = json!({ "alertname": "Failed", "check": "nightly" });
    assert_eq!(letter["alerts"][0]["labels"], labels);
    assert_eq!(letter["groupLabels"], json!({ "check": "nightly" }));
    assert!(!letter.to_string().contains(&uuid), "whoever has the UUID can ping: {letter}");
    let annotations = &letter["alerts"][0]["annotations"];
    assert_eq!(annotations["description"], "copying\ndisk full");
    assert_eq!(annotations["tags"], "db eu");
    let status = monitor.api("GET", "/api/status", "").json();
    assert_eq!(status["checks"][0]["last_words"], serde_json::json!(["copying", "disk full"]));

    let with_rack = |seq: u64, rack: &str, kind: Kind| {
        let mut beat = beat(seq, kind);
        beat.labels.insert("rack".into(), rack.into());
        // It does not stand in for the name of the alert.
        beat.labels.insert("alertname".into(), "Mine".into());
        send(&monitor, &beat).unwrap();
    };
    with_rack(1, "r7", dead());
    let firing = told.letters(2).remove(1).1["alerts"][0].clone();
    let labels = serde_json::json!(
        { "alertname": "Dead", "host": "web-3", "check": "crawler", "rack": "r7" }
    );
    assert_eq!(firing["labels"], labels);
    // Another label is no other alert: what keys by the fingerprint sees it end.
    with_rack(2, "r8", Kind::Alive);
    let resolved = told.letters(3).remove(2).1["alerts"][0].clone();
    assert_eq!(
        (&resolved["status"], &resolved["labels"]["rack"]),
        (&"resolved".into(), &"r8".into())
    );
    assert_eq!(resolved["fingerprint"], firing["fingerprint"]);
}
