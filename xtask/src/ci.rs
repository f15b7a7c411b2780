//! `cargo xtask ci`: everything a change must pass, the quick checks first.

use std::error::Error;
use std::path::Path;

use crate::line::Line;
use crate::{machine, test, tidy};

/// Runs format, clippy, documentation, tidy and all tests; stops at the first red step.
///
/// # Errors
///
/// The first step that is red.
pub(crate) fn run(root: &Path) -> Result<(), Box<dyn Error>> {
    machine::make_ready(root)?;
    Line::of("cargo fmt --all --check").run(root)?;
    Line::of("cargo clippy --workspace --all-targets --all-features -- -D warnings").run(root)?;
    Line::of("cargo doc --no-deps --workspace --all-features")
        .env("RUSTDOCFLAGS", "-Dwarnings")
        .run(root)?;
    println!("==> cargo xtask tidy");
    tidy::run(root)?;
    test::run(root)
}
