//! From paths as they are written to arrows between modules.
//!
//! A name that a module only re-exports stands for the module that defines it, so a caption
//! (`mod.rs`, `lib.rs`) gets arrows only for what it defines itself.

use std::collections::{BTreeMap, BTreeSet};

use super::module::{How, Mention, Module};

/// One module uses another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arrow {
    /// `crate::module`, with the crate's name for `crate`.
    pub(super) from: String,
    /// The same; only the crate's name when it points into another crate.
    pub(super) to: String,
    pub(super) file: String,
    pub(super) line: usize,
}

/// How many `use` a name is followed through.
const DEPTH: usize = 32;

/// All arrows between modules of one crate, and those from a module into one of `crates`.
///
/// Not counted: a module's arrow to itself, and the re-export of what stands below it.
pub(super) fn arrows(modules: &[Module], crates: &[&str]) -> Vec<Arrow> {
    let plan = Plan {
        modules: modules.iter().map(|module| (module.name.as_str(), module)).collect(),
        crates: crates.iter().map(|package| package.replace('-', "_")).collect(),
    };
    let mut arrows = BTreeSet::new();
    for module in modules {
        for mention in &module.mentions {
            for to in plan.targets(module, mention) {
                let re_export = matches!(mention.how, How::ReExport | How::ReExportGlob);
                let below = to.starts_with(&format!("{}::", module.name));
                if to != module.name && !(re_export && below) {
                    arrows.insert(Arrow {
                        from: module.name.clone(),
                        to,
                        file: module.file.clone(),
                        line: mention.line,
                    });
                }
            }
        }
    }
    arrows.into_iter().collect()
}

struct Plan<'m> {
    modules: BTreeMap<&'m str, &'m Module>,
    crates: BTreeSet<String>,
}

impl<'m> Plan<'m> {
    fn targets(&self, module: &'m Module, mention: &Mention) -> Vec<String> {
        let Some(target) = self.resolve(module, &mention.path, DEPTH) else { return Vec::new() };
        let mut targets = vec![target.clone()];
        // A glob brings in everything that the module re-exports.
        if matches!(mention.how, How::Glob | How::ReExportGlob) {
            if let Some(source) = self.modules.get(target.as_str()) {
                let paths = source.bindings.values().chain(&source.globs);
                targets.extend(paths.filter_map(|path| self.resolve(source, path, DEPTH)));
            }
        }
        targets
    }

    /// The module that defines what `path` means in `module`, or a crate of ours; `None` for
    /// what is foreign or local.
    fn resolve(&self, module: &'m Module, path: &[String], depth: usize) -> Option<String> {
        let (first, rest) = path.split_first()?;
        let depth = depth.checked_sub(1)?;
        match first.as_str() {
            "crate" => self.walk(self.modules[module.name.split("::").next()?], rest, depth),
            "self" => self.walk(module, rest, depth),
            "super" => {
                let above = self.modules.get(module.name.rsplit_once("::")?.0)?;
                // `super::super` goes on upwards.
                match rest.first().map(String::as_str) {
                    Some("super") => self.resolve(above, rest, depth),
                    _ => self.walk(above, rest, depth),
                }
            }
            name => {
                if let Some(child) = self.child(module, name) {
                    return self.walk(child, rest, depth);
                }
                match module.bindings.get(name) {
                    // `use name;` and `use name as other;` name a crate.
                    Some(bound) if bound != path && bound.first() != Some(first) => {
                        let whole: Vec<String> = bound.iter().chain(rest).cloned().collect();
                        self.resolve(module, &whole, depth)
                    }
                    _ if self.crates.contains(name) => Some(name.to_owned()),
                    _ => {
                        let mut sources = self.globs(module, depth);
                        let source = sources.find(|source| self.offers(source, name, depth))?;
                        self.walk(source, path, depth)
                    }
                }
            }
        }
    }

    /// Follows `path` from `module` downwards, through what it re-exports.
    fn walk(&self, module: &'m Module, path: &[String], depth: usize) -> Option<String> {
        let Some((first, rest)) = path.split_first() else { return Some(module.name.clone()) };
        let depth = depth.checked_sub(1)?;
        if let Some(child) = self.child(module, first) {
            return self.walk(child, rest, depth);
        }
        if module.items.contains(first) {
            return Some(module.name.clone());
        }
        if let Some(bound) = module.bindings.get(first) {
            let whole: Vec<String> = bound.iter().chain(rest).cloned().collect();
            // A foreign name that this module brings in belongs to this module.
            return Some(self.resolve(module, &whole, depth).unwrap_or(module.name.clone()));
        }
        for source in self.globs(module, depth) {
            if self.offers(source, first, depth) {
                return self.walk(source, path, depth);
            }
        }
        Some(self.exported_macro(module, first).unwrap_or(module.name.clone()))
    }

    fn child(&self, module: &Module, name: &str) -> Option<&'m Module> {
        let declared = module.children.contains(name);
        declared.then(|| self.modules.get(format!("{}::{name}", module.name).as_str()).copied())?
    }

    /// Whether `name` can be found in `module`, directly or through its globs.
    fn offers(&self, module: &'m Module, name: &str, depth: usize) -> bool {
        let Some(depth) = depth.checked_sub(1) else { return false };
        module.items.contains(name)
            || module.children.contains(name)
            || module.bindings.contains_key(name)
            || self.globs(module, depth).any(|source| self.offers(source, name, depth))
    }

    /// The modules whose names `module` brings in with `*`.
    fn globs(&self, module: &'m Module, depth: usize) -> impl Iterator<Item = &'m Module> {
        let sources = module.globs.iter().filter_map(move |path| self.resolve(module, path, depth));
        sources.filter_map(|name| self.modules.get(name.as_str()).copied())
    }

    /// The module that defines the macro `name`, when `root` is a crate: exported macros are
    /// mentioned as if the root defined them.
    fn exported_macro(&self, root: &Module, name: &str) -> Option<String> {
        if root.name.contains("::") {
            return None;
        }
        let inside = format!("{}::", root.name);
        let mut defining = self.modules.values().filter(|module| module.macros.contains(name));
        let found = defining.find(|module| module.name.starts_with(&inside))?;
        Some(found.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::sample;
    use crate::tidy::modules;

    /// The arrows between the modules of a crate `a`, given as module and text.
    fn arrows_of(files: &[(&str, &str)]) -> Vec<String> {
        let path = |name: &str| format!("crates/a/src/{name}.rs");
        let files: Vec<_> = files.iter().map(|(name, text)| (path(name), *text)).collect();
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let (modules, problems) = modules::read(&sample(&files));
        assert_eq!(problems, []);
        let arrows = arrows(&modules, &["low-one", "a"]);
        let mut arrows: Vec<_> = arrows.iter().map(|a| format!("{} > {}", a.from, a.to)).collect();
        arrows.dedup();
        arrows
    }

    #[test]
    fn every_way_to_write_a_path_is_an_arrow() {
        for text in [
            "use crate::low::Low;",
            "use crate::{low::{self, Low}};",
            "use super::low::Low as Other;",
            "use super::*; fn f() { low::f() }",
            "use crate::low::*;",
            "fn f() { crate::low::f() }",
            "fn f(low: super::low::Low) {}",
            "fn f() { println!(\"{}\", crate::low::f()); }",
            "macro_rules! m { () => { use $crate::{low::Low}; } }",
            "use crate::low; fn f() { low::f() }",
            "fn f() { crate::exported!() }",
        ] {
            let low =
                "pub struct Low; pub fn f() {} #[macro_export] macro_rules! exported { () => {} }";
            let found = arrows_of(&[("lib", "mod low; mod high;"), ("low", low), ("high", text)]);
            assert!(found.contains(&"a::high > a::low".to_owned()), "{text}: {found:?}");
        }
    }

    #[test]
    fn a_re_exported_name_stands_for_the_module_that_defines_it() {
        let found = arrows_of(&[
            ("lib", "mod one; mod user; pub use one::{Plan, Running};"),
            ("one/mod", "mod plan; mod running; pub use plan::Plan; pub use self::running::*;"),
            ("one/plan", "pub struct Plan;"),
            ("one/running", "use super::Plan; pub struct Running(Plan);"),
            ("user", "use crate::one::Running; use crate::Plan;"),
        ]);
        let expected = [
            "a::one::running > a::one::plan",
            "a::user > a::one::plan",
            "a::user > a::one::running",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_only_tests_compile_is_no_arrow() {
        let found = arrows_of(&[
            ("lib", "mod low; mod high; #[cfg(test)] mod helper;"),
            ("high", "pub struct High;"),
            ("helper", "use crate::high::High;"),
            (
                "low",
                "#[cfg(test)] mod tests { use crate::high::High; }
                 #[cfg(all(test, unix))] use crate::high::High;
                 #[test] fn t() { crate::high::f() }
                 #[cfg(not(test))] fn f() {}",
            ),
        ]);
        assert_eq!(found, [""; 0]);
        let found = arrows_of(&[
            ("lib", "mod low; mod high;"),
            ("high", ""),
            ("low", "#[cfg(any(test, unix))] use crate::high::High;"),
        ]);
        assert_eq!(found, ["a::low > a::high"]);
    }

    #[test]
    fn other_crates_of_ours_are_arrows_and_foreign_ones_are_not() {
        let found = arrows_of(&[("lib", "use low_one::Fd; use serde::Serialize; use std::io;")]);
        assert_eq!(found, ["a > low_one"]);
    }

    #[test]
    fn names_that_lead_in_a_circle_end() {
        let found = arrows_of(&[
            ("lib", "mod x; mod y; pub use x::*;"),
            ("x", "pub use crate::y::*; pub use crate::y::Name;"),
            ("y", "pub use crate::x::*; pub use crate::x::Name; fn f() { crate::x::Gone::f() }"),
        ]);
        assert_eq!(found, ["a::x > a::y", "a::y > a::x"]);
    }
}
