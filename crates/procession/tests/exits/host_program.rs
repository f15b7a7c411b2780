//! Where the program under test lies.
//!
//! In: nothing. Out: the path of what `host.rs` became. What always holds: it is as new as its
//! sources.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The program of `host.rs`, which cargo builds with the tests, beside this one.
///
/// # Panics
/// Where it is not there, or older than its sources: then its answers would be of no use.
pub(crate) fn host_program() -> PathBuf {
    let test = std::env::current_exe().expect("/proc is mounted");
    let beside = test.parent().expect("a program lies in a directory");
    let is_host = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("exits_host-") && path.extension().is_none()
    };
    let files = std::fs::read_dir(beside).expect("it can be read").filter_map(Result::ok);
    let newest = files.map(|file| file.path()).filter(is_host).max_by_key(|path| changed(path));
    let program = newest.expect("exits_host is not built: cargo test -p procession --tests");
    let sources = std::fs::read_to_string(program.with_extension("d")).expect("cargo writes it");
    for source in sources.split_whitespace().filter(|word| !word.ends_with(':')) {
        let newer = changed(Path::new(source)) > changed(&program);
        assert!(!newer, "exits_host is older than {source}: cargo test -p procession --tests");
    }
    program
}

fn changed(file: &Path) -> Option<SystemTime> {
    file.metadata().and_then(|metadata| metadata.modified()).ok()
}
