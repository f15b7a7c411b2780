//! `cargo xtask test`: every test of the workspace, on a machine made ready for them.

use std::error::Error;
use std::path::Path;

use crate::clients;
use crate::line::Line;
use crate::machine;

/// Installs what is missing, then runs all tests; stops at the first red step.
///
/// # Errors
///
/// The first step that is red.
pub(crate) fn run(root: &Path) -> Result<(), Box<dyn Error>> {
    machine::make_ready(root)?;
    clients::make_ready(root)?;
    // Without a choice of targets: named ones would leave out the examples that tests run. Benches
    // are not run: they measure, and a measurement is no test.
    Line::of("cargo test --workspace --all-features").run(root)?;
    Ok(())
}
