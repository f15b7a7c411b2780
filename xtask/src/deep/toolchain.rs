//! Finds the toolchains and cargo commands that some steps need, and says how to get them.

use std::path::Path;

use crate::line::Line;
use crate::machine;

/// What a step needs and does not find, and how to get it.
#[derive(Debug)]
pub(super) struct Missing(pub(super) String);

/// Debian's compiler that follows the browsers' needs, and its cargo.
const DEBIAN_PACKAGES: &[&str] = &["rustc-web", "cargo-web", "libstd-rust-web-dev"];

const DEBIAN_COMPILER: &str = "/usr/bin/rustc";

/// What builds for aarch64, makes a Debian for it and emulates it.
const EMULATION: &[&str] =
    &["qemu-system-arm", "mmdebstrap", "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "cpio"];

/// Whether a nightly toolchain is installed.
pub(super) fn nightly(root: &Path) -> Result<(), Missing> {
    works(root, "cargo +nightly --version", "rustup toolchain install nightly")
}

/// Whether the standard library for `target` is installed.
pub(super) fn target(root: &Path, target: &str) -> Result<(), Missing> {
    let installed = Line::of("rustup target list --installed").output(root).unwrap_or_default();
    let is_there = installed.lines().any(|line| line == target);
    is_there.then_some(()).ok_or_else(|| {
        Missing(format!("the target {target} is not installed: rustup target add {target}"))
    })
}

/// Whether a cargo command is installed, where `package` brings it.
pub(super) fn subcommand(root: &Path, version: &str, package: &str) -> Result<(), Missing> {
    works(root, version, &format!("cargo install --locked {package}"))
}

/// Whether the command line `asked` is green; if not, `install` is how to get it.
pub(super) fn works(root: &Path, asked: &str, install: &str) -> Result<(), Missing> {
    let found = Line::of(asked).output(root).is_some();
    found.then_some(()).ok_or_else(|| Missing(format!("`{asked}` does not work: {install}")))
}

/// Cargo of the oldest toolchain that the workspace claims: rustup's if it has it, else Debian's,
/// which is installed if need be.
pub(super) fn oldest(root: &Path) -> Result<Line, Missing> {
    let wanted = &wanted(root)?;
    let installed = Line::of("rustup toolchain list").output(root).unwrap_or_default();
    if let Some(name) = installed.split_whitespace().find(|name| is_version(name, wanted)) {
        return Ok(Line::of("cargo").arg(format!("+{name}")));
    }
    debian(root, wanted)?;
    Ok(Line::of("/usr/bin/cargo").env("RUSTC", DEBIAN_COMPILER))
}

/// Debian's compiler and cargo of the oldest version that the workspace claims, and what emulates
/// an aarch64 machine; all of it is installed if need be.
pub(super) fn aarch64(root: &Path) -> Result<(), Missing> {
    debian(root, &wanted(root)?)?;
    let asked = ["qemu-system-aarch64", "mmdebstrap", "aarch64-linux-gnu-gcc", "cpio"];
    let is_there = |name| Line::new(name).arg("--version").output(root).is_some();
    if !asked.into_iter().all(is_there) {
        machine::install(root, EMULATION).map_err(|error| Missing(error.to_string()))?;
    }
    Ok(())
}

/// Installs Debian's compiler of this version unless it is there.
fn debian(root: &Path, wanted: &str) -> Result<(), Missing> {
    let is_there = || {
        let version = Line::new(DEBIAN_COMPILER).arg("--version").output(root).unwrap_or_default();
        version.split_whitespace().nth(1).is_some_and(|version| is_version(version, wanted))
    };
    if is_there() {
        return Ok(());
    }
    let listed = Line::of("apt-cache madison rustc-web").output(root).unwrap_or_default();
    let version = listed_versions(&listed).find(|version| is_version(version, wanted));
    let version = version.ok_or_else(|| {
        Missing(format!("Debian's rustc-web has no {wanted}: rustup toolchain install {wanted}"))
    })?;
    let packages: Vec<String> =
        DEBIAN_PACKAGES.iter().map(|package| format!("{package}={version}")).collect();
    let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    machine::install(root, &packages).map_err(|error| Missing(error.to_string()))?;
    let there = is_there().then_some(());
    there.ok_or_else(|| Missing(format!("{DEBIAN_COMPILER} is installed and not {wanted}")))
}

/// The oldest version of Rust that the workspace claims.
fn wanted(root: &Path) -> Result<String, Missing> {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml"))
        .map_err(|error| Missing(format!("Cargo.toml cannot be read: {error}")))?;
    let wanted = claimed(&manifest).map(str::to_owned);
    wanted.ok_or_else(|| Missing("Cargo.toml has no `rust-version = \"…\"`".to_owned()))
}

/// The version in a line `rust-version = "1.85"`.
fn claimed(manifest: &str) -> Option<&str> {
    let line = manifest.lines().find(|line| line.trim_start().starts_with("rust-version"))?;
    line.split('"').nth(1)
}

/// The versions that apt can install, the newest first: the second column of `apt-cache madison`.
fn listed_versions(listed: &str) -> impl Iterator<Item = &str> {
    listed.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim)
}

/// Whether `version` is `wanted` or one of its patches: `1.85.0+dfsg` is 1.85, `1.850` is not.
fn is_version(version: &str, wanted: &str) -> bool {
    let rest = version.strip_prefix(wanted);
    rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_recognised_with_what_follows_it() {
        for version in ["1.85", "1.85.0", "1.85-x86_64-unknown-linux-gnu", "1.85.0+dfsg3-1~deb12u3"]
        {
            assert!(is_version(version, "1.85"), "{version}");
        }
        for version in ["1.8", "1.850.0", "1.95.0", "stable", "(none)"] {
            assert!(!is_version(version, "1.85"), "{version}");
        }
    }

    #[test]
    fn the_claimed_version_and_the_listed_ones_are_read() {
        assert_eq!(claimed("[workspace.package]\nrust-version = \"1.85\"\n"), Some("1.85"));
        assert_eq!(claimed("edition = \"2024\"\n"), None);
        let listed = "rustc-web | 1.96.0 | deb security\nrustc-web | 1.85.0+dfsg3 | deb main\n";
        assert!(listed_versions(listed).eq(["1.96.0", "1.85.0+dfsg3"]));
    }

    #[test]
    fn what_does_not_work_comes_with_how_to_get_it() {
        let root = Path::new("/");
        let Err(Missing(what)) = works(root, "no-such-program --version", "get it") else {
            panic!("there is no such program")
        };
        assert_eq!(what, "`no-such-program --version` does not work: get it");
    }
}
