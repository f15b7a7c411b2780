//! Checks of the management API as text.

use crate::text::{plain, table};
use crate::times::{ago, local, span};
use jiff::Timestamp;
use serde_json::Value;
use std::fmt::Write;

/// Pings that are shown of one check.
const PINGS: usize = 5;

/// A field, or a dash where there is none.
fn cell(check: &Value, name: &str) -> String {
    match &check[name] {
        Value::String(text) if !text.is_empty() => plain(text),
        _ => "-".to_owned(),
    }
}

fn seconds(check: &Value, name: &str) -> Option<String> {
    check[name].as_u64().map(|seconds| span(seconds.saturating_mul(1_000)))
}

fn every(check: &Value) -> String {
    seconds(check, "timeout").unwrap_or_else(|| cell(check, "schedule"))
}

/// Many checks, a line each.
pub(super) fn list(checks: &[Value], now: Timestamp) -> String {
    let head = ["STATE", "NAME", "EVERY", "GRACE", "LAST PING", "TAGS", "UUID"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for check in checks {
        let last = ago(check["last_ping"].as_str(), now);
        let [state, name, tags, uuid] =
            ["status", "name", "tags", "uuid"].map(|field| cell(check, field));
        let grace = seconds(check, "grace").unwrap_or_default();
        rows.push(vec![state, name, every(check), grace, last, tags, uuid]);
    }
    table(&rows)
}

/// One check, a line for each of its fields, and its last pings if the answer has them.
pub(super) fn one(check: &Value, now: Timestamp) -> String {
    let when = |name: &str| {
        let at = check[name].as_str();
        at.map_or_else(|| "-".into(), |text| format!("{}, {}", ago(at, now), local(text)))
    };
    let zone = check["tz"].as_str().map_or_else(String::new, |zone| format!(" ({})", plain(zone)));
    let lines = [
        ("name", cell(check, "name")),
        ("description", cell(check, "desc")),
        ("tags", cell(check, "tags")),
        ("state", cell(check, "status")),
        ("every", every(check) + &zone),
        ("grace", seconds(check, "grace").unwrap_or_default()),
        ("last ping", when("last_ping")),
        ("next ping", when("next_ping")),
        ("last run", seconds(check, "last_duration").unwrap_or_else(|| "-".into())),
        ("pings", check["n_pings"].as_u64().unwrap_or_default().to_string()),
        ("slug", cell(check, "slug")),
        ("uuid", cell(check, "uuid")),
        ("ping URL", cell(check, "ping_url")),
    ];
    let mut text = String::new();
    for (name, value) in lines.iter().filter(|(_, value)| value != "-") {
        let _ = writeln!(text, "{name:<12} {value}");
    }
    for word in check["last_words"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "{:<12} {}", "last words", plain(word.as_str().unwrap_or_default()));
    }
    let pings = check["pings"].as_array().map(Vec::as_slice).unwrap_or_default();
    if pings.is_empty() {
        return text;
    }
    let mut rows = vec![["", "PING", "WHEN", "RUN", "FROM"].map(str::to_owned).to_vec()];
    for ping in pings.iter().take(PINGS) {
        let run = ping["duration"].as_f64().map_or_else(|| "-".into(), |s| format!("{s:.1}s"));
        let when = ago(ping["date"].as_str(), now);
        let n = ping["n"].as_u64().unwrap_or_default().to_string();
        rows.push(vec![n, cell(ping, "type"), when, run, cell(ping, "remote_addr")]);
    }
    text.push('\n');
    text + &table(&rows)
}
