//! The deep steps as a table: name, what it shows, and the command lines it consists of.
//!
//! A step whose needs are not met says what is missing and counts as red: what was not run was
//! not shown.

use std::path::Path;

use super::toolchain::{self, Missing};
use crate::line::Line;
use crate::tree::Tree;

/// One deep step.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) lines: fn(&Setting) -> Result<Vec<Line>, Missing>,
}

/// What the steps may depend on.
pub(super) struct Setting<'a> {
    pub(super) root: &'a Path,
    /// For how long each fuzz target runs.
    pub(super) seconds: u32,
}

/// Modules without I/O, which miri can interpret: package and path of the module.
const PURE: &[(&str, &str)] = &[("procession", "ending"), ("procession", "frame")];

const RELEASE: &str = "cargo test --package procession --tests --release";

pub(super) const STEPS: &[Step] = &[
    Step {
        name: "debug",
        about: "the library's tests, as developers build it",
        lines: |_| Ok(apart("debug", Line::of("cargo test --package procession --tests"))),
    },
    Step {
        name: "release",
        about: "the same, optimised",
        lines: |_| Ok(apart("release", Line::of(RELEASE))),
    },
    Step {
        name: "fat-lto",
        about: "functions are found although the linker merges and drops code",
        lines: |_| {
            let line = Line::of(RELEASE)
                .env("CARGO_PROFILE_RELEASE_LTO", "fat")
                .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
            Ok(apart("fat-lto", line))
        },
    },
    Step {
        name: "panic-abort",
        about: "panics end the process, and symbols are stripped (nightly: its test harness can)",
        lines: |setting| {
            toolchain::nightly(setting.root)?;
            // A stable cargo builds tests with unwinding whatever the profile says.
            let line = Line::of("cargo +nightly test --package procession --tests --release")
                .arg("-Zpanic-abort-tests")
                .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
                .env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
            Ok(apart("panic-abort", line))
        },
    },
    Step {
        name: "no-build-id",
        about: "the same build is recognised without a build-id",
        lines: |_| {
            let line = Line::of(RELEASE).env("RUSTFLAGS", "-Clink-arg=-Wl,--build-id=none");
            Ok(apart("no-build-id", line))
        },
    },
    Step {
        name: "static-pie",
        about: "one static, relocatable image with glibc",
        lines: |_| {
            let line = Line::of(RELEASE)
                .args(["--target", "x86_64-unknown-linux-gnu"])
                .env("RUSTFLAGS", "-Ctarget-feature=+crt-static");
            Ok(apart("static-pie", line))
        },
    },
    Step {
        name: "musl",
        about: "the other C library",
        lines: |setting| {
            toolchain::target(setting.root, "x86_64-unknown-linux-musl")?;
            let line = Line::of(RELEASE).args(["--target", "x86_64-unknown-linux-musl"]);
            Ok(apart("musl", line))
        },
    },
    Step {
        name: "oldest",
        about: "the oldest toolchain that Cargo.toml claims",
        lines: |setting| {
            let cargo = toolchain::oldest(setting.root)?;
            Ok(apart("oldest", cargo.args(["test", "--package", "procession", "--tests"])))
        },
    },
    Step {
        name: "nextest",
        about: "each test in a process of its own, under another harness",
        lines: |setting| {
            toolchain::subcommand(setting.root, "cargo nextest --version", "cargo-nextest")?;
            Ok(apart("nextest", Line::of("cargo nextest run --package procession")))
        },
    },
    Step {
        name: "faults",
        about: "kill points between the steps of a start; each defence taken away once",
        lines: |_| {
            let tests = ["--test", "faults", "--test", "exits_host"];
            let line = Line::of("cargo test --package procession").args(tests);
            Ok(apart("faults", line.env("RUSTFLAGS", "--cfg procession_faults")))
        },
    },
    Step {
        name: "orphans",
        about: "twelve thousand programs killed, and nobody left of them",
        lines: |_| {
            let line = Line::of("cargo run --package procession --release --example orphans --");
            Ok(apart("release", line.args(["--rounds", "2000"])))
        },
    },
    Step {
        name: "miri",
        about: "the pure modules, interpreted, every undefined operation found",
        lines: miri,
    },
    Step { name: "fuzz", about: "every fuzz target for --seconds each", lines: fuzz },
];

/// A line with a target folder of its own, so that no step's flags rebuild another's work.
fn apart(name: &str, line: Line) -> Vec<Line> {
    vec![line.env("CARGO_TARGET_DIR", format!("target/deep/{name}"))]
}

fn miri(setting: &Setting) -> Result<Vec<Line>, Missing> {
    toolchain::nightly(setting.root)?;
    let install = "rustup +nightly component add miri rust-src";
    toolchain::works(setting.root, "cargo +nightly miri --version", install)?;
    let mut lines = Vec::new();
    let tree = Tree::read(setting.root).map_err(Missing)?;
    for (package, module) in PURE {
        let place = format!("crates/{package}/src/{}", module.replace("::", "/"));
        let (file, folder) = (format!("{place}.rs"), format!("{place}/"));
        let mut texts = tree.texts().filter(|(path, _)| *path == file || path.starts_with(&folder));
        if !texts.any(|(_, text)| text.contains("#[test]")) {
            return Err(Missing(format!("{place} has no tests; correct the list of pure modules")));
        }
        let line = Line::of("cargo +nightly miri test --lib --package").args([*package, "--"]);
        lines.push(line.arg(format!("{module}::")).env("CARGO_TARGET_DIR", "target/deep/miri"));
    }
    Ok(lines)
}

fn fuzz(setting: &Setting) -> Result<Vec<Line>, Missing> {
    let folder = setting.root.join("fuzz/fuzz_targets");
    let entries = std::fs::read_dir(&folder)
        .map_err(|error| Missing(format!("no fuzz targets in fuzz/fuzz_targets: {error}")))?;
    let files = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut targets: Vec<_> =
        files.filter_map(|file| Some(file.strip_suffix(".rs")?.to_owned())).collect();
    if targets.is_empty() {
        return Err(Missing("fuzz/fuzz_targets holds no target".to_owned()));
    }
    targets.sort();
    toolchain::nightly(setting.root)?;
    toolchain::subcommand(setting.root, "cargo fuzz --version", "cargo-fuzz")?;
    let time = format!("-max_total_time={}", setting.seconds);
    let line = |target| Line::of("cargo +nightly fuzz run").args([target, "--".to_owned()]);
    Ok(targets.into_iter().map(|target| line(target).arg(&time)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_steps_share_a_name_or_a_target_folder() {
        let setting = Setting { root: Path::new("/nowhere"), seconds: 1 };
        let mut names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
        for step in STEPS.iter().filter(|step| ["debug", "release", "fat-lto"].contains(&step.name))
        {
            let lines = (step.lines)(&setting).unwrap();
            assert!(lines[0].to_string().contains(&format!("target/deep/{} ", step.name)));
        }
    }

    #[test]
    fn a_step_that_lacks_something_says_what() {
        let setting = Setting { root: Path::new("/nowhere"), seconds: 1 };
        let Err(Missing(what)) = fuzz(&setting) else { panic!("there is nothing to fuzz") };
        assert!(what.starts_with("no fuzz targets"), "{what}");
    }
}
