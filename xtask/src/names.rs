//! The names of all test functions, for documents that promise a test by its name.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ItemFn, Macro};

use crate::sources::Sources;

/// Names of the functions marked as tests (`#[test]`, `#[x::test]`), also inside of macros.
pub(crate) fn test_functions(sources: &Sources) -> BTreeSet<String> {
    let mut reader = Reader(BTreeSet::new());
    for file in sources.values() {
        reader.visit_file(file);
    }
    reader.0
}

struct Reader(BTreeSet<String>);

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if function.attrs.iter().any(marks_a_test) {
            self.0.insert(function.sig.ident.to_string());
        }
        visit::visit_item_fn(self, function);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.read_tokens(call.tokens.clone());
    }
}

impl Reader {
    /// A macro's body has no syntax yet: a test in it is `#[test]` and the next `fn name`.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let mut marked = false;
        let mut after_fn = false;
        for token in tokens {
            match token {
                TokenTree::Ident(word) if word == "fn" => after_fn = true,
                TokenTree::Ident(word) if after_fn => {
                    if marked {
                        self.0.insert(word.to_string());
                    }
                    (marked, after_fn) = (false, false);
                }
                TokenTree::Group(group) => {
                    marked |= group.stream().to_string() == "test";
                    self.read_tokens(group.stream());
                }
                _ => {}
            }
        }
    }
}

fn marks_a_test(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "test")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::sample;

    #[test]
    fn only_functions_marked_as_tests_are_tests() {
        let text =
            "fn helper() {} #[test] fn plain() {} mod m { #[tokio::test] async fn other() {} }
                    proptest! { #[test] fn within(x in 0..9) { fn inner() {} } }";
        let names = test_functions(&sample(&[("a.rs", text)]));
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["other", "plain", "within"]);
    }
}
