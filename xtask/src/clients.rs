//! Python programs that the tests use as clients, in an environment of their own.
//!
//! In: the list below. Out: a virtual environment under `target/`. What always holds: it holds
//! exactly these versions; a change of the list makes it anew.

use std::error::Error;
use std::fs;
use std::path::Path;

use crate::line::Line;

const PROGRAMS: [&str; 5] = [
    "healthchecks-io==0.4.4",
    "borgmatic==2.1.10",
    "sdnotify==0.3.2",
    // How healthchecks reads schedules.
    "cronsim==2.8",
    "oncalendar==1.1",
];

/// Makes the environment if it is not there. The tests find it by `.cargo/config.toml`.
///
/// # Errors
///
/// When Python cannot make it, or a program cannot be had.
pub(crate) fn make_ready(root: &Path) -> Result<(), Box<dyn Error>> {
    let directory = root.join("target/clients");
    let (content, wanted) = (directory.join("content"), PROGRAMS.join(" "));
    if fs::read_to_string(&content).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    Line::of("python3 -m venv --clear target/clients").run(root)?;
    Line::of("target/clients/bin/python -m pip install --quiet").args(PROGRAMS).run(root)?;
    fs::write(content, wanted)?;
    Ok(())
}
