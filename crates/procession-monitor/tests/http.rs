//! The monitor over HTTP: beats, tokens, restarts, strangers.

#[path = "http/connections.rs"]
mod connections;
#[path = "http/documents.rs"]
mod documents;
mod support;

use procession_beat::{Beat, Client, Kind, SendError};
use std::time::Duration;
use support::{API_KEY, Monitor, Told, beat, config, dead, send, until};

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
fn an_open_monitor_answers_no_page_of_another_site_and_makes_no_tokens() {
    let directory = tempfile::tempdir().unwrap();
    let settings = procession_monitor::Config { open: true, ..config(directory.path()) };
    let monitor = Monitor::start(settings);
    let uuid = monitor.make(r#"{"name": "n"}"#);
    let own = format!("/api/v3/checks/{uuid}");
    let evil = [("Origin", "http://evil.example")];
    let rebound = [("Host", "evil.example")];
    let image = [("Sec-Fetch-Site", "cross-site")];
    for headers in [&evil[..], &rebound[..], &image[..]] {
        for (method, path) in [("GET", "/api/status"), ("DELETE", &own), ("OPTIONS", &own)] {
            let answer = monitor.request(method, path, headers, "");
            assert_eq!(answer.status, 403, "{method} {path} {headers:?}");
        }
        let ping = monitor.request("GET", &format!("/ping/{uuid}"), headers, "");
        assert_eq!(ping.status, 403, "{headers:?}");
    }
    assert_eq!(monitor.check(&uuid)["n_pings"], 0, "it is there, and was not pinged");
    let answer = monitor.request("GET", &own, &[], "");
    assert_eq!(answer.status, 200);
    let head = answer.head.to_lowercase();
    assert!(!head.contains("access-control"), "no page may read it: {head}");
    let tokens = monitor.request("POST", "/api/tokens", &[], r#"{"scope": "admin"}"#);
    assert_eq!(tokens.status, 403, "{}", tokens.body);
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

/// Copies the check of this database so often, under other numbers and names.
fn copy_check(database: &std::path::Path, copies: u64) {
    let copy = "
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1),
        new(i, uuid) AS (SELECT i + 1000000, printf('%08x-0000-4000-8000-000000000000', i) FROM n)
        INSERT INTO check_(id, uuid, name, slug, host, group_, record, state, last_beat, judged,
            standing)
        SELECT new.i, new.uuid, check_.name || new.i, slug || new.i,
            iif(json_extract(record, '$.heartbeat'), host, new.uuid), group_,
            json_set(record, '$.id', new.i, '$.uuid', new.uuid, '$.name', check_.name || new.i,
                '$.slug', slug || new.i),
            state, last_beat, judged, standing
        FROM new, check_";
    let database = rusqlite::Connection::open(database).unwrap();
    assert_eq!(database.execute(copy, [copies]).unwrap() as u64, copies);
}

#[test]
fn pings_and_beats_make_no_checks_without_limit() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    assert_eq!(monitor.get("/ping/PINGKEY/first?create=1").status, 201);
    drop(monitor);
    copy_check(&directory.path().join("monitor.db"), 9_998);
    let monitor = Monitor::start(config(directory.path()));
    assert_eq!(monitor.get("/ping/PINGKEY/last?create=1").status, 201);
    let refused = monitor.get("/ping/PINGKEY/one-more?create=1");
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(refused.body.contains("check limit reached"), "{refused:?}");
    assert_eq!(monitor.get("/ping/PINGKEY/last?create=1").status, 200, "it is there");
    monitor.make(r#"{"name": "an operator's"}"#);
    send(&monitor, &beat(1, Kind::Alive)).expect("a beat has a limit of its own");
}

#[test]
fn a_browser_takes_every_answer_for_what_its_type_says_and_runs_no_body() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"name": "n"}"#);
    monitor.request("POST", &format!("/ping/{uuid}"), &[], "<script>alert(1)</script>");
    let body = monitor.api("GET", &format!("/api/v3/checks/{uuid}/pings/1/body"), "");
    assert_eq!((body.status, body.body.as_str()), (200, "<script>alert(1)</script>"));
    assert!(body.head.contains("content-type: text/plain"), "{}", body.head);
    assert!(body.head.contains("content-disposition: attachment"), "{}", body.head);
    let api = monitor.api("GET", "/api/v3/checks/", "");
    for answer in [body, api, monitor.get("/"), monitor.get("/nothing"), monitor.get("/metrics")] {
        let count = answer.head.matches("x-content-type-options: nosniff").count();
        assert_eq!(count, 1, "{}", answer.head);
    }
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
