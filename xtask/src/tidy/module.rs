//! What is known of one module before its names are resolved: plain data.

use std::collections::{BTreeMap, BTreeSet};

/// A module, its names not yet resolved.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// Crate and modules: `procession::process::plan`.
    pub(super) name: String,
    pub(super) file: String,
    /// Names of the modules declared in it.
    pub(super) children: BTreeSet<String>,
    /// Names that `use` brings in, each with the path it stands for.
    pub(super) bindings: BTreeMap<String, Vec<String>>,
    /// Paths whose every name is brought in by `use path::*`.
    pub(super) globs: Vec<Vec<String>>,
    /// Names of the items defined in it.
    pub(super) items: BTreeSet<String>,
    /// Names of the macros defined in it and exported from the crate's root.
    pub(super) macros: BTreeSet<String>,
    pub(super) mentions: Vec<Mention>,
}

/// A path written in a module.
#[derive(Debug, Clone)]
pub(super) struct Mention {
    pub(super) path: Vec<String>,
    pub(super) line: usize,
    pub(super) how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// `use path`, or the path in code.
    Use,
    /// `pub use path`, with any visibility.
    ReExport,
    /// `use path::*`.
    Glob,
    /// `pub use path::*`.
    ReExportGlob,
}
