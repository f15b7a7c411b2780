//! Every public promise has tests named after it, and they exist.
//!
//! `docs/promises.md` says which: a line `P4: first_test, second_test`, continued on indented
//! lines. Promises are those numbered in the README and the thirteen of the plan.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::Problem;
use crate::tree::Tree;

/// The file that lists the tests of each promise.
pub(super) const LIST: &str = "docs/promises.md";
const NUMBERS: std::ops::RangeInclusive<u32> = 1..=13;

/// Promises without a test and names of tests that do not exist; nothing when the list is absent.
pub(super) fn check(tree: &Tree, tests: &BTreeSet<String>) -> Vec<Problem> {
    let Some(text) = tree.text(LIST) else { return Vec::new() };
    let listed = parse(text);
    let mut problems = Vec::new();
    for number in NUMBERS.chain(tree.text("README.md").map(promised).unwrap_or_default()) {
        if listed.get(&number).is_none_or(|(_, names)| names.is_empty()) {
            let problem = Problem::new(LIST, 1, format!("promise P{number} names no test"));
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    for (number, (line, names)) in &listed {
        for name in names.iter().filter(|name| !tests.contains(*name)) {
            let what = format!("P{number} names `{name}`, and no test function is called that");
            problems.push(Problem::new(LIST, *line, what));
        }
    }
    problems
}

/// The promises with the line they begin on and the names of their tests.
fn parse(text: &str) -> BTreeMap<u32, (usize, Vec<String>)> {
    let mut promises: BTreeMap<u32, (usize, Vec<String>)> = BTreeMap::new();
    let mut open = None;
    for (index, line) in text.lines().enumerate() {
        let rest = if let Some((number, rest)) = opening(line) {
            promises.entry(number).or_insert((index + 1, Vec::new()));
            open = Some(number);
            rest
        } else if line.starts_with(' ') {
            line
        } else {
            open = None;
            continue;
        };
        let Some((_, names)) = open.and_then(|number| promises.get_mut(&number)) else { continue };
        let cleaned = rest.split(',').map(|name| name.trim().trim_matches('`').to_owned());
        names.extend(cleaned.filter(|name| !name.is_empty()));
    }
    promises
}

/// The number and the rest of a line like `- **P4**: rest`.
fn opening(line: &str) -> Option<(u32, &str)> {
    let (head, rest) = line.split_once(':')?;
    let number = head.trim_matches(['-', '*', ' ']).strip_prefix('P')?.parse().ok()?;
    Some((number, rest.trim_start_matches('*')))
}

/// The numbers written in bold in the README: `**P4`.
fn promised(readme: &str) -> Vec<u32> {
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    readme.split("**P").skip(1).filter_map(|rest| digits(rest).parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_but(missing: u32, extra: &str) -> String {
        let line = |number| format!("P{number}: `one`, two\n");
        NUMBERS.filter(|&number| number != missing).map(line).collect::<String>() + extra
    }

    fn check_with(list: &str, readme: &str) -> Vec<String> {
        let tree = Tree::sample(&[(LIST, list), ("README.md", readme)]);
        let tests = ["one", "two", "three"].map(str::to_owned).into();
        check(&tree, &tests).into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn a_promise_without_tests_is_a_problem() {
        assert_eq!(check_with(&all_but(0, ""), ""), [""; 0]);
        assert_eq!(check_with(&all_but(4, ""), ""), ["promise P4 names no test"]);
        assert_eq!(check_with(&all_but(4, "P4:\n"), ""), ["promise P4 names no test"]);
        assert_eq!(check_with(&all_but(0, ""), "- **P14 New.**"), ["promise P14 names no test"]);
    }

    #[test]
    fn a_test_that_does_not_exist_is_a_problem() {
        let found =
            check_with(&all_but(4, "- **P4**: three,\n  gone\nNothing here, either.\n"), "");
        assert_eq!(found, ["P4 names `gone`, and no test function is called that"]);
    }

    #[test]
    fn an_absent_list_is_skipped() {
        assert_eq!(check(&Tree::sample(&[]), &BTreeSet::new()), []);
    }
}
