//! The files of a directory: what the examples work on.

use std::fs;
use std::path::{Path, PathBuf};

/// The directory that the last command line argument names; else documentation, of which every
/// Debian has at least the copyright files; else, in the smallest images, the configuration.
pub(crate) fn directory() -> PathBuf {
    let documentation = Path::new("/usr/share/doc");
    match std::env::args_os().nth(1) {
        Some(named) => named.into(),
        None if documentation.is_dir() => documentation.to_owned(),
        None => "/etc".into(),
    }
}

/// All regular files below a directory, sorted. Links are not followed, so nothing is met twice
/// and no walk is endless; a directory that cannot be read is listed like a file, so that whoever
/// reads the files meets the same error.
pub(crate) fn files(directory: PathBuf) -> Vec<PathBuf> {
    let (mut files, mut directories) = (Vec::new(), vec![directory]);
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            files.push(directory);
            continue;
        };
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => directories.push(entry.path()),
                Ok(kind) if kind.is_file() => files.push(entry.path()),
                // Links, pipes, sockets and devices; or it is gone by now.
                Ok(_) | Err(_) => {}
            }
        }
    }
    files.sort_unstable();
    files
}
