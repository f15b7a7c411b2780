//! `status`, `checks`, and the monitor's keys and receivers.

use crate::support::{API_KEY, BEAT_TOKEN, Monitor, curl, procession, said, until};
use serde_json::Value;

#[test]
fn status_shows_what_the_monitor_sees_and_tells_it_by_its_exit_code() {
    let monitor = Monitor::open();
    let ask = |more: &[&str]| said(procession(&["status", "--url", &monitor.url]).args(more));
    assert_eq!(ask(&[]).out, "no checks yet\n");
    assert_eq!(ask(&["--exit-code"]).code, Some(0));
    said(&mut monitor.sh("backup", &[], "echo 'disk full'; exit 2"));
    let shown = ask(&["--exit-code"]);
    assert_eq!(shown.code, Some(1));
    for words in ["1 down", "incident since", "backup", "dead: exit code 2"] {
        assert!(shown.out.contains(words), "{words}: {}", shown.out);
    }
    assert!(!ask(&["--filter", "no such"]).out.contains("backup"));
    let json: Value = serde_json::from_str(&ask(&["--json"]).out).expect("JSON");
    assert_eq!(json["checks"][0]["name"], "backup");
    let url = monitor.url.clone();
    assert_eq!(monitor.stop(), Some(0));
    let gone = said(&mut procession(&["status", "--url", &url]));
    assert_eq!(gone.code, Some(2));
    assert!(gone.err.contains("no monitor answers at"), "{}", gone.err);
}

#[test]
fn checks_are_added_paused_resumed_and_deleted() {
    let monitor = Monitor::start(&["--api-key", API_KEY]);
    let ask = |arguments: &[&str]| {
        let mut command = procession(&["checks"]);
        command.args(arguments).args(["--url", &monitor.url]).env("PROCESSION_TOKEN", API_KEY);
        said(&mut command)
    };
    let added = ask(&["add", "nightly", "--every", "1d", "--grace", "1h", "--tag", "db"]);
    assert!(added.out.starts_with(&format!("{}/ping/", monitor.url)), "{}{}", added.out, added.err);
    let list = ask(&["list", "--tag", "db"]);
    assert!(list.out.contains("nightly") && list.out.contains("1d"), "{}", list.out);
    assert!(!ask(&["list", "--tag", "other"]).out.contains("nightly"));
    assert_eq!(ask(&["pause", "nightly"]).out, "nightly: paused\n");
    assert_eq!(ask(&["resume", "nightly"]).out, "nightly: new\n");
    // The API makes two of one name, which the command does not.
    let twin = curl(&[
        "--header",
        &format!("X-Api-Key: {API_KEY}"),
        "--data",
        r#"{"name": "nightly"}"#,
        &format!("{}/api/v3/checks/", monitor.url),
    ]);
    assert!(twin.contains("ping_url"), "{twin}");
    let unclear = ask(&["delete", "nightly"]);
    assert_eq!(unclear.code, Some(2));
    assert!(unclear.err.contains("2 checks are called `nightly`"), "{}", unclear.err);
    let uuid = added.out.trim().rsplit('/').next().expect("a UUID");
    assert_eq!(ask(&["delete", uuid]).out, "nightly: deleted\n");
    let list: Value = serde_json::from_str(&ask(&["list", "--json"]).out).expect("JSON");
    assert_eq!(list.as_array().expect("a list").len(), 1);
    let nobody = said(&mut procession(&["checks", "list", "--url", &monitor.url]));
    assert_eq!(nobody.code, Some(2));
    assert!(nobody.err.contains("PROCESSION_TOKEN"), "{}", nobody.err);
}

#[test]
fn a_token_that_is_empty_or_short_or_given_twice_is_refused() {
    let start = |keys: &[&str]| {
        let mut command = procession(&["monitor", "--listen", "127.0.0.1:0"]);
        let said = said(command.args(["--data", "/nowhere/monitor.db"]).args(keys));
        assert_eq!(said.code, Some(2), "{}", said.err);
        said.err
    };
    for short in ["", "@web-1", "fifteen letters"] {
        let err = start(&["--beat-token", short]);
        assert!(err.contains("a --beat-token has at least 16 characters"), "{err}");
    }
    let err = start(&["--ping-key", ""]);
    assert!(err.contains("a --ping-key has at least 16 characters"), "{err}");
    let (one, other) = (format!("{BEAT_TOKEN}@web-1"), format!("{BEAT_TOKEN}@web-2"));
    let err = start(&["--beat-token", &one, "--beat-token", &other]);
    assert!(err.contains("one token is given twice"), "{err}");
}

#[test]
fn a_beat_needs_its_token_and_a_command_is_told_of_a_failure() {
    let directory = tempfile::tempdir().expect("a directory");
    let letter = directory.path().join("letter");
    let command = format!("cp /dev/stdin {}", letter.display());
    let monitor =
        Monitor::start(&["--beat-token", &format!("{BEAT_TOKEN}@web-1"), "--command", &command]);
    let run = |host: &str, token: &str| {
        let options = ["--host", host, "--token", token];
        said(&mut monitor.sh("guarded", &options, "exit 1"))
    };
    assert!(run("web-1", "wrong").err.contains("the monitor refuses it: HTTP 401"));
    assert!(run("web-2", BEAT_TOKEN).err.contains("HTTP 403"));
    let told = run("web-1", BEAT_TOKEN);
    assert_eq!((told.code, told.err.as_str()), (Some(1), ""));
    until("the letter", || {
        let text = std::fs::read_to_string(&letter).unwrap_or_default();
        serde_json::from_str::<Value>(&text).is_ok_and(|json| json["status"] == "firing")
    });
}

#[test]
fn the_demonstration_shows_both_deaths_and_leaves_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let said = said(procession(&["demo"]).env("TMPDIR", directory.path()));
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    for words in [
        "the monitor:  reader-lib is down, dead:",
        "the monitor:  demo is down, dead:",
        "nothing is left",
    ] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
    assert_eq!(std::fs::read_dir(directory.path()).expect("read").count(), 0);
}

#[test]
fn a_command_gets_its_quoted_words_and_none_of_the_monitors_secrets() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("out");
    let script = "(echo \"$0|$1|$2\"; env) >part && mv part out";
    let command = format!("sh -c '{script}' 'two words' \"it's\" a\\ b");
    let mut monitor = procession(&["monitor", "--listen", "127.0.0.1:0", "--data", "m.db"]);
    monitor.args(["--open", "--group-wait", "0s", "--command", &command]);
    monitor.env("PROCESSION_MONITOR_API_KEY", API_KEY).env("SECRET_OF_ANOTHER", "another secret");
    monitor.env("LC_TIME", "C").current_dir(directory.path());
    let monitor = Monitor::of(monitor, directory);
    said(&mut monitor.sh("backup", &[], "exit 2"));
    until("the command's output", || out.exists());
    let text = std::fs::read_to_string(out).expect("its output");
    assert!(text.starts_with("two words|it's|a b\n"), "{text}");
    for passed_on in ["PATH=", "LC_TIME=C", "PROCESSION_SUMMARY=", "PROCESSION_STATUS=firing"] {
        assert!(text.contains(&format!("\n{passed_on}")), "{passed_on}: {text}");
    }
    for kept in [API_KEY, "PROCESSION_MONITOR", "another secret"] {
        assert!(!text.contains(kept), "{kept}: {text}");
    }
}

#[test]
fn a_command_with_an_open_quote_is_refused_at_the_start() {
    let mut monitor = procession(&["monitor", "--open", "--listen", "127.0.0.1:0"]);
    monitor.args(["--data", "/nowhere/monitor.db", "--command", "sh -c 'exit 0"]);
    let said = said(&mut monitor);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("--command sh -c 'exit 0: a quote"), "{}", said.err);
}

#[test]
fn a_test_message_reaches_each_receiver_and_says_which_took_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("out");
    let tell = format!("sh -c 'echo $PROCESSION_STATUS $PROCESSION_SUMMARY >>{}'", out.display());
    let test = |receivers: &[&str]| {
        let mut monitor = procession(&["monitor", "--open", "--test-message"]);
        // It needs neither the database nor the address.
        monitor.args(["--data", "/nowhere/m.db", "--listen", "192.0.2.1:1"]).args(receivers);
        said(&mut monitor)
    };
    let said = test(&["--command", &tell]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{}", said.out);
    assert_eq!(said.out, "command: has taken a test message and its end\n");
    let told = std::fs::read_to_string(&out).expect("its output");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    for (line, status) in lines.iter().zip(["firing", "resolved"]) {
        assert!(line.starts_with(status) && line.contains("a test message"), "{line}");
    }
    let said = test(&["--command", &tell, "--webhook", "http://127.0.0.1:9/hook"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.out.contains("webhook: has not taken a test message: "), "{}", said.out);
    assert!(said.out.contains("command: has taken a test message"), "{}", said.out);
    let said = test(&[]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("there is no receiver to test"), "{}", said.err);
}

#[test]
fn tokens_are_listed_without_their_secrets_and_a_revoked_one_opens_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = |directory: tempfile::TempDir| {
        let mut command = procession(&["monitor", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(directory.path().join("m.db")).args(["--api-key", API_KEY]);
        Monitor::of(command, directory)
    };
    let monitor = start(directory);
    let ask = |monitor: &Monitor, arguments: &[&str], token: &str| {
        let mut command = procession(arguments);
        said(command.args(["--url", &monitor.url]).env("PROCESSION_TOKEN", token))
    };
    let add = ["tokens", "add", "--scope", "read"];
    let [kept, lost] = [(); 2].map(|()| ask(&monitor, &add, API_KEY).out.trim().to_owned());
    assert_eq!((kept.len(), lost.len()), (32, 32));
    assert_eq!(ask(&monitor, &["status"], &lost).code, Some(0));
    let listed = ask(&monitor, &["tokens", "list", "--json"], API_KEY).out;
    for secret in [&kept, &lost, &API_KEY.to_owned()] {
        assert!(!listed.contains(secret.as_str()), "{listed}");
    }
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let tokens = listed["tokens"].as_array().expect("a list");
    let id = |is: &dyn Fn(&Value) -> bool| {
        let token = tokens.iter().find(|token| is(token)).expect("a token");
        token["id"].as_str().expect("text").to_owned()
    };
    let used = |token: &Value| token["scope"] == "read" && !token["last_used"].is_null();
    let [used, given] = [id(&used), id(&|token| token["given_as_option"] == true)];
    let shown = ask(&monitor, &["tokens", "list"], API_KEY).out;
    assert!(shown.contains(&used) && shown.contains("an option"), "{shown}");
    assert_eq!(
        ask(&monitor, &["tokens", "revoke", &used], API_KEY).out,
        format!("{used}: revoked\n")
    );
    let refused = |said: crate::support::Said, words: &str| {
        assert!(said.code == Some(2) && said.err.contains(words), "{words}: {}", said.err);
    };
    refused(ask(&monitor, &["status"], &lost), "refuses this token");
    refused(ask(&monitor, &["tokens", "revoke", &used], API_KEY), "not found");
    refused(ask(&monitor, &["tokens", "revoke", &given], API_KEY), "is an option of the monitor");
    refused(ask(&monitor, &["tokens", "list"], &kept), "refuses this token");
    let monitor = start(monitor.end());
    assert_eq!(ask(&monitor, &["status"], &kept).code, Some(0));
    refused(ask(&monitor, &["status"], &lost), "refuses this token");
}

#[test]
fn tokens_are_taken_from_files() {
    use crate::support::write;
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = write(&directory.path().join(name), text);
        path.to_str().expect("text").to_owned()
    };
    let beats = file("beats", &format!("# web\n{BEAT_TOKEN}@web-1\n\nanother of sixteen@web-2\n"));
    let keys = file("keys", &format!("{API_KEY}\n"));
    let own = file("own", &format!("{BEAT_TOKEN}\n"));
    let monitor = Monitor::start(&["--beat-token-file", &beats, "--api-key-file", &keys]);
    let doctor = |path: &str| {
        let arguments = ["doctor", "--url", &monitor.url, "--token-file", path];
        said(&mut procession(&arguments))
    };
    let well = doctor(&own);
    assert!(well.out.contains("may send beats of the host web-1"), "{}", well.out);
    let run = ["--host", "web-1", "--token-file", &own];
    let ran = said(&mut monitor.sh("backup", &run, "exit 0"));
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let mut status = procession(&["status", "--url", &monitor.url]);
    let status = said(status.env("PROCESSION_TOKEN_FILE", &keys));
    assert!(status.out.contains("backup"), "{}{}", status.out, status.err);
    let wrong = file("wrong", "of nobody's, and long\n");
    assert_eq!(doctor(&wrong).code, Some(1));
    let empty = file("empty", "# nothing\n");
    let refused = said(&mut procession(&["status", "--token-file", &empty]));
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("there is no token in it"), "{}", refused.err);
    let mut monitor =
        procession(&["monitor", "--listen", "127.0.0.1:0", "--data", "/nowhere/m.db"]);
    let refused = said(monitor.args(["--api-key-file", "/nowhere/keys"]));
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("--api-key: the tokens in /nowhere/keys"), "{}", refused.err);
}
