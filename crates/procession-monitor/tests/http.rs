//! The monitor over HTTP: the ping API, the management API, beats, alerts, restarts.

mod support;

use procession_beat::{Beat, Cause, Client, Death, Instance, Kind, Main, MainState, SendError};
use serde_json::json;
use std::time::Duration;
use support::{API_KEY, Monitor, READ_KEY, Told, config, until};

fn beat(seq: u64, kind: Kind) -> Beat {
    let instance = Instance { boot: "b".into(), pid: 7, started: 9 };
    let mut beat = Beat::new("crawler", "web-3", instance, seq, kind);
    beat.main = Some(Main { state: MainState::Alive, ticks: seq });
    beat
}

fn dead() -> Kind {
    Kind::Dead(Death { cause: Cause::Signal(9), panic: None, last_words: vec![] })
}

fn send(monitor: &Monitor, beat: &Beat) -> Result<procession_beat::Receipt, SendError> {
    Client::new(&monitor.url, Some("BEAT".into())).send(beat, support::PATIENCE)
}

#[test]
fn each_ping_form_is_answered_as_healthchecks_answers_it() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"name": "My job", "slug": "my-job"}"#);
    monitor.make(r#"{"slug": "twin"}"#);
    monitor.make(r#"{"slug": "twin"}"#);
    let rid = "5f0c1a52-6a6c-4e29-8b8e-0f1d9d3c7a11";
    // (path, status, body)
    let cases = [
        (format!("/ping/{uuid}"), 200, "OK"),
        (format!("/ping/{uuid}/"), 200, "OK"),
        (format!("/{uuid}"), 200, "OK"),
        (format!("/{uuid}/fail"), 200, "OK"),
        (format!("/ping/{uuid}/start?rid={rid}"), 200, "OK"),
        (format!("/ping/{uuid}?rid={}", rid.to_uppercase()), 200, "OK"),
        (format!("/ping/{uuid}/log"), 200, "OK"),
        (format!("/ping/{uuid}/255"), 200, "OK"),
        (format!("/ping/{uuid}/256"), 400, "invalid url format"),
        (format!("/ping/{uuid}?rid={}", rid.replace('-', "")), 400, "invalid uuid format"),
        (format!("/ping/{uuid}?rid=x"), 400, "invalid uuid format"),
        (format!("/ping/{uuid}?rid={rid}%0A"), 400, "invalid uuid format"),
        (format!("/ping/{}", uuid.to_uppercase()), 404, "not found"),
        (format!("/ping/{rid}"), 404, "not found"),
        (format!("/{rid}"), 404, "not found"),
        ("/nonsense".into(), 404, "not found"),
        ("/ping/PINGKEY/my-job".into(), 200, "OK"),
        ("/ping/PINGKEY/my-job/7".into(), 200, "OK"),
        ("/ping/WRONG/my-job".into(), 404, "not found"),
        ("/ping/PINGKEY/My-Job".into(), 400, "invalid url format"),
        ("/ping/PINGKEY/twin".into(), 409, "ambiguous slug"),
        ("/ping/PINGKEY/new".into(), 404, "not found"),
        ("/ping/PINGKEY/new?create=true".into(), 404, "not found"),
        ("/ping/PINGKEY/new?create=1".into(), 201, "Created"),
        ("/ping/PINGKEY/new?create=1".into(), 200, "OK"),
    ];
    for (path, status, body) in cases {
        let answer = monitor.get(&path);
        assert_eq!((answer.status, answer.body.as_str()), (status, body), "{path}");
        if status == 200 {
            assert!(answer.head.contains("ping-body-limit: 10000"), "{}", answer.head);
            assert!(answer.head.contains("access-control-allow-origin: *"), "{}", answer.head);
        }
    }
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let answer = monitor.request(method, &format!("/ping/{uuid}"), &[], "");
        assert_eq!((answer.status, answer.body.as_str()), (200, "OK"), "{method}");
    }
    assert_eq!(monitor.request("HEAD", &format!("/ping/{uuid}"), &[], "").status, 200);
}

#[test]
fn a_body_is_kept_raw_to_its_limit_and_refused_beyond_two_and_a_half_mebibytes() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"name": "n"}"#);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let path = format!("/ping/{uuid}");
    assert_eq!(monitor.request("POST", &path, &form, "a=b&c=%zz").status, 200);
    assert_eq!(monitor.request("POST", &path, &[], &"x".repeat(20_000)).status, 200);
    assert_eq!(monitor.request("POST", &path, &[], &"x".repeat(2_621_441)).status, 400);
    let body = |n: u64| monitor.api("GET", &format!("/api/v3/checks/{uuid}/pings/{n}/body"), "");
    assert_eq!(body(1).body, "a=b&c=%zz");
    assert_eq!(body(2).body.len(), 10_000);
    assert_eq!((body(3).status, monitor.check(&uuid)["n_pings"].as_u64()), (404, Some(2)));
}

#[test]
fn a_checks_state_follows_its_pings() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"name": "n", "timeout": 60, "grace": 60}"#);
    // (path, status, started)
    let steps = [
        ("", "new", false),
        ("start", "new", true),
        ("0", "up", false),
        ("log", "up", false),
        ("fail", "down", false),
        ("start", "down", true),
        ("3", "down", false),
        ("0", "up", false),
    ];
    for (step, status, started) in steps {
        if (step, status) != ("", "new") {
            monitor.get(&format!("/ping/{uuid}/{step}"));
        }
        let check = monitor.check(&uuid);
        assert_eq!(
            (&check["status"], &check["started"]),
            (&json!(status), &json!(started)),
            "{step}"
        );
    }
    let pause = monitor.api("POST", &format!("/api/v3/checks/{uuid}/pause"), "");
    assert_eq!((pause.status, &pause.json()["status"]), (200, &json!("paused")));
    let resume = |status| {
        let answer = monitor.api("POST", &format!("/api/v3/checks/{uuid}/resume"), "");
        assert_eq!(answer.status, status, "{answer:?}");
    };
    resume(200);
    resume(409);
    assert_eq!(monitor.check(&uuid)["status"], "new");
    let flips = monitor.api("GET", &format!("/api/v3/checks/{uuid}/flips/"), "").json();
    let ups: Vec<u64> =
        flips.as_array().unwrap().iter().map(|f| f["up"].as_u64().unwrap()).collect();
    assert_eq!(ups, [1, 0, 1, 0, 0]);
    assert_eq!(monitor.api("DELETE", &format!("/api/v3/checks/{uuid}"), "").status, 200);
    assert_eq!(monitor.get(&format!("/ping/{uuid}")).status, 404);
}

#[test]
fn each_key_opens_its_own_door_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"name": "n"}"#);
    let with =
        |key: &str, path: &str| monitor.request("GET", path, &[("X-Api-Key", key)], "").status;
    let one = format!("/api/v3/checks/{uuid}");
    // (path, admin, reader, nobody)
    let cases = [
        ("/api/v3/checks/".to_owned(), 200, 200, 401),
        ("/api/v1/checks".to_owned(), 200, 200, 401),
        (one.clone(), 200, 200, 401),
        (format!("{one}/flips/"), 200, 200, 401),
        (format!("{one}/pings/"), 200, 401, 401),
        ("/api/v3/channels/".to_owned(), 200, 401, 401),
        ("/api/status".to_owned(), 200, 200, 401),
        ("/metrics".to_owned(), 200, 200, 401),
        ("/livez".to_owned(), 200, 200, 200),
        ("/readyz".to_owned(), 200, 200, 200),
        ("/".to_owned(), 200, 200, 200),
        ("/api/v4/checks/".to_owned(), 404, 404, 404),
    ];
    for (path, admin, reader, nobody) in cases {
        let found = (with(API_KEY, &path), with(READ_KEY, &path), with("PINGKEY", &path));
        assert_eq!(found, (admin, reader, nobody), "{path}");
    }
    let seen = monitor.request("GET", &one, &[("X-Api-Key", READ_KEY)], "").json();
    assert!(seen["uuid"].is_null() && seen["ping_url"].is_null(), "{seen}");
    let key = seen["unique_key"].as_str().unwrap();
    assert_eq!(with(READ_KEY, &format!("/api/v3/checks/{key}")), 200);
    let body = format!(r#"{{"api_key": "{API_KEY}", "name": "in the body"}}"#);
    assert_eq!(monitor.request("POST", "/api/v1/checks/", &[], &body).status, 201);
    assert_eq!(monitor.request("POST", "/api/v1/checks/", &[], "{").status, 400);
}

#[test]
fn a_token_beats_for_its_host_only_and_reads_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let client = |token: Option<&str>| Client::new(&monitor.url, token.map(Into::into));
    let refused =
        |token: Option<&str>, beat: &Beat| match client(token).send(beat, support::PATIENCE) {
            Err(SendError::Refused(status, _)) => status,
            other => panic!("{other:?}"),
        };
    let mut other = beat(1, Kind::Alive);
    other.host = "web-4".into();
    assert_eq!(refused(Some("BEAT"), &other), 403);
    assert_eq!(refused(Some("PINGKEY"), &other), 401);
    assert_eq!(refused(None, &other), 401);
    let receipt = client(Some("BEAT")).send(&beat(1, Kind::Alive), support::PATIENCE).unwrap();
    assert!(receipt.fresh && receipt.durable);
    let again = client(Some("BEAT")).send(&beat(1, Kind::Alive), support::PATIENCE).unwrap();
    assert!(!again.fresh);
    let made = monitor.api("POST", "/api/tokens", r#"{"scope": "beat", "host": "web-4"}"#).json();
    let token = made["token"].as_str().unwrap();
    assert!(client(Some(token)).send(&other, support::PATIENCE).unwrap().fresh);
    let database = std::fs::read(directory.path().join("monitor.db-wal")).unwrap();
    let kept = database.windows(token.len()).any(|window| window == token.as_bytes());
    assert!(!kept, "only hashes are kept");
}

#[test]
fn bytes_that_are_no_beat_are_refused_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let bearer = [("Authorization", "Bearer BEAT")];
    for body in ["", "{}", "[1]", r#"{"version":2}"#, "\u{0}\u{1}"] {
        let answer = monitor.request("POST", "/api/beat", &bearer, body);
        assert_eq!(answer.status, 400, "{body:?}");
        assert!(answer.json()["error"].as_str().unwrap().contains("beat"), "{}", answer.body);
    }
}

#[test]
fn a_death_is_told_with_its_cause_and_a_return_resolves_it() {
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[]);
    let monitor = Monitor::start(procession_monitor::Config {
        receivers: vec![told.receiver()],
        ..config(directory.path())
    });
    send(&monitor, &beat(1, Kind::Alive)).unwrap();
    send(&monitor, &beat(2, dead())).unwrap();
    let (key, letter) = told.letters(1).remove(0);
    assert_eq!(key, "1:1:firing:hook");
    assert_eq!((&letter["version"], &letter["status"]), (&json!("4"), &json!("firing")));
    assert_eq!(letter["commonAnnotations"]["summary"], "web-3: crawler dead: signal 9");
    let labels = json!({ "alertname": "Dead", "host": "web-3", "check": "crawler" });
    assert_eq!(letter["alerts"][0]["labels"], labels);
    let mut again = beat(1, Kind::Alive);
    again.instance.started = 10;
    send(&monitor, &again).unwrap();
    let (key, letter) = told.letters(2).remove(1);
    assert_eq!((key.as_str(), &letter["status"]), ("1:2:resolved:hook", &json!("resolved")));
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

#[test]
fn a_restart_keeps_everything_and_tells_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[]);
    let config =
        procession_monitor::Config { receivers: vec![told.receiver()], ..config(directory.path()) };
    let monitor = Monitor::start(config.clone());
    let uuid = monitor.make(r#"{"name": "n"}"#);
    monitor.get(&format!("/ping/{uuid}/fail"));
    send(&monitor, &beat(5, Kind::Alive)).unwrap();
    told.letters(1);
    drop(monitor);
    let monitor = Monitor::start(config);
    assert_eq!(monitor.check(&uuid)["status"], "down");
    assert!(!send(&monitor, &beat(5, Kind::Alive)).unwrap().fresh);
    assert!(send(&monitor, &beat(6, Kind::Alive)).unwrap().fresh);
    monitor.get(&format!("/ping/{uuid}"));
    let keys: Vec<String> = told.letters(2).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["1:1:firing:hook", "1:2:resolved:hook"]);
}

#[test]
fn a_locked_database_stops_no_judging_and_is_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[]);
    let monitor = Monitor::start(procession_monitor::Config {
        receivers: vec![told.receiver()],
        ..config(directory.path())
    });
    send(&monitor, &beat(1, Kind::Alive)).unwrap();
    let thief = rusqlite::Connection::open(directory.path().join("monitor.db")).unwrap();
    thief.execute_batch("BEGIN IMMEDIATE").unwrap();
    let receipt = send(&monitor, &beat(2, dead())).unwrap();
    assert!(receipt.fresh && !receipt.durable, "{receipt:?}");
    assert_eq!(monitor.get("/readyz").status, 503);
    let summaries: Vec<String> = told
        .letters(2)
        .iter()
        .map(|(_, letter)| letter["commonAnnotations"]["summary"].as_str().unwrap().to_owned())
        .collect();
    assert!(summaries.contains(&"web-3: crawler dead: signal 9".to_owned()), "{summaries:?}");
    assert!(summaries.iter().any(|s| s.contains("database cannot be written")), "{summaries:?}");
    thief.execute_batch("ROLLBACK").unwrap();
    until("the monitor to be ready again", || monitor.get("/readyz").status == 200);
    told.letters(3);
    drop(monitor);
    let kept: String = thief
        .query_row("SELECT state FROM check_ WHERE name = 'crawler'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, "down", "what was decided meanwhile is written afterwards");
}

#[test]
fn plain_http_off_the_loopback_interface_must_be_meant() {
    let directory = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ended =
        runtime.block_on(procession_monitor::run(config(directory.path()), listener, async {}));
    assert!(matches!(ended, Err(procession_monitor::RunError::PlainHttp(_))), "{ended:?}");
}

#[test]
fn two_monitors_cannot_share_a_database() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    until("the first monitor", || monitor.get("/livez").status == 200);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ended =
        runtime.block_on(procession_monitor::run(config(directory.path()), listener, async {}));
    assert!(matches!(ended, Err(procession_monitor::RunError::InUse(_))), "{ended:?}");
}

#[test]
fn a_client_without_a_monitor_says_that_another_try_can_help() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error =
        Client::new(&url, None).send(&beat(1, Kind::Alive), Duration::from_secs(5)).unwrap_err();
    assert!(error.may_pass(), "{error}");
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    for path in ["/", "/page.js", "/page.css"] {
        let answer = monitor.get(path);
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains("default-src 'self'"), "{}", answer.head);
        assert!(!answer.body.contains("http://") && !answer.body.contains("https://"));
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
fn no_bytes_from_a_stranger_stop_the_monitor() {
    use std::io::Write;
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"name": "n"}"#);
    let mut dice = fastrand::Rng::with_seed(7);
    let words = [
        "GET ",
        "POST ",
        "/ping/",
        uuid.as_str(),
        "/api/beat",
        "/api/v3/checks/",
        "?rid=",
        "%00",
        "\0",
        " HTTP/1.1\r\n",
        "Host: x\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: -1\r\n",
        "\r\n\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Authorization: Basic \u{fc}\r\n",
        "X-Api-Key: ",
        API_KEY,
        "{\"version\":1}",
        "\u{ffff}",
        "/../",
        "//",
        "ffffffffffff\r\n",
        "{\"timeout\":1e999}",
    ];
    for _ in 0..400 {
        let mut stream =
            std::net::TcpStream::connect(monitor.url.strip_prefix("http://").unwrap()).unwrap();
        for _ in 0..dice.usize(1..14) {
            let word = words[dice.usize(0..words.len())].as_bytes();
            let _ = stream.write_all(&word[..dice.usize(0..=word.len())]);
        }
        if dice.bool() {
            let bytes: Vec<u8> = (0..dice.usize(0..200)).map(|_| dice.u8(..)).collect();
            let _ = stream.write_all(&bytes);
        }
    }
    let answer = monitor.get(&format!("/ping/{uuid}"));
    assert!(answer.status == 200 && monitor.get("/readyz").status == 200, "{answer:?}");
}

#[test]
fn flips_are_asked_for_by_their_time_and_head_is_not_answered() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"name": "n"}"#);
    monitor.get(&format!("/ping/{uuid}"));
    let now = procession_monitor::clock::wall() / 1_000;
    // (query, status, flips)
    let cases = [
        (String::new(), 200, 1),
        ("?seconds=600".into(), 200, 1),
        (format!("?start={}&end={}", now - 600, now + 600), 200, 1),
        (format!("?start={}", now + 600), 200, 0),
        (format!("?end={}", now - 600), 200, 0),
        ("?seconds=-1".into(), 400, 0),
        ("?start=yesterday".into(), 400, 0),
    ];
    let path = format!("/api/v3/checks/{uuid}/flips/");
    for (query, status, flips) in cases {
        let answer = monitor.api("GET", &format!("{path}{query}"), "");
        assert_eq!(answer.status, status, "{query}");
        if status == 200 {
            assert_eq!(answer.json().as_array().unwrap().len(), flips, "{query}");
        }
    }
    for path in ["/api/v1/checks/", "/api/v2/channels", "/api/v3/status/", &path] {
        assert_eq!(monitor.api("HEAD", path, "").status, 405, "{path}");
    }
}

#[test]
fn a_badge_shows_its_check_in_three_forms_and_opens_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"name": "a <b> & \"c\""}"#);
    let url = monitor.check(&uuid)["badge_url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&monitor.url).unwrap().strip_suffix(".svg").unwrap();
    assert!(!url.contains(&uuid), "{url}");
    let of = |format: &str| monitor.get(&format!("{path}.{format}"));
    let whole = json!({ "status": "up", "total": 1, "grace": 0, "down": 0 });
    assert_eq!(of("json").json(), whole);
    monitor.get(&format!("/ping/{uuid}/fail"));
    let label = r#"a <b> & "c""#;
    let shields =
        json!({ "schemaVersion": 1, "label": label, "message": "down", "color": "critical" });
    assert_eq!(of("shields").json(), shields);
    let svg = of("svg");
    assert!(svg.head.contains("content-type: image/svg+xml"), "{}", svg.head);
    assert!(svg.body.contains("a &#60;b&#62; &#38; &#34;c&#34;: down"), "{}", svg.body);
    for wrong in [format!("{path}.png"), path.to_owned(), format!("/b/2/{uuid}.svg")] {
        assert_eq!(monitor.get(&wrong).status, 404, "{wrong}");
    }
    assert_eq!(monitor.get(&path.replace("/b/2/", "/b/4/")).status, 404);
}

#[test]
fn a_check_with_a_cron_schedule_waits_for_its_next_slot() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"schedule": "0 0 1 1 *", "tz": "Asia/Tokyo", "grace": 60}"#);
    monitor.get(&format!("/ping/{uuid}"));
    let check = monitor.check(&uuid);
    assert_eq!((&check["schedule"], &check["tz"]), (&json!("0 0 1 1 *"), &json!("Asia/Tokyo")));
    assert!(check["timeout"].is_null(), "{check}");
    let next = check["next_ping"].as_str().unwrap();
    // Midnight of a new year in Tokyo, to the rounding of milliseconds.
    assert!(next.contains("-12-31T15:00:00") || next.contains("-12-31T14:59:59"), "{next}");
    let path = format!("/api/v3/checks/{uuid}");
    let back = monitor.api("POST", &path, r#"{"timeout": 120}"#).json();
    assert_eq!((&back["timeout"], &back["schedule"]), (&json!(120), &json!(null)));
}

#[test]
fn words_in_a_body_overrule_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let make = |more: &str| {
        let words = r#""start_kw": "begin", "success_kw": "done, fine", "failure_kw": "ERROR""#;
        monitor.make(&format!(r#"{{{words}, "filter_http_body": true{more}}}"#))
    };
    // (path, body, kind)
    let cases = [
        ("", "all done", "success"),
        ("/fail", "it is fine", "success"),
        ("/log", "done with ERROR", "fail"),
        ("/0", "begin", "start"),
        ("", "nothing of note", "ign"),
        ("/start", "", "ign"),
    ];
    let uuid = make("");
    for (path, body, _) in cases {
        assert_eq!(monitor.request("POST", &format!("/ping/{uuid}{path}"), &[], body).status, 200);
    }
    let kinds = |uuid: &str| -> Vec<String> {
        let pings = monitor.api("GET", &format!("/api/v3/checks/{uuid}/pings/"), "").json();
        let kind = |ping: &serde_json::Value| ping["type"].as_str().unwrap().to_owned();
        pings["pings"].as_array().unwrap().iter().rev().map(kind).collect()
    };
    assert_eq!(kinds(&uuid), cases.map(|(_, _, kind)| kind));
    let strict = make(r#", "filter_default_fail": true"#);
    monitor.request("POST", &format!("/ping/{strict}"), &[], "nothing of note");
    assert_eq!(kinds(&strict), ["fail"]);
    let ping = format!("/ping/{uuid}");
    let mut stream = std::net::TcpStream::connect(monitor.url.replace("http://", "")).unwrap();
    let head = format!("POST {ping} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2");
    std::io::Write::write_all(&mut stream, format!("{head}\r\n\r\n").as_bytes()).unwrap();
    std::io::Write::write_all(&mut stream, &[0xff, 0]).unwrap();
    assert_eq!(support::Answer::read(stream).status, 400);
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
    let keys: Vec<String> = told.letters(2).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["1:1:firing:hook", "1:2:resolved:hook"]);
    assert_eq!(told.tries()[..4], ["1:1:firing:hook"; 4], "one name for every try");
}
