//! The files of the project, read into memory once, so that every rule is a pure function.
//!
//! What comes in: the folder of the repository, or a small sample in a test. What goes out:
//! paths and texts. Files that git ignores are never in a tree.

use std::collections::BTreeMap;
use std::path::Path;

use crate::line::Line;

/// Paths relative to the repository, with the text of each file that is text.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, Option<String>>,
}

impl Tree {
    /// Reads all files that git tracks or would track.
    ///
    /// # Errors
    ///
    /// When git cannot list the files of `root` or one of them cannot be read.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        // Whose files they are does not matter for reading them.
        let listing = Line::of("git -c safe.directory=* -c core.quotePath=off ls-files")
            .args(["--cached", "--others", "--exclude-standard"])
            .output(root)
            .ok_or_else(|| format!("git cannot list the files of {}", root.display()))?;
        let mut files = BTreeMap::new();
        for path in listing.lines() {
            match std::fs::read(root.join(path)) {
                Ok(bytes) => files.insert(path.to_owned(), String::from_utf8(bytes).ok()),
                // Listed by git, deleted in the working tree.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => return Err(format!("cannot read {path}: {error}")),
            };
        }
        Ok(Self { files })
    }

    /// A tree made of the given paths and texts.
    #[cfg(test)]
    pub(crate) fn sample(files: &[(&str, &str)]) -> Self {
        let own = |(path, text): &(&str, &str)| ((*path).to_owned(), Some((*text).to_owned()));
        Self { files: files.iter().map(own).collect() }
    }

    /// Path and text of every text file, in the order of their paths.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// Path and text of every file whose name ends in `ending`.
    pub(crate) fn ending_in(&self, ending: &str) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(move |(path, _)| path.ends_with(ending))
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Whether `path` is a file, or a folder with a file in it; the empty path is the repository.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty()
            || self.files.contains_key(path)
            || self.files.keys().any(|file| file.starts_with(&folder))
    }
}
