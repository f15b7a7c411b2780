//! The Rust files of a tree, parsed once for all rules that read syntax.

use std::collections::BTreeMap;

use crate::problem::Problem;
use crate::tree::Tree;

/// Path and syntax of every Rust file.
pub(crate) type Sources = BTreeMap<String, syn::File>;

/// Parses every Rust file; a file that does not parse is a problem and left out.
pub(crate) fn parse(tree: &Tree) -> (Sources, Vec<Problem>) {
    let mut sources = Sources::new();
    let mut problems = Vec::new();
    for (path, text) in tree.ending_in(".rs") {
        match syn::parse_file(text) {
            Ok(file) => {
                sources.insert(path.to_owned(), file);
            }
            Err(error) => {
                let line = error.span().start().line;
                problems.push(Problem::new(path, line, format!("this does not parse: {error}")));
            }
        }
    }
    (sources, problems)
}

/// The sources of a sample whose files all parse.
#[cfg(test)]
pub(crate) fn sample(files: &[(&str, &str)]) -> Sources {
    let (sources, problems) = parse(&Tree::sample(files));
    assert_eq!(problems, [], "the sample must parse");
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_parse_is_reported_with_its_line() {
        let (sources, problems) = parse(&Tree::sample(&[("a.rs", "fn f() {}\nfn g( {}\n")]));
        assert!(sources.is_empty());
        assert_eq!((problems[0].path.as_str(), problems[0].line), ("a.rs", 2));
    }
}
