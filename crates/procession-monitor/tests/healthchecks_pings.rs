//! The ping API of healthchecks: every form, its exact answer, and what it does to its check.

mod support;

use procession_monitor::Config;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use support::{API_KEY, Answer, Monitor, config};

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
        // A refusal names neither the limit nor who may read it.
        let headers = [
            ("ping-body-limit: 10000", status == 200),
            ("access-control-allow-origin: *", status == 200),
            ("content-type: text/html", true),
            ("cache-control: max-age=0, no-cache, no-store, must-revalidate, private", true),
        ];
        for (header, there) in headers {
            assert_eq!(answer.head.contains(header), there, "{path}: {}", answer.head);
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
            (format!("{RUN}/256"), 404),
            (format!("{RUN}?rid=x"), 404),
            ("PINGKEY/unknown/256".into(), 404),
            ("PINGKEY/unknown?rid=x".into(), 404),
            ("WRONG/my-job/256?create=1".into(), 404),
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
fn paths_and_queries_are_decoded_and_of_two_equal_names_the_last_counts() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"slug": "pc-new"}"#);
    let (dashed, encoded) = (uuid.replacen('-', "%2D", 1), RUN.replace('-', "%2d"));
    // (path, status)
    let cases = [
        ("/ping/PINGKEY/pc%2Dnew".to_owned(), 200),
        ("/PINGKEY/pc%2Dnew".into(), 200),
        ("/PING%4BEY/pc-new/st%61rt".into(), 200),
        ("/ping/PINGKEY%2Fpc-new".into(), 200),
        ("/%70ing/PINGKEY/pc-new/%33".into(), 200),
        (format!("/ping/{dashed}"), 200),
        (format!("/{dashed}/log"), 200),
        (format!("/ping/{uuid}%2F"), 200),
        ("//PINGKEY/pc-new".into(), 404),
        (format!("//{uuid}"), 404),
        (format!("//ping/{uuid}"), 404),
        (format!("/ping//{uuid}"), 404),
        ("/ping/PINGKEY//pc-new".into(), 404),
        ("/ping/PINGKEY/pc+new".into(), 404),
        ("/ping/PINGKEY/pc%20new".into(), 404),
        ("/ping/PINGKEY/pc-new%0A".into(), 404),
        ("/ping/PINGKEY/pc-new%".into(), 404),
        ("/ping/PINGKEY/pc-new%2".into(), 404),
        ("/ping/PINGKEY/pc-new%FF".into(), 404),
        ("/ping/PINGKEY/%50c-new".into(), 400),
        ("/ping/PINGKEY/pc-new%3Frid=x".into(), 404),
        (format!("/ping/{uuid}?rid={encoded}"), 200),
        (format!("/ping/{uuid}?r%69d=x"), 400),
        (format!("/ping/{uuid}?rid=x&rid={RUN}"), 200),
        (format!("/ping/{uuid}?rid={RUN}&rid=x"), 400),
        (format!("/ping/{uuid}?rid"), 400),
        (format!("/ping/{uuid}?rid={RUN}+"), 400),
        (format!("/ping/{uuid}?rid={RUN}%20"), 400),
        (format!("/ping/{uuid}?RID=x"), 200),
        (format!("/ping/{uuid}?=x&&&"), 200),
        ("/ping/PINGKEY/one?create=1&create=0".into(), 404),
        ("/ping/PINGKEY/one?create=0&create=1".into(), 201),
        ("/ping/PINGKEY/two?cre%61te=%31".into(), 201),
    ];
    for (path, status) in cases {
        let answer = monitor.get(&path);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
    }
    let pings = monitor.api("GET", &format!("/api/v3/checks/{uuid}/pings/"), "").json();
    let named = pings["pings"].as_array().unwrap().iter().filter(|ping| ping["rid"] == RUN);
    assert_eq!(named.count(), 2, "{pings}");
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
        (&format!("{}?create=1", "x".repeat(101)), 400, "invalid url format"),
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

#[test]
fn a_check_that_a_heartbeat_reports_takes_no_pings() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = support::send(&monitor, &support::beat(1, support::dead())).unwrap().check;
    let check = monitor.check(&uuid);
    assert_eq!((&check["status"], &check["slug"]), (&json!("down"), &json!("web-3-crawler")));
    assert!(check["ping_url"].is_null(), "{check}");
    for form in ["", "/start", "/0", "/fail", "/log"] {
        for root in ["/ping", ""] {
            let answer = monitor.get(&format!("{root}/{uuid}{form}"));
            let refused = "a heartbeat reports this check: it takes no pings";
            assert_eq!((answer.status, answer.body.as_str()), (403, refused), "{root} {form}");
            let by_slug = monitor.get(&format!("{root}/PINGKEY/web-3-crawler{form}"));
            assert_eq!(by_slug.status, 404, "{root} {form}");
        }
    }
    let check = monitor.check(&uuid);
    assert_eq!((&check["status"], &check["n_pings"]), (&json!("down"), &json!(1)), "as it was");
    // A check of one's own may have the same slug.
    assert_eq!(monitor.get("/ping/PINGKEY/web-3-crawler?create=1").status, 201);
    assert_eq!(monitor.get("/ping/PINGKEY/web-3-crawler").status, 200);
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
        let parts =
            if chunked { [size.as_bytes(), piece, b"\r\n"] } else { [&b""[..], piece, b""] };
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

#[test]
fn a_ping_is_remembered_with_everything_that_is_known_of_it() {
    let directory = tempfile::tempdir().unwrap();
    // The test is a proxy behind another one.
    let trusted_proxies = ["127.0.0.1/32", "10.0.0.1/32"].map(|of| of.parse().unwrap()).to_vec();
    let monitor = Monitor::start(Config { trusted_proxies, ..config(directory.path()) });
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
