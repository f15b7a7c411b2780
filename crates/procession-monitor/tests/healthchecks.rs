//! The APIs of healthchecks: every form of a ping and of the management API, and its exact answer.

mod support;

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use support::{API_KEY, Answer, Monitor, READ_KEY, config};

const RUN: &str = "5f0c1a52-6a6c-4e29-8b8e-0f1d9d3c7a11";

#[test]
fn each_ping_form_is_answered_as_healthchecks_answers_it() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"name": "My job", "slug": "my-job"}"#);
    monitor.make(r#"{"slug": "twin"}"#);
    monitor.make(r#"{"slug": "twin"}"#);
    let (bare, upper) = (RUN.replace('-', ""), RUN.to_uppercase());
    // (what follows the check's name, status for a UUID, status for a slug)
    let forms = [
        ("", 200, 200),
        ("/", 200, 404),
        ("/start", 200, 200),
        ("/fail", 200, 200),
        ("/log", 200, 200),
        ("/0", 200, 200),
        ("/00", 200, 200),
        ("/007", 200, 200),
        ("/255", 200, 200),
        ("/256", 400, 400),
        ("/99999999999999999999", 400, 400),
        ("/start/", 404, 404),
        ("/0/", 404, 404),
        ("/FAIL", 400, 404),
        ("/-1", 404, 404),
        ("/abc", 404, 404),
        ("/start/now", 404, 404),
        (&format!("?rid={RUN}"), 200, 200),
        (&format!("/start?rid={upper}"), 200, 200),
        (&format!("/fail?x=y&rid={RUN}&create=1"), 200, 200),
        (&format!("?rid={bare}"), 400, 400),
        (&format!("?rid=%7B{RUN}%7D"), 400, 400),
        (&format!("?rid={RUN}%0A"), 400, 400),
        ("?rid=", 400, 400),
        ("?rid=x", 400, 400),
    ];
    let expect = |path: &str, status: u16| {
        let body = match status {
            200 => "OK",
            400 if path.contains("rid=") => "invalid uuid format",
            400 => "invalid url format",
            _ => "not found",
        };
        let answer = monitor.get(path);
        assert_eq!((answer.status, answer.body.as_str()), (status, body), "{path}");
        for header in
            ["ping-body-limit: 10000", "access-control-allow-origin: *", "content-type: text/html"]
        {
            assert!(answer.head.contains(header), "{path}: {}", answer.head);
        }
    };
    for root in ["/ping", ""] {
        for (form, by_uuid, by_slug) in forms {
            expect(&format!("{root}/{uuid}{form}"), by_uuid);
            expect(&format!("{root}/PINGKEY/my-job{form}"), by_slug);
        }
        // (path, status)
        let others = [
            (uuid.to_uppercase(), 404),
            (uuid.replace('-', ""), 404),
            (RUN.to_owned(), 404),
            ("PINGKEY/My-Job".into(), 400),
            ("PINGKEY/my.job".into(), 404),
            ("PINGKEY/unknown".into(), 404),
            ("pingkey/my-job".into(), 404),
            ("WRONG/my-job".into(), 404),
            ("BEAT/my-job".into(), 404),
            ("PINGKEY".into(), 404),
        ];
        for (path, status) in others {
            expect(&format!("{root}/{path}"), status);
        }
        let twin = monitor.get(&format!("{root}/PINGKEY/twin"));
        assert_eq!((twin.status, twin.body.as_str()), (409, "ambiguous slug"));
    }
    expect("/nonsense", 404);
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"] {
        let answer = monitor.request(method, &format!("/ping/{uuid}"), &[], "");
        assert_eq!((answer.status, answer.body.as_str()), (200, "OK"), "{method}");
    }
    assert_eq!(monitor.request("HEAD", &format!("/ping/{uuid}"), &[], "").status, 200);
}

#[test]
fn a_check_is_made_by_its_first_ping_if_that_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    // (path, status, body)
    let steps = [
        ("new", 404, "not found"),
        ("new?create=true", 404, "not found"),
        ("new?create=0", 404, "not found"),
        ("new/256?create=1", 400, "invalid url format"),
        ("new?create=1&rid=x", 400, "invalid uuid format"),
        ("new", 404, "not found"),
        ("new/start?create=1", 201, "Created"),
        ("new?create=1", 200, "OK"),
        ("other/fail?create=1", 201, "Created"),
    ];
    for (path, status, body) in steps {
        let answer = monitor.get(&format!("/ping/PINGKEY/{path}"));
        assert_eq!((answer.status, answer.body.as_str()), (status, body), "{path}");
    }
    let checks = monitor.api("GET", "/api/v3/checks/", "").json();
    let seen: Vec<_> = checks["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| [&check["name"], &check["slug"], &check["status"], &check["n_pings"]])
        .map(|fields| json!(fields))
        .collect();
    assert_eq!(seen, [json!(["new", "new", "up", 2]), json!(["other", "other", "down", 1])]);
    assert_eq!(
        (&checks["checks"][0]["timeout"], &checks["checks"][0]["grace"]),
        (&json!(86_400), &json!(3_600))
    );
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

/// What the API says of a check: its status in version 1 and in version 3, whether a run is under
/// way, and which of its last ping, next ping and last duration it names.
fn standing(monitor: &Monitor, uuid: &str) -> (String, String, bool, [bool; 3]) {
    let of =
        |version: &str| monitor.api("GET", &format!("/api/{version}/checks/{uuid}"), "").json();
    let (old, new) = (of("v1"), of("v3"));
    assert_eq!((&new["status"], &new["started"]), (&of("v2")["status"], &old["started"]));
    let word = |check: &Value| check["status"].as_str().unwrap().to_owned();
    let named = ["last_ping", "next_ping", "last_duration"].map(|field| !new[field].is_null());
    (word(&old), word(&new), new["started"].as_bool().unwrap(), named)
}

/// Any bytes as a ping's body; with `chunked` in pieces whose sum is not said before.
fn send_bytes(monitor: &Monitor, path: &str, chunked: bool, pieces: &[&[u8]]) -> Answer {
    let mut stream = TcpStream::connect(monitor.url.replace("http://", "")).unwrap();
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let how = if chunked {
        "Transfer-Encoding: chunked".to_owned()
    } else {
        format!("Content-Length: {length}")
    };
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{how}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    for piece in pieces {
        let size = format!("{:x}\r\n", piece.len());
        let parts = if chunked { [size.as_bytes(), piece, b"\r\n"] } else { [&b""[..], piece, b""] };
        // The answer may come before the whole body is read.
        if parts.iter().any(|part| stream.write_all(part).is_err()) {
            return Answer::read(stream);
        }
    }
    if chunked {
        let _ = stream.write_all(b"0\r\n\r\n");
    }
    Answer::read(stream)
}

#[test]
fn a_hundred_megabytes_are_refused_and_not_held_and_any_bytes_are_kept_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make("{}");
    let path = format!("/ping/{uuid}");
    let mebibyte = vec![b'x'; 1 << 20];
    let hundred: Vec<&[u8]> = vec![&mebibyte; 100];
    for chunked in [false, true] {
        let answer = send_bytes(&monitor, &path, chunked, &hundred);
        // 0: the connection was ended before all of it was sent, and the answer lost with it.
        assert!(matches!(answer.status, 0 | 400), "{answer:?}");
    }
    assert_eq!(monitor.check(&uuid)["n_pings"], 0);
    let odd: &[u8] = b"\0nul \xff\xfe no text \xf0\x28\x8c\x28 \0";
    for chunked in [false, true] {
        assert_eq!(send_bytes(&monitor, &path, chunked, &[odd]).status, 200);
    }
    let mut stream = TcpStream::connect(monitor.url.replace("http://", "")).unwrap();
    let ask = format!(
        "GET /api/v3/checks/{uuid}/pings/2/body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Api-Key: {API_KEY}\r\n\r\n"
    );
    stream.write_all(ask.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(odd), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_checks_state_follows_its_pings() {
    const OTHER: &str = "00000000-0000-4000-8000-000000000001";
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let (run, other) = (format!("?rid={RUN}"), format!("?rid={OTHER}"));
    let (start, start_other) = (format!("/start{run}"), format!("/start{other}"));
    let fail_other = format!("/fail{other}");
    let (no, last, next) = ([false; 3], [true, false, false], [false, true, false]);
    let (both, all) = ([true, true, false], [true; 3]);
    // Each row goes on from the one before: (ping, status in v1, in v3, started, what is named)
    let rows: &[(&str, &str, &str, bool, [bool; 3])] = &[
        ("new", "new", "new", false, no),
        ("/log", "new", "new", false, no),
        ("/start", "started", "new", true, next),
        ("/0", "up", "up", false, all),
        ("/log", "up", "up", false, all),
        ("", "up", "up", false, both),
        ("/fail", "down", "down", false, last),
        ("/start", "started", "down", true, last),
        ("/3", "down", "down", false, [true, false, true]),
        ("", "up", "up", false, both),
        // Runs by name: the check keeps one of those that overlap.
        (&start, "started", "up", true, both),
        (&start_other, "started", "up", true, both),
        (&run, "started", "up", true, both),
        (&other, "up", "up", false, all),
        // An end without a name ends whatever runs; so does a failure of another.
        (&start, "started", "up", true, all),
        ("", "up", "up", false, both),
        (&start, "started", "up", true, both),
        (&fail_other, "down", "down", false, last),
        // A pause is ended by success and by failure only.
        ("pause", "paused", "paused", false, last),
        ("/log", "paused", "paused", false, last),
        ("/start", "started", "paused", true, both),
        ("", "up", "up", false, all),
        ("pause", "paused", "paused", false, [true, false, true]),
        ("/fail", "down", "down", false, last),
        ("pause", "paused", "paused", false, last),
        ("resume", "new", "new", false, no),
    ];
    let uuid = monitor.make(r#"{"name": "n", "timeout": 60, "grace": 60}"#);
    let mut pings = 0;
    for (number, (step, v1, v3, started, named)) in rows.iter().enumerate() {
        match *step {
            "new" => {}
            "pause" | "resume" => {
                let path = format!("/api/v3/checks/{uuid}/{step}");
                assert_eq!(monitor.api("POST", &path, "").status, 200);
            }
            ping => {
                assert_eq!(monitor.get(&format!("/ping/{uuid}{ping}")).status, 200);
                pings += 1;
            }
        }
        let expected = ((*v1).to_owned(), (*v3).to_owned(), *started, *named);
        assert_eq!(standing(&monitor, &uuid), expected, "row {number}: {step}");
        assert_eq!(monitor.check(&uuid)["n_pings"], pings, "row {number}: {step}");
    }
    let twice = monitor.api("POST", &format!("/api/v3/checks/{uuid}/resume"), "");
    assert_eq!((twice.status, twice.body.as_str()), (409, "check is not paused"));
    let flips = monitor.api("GET", &format!("/api/v3/checks/{uuid}/flips/"), "").json();
    let ups: Vec<u64> =
        flips.as_array().unwrap().iter().map(|f| f["up"].as_u64().unwrap()).collect();
    assert_eq!(ups, [0, 0, 0, 0, 1, 0, 0, 1, 0, 1], "the newest first; a pause is none");
    // The pings have the durations that the check could not keep.
    let history = monitor.api("GET", &format!("/api/v3/checks/{uuid}/pings/"), "").json();
    let of = |run: &str, kind: &str| {
        let pings = history["pings"].as_array().unwrap().iter().rev();
        let found = pings.filter(|ping| ping["rid"] == run && ping["type"] == kind);
        found.map(|ping| ping["duration"].is_number()).collect::<Vec<_>>()
    };
    assert_eq!((of(RUN, "success"), of(OTHER, "success")), (vec![true], vec![true]));
}

#[test]
fn by_hand_only_is_by_hand_only_and_the_wrong_method_is_not_counted() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"manual_resume": true, "methods": "POST"}"#);
    let kinds = || -> Vec<String> {
        let pings = monitor.api("GET", &format!("/api/v3/checks/{uuid}/pings/"), "").json();
        let kind = |ping: &Value| ping["type"].as_str().unwrap().to_owned();
        pings["pings"].as_array().unwrap().iter().map(kind).collect()
    };
    monitor.get(&format!("/ping/{uuid}"));
    assert_eq!(
        (monitor.check(&uuid)["status"].as_str(), kinds()),
        (Some("new"), vec!["ign".into()])
    );
    monitor.request("POST", &format!("/ping/{uuid}"), &[], "");
    assert_eq!(monitor.check(&uuid)["status"], "up");
    monitor.api("POST", &format!("/api/v3/checks/{uuid}/pause"), "");
    for step in ["", "/fail", "/start", "/log"] {
        monitor.request("POST", &format!("/ping/{uuid}{step}"), &[], "");
        let check = monitor.check(&uuid);
        assert_eq!((&check["status"], &check["started"]), (&json!("paused"), &json!(false)));
    }
    assert_eq!(kinds(), ["ign", "ign", "ign", "ign", "success", "ign"]);
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
        let kind = |ping: &Value| ping["type"].as_str().unwrap().to_owned();
        pings["pings"].as_array().unwrap().iter().rev().map(kind).collect()
    };
    assert_eq!(kinds(&uuid), cases.map(|(_, _, kind)| kind));
    let strict = make(r#", "filter_default_fail": true"#);
    monitor.request("POST", &format!("/ping/{strict}"), &[], "nothing of note");
    assert_eq!(kinds(&strict), ["fail"]);
    let ping = format!("/ping/{uuid}");
    let mut stream = TcpStream::connect(monitor.url.replace("http://", "")).unwrap();
    let head = format!("POST {ping} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2");
    stream.write_all(format!("{head}\r\n\r\n").as_bytes()).unwrap();
    stream.write_all(&[0xff, 0]).unwrap();
    assert_eq!(Answer::read(stream).status, 400);
}

/// A request, and its answer or a part of that.
struct Row<'a> {
    method: &'a str,
    path: String,
    key: Option<&'a str>,
    body: String,
    status: u16,
    part: String,
}

#[test]
fn each_form_of_the_management_api_is_answered_as_healthchecks_answers_it() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"name": "First", "tags": "db prod"}"#);
    monitor.request("POST", &format!("/ping/{uuid}"), &[], "body");
    let own = format!("checks/{uuid}");
    let key = r#"{"api_key": "0123456789abcdef0123456789abcdef""#;
    let (wrong, short) = (Some("ffffffffffffffffffffffffffffffff"), Some("short"));
    let (admin, reader, nobody) = (Some(API_KEY), Some(READ_KEY), None);
    let field = |json: &str, why: &str| (json.to_owned(), format!("json validation error: {why}"));
    let mut rows: Vec<Row> = Vec::new();
    let mut row = |method, path: &str, key, body: &str, status, part: &str| {
        let (path, body, part) = (path.to_owned(), body.to_owned(), part.to_owned());
        rows.push(Row { method, path, key, body, status, part });
    };
    row("GET", "checks/", nobody, "", 401, "missing api key");
    row("GET", "checks/", short, "", 401, "missing api key");
    row("GET", "checks/", wrong, "", 401, "wrong api key");
    row("GET", "checks/", nobody, &format!("{key}}}"), 401, "missing api key");
    row("POST", "checks/", nobody, &format!("{key}}}"), 201, "ping_url");
    row("DELETE", &own, nobody, &format!("{key}}}"), 401, "missing api key");
    row("POST", "checks/", wrong, "{", 400, "could not parse request body");
    row("POST", "checks/", wrong, "[]", 400, "json validation error: value is not an object");
    row("POST", "checks/", reader, "{}", 401, "wrong api key");
    row("GET", "checks/?tag=db&tag=prod", admin, "", 200, "First");
    row("GET", "checks/?tag=d%62", admin, "", 200, "First");
    row("GET", "checks/?tag=db&tag=web", admin, "", 200, r#"{"checks":[]}"#);
    row("GET", "checks/?slug=first", admin, "", 200, r#"{"checks":[]}"#);
    row("GET", &own, reader, "", 200, "unique_key");
    row("GET", &format!("checks/{RUN}"), admin, "", 404, "");
    row("GET", "checks/0123456789012345678901234567890123456789", reader, "", 404, "");
    row("POST", &own, admin, r#"{"desc": "words"}"#, 200, "words");
    row("POST", &format!("checks/{RUN}"), admin, "{}", 404, "");
    row("POST", &format!("{own}/pause"), reader, "", 401, "wrong api key");
    row("POST", &format!("{own}/pause"), admin, "", 200, "paused");
    row("POST", &format!("{own}/resume"), admin, "", 200, "new");
    row("POST", &format!("{own}/resume"), admin, "", 409, "check is not paused");
    row("GET", &format!("{own}/pause"), admin, "", 405, "");
    row("GET", &format!("{own}/pings/"), admin, "", 200, r#""body_url":"#);
    row("GET", &format!("{own}/pings/"), reader, "", 401, "wrong api key");
    row("POST", &format!("{own}/pings/"), admin, "", 405, "");
    row("GET", &format!("{own}/pings/1/body"), admin, "", 200, "body");
    row("GET", &format!("{own}/pings/1/body"), reader, "", 401, "wrong api key");
    row("GET", &format!("{own}/pings/2/body"), admin, "", 404, "");
    row("GET", &format!("{own}/flips/"), reader, "", 200, r#""up":1"#);
    row("POST", &format!("{own}/flips/"), admin, "", 405, "");
    row("GET", "channels/", admin, "", 200, r#"{"channels":[]}"#);
    row("GET", "channels/", reader, "", 401, "wrong api key");
    row("GET", "badges/", reader, "", 200, r#""shields3":"#);
    row("GET", "badges/", nobody, "", 401, "missing api key");
    row("GET", "status/", nobody, "", 200, "OK");
    row("GET", "metrics/", reader, "", 200, "hc_checks_total");
    let refused = [
        field(r#"{"name": 1}"#, "name is not a string"),
        field(r#"{"name": null}"#, "name is not a string"),
        field(&format!(r#"{{"name": "{}"}}"#, "x".repeat(101)), "name is too long"),
        field(r#"{"slug": "Upper"}"#, "slug does not match pattern"),
        field(r#"{"timeout": 59}"#, "timeout is too small"),
        field(r#"{"timeout": -1}"#, "timeout is too small"),
        field(r#"{"timeout": 31536001}"#, "timeout is too large"),
        field(r#"{"timeout": "60"}"#, "timeout is not a number"),
        field(r#"{"timeout": 1e30}"#, "timeout is not a number"),
        field(r#"{"grace": 59}"#, "grace is too small"),
        field(r#"{"tz": "Moon/Base"}"#, "tz is not a valid timezone"),
        field(r#"{"schedule": "x"}"#, "schedule is not a valid cron or OnCalendar expression"),
        field(r#"{"manual_resume": 1}"#, "manual_resume is not a boolean"),
        field(r#"{"methods": "GET"}"#, "methods has unexpected value"),
        field(r#"{"unique": "name"}"#, "unique is not an array"),
        field(r#"{"unique": ["desc"]}"#, "an item in 'unique' has unexpected value"),
    ];
    for (json, why) in &refused {
        row("POST", "checks/", admin, json, 400, why);
        row("POST", &own, admin, json, 400, why);
    }
    row("POST", "checks/", admin, r#"{"channels": "x"}"#, 400, "invalid channel identifier: x");
    row("DELETE", &own, reader, "", 401, "wrong api key");
    for version in ["v1", "v2", "v3"] {
        for Row { method, path, key, body, status, part } in &rows {
            // With and without the slash at the end.
            let slashes = [path.clone(), path.trim_end_matches('/').to_owned()];
            let both = if path.ends_with('/') { &slashes[..] } else { &slashes[..1] };
            for path in both {
                let path = format!("/api/{version}/{path}");
                let headers: Vec<_> = key.iter().map(|key| ("X-Api-Key", *key)).collect();
                let answer = monitor.request(method, &path, &headers, body);
                let found = answer.status == *status && answer.body.contains(part.as_str());
                assert!(found, "{method} {path} {body}: not {status} {part:?} but {answer:?}");
                let any = answer.head.contains("access-control-allow-origin: *");
                assert!(any || matches!(*status, 405) || path.contains("metrics"), "{answer:?}");
            }
        }
        for path in ["checks/", &own, "channels/", &format!("{own}/pings/")] {
            let path = format!("/api/{version}/{path}");
            assert_eq!(monitor.api("HEAD", &path, "").status, 405, "{path}");
            let asked = monitor.request("OPTIONS", &path, &[], "");
            assert!(asked.head.contains("access-control-allow-headers: x-api-key"), "{asked:?}");
            assert_eq!(asked.status, 204, "{path}");
        }
    }
}

#[test]
fn each_field_of_a_check_is_shown_as_healthchecks_shows_it() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let fields = json!({
        "name": "Nightly Backup", "slug": "chosen", "tags": "db prod", "desc": "words",
        "timeout": 3600, "grace": 600, "manual_resume": true, "methods": "POST",
        "start_kw": "begin", "success_kw": "done", "failure_kw": "ERROR",
        "filter_http_body": true, "filter_default_fail": true,
    });
    let uuid = monitor.make(&fields.to_string());
    let mut expected = fields;
    let more = json!({
        "n_pings": 0, "status": "new", "started": false, "last_ping": null, "next_ping": null,
        "filter_subject": false, "filter_body": false, "uuid": uuid, "channels": "",
        "ping_url": format!("{}/ping/{uuid}", monitor.url),
    });
    expected.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    for version in ["v1", "v2", "v3"] {
        let own = format!("{}/api/{version}/checks/{uuid}", monitor.url);
        let mut expected = expected.clone();
        expected["update_url"] = own.clone().into();
        expected["pause_url"] = format!("{own}/pause").into();
        expected["resume_url"] = format!("{own}/resume").into();
        if version != "v3" {
            expected["subject"] = "".into();
            expected["subject_fail"] = "".into();
        }
        let path = format!("/api/{version}/checks/{uuid}");
        let mut shown = monitor.api("GET", &path, "").json();
        let badge = shown.as_object_mut().unwrap().remove("badge_url").unwrap();
        assert!(badge.as_str().unwrap().contains("/b/2/"), "{badge}");
        assert_eq!(shown, expected, "{version}");
        let mut read = monitor.request("GET", &path, &[("X-Api-Key", READ_KEY)], "").json();
        assert_eq!(read["unique_key"].as_str().unwrap().len(), 40);
        let secret = ["uuid", "ping_url", "update_url", "pause_url", "resume_url", "channels"];
        let read = read.as_object_mut().unwrap();
        read.retain(|field, _| field != "unique_key" && field != "badge_url");
        expected.as_object_mut().unwrap().retain(|field, _| !secret.contains(&field.as_str()));
        assert_eq!(Value::Object(read.clone()), expected, "{version}");
    }
    // Up to version 2 the slug follows the name.
    let old = monitor.api("POST", "/api/v1/checks/", r#"{"name": "Nightly Backup", "slug": "x"}"#);
    assert_eq!(old.json()["slug"], "nightly-backup");
    // The same wish with `unique` changes the check that it describes; a field that is not said describes none.
    let again =
        r#"{"name": "Nightly Backup", "slug": "chosen", "grace": 120, "unique": ["name", "slug"]}"#;
    let changed = monitor.api("POST", "/api/v3/checks/", again);
    assert_eq!((changed.status, &changed.json()["uuid"]), (200, &json!(uuid)));
    let unsaid =
        monitor.api("POST", "/api/v3/checks/", r#"{"name": "Nightly Backup", "unique": ["tags"]}"#);
    assert_eq!(unsaid.status, 201);
}

#[test]
fn a_ping_is_remembered_with_everything_that_is_known_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make("{}");
    let agent = "a".repeat(201);
    let headers = [("User-Agent", agent.as_str()), ("X-Forwarded-For", "192.0.2.7, 10.0.0.1")];
    for method in ["DELETE", "OPTIONS", "PUT"] {
        monitor.request(method, &format!("/ping/{uuid}/5?rid={RUN}"), &headers, "kept");
    }
    let pings = monitor.api("GET", &format!("/api/v3/checks/{uuid}/pings/"), "").json();
    let first = &pings["pings"][2];
    let date = first["date"].as_str().unwrap();
    assert!(date.len() == 32 && date.ends_with("+00:00"), "{date}");
    let expected = json!({
        "type": "fail", "date": date, "n": 1, "scheme": "http", "remote_addr": "192.0.2.7",
        "method": "DELETE", "ua": &agent[..200], "rid": RUN, "exitstatus": 5,
        "body_url": format!("{}/api/v3/checks/{uuid}/pings/1/body", monitor.url),
    });
    assert_eq!(first, &expected);
    assert_eq!(pings["pings"][0]["method"], "PUT");
    let body = monitor.api("GET", &format!("/api/v3/checks/{uuid}/pings/2/body"), "");
    assert!(body.body == "kept" && body.head.contains("content-type: text/plain"), "{body:?}");
}

#[test]
fn a_tag_has_a_badge_whose_address_opens_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    monitor.make(r#"{"name": "up", "tags": "db a/b"}"#);
    let down = monitor.make(r#"{"name": "down", "tags": "prod"}"#);
    monitor.get(&format!("/ping/{down}/fail"));
    let badges = monitor.api("GET", "/api/v3/badges/", "").json()["badges"].clone();
    let tags: Vec<&String> = badges.as_object().unwrap().keys().collect();
    assert_eq!(tags, ["*", "a/b", "db", "prod"]);
    let path = |tag: &str, form: &str| {
        let url = badges[tag][form].as_str().unwrap();
        url.strip_prefix(&monitor.url).unwrap().to_owned()
    };
    let sum = |status: &str, total: u8, down: u8| json!({ "status": status, "total": total, "grace": 0, "down": down });
    // (tag, what its badge says)
    let cases = [
        ("*", sum("down", 2, 1)),
        ("a/b", sum("up", 1, 0)),
        ("db", sum("up", 1, 0)),
        ("prod", sum("down", 1, 1)),
    ];
    for (tag, expected) in cases {
        for form in ["json", "json3"] {
            assert_eq!(monitor.get(&path(tag, form)).json(), expected, "{tag} {form}");
        }
        assert!(monitor.get(&path(tag, "svg")).head.contains("content-type: image/svg+xml"));
    }
    let shields = monitor.get(&path("prod", "shields3")).json();
    assert_eq!((&shields["label"], &shields["color"]), (&json!("prod"), &json!("critical")));
    let db = path("db", "svg");
    for wrong in
        [db.replace("/db.", "/prod."), db.replace(".svg", ".png"), db.replace("/db.svg", ".svg")]
    {
        assert_eq!(monitor.get(&wrong).status, 404, "{wrong}");
    }
    // The same after a restart, another with another database.
    drop(monitor);
    let monitor = Monitor::start(config(directory.path()));
    assert_eq!(monitor.get(&db).status, 200);
    let elsewhere = tempfile::tempdir().unwrap();
    assert_eq!(Monitor::start(config(elsewhere.path())).get(&db).status, 404);
}

#[test]
fn a_check_with_a_calendar_of_systemd_waits_for_its_next_slot() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let lines = r#"{"schedule": "*-1-1 00:00\n*-1-1 00:00 Asia/Tokyo", "tz": "UTC", "grace": 60}"#;
    let uuid = monitor.make(lines);
    assert!(monitor.check(&uuid)["next_ping"].is_null());
    monitor.get(&format!("/ping/{uuid}"));
    let check = monitor.check(&uuid);
    assert_eq!((&check["status"], &check["timeout"]), (&json!("up"), &json!(null)));
    let next = check["next_ping"].as_str().unwrap();
    let tokyo = next.contains("-12-31T15:00:00") || next.contains("-12-31T14:59:59");
    let utc = next.contains("-01-01T00:00:00") || next.contains("-12-31T23:59:59");
    assert!(tokyo || utc, "{next}");
    // One whose last slot is over waits for nothing.
    let past = monitor.make(r#"{"schedule": "2001-1-1"}"#);
    monitor.get(&format!("/ping/{past}"));
    let check = monitor.check(&past);
    assert_eq!((&check["status"], &check["next_ping"]), (&json!("up"), &json!(null)));
}

#[test]
fn metrics_are_where_healthchecks_has_them() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let of = |key: &str| monitor.get(&format!("/projects/{RUN}/metrics/{key}"));
    assert!(of(READ_KEY).body.contains("hc_checks_down_total 0"), "{:?}", of(READ_KEY));
    assert_eq!((of("WRONG").status, of("PINGKEY").status), (403, 403));
    let bearer = [("Authorization", &*format!("Bearer {READ_KEY}"))];
    assert_eq!(monitor.request("GET", "/api/v3/metrics/", &bearer, "").status, 200);
}
