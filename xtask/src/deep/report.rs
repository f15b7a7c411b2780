//! The results of deep steps, appended to a table that can be pasted into the documents.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use crate::line::Line;

const FILE: &str = "target/deep/report.md";
const HEAD: &str = "| step | result | duration | date (UTC) | command |\n|---|---|---|---|---|\n";

/// How one step ended.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) step: &'static str,
    pub(super) result: Verdict,
    pub(super) took: Duration,
    pub(super) command: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Green,
    Red(String),
    /// Not run, because of what is missing.
    NotRun(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Green => f.write_str("green"),
            Self::Red(why) => write!(f, "RED: {why}"),
            Self::NotRun(why) => write!(f, "NOT RUN: {why}"),
        }
    }
}

/// One row of the table.
fn row(outcome: &Outcome, date: &str) -> String {
    let plain = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    format!(
        "| {} | {} | {:.0} s | {date} | `{}` |\n",
        outcome.step,
        plain(&outcome.result.to_string()),
        outcome.took.as_secs_f64(),
        plain(&outcome.command),
    )
}

/// Adds a row to the report, which is begun with its head if there is none.
pub(super) fn append(root: &Path, outcome: &Outcome) -> io::Result<()> {
    let file = root.join(FILE);
    std::fs::create_dir_all(root.join("target/deep"))?;
    let mut report = OpenOptions::new().create(true).append(true).open(file)?;
    if report.metadata()?.len() == 0 {
        report.write_all(HEAD.as_bytes())?;
    }
    report.write_all(row(outcome, &today(root)?).as_bytes())
}

fn today(root: &Path) -> io::Result<String> {
    let date = Line::of("date -u +%Y-%m-%d").output(root);
    date.map(|date| date.trim().to_owned()).ok_or_else(|| io::Error::other("`date` does not work"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_step_result_duration_date_and_command() {
        let outcome = Outcome {
            step: "musl",
            result: Verdict::NotRun("a|b\nc".to_owned()),
            took: Duration::from_millis(1600),
            command: "cargo test".to_owned(),
        };
        let expected = "| musl | NOT RUN: a\\|b c | 2 s | 2030-01-02 | `cargo test` |\n";
        assert_eq!(row(&outcome, "2030-01-02"), expected);
    }
}
