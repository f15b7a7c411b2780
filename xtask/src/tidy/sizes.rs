//! Files and functions that are too long to hold in one's head; warnings, not errors.

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn};

use crate::problem::Problem;
use crate::sources::Sources;
use crate::tree::Tree;

/// Lines of a file, blank ones and comments included.
const FILE_LINES: usize = 400;
/// Lines of a function from `fn` to its closing brace.
const FUNCTION_LINES: usize = 70;

pub(super) fn check(tree: &Tree, sources: &Sources) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.ending_in(".rs") {
        let lines = text.lines().count();
        if lines > FILE_LINES {
            let what = format!("{lines} lines in one file; more than {FILE_LINES} is two rooms");
            problems.push(Problem::new(path, 1, what));
        }
    }
    for (path, file) in sources {
        Reader { path, problems: &mut problems }.visit_file(file);
    }
    problems
}

struct Reader<'p> {
    path: &'p str,
    problems: &'p mut Vec<Problem>,
}

impl Reader<'_> {
    fn measure(&mut self, signature: &Signature, body: &Block) {
        let line = |span: Span| span.start().line;
        let first = line(signature.fn_token.span);
        let lines = line(body.brace_token.span.close()) + 1 - first;
        if lines > FUNCTION_LINES {
            let what =
                format!("`{}` has {lines} lines, more than {FUNCTION_LINES}", signature.ident);
            self.problems.push(Problem::new(self.path, first, what));
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(body) = &function.default {
            self.measure(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources;

    fn lines_of(text: &str) -> Vec<usize> {
        let tree = Tree::sample(&[("a.rs", text)]);
        check(&tree, &sources::parse(&tree).0).into_iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn a_function_of_seventy_lines_fits_and_one_more_does_not() {
        let body = |lines: usize| format!("\nimpl X {{ fn f() {{{}}} }}\n", "\n".repeat(lines - 1));
        assert_eq!(lines_of(&body(70)), []);
        assert_eq!(lines_of(&body(71)), [2]);
    }

    #[test]
    fn a_file_of_four_hundred_lines_fits_and_one_more_does_not() {
        assert_eq!(lines_of(&"\n".repeat(400)), []);
        assert_eq!(lines_of(&"\n".repeat(401)), [1]);
    }
}
