//! Every Rust file opens with a `//!` comment: what it is for.

use crate::problem::Problem;
use crate::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    tree.ending_in(".rs")
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| Problem::new(path, 1, "open this file with a `//!` comment"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_opening_comment_is_a_problem() {
        let tree = Tree::sample(&[
            ("crates/a/src/good.rs", "//! What it is for.\nfn f() {}\n"),
            ("crates/a/src/bare.rs", "fn f() {}\n"),
            ("tests/late.rs", "use std::io;\n//! Too late.\n"),
            ("README.md", "no Rust"),
        ]);
        let paths: Vec<_> = check(&tree).into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, ["crates/a/src/bare.rs", "tests/late.rs"]);
    }
}
