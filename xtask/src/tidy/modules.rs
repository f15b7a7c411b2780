//! The modules of every crate, each with what it declares and what it mentions.
//!
//! Comes in: parsed sources. Goes out: one `Module` for each module of each crate, following
//! `mod` declarations from the crate's root; what only tests compile is left out.

use std::collections::BTreeSet;

use syn::visit::Visit;
use syn::{Expr, Item, ItemMod, Lit, Meta};

use super::body::Body;
use super::module::Module;
use crate::problem::Problem;
use crate::sources::Sources;

/// All modules of the crates in `crates/` and of `xtask`, and the files that belong to none.
pub(super) fn read(sources: &Sources) -> (Vec<Module>, Vec<Problem>) {
    let mut reader = Reader { sources, modules: Vec::new(), reached: BTreeSet::new() };
    let mut problems = Vec::new();
    for (path, file) in sources {
        if let Some((name, folder)) = root_of_crate(path) {
            reader.reached.insert(path.clone());
            problems.extend(reader.read(&file.items, &Place::new(name, path, folder)));
        }
    }
    for path in sources.keys().filter(|path| path.contains("/src/")) {
        let in_crate = path.starts_with("crates/") || path.starts_with("xtask/");
        if in_crate && !reader.reached.contains(path) {
            problems.push(Problem::new(path, 1, "no `mod` declares this file"));
        }
    }
    (reader.modules, problems)
}

/// The crate's name and source folder if `path` is the root of a crate.
fn root_of_crate(path: &str) -> Option<(String, &str)> {
    let (package, rest) = path.split_once("/src/")?;
    let package = package.strip_prefix("crates/").or((package == "xtask").then_some(package))?;
    let name = package.replace('-', "_");
    let folder = &path[..path.rfind('/')?];
    match rest {
        "lib.rs" => Some((name, folder)),
        // A program beside a library is a crate of its own.
        "main.rs" => Some((format!("{name}(main)"), folder)),
        _ => {
            let program = rest.strip_prefix("bin/")?.strip_suffix(".rs")?;
            (!program.contains('/')).then(|| (format!("{name}({program})"), folder))
        }
    }
}

/// Where the reader stands: a module, its file, and the folder of its children's files.
struct Place {
    name: String,
    file: String,
    folder: String,
    only_in_tests: bool,
}

impl Place {
    fn new(name: String, file: &str, folder: &str) -> Self {
        Self { name, file: file.to_owned(), folder: folder.to_owned(), only_in_tests: false }
    }
}

struct Reader<'s> {
    sources: &'s Sources,
    modules: Vec<Module>,
    reached: BTreeSet<String>,
}

impl Reader<'_> {
    /// Reads a module and those below it; returns the declarations whose file is missing.
    fn read(&mut self, items: &[Item], place: &Place) -> Vec<Problem> {
        let module =
            Module { name: place.name.clone(), file: place.file.clone(), ..Module::default() };
        let mut body = Body { module, declared: Vec::new(), all: place.only_in_tests };
        for item in items {
            body.visit_item(item);
        }
        if !place.only_in_tests {
            self.modules.push(body.module);
        }
        let mut problems = Vec::new();
        for (declared, only_in_tests) in body.declared {
            let child = declared.ident.to_string();
            let mut below = Place {
                name: format!("{}::{child}", place.name),
                file: place.file.clone(),
                folder: format!("{}/{child}", place.folder),
                only_in_tests: only_in_tests || place.only_in_tests,
            };
            if let Some((_, items)) = &declared.content {
                problems.extend(self.read(items, &below));
                continue;
            }
            let folder = &place.folder;
            let usual = [format!("{folder}/{child}.rs"), format!("{folder}/{child}/mod.rs")];
            let candidates =
                own_path(declared, &place.file).map_or(usual.to_vec(), |own| vec![own]);
            let found = candidates.into_iter().find(|path| self.sources.contains_key(path));
            if let Some(path) = found {
                let items = &self.sources[&path].items;
                self.reached.insert(path.clone());
                below.file = path;
                problems.extend(self.read(items, &below));
            } else {
                let line = declared.ident.span().start().line;
                let what = format!("no file is found for `mod {child};`");
                problems.push(Problem::new(&place.file, line, what));
            }
        }
        problems
    }
}

/// The file named by `#[path = "…"]`, relative to the folder of `file`.
fn own_path(declared: &ItemMod, file: &str) -> Option<String> {
    let attribute = declared.attrs.iter().find(|attribute| attribute.path().is_ident("path"))?;
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    let Expr::Lit(literal) = &pair.value else { return None };
    let Lit::Str(text) = &literal.lit else { return None };
    Some(format!("{}/{}", &file[..file.rfind('/')?], text.value()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::sample;

    #[test]
    fn modules_are_found_through_their_declarations() {
        let (modules, problems) = read(&sample(&[
            ("crates/a-b/src/lib.rs", "mod x; mod y; mod inline { mod z; }"),
            ("crates/a-b/src/main.rs", "mod own;"),
            ("crates/a-b/src/own.rs", ""),
            ("crates/a-b/src/x.rs", "mod deep;"),
            ("crates/a-b/src/x/deep.rs", ""),
            ("crates/a-b/src/y/mod.rs", "#[path = \"odd.rs\"] mod even;"),
            ("crates/a-b/src/y/odd.rs", ""),
            ("crates/a-b/src/inline/z.rs", "#[cfg(test)] mod tests;"),
            ("crates/a-b/src/inline/z/tests.rs", ""),
        ]));
        assert_eq!(problems, []);
        let names: Vec<_> = modules.iter().map(|module| module.name.as_str()).collect();
        let expected = [
            "a_b",
            "a_b::x",
            "a_b::x::deep",
            "a_b::y",
            "a_b::y::even",
            "a_b::inline",
            "a_b::inline::z",
            "a_b(main)",
            "a_b(main)::own",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_missing_file_and_a_file_that_nothing_declares_are_problems() {
        let (_, problems) =
            read(&sample(&[("crates/a/src/lib.rs", "mod gone;"), ("crates/a/src/stray.rs", "")]));
        let found: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let expected = [
            "crates/a/src/lib.rs:1: no file is found for `mod gone;`",
            "crates/a/src/stray.rs:1: no `mod` declares this file",
        ];
        assert_eq!(found, expected);
    }
}
