//! `cargo xtask test`: every test of the workspace, on a machine made ready for them.

use std::error::Error;
use std::path::Path;

use crate::line::Line;
use crate::machine;

/// Installs what is missing, then runs all tests; stops at the first red step.
///
/// # Errors
///
/// The first step that is red.
pub(crate) fn run(root: &Path) -> Result<(), Box<dyn Error>> {
    machine::make_ready(root)?;
    // Benches are not run here: they measure, and a measurement is no test.
    Line::of("cargo test --workspace --all-features --lib --bins --tests --examples").run(root)?;
    Line::of("cargo test --workspace --all-features --doc").run(root)?;
    Ok(())
}
