//! Every public promise has tests named after it, and they exist.
//!
//! `docs/promises.md` says which: a line `P4: first_test, second_test`, continued on indented
//! lines. Promises are those that the README lists by number; one that it only speaks of, as of
//! something still to come, is none yet.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::Problem;
use crate::tree::Tree;

/// The file that lists the tests of each promise.
pub(super) const LIST: &str = "docs/promises.md";

/// Promises without a test and names of tests that do not exist; nothing when the list is absent.
pub(super) fn check(tree: &Tree, tests: &BTreeSet<String>) -> Vec<Problem> {
    let Some(text) = tree.text(LIST) else { return Vec::new() };
    let listed = parse(text);
    let mut problems = Vec::new();
    for number in tree.text("README.md").map(promised).unwrap_or_default() {
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

/// The numbers in bold with which items of the README's lists begin: `- **P4 `.
fn promised(readme: &str) -> Vec<u32> {
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    let items = readme.lines().filter_map(|line| line.trim_start().strip_prefix("- **P"));
    items.filter_map(|rest| digits(rest).parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str =
        "- **P1 One.** It holds.\n- **P2 Two.** So does it.\nNot yet: **P3 Three**.";

    fn check_with(list: &str, readme: &str) -> Vec<String> {
        let tree = Tree::sample(&[(LIST, list), ("README.md", readme)]);
        let tests = ["one", "two", "three"].map(str::to_owned).into();
        check(&tree, &tests).into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn a_promise_without_tests_is_a_problem() {
        assert_eq!(check_with("P1: `one`, two\nP2: three\n", README), [""; 0]);
        assert_eq!(check_with("P2: three\n", README), ["promise P1 names no test"]);
        assert_eq!(check_with("P1:\nP2: three\n", README), ["promise P1 names no test"]);
    }

    #[test]
    fn a_test_that_does_not_exist_is_a_problem() {
        let list = "P1: one\n- **P2**: three,\n  gone\nNothing here, either.\n";
        let expected = ["P2 names `gone`, and no test function is called that"];
        assert_eq!(check_with(list, README), expected);
    }

    #[test]
    fn an_absent_list_is_skipped() {
        assert_eq!(check(&Tree::sample(&[]), &BTreeSet::new()), []);
    }
}
