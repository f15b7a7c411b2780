//! The management API of healthchecks: every form and its exact answer; badges and metrics.

mod support;

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use support::{API_KEY, Monitor, READ_KEY, config, until};

/// A run, or a check that nobody has.
const RUN: &str = "5f0c1a52-6a6c-4e29-8b8e-0f1d9d3c7a11";

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

/// What an event stream says first.
fn first_event(monitor: &Monitor, path: &str, key: &str) -> String {
    let mut stream = TcpStream::connect(monitor.url.replace("http://", "")).unwrap();
    stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
    let host = monitor.url.replace("http://", "");
    let ask = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Api-Key: {key}\r\n\r\n");
    stream.write_all(ask.as_bytes()).unwrap();
    let mut said = String::new();
    let mut reader = BufReader::new(stream);
    while !said.ends_with("\n\n") || !said.contains("data:") {
        assert!(reader.read_line(&mut said).unwrap() > 0, "{said}");
    }
    said
}

#[test]
fn a_key_that_may_only_read_sees_no_uuid_anywhere() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let own = [r#"{"name": "named", "tags": "db"}"#, "{}"].map(|body| monitor.make(body));
    for uuid in &own {
        monitor.get(&format!("/ping/{uuid}/fail"));
    }
    let beaten = support::send(&monitor, &support::beat(1, support::dead())).unwrap().check;
    let status = || monitor.request("GET", "/api/status", &[("X-Api-Key", READ_KEY)], "").json();
    until("three incidents", || status()["incidents_open"] == 3);
    let seen = status();
    let keys: Vec<&str> = seen["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["unique_key"].as_str().unwrap())
        .collect();
    assert!(keys.len() == 3 && keys.iter().all(|key| key.len() == 40), "{keys:?}");
    let version = seen["version"].as_u64().unwrap();
    monitor.get(&format!("/ping/{}", own[0]));
    let one = format!("/api/v3/checks/{}", keys[0]);
    let paths = [
        "/api/status",
        "/api/status?filter=down",
        "/metrics",
        "/api/v1/checks/",
        "/api/v2/checks/",
        "/api/v3/checks/",
        "/api/v3/badges/",
        "/api/v3/metrics/",
        "/readyz",
        "/",
        &one,
        &format!("{one}/flips/"),
    ];
    let mut answers: Vec<(String, String)> = Vec::new();
    for path in paths {
        let answer = monitor.request("GET", path, &[("X-Api-Key", READ_KEY)], "");
        assert_eq!(answer.status, 200, "{path}");
        answers.push((path.to_owned(), answer.body));
    }
    // A row that leaves the filter is told as gone.
    for query in ["", &format!("?since={version}"), &format!("?since={version}&filter=down")] {
        let path = format!("/api/events{query}");
        answers.push((path.clone(), first_event(&monitor, &path, READ_KEY)));
    }
    for uuid in own.iter().chain([&beaten]) {
        for (path, answer) in &answers {
            assert!(!answer.contains(uuid.as_str()), "{path}: {answer}");
        }
        // Nor can it be guessed letter by letter.
        let filter = format!("/api/status?filter={}", &uuid[..8]);
        let found = monitor.request("GET", &filter, &[("X-Api-Key", READ_KEY)], "").json();
        assert_eq!(found["checks_meant"], 0, "{found}");
    }
    let whole = monitor.api("GET", "/api/status", "").body;
    assert!(own.iter().chain([&beaten]).all(|uuid| whole.contains(uuid.as_str())), "{whole}");
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
        ("?seconds=0".into(), 200, 1),
        ("?seconds=31536000".into(), 200, 1),
        ("?seconds=31536001".into(), 400, 0),
        ("?seconds=-1".into(), 400, 0),
        ("?seconds=x&seconds=60".into(), 200, 1),
        ("?seconds=60&seconds=x".into(), 400, 0),
        ("?s%65conds=%78".into(), 400, 0),
        ("?seconds=&start=&end=".into(), 200, 1),
        ("?start=yesterday".into(), 400, 0),
        ("?start=-1".into(), 400, 0),
        ("?start=0".into(), 200, 1),
        ("?end=10000000000".into(), 200, 1),
        ("?end=10000000001".into(), 400, 0),
        ("?start=99999999999999999999".into(), 400, 0),
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
    let json = format!("{path}.json");
    // Any number will do, and only three says that late is a state of its own.
    for (states, status) in
        [("0", 200), ("3", 200), ("03", 200), ("4", 200), ("-1", 404), ("x", 404)]
    {
        let answer = monitor.get(&json.replace("/b/2/", &format!("/b/{states}/")));
        assert_eq!(answer.status, status, "{states}");
    }
}

#[test]
fn a_slug_is_chosen_or_follows_its_name_as_django_makes_it() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let slug = |method: &str, path: &str, fields: &Value| {
        let answer = monitor.api(method, path, &fields.to_string());
        answer.json()["slug"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    };
    // (name, its slug)
    let names = [
        ("Nightly Backup", "nightly-backup"),
        ("na\u{ef}ve caf\u{e9} \u{c5}", "naive-cafe-a"),
        ("a.b/c (d)", "abc-d"),
        ("a - b -- c", "a-b-c"),
        ("_-tight_fit-_", "tight_fit"),
        ("\u{fb01}n \u{2460} \u{bd}", "fin-1-12"),
        ("a\u{a0}b\tc\nd", "a-b-c-d"),
        ("a\u{1c}b\u{e}c\u{b}d", "a-bc-d"),
        ("stra\u{df}e", "strae"),
        ("\u{65e5}\u{672c}", ""),
        ("", ""),
    ];
    for version in ["v1", "v2", "v3"] {
        let checks = format!("/api/{version}/checks/");
        for (name, expected) in names {
            let expected = if version == "v3" { "" } else { expected };
            assert_eq!(
                slug("POST", &checks, &json!({ "name": name })),
                expected,
                "{version} {name}"
            );
            let chosen = json!({ "name": name, "slug": "chosen" });
            assert_eq!(slug("POST", &checks, &chosen), "chosen", "{version} {name}");
        }
        let uuid = monitor.make(r#"{"name": "First", "slug": "chosen"}"#);
        let own = format!("/api/{version}/checks/{uuid}");
        let renamed = if version == "v3" { "chosen" } else { "second" };
        // (a change, the slug after it)
        let changes = [
            (json!({ "name": "First" }), "chosen"),
            (json!({ "desc": "words" }), "chosen"),
            (json!({ "name": "Second" }), renamed),
            (json!({ "slug": "again" }), "again"),
            (json!({ "name": "Third", "slug": "third-one" }), "third-one"),
            (json!({ "slug": "" }), ""),
        ];
        for (change, expected) in changes {
            assert_eq!(slug("POST", &own, &change), expected, "{version} {change}");
        }
    }
}

#[test]
fn every_answer_of_the_management_api_names_its_methods() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make("{}");
    let (own, nobody) = (format!("checks/{uuid}"), format!("checks/{RUN}"));
    let (all, one) = ("GET, POST, OPTIONS", "GET, POST, DELETE, OPTIONS");
    let (get, post) = ("GET, OPTIONS", "POST, OPTIONS");
    // (method, path, key, status, methods)
    let cases = [
        ("GET", "checks/", Some(API_KEY), 200, all),
        ("GET", "checks/", None, 401, all),
        ("PUT", "checks/", Some(API_KEY), 405, all),
        ("HEAD", "checks/", Some(API_KEY), 405, all),
        ("OPTIONS", "checks/", None, 204, all),
        ("GET", &own, Some(API_KEY), 200, one),
        ("GET", &nobody, Some(API_KEY), 404, one),
        ("POST", &own, Some(READ_KEY), 401, one),
        ("PATCH", &own, Some(API_KEY), 405, one),
        ("GET", &format!("{own}/pause"), Some(API_KEY), 405, post),
        ("POST", &format!("{own}/resume"), Some(API_KEY), 409, post),
        ("POST", &format!("{own}/pings/"), Some(API_KEY), 405, get),
        ("GET", &format!("{own}/pings/7/body"), Some(API_KEY), 404, get),
        ("GET", &format!("{own}/flips/?start=x"), Some(API_KEY), 400, get),
        ("HEAD", &format!("{own}/flips/"), Some(API_KEY), 405, get),
        ("GET", "channels/", Some(READ_KEY), 401, get),
        ("GET", "badges/", Some(READ_KEY), 200, get),
        ("GET", "metrics/", Some(READ_KEY), 200, get),
        ("DELETE", "status/", None, 405, get),
    ];
    for (method, path, key, status, methods) in cases {
        let headers: Vec<_> = key.iter().map(|key| ("X-Api-Key", *key)).collect();
        let answer = monitor.request(method, &format!("/api/v3/{path}"), &headers, "");
        assert_eq!(answer.status, status, "{method} {path}");
        let methods = methods.to_lowercase();
        let allow = format!("\r\nallow: {methods}\r\n");
        for (header, there) in [
            ("\r\naccess-control-allow-origin: *\r\n", true),
            ("\r\naccess-control-allow-headers: x-api-key\r\n", true),
            (&format!("\r\naccess-control-allow-methods: {methods}\r\n"), true),
            ("\r\naccess-control-max-age: 600\r\n", true),
            (&allow, status == 405),
        ] {
            assert_eq!(answer.head.contains(header), there, "{method} {path}: {}", answer.head);
        }
    }
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
    row("GET", "checks/?slug=first&slug=", admin, "", 200, "First");
    row("GET", "checks/?slug=&slug=first", admin, "", 200, r#"{"checks":[]}"#);
    row("GET", "checks/?tag=", admin, "", 200, r#"{"checks":[]}"#);
    row("GET", &format!("checks/{}", uuid.to_uppercase()), admin, "", 404, "");
    row("GET", &format!("checks/{}", uuid.replace('-', "")), admin, "", 404, "");
    row("GET", &format!("checks/%7B{uuid}%7D"), admin, "", 404, "");
    row("GET", &format!("checks/{}", uuid.replace('-', "%2D")), admin, "", 200, "First");
    row("POST", &format!("checks/{}/pause", uuid.to_uppercase()), admin, "", 404, "");
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
    row("GET", &format!("{own}/pings/0/body"), admin, "", 404, "");
    row("GET", &format!("{own}/pings/-1/body"), admin, "", 404, "");
    row("GET", &format!("{own}/pings/x/body"), admin, "", 404, "");
    row("GET", &format!("{own}/pings/18446744073709551616/body"), admin, "", 404, "");
    row("GET", &format!("{own}/flips/"), reader, "", 200, r#""up":1"#);
    row("POST", &format!("{own}/flips/"), admin, "", 405, "");
    row("GET", "channels/", admin, "", 200, r#"{"channels":[]}"#);
    row("GET", "channels/", reader, "", 401, "wrong api key");
    row("GET", "badges/", reader, "", 200, r#""shields3":"#);
    row("GET", "badges/", nobody, "", 401, "missing api key");
    row("GET", "status/", nobody, "", 200, "OK");
    row("GET", "metrics/", reader, "", 200, "hc_checks_total");
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
                assert!(any, "{answer:?}");
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
fn each_wrong_field_is_refused_as_healthchecks_refuses_it() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make("{}");
    let before = monitor.check(&uuid);
    let field = |json: &str, why: &str| (json.to_owned(), format!("json validation error: {why}"));
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
        field(r#"{"tz": "europe/berlin"}"#, "tz is not a valid timezone"),
        field(r#"{"tz": ""}"#, "tz is not a valid timezone"),
        field(r#"{"schedule": ""}"#, "schedule is not a valid cron or OnCalendar expression"),
        field(r#"{"subject": 1}"#, "subject is not a string"),
        field(r#"{"subject_fail": "ERROR"}"#, "subject_fail is not supported"),
        field(r#"{"filter_body": 1}"#, "filter_body is not a boolean"),
        field(r#"{"methods": 1}"#, "methods has unexpected value"),
        field(r#"{"manual_resume": 1}"#, "manual_resume is not a boolean"),
        field(r#"{"methods": "GET"}"#, "methods has unexpected value"),
        field(r#"{"unique": "name"}"#, "unique is not an array"),
        field(r#"{"unique": ["desc"]}"#, "an item in 'unique' has unexpected value"),
    ];
    for version in ["v1", "v2", "v3"] {
        for (json, why) in &refused {
            for path in ["checks/", &format!("checks/{uuid}")] {
                let answer = monitor.api("POST", &format!("/api/{version}/{path}"), json);
                let found = answer.status == 400 && answer.body.contains(why.as_str());
                assert!(found, "{version} {path} {json}: not {why:?} but {answer:?}");
            }
        }
    }
    assert_eq!(monitor.check(&uuid), before, "a refusal changes nothing");
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
        "filter_subject": false, "filter_body": false, "subject": "", "subject_fail": "", "uuid": uuid, "channels": "",
        "ping_url": format!("{}/ping/{uuid}", monitor.url),
    });
    expected.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    for version in ["v1", "v2", "v3"] {
        let own = format!("{}/api/{version}/checks/{uuid}", monitor.url);
        let mut expected = expected.clone();
        expected["update_url"] = own.clone().into();
        expected["pause_url"] = format!("{own}/pause").into();
        expected["resume_url"] = format!("{own}/resume").into();
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
fn metrics_are_where_healthchecks_has_them() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let of = |key: &str| monitor.get(&format!("/projects/{RUN}/metrics/{key}"));
    assert!(of(READ_KEY).body.contains("hc_checks_down_total 0"), "{:?}", of(READ_KEY));
    assert_eq!((of("WRONG").status, of("PINGKEY").status), (403, 403));
    for project in ["x".to_owned(), RUN.to_uppercase()] {
        let answer = monitor.get(&format!("/projects/{project}/metrics/{READ_KEY}"));
        assert_eq!(answer.status, 404, "{project}");
    }
    let bearer = [("Authorization", &*format!("Bearer {READ_KEY}"))];
    assert_eq!(monitor.request("GET", "/api/v3/metrics/", &bearer, "").status, 200);
}
