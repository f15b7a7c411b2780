//! `procession status`: what the page shows, in a terminal and as JSON.
//!
//! In: the monitor's `/api/status`. Out: counts, incidents and checks, those with a problem first.
//! Always: with `--exit-code`, 0 is all well, 1 a problem, 2 no answer.

use crate::output::{print, say};
use crate::reach::Reach;
use crate::text::{plain, table};
use crate::times::{about, ago, local};
use clap::Args;
use jiff::Timestamp;
use serde_json::Value;
use std::error::Error;
use std::fmt::Write;
use std::process::ExitCode;

/// What is to be shown.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    reach: Reach,
    /// Only checks with this in their host, name, tags or state
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
    /// Most checks shown
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    limit: usize,
    /// The monitor's own JSON
    #[arg(long)]
    json: bool,
    /// Exit with 1 if a check that --filter means is down or degraded, or has an open incident
    #[arg(long)]
    exit_code: bool,
}

/// Shows it.
pub(crate) fn show(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let filter = encoded(&options.filter);
    let path = format!("/api/status?limit={}&filter={filter}", options.limit);
    let status = options.reach.json("GET", &path, None)?;
    if options.json {
        say!("{status:#}")?;
    } else {
        print(&picture(&status))?;
    }
    let ill = options.exit_code && is_ill(&status, !options.filter.is_empty());
    Ok(if ill { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Whether one of the checks has a problem that are meant, beyond the limit too. A trouble of the
/// monitor's own counts where no filter chooses checks.
fn is_ill(status: &Value, is_filtered: bool) -> bool {
    let count = |state: &str| status["counts_meant"][state].as_u64().unwrap_or_default();
    let counts = |incident: &Value| !is_filtered || incident["subject"]["about"] != "monitor";
    let incidents = status["incidents"].as_array().is_some_and(|all| all.iter().any(counts));
    let database = !is_filtered && !status["database"].is_null();
    incidents || count("down") + count("degraded") > 0 || database
}

/// What is shown of a status. Spans are from the monitor's clock, moments in the reader's zone.
pub(crate) fn picture(status: &Value) -> String {
    let mut text = String::new();
    let now = status["now"].as_str().and_then(|now| now.parse().ok());
    let now = now.unwrap_or_else(Timestamp::now);
    let _ = writeln!(text, "{}", counts(status));
    if let Some(why) = status["database"].as_str() {
        let _ = writeln!(text, "the monitor cannot write its database: {}", plain(why));
    }
    if let (Some(from), Some(to)) =
        (status["blind"]["from"].as_str(), status["blind"]["to"].as_str())
    {
        let (from, to) = (local(from), local(to));
        let _ = writeln!(text, "the monitor was last blind from {from} to {to}");
    }
    for incident in status["incidents"].as_array().into_iter().flatten() {
        let since = incident["opened"].as_str();
        let words = plain(incident["words"].as_str().unwrap_or_default());
        let (at, ago) = (since.map_or_else(String::new, local), ago(since, now));
        let _ = writeln!(text, "incident since {at}, {ago}: {words}");
    }
    let checks = status["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    if checks.is_empty() {
        return text;
    }
    let head = ["STATE", "HOST", "NAME", "SINCE", "LAST HEARD", "KNOWN WITHIN", "PROBLEM"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(checks.iter().flat_map(|check| rows(check, now)));
    text.push('\n');
    text.push_str(&table(&lines));
    let meant = status["checks_meant"].as_u64().unwrap_or_default();
    let shown = u64::try_from(checks.len()).unwrap_or_default();
    if meant > shown {
        let _ = writeln!(text, "… and {} more: --limit, --filter", meant - shown);
    }
    text
}

/// The checks that are meant, by their states, and of how many they are chosen.
fn counts(status: &Value) -> String {
    let of = |name: &str| status[name].as_object().into_iter().flatten();
    let total = |name: &str| of(name).filter_map(|(_, count)| count.as_u64()).sum::<u64>();
    let meant: Vec<String> =
        of("counts_meant").map(|(state, count)| format!("{count} {state}")).collect();
    let all = total("counts");
    match meant.join(", ") {
        _ if all == 0 => "no checks yet".into(),
        meant if total("counts_meant") == all => meant,
        meant if meant.is_empty() => format!("none of {all} checks"),
        meant => format!("{meant} of {all} checks"),
    }
}

/// The line of a check, and below its problem the last words of a program that is dead.
fn rows(check: &Value, now: Timestamp) -> Vec<Vec<String>> {
    let cell = |name: &str| match &check[name] {
        Value::String(text) if !text.is_empty() => plain(text),
        _ => "-".to_owned(),
    };
    let when = |name: &str| ago(check[name].as_str(), now);
    let within = check["known_within_ms"].as_u64().map_or_else(|| "-".into(), about);
    // A check that is pinged has no host of its own.
    let host = if check["heartbeat"] == true { cell("host") } else { "-".into() };
    let problem = check["problem"].as_str().map_or_else(String::new, plain);
    let line =
        vec![cell("state"), host, cell("name"), when("since"), when("last"), within, problem];
    let words = check["last_words"].as_array().into_iter().flatten();
    let words = words.map(|word| plain(word.as_str().unwrap_or_default()));
    let below = |word: String| [vec![String::new(); line.len() - 1], vec![word]].concat();
    let below: Vec<Vec<String>> = words.map(below).collect();
    [vec![line], below].concat()
}

/// A text as a part of a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut query = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            query.push(char::from(byte));
        } else {
            let _ = write!(query, "%{byte:02X}");
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_problem_is_ill_and_what_a_beat_says_cannot_move_the_cursor() {
        let check = json!({ "state": "down", "host": "h", "name": "n", "heartbeat": true,
            "since": "2026-11-25T13:00:00+00:00", "last": null, "known_within_ms": null,
            "problem": "failed: \u{1b}[2J", "last_words": ["disk \u{1b}[2J", "full"] });
        let status = json!({ "now": "2026-11-25T13:05:19+00:00", "counts": { "down": 2 },
            "counts_meant": { "down": 2 }, "incidents": [], "database": null,
            "checks": [check], "checks_meant": 2 });
        assert!(is_ill(&status, false) && is_ill(&status, true));
        let picture = picture(&status);
        let lines: Vec<&str> = picture.lines().collect();
        let (row, column) = (lines[3], lines[2].find("PROBLEM").expect("a column"));
        let cells: Vec<&str> = row.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect();
        assert_eq!(cells, ["down", "h", "n", "5m 19s ago", "-", "-", "failed: \u{fffd}[2J"]);
        assert_eq!(lines[5], format!("{}full", " ".repeat(column)));
        assert!(picture.contains("and 1 more"), "{picture}");
        assert!(!picture.contains('\u{1b}'), "{picture:?}");
        let mut well = json!({ "counts_meant": { "up": 3 }, "incidents": [], "database": null });
        assert!(!is_ill(&well, false));
        well["incidents"] = json!([{ "subject": { "about": "monitor" } }]);
        assert!(is_ill(&well, false) && !is_ill(&well, true));
    }

    #[test]
    fn the_counts_are_of_what_is_meant_and_a_ping_has_no_host() {
        let of = |meant: Value| counts(&json!({ "counts": { "up": 3 }, "counts_meant": meant }));
        assert_eq!(of(json!({ "up": 3 })), "3 up");
        assert_eq!(of(json!({ "up": 1 })), "1 up of 3 checks");
        assert_eq!(of(json!({})), "none of 3 checks");
        let ping = json!({ "state": "up", "host": "9cddabd4", "name": "n", "heartbeat": false,
            "known_within_ms": 103_753_000 });
        let row = &rows(&ping, Timestamp::now())[0];
        assert_eq!((row[1].as_str(), row[5].as_str()), ("-", "1d 4h"));
    }

    #[test]
    fn a_filter_is_sent_as_it_was_given() {
        assert_eq!(encoded("a b&c=d/ü"), "a%20b%26c%3Dd%2F%C3%BC");
    }
}
