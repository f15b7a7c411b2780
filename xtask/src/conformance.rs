//! `cargo xtask conformance`: what docs/conformance.md claims, counted, and checked.
//!
//! The document is a table for each part: an ID, a behaviour, a status, and what shows it. A row
//! that is `shown` names its tests in backticks; a row that is `by construction` or `differs`
//! gives its reason, and may name tests in backticks after the words "shown by"; a row that is
//! `missing` says nothing more.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::problem::Problem;
use crate::tree::Tree;
use crate::{names, sources};

const DOCUMENT: &str = "docs/conformance.md";
const STATUSES: [&str; 4] = ["shown", "by construction", "differs", "missing"];

/// One row of the document.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    part: String,
    line: usize,
    id: String,
    behaviour: String,
    status: String,
    /// The last column, without its markup.
    evidence: String,
    tests: Vec<String>,
}

/// Prints counts and rows by part and status.
///
/// # Errors
///
/// When the document cannot be read, or a row claims what is not so.
pub(crate) fn run(root: &Path) -> Result<(), Box<dyn Error>> {
    let (rows, problems) = read(root)?;
    print!("{}", report(&rows));
    for problem in &problems {
        println!("{problem}");
    }
    match problems.len() {
        0 => Ok(()),
        count => Err(format!("conformance: {count} row(s) claim what is not so").into()),
    }
}

/// The rows of the repository's document, and what is wrong with them.
fn read(root: &Path) -> Result<(Vec<Row>, Vec<Problem>), Box<dyn Error>> {
    let tree = Tree::read(root)?;
    let text = tree.text(DOCUMENT).ok_or_else(|| format!("{DOCUMENT} is absent"))?;
    let rows = parse(text)?;
    let problems = check(&rows, &names::test_functions(&sources::parse(&tree).0));
    Ok((rows, problems))
}

/// Reads the tables under the headings of the second level.
fn parse(text: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let (mut part, mut in_heading) = (String::new(), false);
    // The text of each cell of the row being read, and the code in its last cell.
    let (mut cells, mut tests) = (Vec::<String>::new(), Vec::new());
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level: HeadingLevel::H2, .. }) => {
                (part, in_heading) = (String::new(), true);
            }
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::Start(Tag::TableCell) => {
                cells.push(String::new());
                tests.clear();
            }
            Event::End(TagEnd::TableHead) => cells.clear(),
            // The legend stands before the parts.
            Event::End(TagEnd::TableRow) if part.is_empty() => cells.clear(),
            Event::End(TagEnd::TableRow) => {
                let line = text[..range.start].matches('\n').count() + 1;
                let read = <[String; 4]>::try_from(std::mem::take(&mut cells));
                let [id, behaviour, status, evidence] =
                    read.map_err(|_| format!("{DOCUMENT}:{line}: a row has four columns"))?;
                let tests = std::mem::take(&mut tests);
                let part = part.clone();
                rows.push(Row { part, line, id, behaviour, status, evidence, tests });
            }
            Event::Text(text) if in_heading => part.push_str(&text),
            Event::Text(text) => {
                if let Some(cell) = cells.last_mut() {
                    cell.push_str(&text);
                }
            }
            Event::Code(code) => {
                if names_a_test(&cells) {
                    tests.push(code.rsplit("::").next().unwrap_or(&code).to_owned());
                }
                if let Some(cell) = cells.last_mut() {
                    cell.push_str(&code);
                }
            }
            _ => {}
        }
    }
    Ok(rows)
}

/// Whether code that follows these cells is the name of a test.
fn names_a_test(cells: &[String]) -> bool {
    match cells {
        [_, _, status, evidence] => status == "shown" || evidence.contains("shown by"),
        _ => false,
    }
}

/// Rows that claim what is not so.
fn check(rows: &[Row], tests: &BTreeSet<String>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for row in rows {
        let mut wrong = |what: String| problems.push(Problem::new(DOCUMENT, row.line, what));
        let id = &row.id;
        if !seen.insert(id) {
            wrong(format!("{id} has a second row"));
        }
        match row.status.as_str() {
            "shown" if row.tests.is_empty() => wrong(format!("{id} is shown, but by no test")),
            "by construction" | "differs" if row.evidence.is_empty() => {
                wrong(format!("{id} gives no reason"));
            }
            "missing" if !row.evidence.is_empty() => {
                wrong(format!("{id} is missing, so its last column must be empty"));
            }
            status if !STATUSES.contains(&status) => {
                wrong(format!("{id} has the unknown status `{status}`"));
            }
            _ => {}
        }
        for test in row.tests.iter().filter(|test| !tests.contains(*test)) {
            wrong(format!("{id} names `{test}`, and no test function is called that"));
        }
    }
    problems
}

fn report(rows: &[Row]) -> String {
    let mut lines = Vec::new();
    let parts: Vec<(&str, Vec<&Row>)> = rows
        .chunk_by(|one, next| one.part == next.part)
        .map(|rows| (rows[0].part.as_str(), rows.iter().collect()))
        .collect();
    let count = |rows: &[&Row], status| rows.iter().filter(|row| row.status == status).count();
    let counts = |rows: &[&Row]| STATUSES.map(|status| format!("{} {status}", count(rows, status)));
    for (part, rows) in &parts {
        lines.push(format!("{part} ({} rows)", rows.len()));
        for status in STATUSES {
            let rows = rows.iter().filter(|row| row.status == status);
            lines.extend(rows.map(|row| format!("  {status:<15}  {}  {}", row.id, row.behaviour)));
        }
        lines.push(String::new());
    }
    for (part, rows) in &parts {
        lines.push(format!("{part:<14} {:>3} rows: {}", rows.len(), counts(rows).join(", ")));
    }
    let all: Vec<&Row> = rows.iter().collect();
    lines.push(format!("{:<14} {:>3} rows: {}", "all", all.len(), counts(&all).join(", ")));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "\
# Title
| status | meaning |
|---|---|
| shown | a test shows it |
## Processes
| ID | behaviour | status | shown by / why |
|---|---|---|---|
| MP-001 | `join` ends | shown | `process::join_ends`, `it_ends` |
| MP-002 | no names | by construction | there is no `Name` here |
| MP-003 | signals | differs | killed, as std does; shown by `killed_by_sigint` |
## Pools
| ID | behaviour | status | shown by / why |
|---|---|---|---|
| CF-001 | submit | missing | |
";

    fn check_sample(change: (&str, &str)) -> Vec<String> {
        let tests = ["join_ends", "it_ends", "killed_by_sigint"].map(str::to_owned).into();
        let rows = parse(&SAMPLE.replace(change.0, change.1)).unwrap();
        check(&rows, &tests).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn rows_are_read_with_their_part_and_tests() {
        let rows = parse(SAMPLE).unwrap();
        assert_eq!(rows.len(), 4);
        assert_eq!((rows[0].line, rows[0].part.as_str()), (8, "Processes"));
        assert_eq!(rows[0].behaviour, "join ends");
        assert_eq!(rows[0].tests, ["join_ends", "it_ends"]);
        assert_eq!(rows[1].tests, [""; 0]);
        assert_eq!(rows[2].tests, ["killed_by_sigint"]);
        assert_eq!((rows[3].id.as_str(), rows[3].part.as_str()), ("CF-001", "Pools"));
    }

    #[test]
    fn a_true_document_has_no_problems() {
        assert_eq!(check_sample(("", "")), [""; 0]);
    }

    #[test]
    fn a_row_that_claims_what_is_not_so_is_a_problem() {
        for (change, what) in [
            (
                ("`it_ends`", "`gone`"),
                "8: MP-001 names `gone`, and no test function is called that",
            ),
            (
                ("`killed_by_sigint`", "`x`"),
                "10: MP-003 names `x`, and no test function is called that",
            ),
            (("`process::join_ends`, `it_ends`", ""), "8: MP-001 is shown, but by no test"),
            (("there is no `Name` here", ""), "9: MP-002 gives no reason"),
            (
                ("| missing | |", "| missing | soon |"),
                "14: CF-001 is missing, so its last column must be empty",
            ),
            (("| missing |", "| planned |"), "14: CF-001 has the unknown status `planned`"),
            (("MP-002", "MP-001"), "9: MP-001 has a second row"),
        ] {
            assert_eq!(check_sample(change), [format!("{DOCUMENT}:{what}")]);
        }
    }

    #[test]
    fn rows_are_counted_by_part_and_status() {
        let report = report(&parse(SAMPLE).unwrap());
        assert!(report.contains("Processes (3 rows)\n  shown            MP-001  join ends\n"));
        let all = "all              4 rows: 1 shown, 1 by construction, 1 differs, 1 missing\n";
        assert!(report.ends_with(all), "{report}");
    }

    #[test]
    fn every_test_named_in_the_document_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let (rows, problems) = read(root).unwrap();
        assert!(!rows.is_empty());
        assert_eq!(problems, []);
    }
}
