//! The examples of docs/api.md, made anew and compared.
//!
//! `PROCESSION_WRITE_DOCUMENTS=1 cargo test -p procession-monitor --test http documents` writes them.

use crate::support::{API_KEY, Answer, Monitor, PATIENCE, Told, config};
use procession_beat::{
    Beat, Cause, Child, Death, Instance, Kind, Main, MainState, Panic, Sample, Schedule,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;

const BOOT: &str = "5f0c5a1e-8a55-4d5a-9a87-0d6a2f3c7d11";
const UUID: &str = "9cddabd4-cdd9-48a3-a8cd-fe4780bf0075";
const TIME: &str = "2026-11-25T13:05:19+00:00";
/// The same in Unix milliseconds.
const MS: u64 = 1_795_611_919_000;

fn beat(seq: u64, kind: Kind) -> Beat {
    let boot = BOOT.into();
    Beat::new("backup", "web-3", Instance { boot, pid: 4711, started: 90_210 }, seq, kind)
}

fn every_field() -> Beat {
    let death = Death {
        run: Some("2026-11-25".into()),
        cause: Cause::Code(101),
        panic: Some(Panic { message: "disk full".into(), place: "src/main.rs:7:5".into() }),
        last_words: vec!["copying".into()],
    };
    let child = Child { pid: 4712, name: "tar".into(), state: 'S' };
    Beat {
        labels: [("group", "eu-1"), ("rack", "r7")].map(|(k, v)| (k.into(), v.into())).into(),
        tags: vec!["db".into(), "nightly".into()],
        schedule: Some(Schedule { expression: "0 2 * * *".into(), zone: "Europe/Berlin".into() }),
        main: Some(Main { state: MainState::Dead, ticks: 12 }),
        sample: Some(Sample {
            cpu: 0.25,
            memory: 12_582_912,
            threads: 4,
            open_files: 17,
            children: vec![child],
        }),
        sent_at_ms: Some(MS),
        spooled: true,
        ..beat(2, Kind::Dead(death))
    }
}

/// One of each kind.
fn kinds() -> Vec<Kind> {
    let run = || Some("2026-11-25".to_owned());
    let panic = Panic { message: "disk full".into(), place: "src/main.rs:7:5".into() };
    let (cause, last_words) = (Cause::Code(101), vec!["copying".to_owned()]);
    vec![
        Kind::Alive,
        Kind::Start { run: run() },
        Kind::Ok { run: run() },
        Kind::Fail { run: run(), why: "disk full".into() },
        Kind::Log { text: "half of it is copied".into() },
        Kind::Stuck { still_ms: 90_000 },
        Kind::Dead(Death { run: run(), cause, panic: Some(panic), last_words }),
        Kind::Goodbye { back_in_ms: Some(60_000) },
    ]
}

/// A kind that is not among these examples does not compile here.
fn example_of(kind: &Kind) -> usize {
    match kind {
        Kind::Alive => 0,
        Kind::Start { .. } => 1,
        Kind::Ok { .. } => 2,
        Kind::Fail { .. } => 3,
        Kind::Log { .. } => 4,
        Kind::Stuck { .. } => 5,
        Kind::Dead(_) => 6,
        Kind::Goodbye { .. } => 7,
    }
}

/// Sets what is another in every run to fixed values.
fn fix(value: &mut Value, port: &str) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "token" => *value = "3f2504e04f8911d39a0c0305e82c3301".into(),
                    "version" if value.is_u64() && *value != 1 => *value = 1_838_706_605.into(),
                    _ => fix(value, port),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| fix(value, port)),
        Value::String(text) => {
            let is_time =
                text.len() == 25 && text.as_bytes()[10] == b'T' && !text.starts_with("00");
            if is_time {
                *text = TIME.into();
            } else if uuid::Uuid::parse_str(text).is_ok() && text != BOOT {
                *text = UUID.into();
            } else {
                *text = text.replace(port, "8420");
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// The first events of a stream, until one of this name.
fn events(monitor: &Monitor, last: &str) -> String {
    let address = monitor.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request =
        format!("GET /api/events HTTP/1.0\r\nHost: {address}\r\nX-Api-Key: {API_KEY}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    let mut name = String::new();
    for line in BufReader::new(stream).lines().map(Result::unwrap) {
        if let Some(of) = line.strip_prefix("event: ") {
            of.clone_into(&mut name);
        }
        let line = match line.split_once(": ") {
            Some(("event", _) | ("data", "{}")) => line,
            Some(("id", _)) => "id: 1838706605".into(),
            Some(("data", data)) => {
                let data: Value = serde_json::from_str(data).unwrap();
                assert!(data["checks"].is_array(), "{data}");
                "data: {\"version\": 1838706605, …}".into()
            }
            _ if line.is_empty() && name == last => break,
            _ if line.is_empty() && !text.is_empty() => String::new(),
            _ => continue,
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Every example by its name.
fn examples(directory: &Path) -> Vec<(&'static str, String)> {
    let told = Told::start(&[]);
    let receivers = vec![told.receiver()];
    let monitor = Monitor::start(procession_monitor::Config { receivers, ..config(directory) });
    let port = monitor.url.rsplit(':').next().unwrap().to_owned();
    let fixed = |answer: &Answer| {
        assert!((200..300).contains(&answer.status), "{answer:?}");
        let mut value = answer.json();
        fix(&mut value, &port);
        pretty(&value)
    };
    let send = |beat: &Beat| {
        let text = String::from_utf8(beat.encode()).unwrap();
        monitor.request("POST", "/api/beat", &[("Authorization", "Bearer BEAT")], &text)
    };
    let least = beat(1, Kind::Alive);
    let receipt = send(&least);
    let whole = every_field();
    assert!((200..300).contains(&send(&whole).status));
    // A kept report changes nothing, so this is the one that is told.
    let mut dead = whole.clone();
    (dead.spooled, dead.sent_at_ms, dead.seq) = (false, None, 3);
    // The time to a slot is another at every run.
    dead.schedule = None;
    send(&dead);
    let letter = told.letters(1).remove(0).1;
    let asked = json!({ "scope": "beat", "host": "web-4" });
    let token = monitor.api("POST", "/api/tokens", &asked.to_string());
    let secret = token.json()["token"].as_str().unwrap().to_owned();
    let shown = monitor.request("GET", "/api/token", &[("X-Api-Key", &secret)], "");
    let mut webhook = letter;
    fix(&mut webhook, &port);
    assert!(kinds().iter().map(example_of).eq(0..8), "one of each");
    let kinds: Vec<String> =
        kinds().iter().map(|kind| format!("  {}", serde_json::to_string(kind).unwrap())).collect();
    let typed = |beat: &Beat| serde_json::to_string_pretty(beat).unwrap() + "\n";
    vec![
        ("beat, least", typed(&least)),
        ("beat, all", typed(&whole)),
        ("kinds", format!("[\n{}\n]\n", kinds.join(",\n"))),
        ("receipt", fixed(&receipt)),
        ("status", fixed(&monitor.api("GET", "/api/status", ""))),
        ("events", events(&monitor, "status")),
        ("token asked for", pretty(&asked)),
        ("token made", fixed(&token)),
        ("token shown", fixed(&shown)),
        ("webhook", pretty(&webhook)),
    ]
}

/// The document with these examples in it.
fn with_examples(text: &str, examples: &[(&str, String)]) -> String {
    let mut text = text.to_owned();
    for (name, example) in examples {
        let mark = format!("<!-- example: {name} -->\n```");
        let at = text.find(&mark).unwrap_or_else(|| panic!("no place for {name}")) + mark.len();
        let begin = at + text[at..].find('\n').unwrap() + 1;
        let end = begin + text[begin..].find("```").unwrap();
        text.replace_range(begin..end, example);
    }
    text
}

/// The names of all fields.
fn fields(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                names.insert(name.clone());
                // These have names of the user's own.
                if !["labels", "commonLabels", "counts", "counts_meant"].contains(&name.as_str()) {
                    self::fields(value, names);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| fields(value, names)),
        _ => {}
    }
}

#[test]
fn the_examples_of_the_documents_are_what_the_monitor_answers() {
    let directory = tempfile::tempdir().unwrap();
    let examples = examples(directory.path());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let made = with_examples(&document, &examples);
    if std::env::var_os("PROCESSION_WRITE_DOCUMENTS").is_some() {
        std::fs::write(&path, &made).unwrap();
    } else {
        let differing = document.lines().zip(made.lines()).find(|(there, made)| there != made);
        let write = "PROCESSION_WRITE_DOCUMENTS=1 writes them";
        assert!(document == made, "docs/api.md differs, first at {differing:?}: {write}");
    }
    let mut names = BTreeSet::new();
    for (_, example) in &examples {
        if let Ok(value) = serde_json::from_str(example) {
            fields(&value, &mut names);
        }
    }
    let unnamed = |name: &&String| !made.contains(&format!("`{name}`"));
    let unnamed: Vec<&String> = names.iter().filter(unnamed).collect();
    assert!(unnamed.is_empty(), "fields without a meaning: {unnamed:?}");
}
