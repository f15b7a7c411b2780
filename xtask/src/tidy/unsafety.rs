//! The keyword that switches off the compiler's checks stands in one crate only, and in what tests
//! do to themselves.
//!
//! The lints say so too; this rule also covers files and macros that no build here expands.

use proc_macro2::{TokenStream, TokenTree};

use crate::problem::Problem;
use crate::tree::Tree;

/// The folders in which the keyword may be written; the second is published nowhere.
const GROUNDS: [&str; 2] = ["crates/procession-sys/", "crates/hostile/"];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let allowed = |path: &str| GROUNDS.iter().any(|ground| path.starts_with(ground));
    for (path, text) in tree.ending_in(".rs").filter(|(path, _)| !allowed(path)) {
        // A file that does not parse is reported where the sources are parsed.
        if let Ok(tokens) = text.parse::<TokenStream>() {
            let mut lines = Vec::new();
            find(tokens, &mut lines);
            let problem = |line| Problem::new(path, line, "`unsafe` belongs in procession-sys");
            problems.extend(lines.into_iter().map(problem));
        }
    }
    problems
}

fn find(tokens: TokenStream, lines: &mut Vec<usize>) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) if word == "unsafe" => lines.push(word.span().start().line),
            TokenTree::Group(group) => find(group.stream(), lines),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyword_is_found_outside_the_ground_floor_also_in_macros_and_attributes() {
        let tree = Tree::sample(&[
            ("crates/procession-sys/src/fd.rs", "fn f() { unsafe { g() } }"),
            ("crates/a/src/block.rs", "\nfn f() { unsafe { g() } }"),
            ("crates/a/src/in_macro.rs", "macro_rules! m { () => { unsafe {} } }"),
            ("examples/attribute.rs", "#[unsafe(no_mangle)] fn f() {}"),
            ("tests/words.rs", "#![forbid(unsafe_code)] // unsafe\nconst WORD: &str = \"unsafe\";"),
        ]);
        let found: Vec<_> = check(&tree).into_iter().map(|p| (p.path, p.line)).collect();
        let expected = [
            ("crates/a/src/block.rs", 2),
            ("crates/a/src/in_macro.rs", 1),
            ("examples/attribute.rs", 1),
        ];
        assert_eq!(found, expected.map(|(path, line)| (path.to_owned(), line)));
    }
}
