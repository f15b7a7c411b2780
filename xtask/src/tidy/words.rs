//! Words that must not occur in any tracked file: places of one machine, and work left undone.

use crate::problem::Problem;
use crate::tree::Tree;

// Written in halves, so that this file keeps its own rule.
const WORDS: &[(&str, &str)] = &[
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("TO", "DO"), "do it, or say in the documentation what is not there"),
    (concat!("FIX", "ME"), "fix it, or say in the documentation what does not work"),
    (concat!("to", "do!"), "a stub is a defect"),
    (concat!("unimple", "mented!"), "a stub is a defect"),
];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.texts() {
        for (number, line) in text.lines().enumerate() {
            for (word, why) in WORDS.iter().filter(|(word, _)| contains(line, word)) {
                problems.push(Problem::new(path, number + 1, format!("`{word}`: {why}")));
            }
        }
    }
    problems
}

/// Whether `word` stands in `line` as a word of its own or as the beginning of a path.
fn contains(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let closed = !word.ends_with(char::is_alphanumeric) || !after.is_some_and(joins);
        !before.is_some_and(joins) && closed
    })
}

/// Whether a character continues a word or a path.
fn joins(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_forbidden_word_is_found_with_its_line() {
        for (word, _) in WORDS {
            let tree = Tree::sample(&[("docs/a.md", &format!("fine\nsee {word}x or ({word})\n"))]);
            let problems = check(&tree);
            assert_eq!(problems.len(), 1, "{word}");
            assert_eq!(problems[0].line, 2, "{word}");
        }
    }

    #[test]
    fn longer_words_and_relative_paths_are_fine() {
        let text = concat!("MASTO", "DON ./wo", "rk/x net", "wo", "rk/ my_to", "do!()");
        assert_eq!(check(&Tree::sample(&[("a.txt", text)])), []);
    }
}
