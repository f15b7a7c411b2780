//! `procession status`: what the page shows, in a terminal and as JSON.
//!
//! In: the monitor's `/api/status`. Out: counts, incidents and checks, those with a problem first.
//! Always: with `--exit-code`, 0 is all well, 1 a problem, 2 no answer.

use crate::output::{print, say};
use crate::reach::Reach;
use crate::text::{plain, table};
use clap::Args;
use serde_json::Value;
use std::error::Error;
use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

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

/// What is shown of a status.
pub(crate) fn picture(status: &Value) -> String {
    let mut text = String::new();
    let counts = status["counts_meant"].as_object();
    let counts = counts.into_iter().flatten().map(|(state, count)| format!("{count} {state}"));
    let counts = counts.collect::<Vec<_>>().join(", ");
    let counts = if counts.is_empty() { "no checks yet" } else { &counts };
    let _ = writeln!(text, "{counts}");
    if let Some(why) = status["database"].as_str() {
        let _ = writeln!(text, "the monitor cannot write its database: {}", plain(why));
    }
    if let (Some(from), Some(to)) =
        (status["blind"]["from"].as_str(), status["blind"]["to"].as_str())
    {
        let line = format!("the monitor was last blind from {from} to {to}");
        let _ = writeln!(text, "{}", plain(&line));
    }
    for incident in status["incidents"].as_array().into_iter().flatten() {
        let since = incident["opened"].as_str().unwrap_or_default();
        let words = incident["words"].as_str().unwrap_or_default();
        let _ = writeln!(text, "{}", plain(&format!("incident since {since}: {words}")));
    }
    let checks = status["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    if checks.is_empty() {
        return text;
    }
    let head = ["STATE", "HOST", "NAME", "SINCE", "LAST HEARD", "KNOWN WITHIN", "PROBLEM"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(checks.iter().map(row));
    text.push('\n');
    text.push_str(&table(&rows));
    let meant = status["checks_meant"].as_u64().unwrap_or_default();
    let shown = u64::try_from(checks.len()).unwrap_or_default();
    if meant > shown {
        let _ = writeln!(text, "… and {} more: --limit, --filter", meant - shown);
    }
    text
}

fn row(check: &Value) -> Vec<String> {
    let cell = |name: &str| match &check[name] {
        Value::String(text) if !text.is_empty() => plain(text),
        _ => "-".to_owned(),
    };
    let within = check["known_within_ms"].as_u64().map_or_else(|| "-".into(), span);
    let (state, problem) = (cell("state"), cell("problem"));
    let problem = if problem == "-" { String::new() } else { problem };
    vec![state, cell("host"), cell("name"), cell("since"), cell("last"), within, problem]
}

/// Milliseconds for a person, in whole seconds.
pub(crate) fn span(ms: u64) -> String {
    humantime::format_duration(Duration::from_secs(ms.div_ceil(1_000))).to_string()
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
        let check = json!({ "state": "down", "host": "h", "name": "n", "since": "s", "last": null,
            "known_within_ms": 363_000, "problem": "failed: \u{1b}[2J" });
        let status = json!({ "counts_meant": { "down": 1 }, "incidents": [], "database": null,
            "checks": [check], "checks_meant": 2 });
        assert!(is_ill(&status, false) && is_ill(&status, true));
        let picture = picture(&status);
        assert!(picture.contains("6m 3s") && picture.contains("and 1 more"), "{picture}");
        assert!(!picture.contains('\u{1b}'), "{picture:?}");
        let mut well = json!({ "counts_meant": { "up": 3 }, "incidents": [], "database": null });
        assert!(!is_ill(&well, false));
        well["incidents"] = json!([{ "subject": { "about": "monitor" } }]);
        assert!(is_ill(&well, false) && !is_ill(&well, true));
    }

    #[test]
    fn a_filter_is_sent_as_it_was_given() {
        assert_eq!(encoded("a b&c=d/ü"), "a%20b%26c%3Dd%2F%C3%BC");
    }
}
