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
    /// For how long each fuzz target runs, and the rounds of the step `values`, if that is asked.
    pub(super) seconds: Option<u32>,
}

/// How long each fuzz target runs when nothing else is asked.
const FUZZ_SECONDS: u32 = 60;

/// How long rounds of new types run when nothing else is asked: an hour.
const VALUES_SECONDS: u32 = 3600;

/// Modules without I/O, which miri can interpret: package and path of the module.
const PURE: &[(&str, &str)] =
    &[("procession-sys", "numbers"), ("procession", "ending"), ("procession", "frame")];

pub(super) const STEPS: &[Step] = &[
    Step {
        name: "debug",
        about: "the library's tests, as developers build it",
        lines: |_| Ok(suite("debug", &Line::new("cargo"), |line| line)),
    },
    Step {
        name: "release",
        about: "the same, optimised",
        lines: |_| Ok(suite("release", &Line::new("cargo"), release)),
    },
    Step {
        name: "fat-lto",
        about: "functions are found although the linker merges and drops code",
        lines: |_| {
            Ok(suite("fat-lto", &Line::new("cargo"), |line| {
                release(line)
                    .env("CARGO_PROFILE_RELEASE_LTO", "fat")
                    .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
            }))
        },
    },
    Step {
        name: "panic-abort",
        about: "panics end the process, and symbols are stripped (nightly: its test harness can)",
        lines: |setting| {
            toolchain::nightly(setting.root)?;
            // A stable cargo builds tests with unwinding whatever the profile says.
            Ok(suite("panic-abort", &Line::of("cargo +nightly -Zpanic-abort-tests"), |line| {
                release(line)
                    .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
                    .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
            }))
        },
    },
    Step {
        name: "no-build-id",
        about: "the same build is recognised without a build-id",
        lines: |_| {
            Ok(suite("no-build-id", &Line::new("cargo"), |line| {
                line.env("RUSTFLAGS", "-Clink-arg=-Wl,--build-id=none")
            }))
        },
    },
    Step {
        name: "static-pie",
        about: "one static, relocatable image with glibc",
        lines: |_| {
            Ok(suite("static-pie", &Line::new("cargo"), |line| {
                line.args(["--target", "x86_64-unknown-linux-gnu"])
                    .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
            }))
        },
    },
    Step {
        name: "dylib",
        about: "functions of a Rust library that is loaded with the program, procession in it",
        lines: |_| {
            let folder = "crates/procession/tests/dylib/Cargo.toml";
            let line = Line::of("cargo test --tests --manifest-path").arg(folder);
            Ok(apart("dylib", line.env("RUSTFLAGS", "-Cprefer-dynamic")))
        },
    },
    Step {
        name: "musl",
        about: "the other C library",
        lines: |setting| {
            toolchain::target(setting.root, "x86_64-unknown-linux-musl")?;
            Ok(suite("musl", &Line::new("cargo"), |line| {
                line.args(["--target", "x86_64-unknown-linux-musl"])
            }))
        },
    },
    Step {
        name: "aarch64",
        about: "the tests on aarch64, in an emulated Debian",
        lines: |setting| {
            toolchain::aarch64(setting.root)?;
            Ok(vec![Line::of("sh xtask/src/deep/aarch64.sh")])
        },
    },
    Step {
        name: "oldest",
        about: "the oldest toolchain that Cargo.toml claims",
        lines: |setting| Ok(suite("oldest", &toolchain::oldest(setting.root)?, |line| line)),
    },
    Step {
        name: "nextest",
        about: "each test in a process of its own, under another harness",
        lines: |setting| {
            toolchain::subcommand(setting.root, "cargo nextest --version", "cargo-nextest")?;
            Ok(apart("debug", Line::of("cargo nextest run --package procession")))
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
        name: "fallbacks",
        about: "the tests of one process, on a kernel that lacks one system call after another",
        lines: |_| Ok(fallbacks()),
    },
    Step {
        name: "soak",
        about: "a hundred thousand starts, and nothing grows; a thousand at once",
        lines: |_| {
            let line = Line::of("cargo run --package procession --release --example soak --");
            Ok(apart("release", line.args(["--starts", "100000", "--at-once", "1000"])))
        },
    },
    Step {
        name: "channels",
        about: "thousands of processes killed at channels, at random and at every kill point",
        lines: |_| Ok(channels()),
    },
    Step {
        name: "loom",
        about: "lock, ring and lent memory under every order of memory; each order weakened once",
        lines: |_| {
            let line = Line::of("cargo test --package procession-sys --release --test orders");
            Ok(apart("loom", line.env("RUSTFLAGS", "--cfg procession_loom")))
        },
    },
    Step {
        name: "values",
        about: "new types with serde's attributes, compiled and sent: rounds for an hour or --seconds",
        lines: |setting| {
            let seconds = setting.seconds.unwrap_or(VALUES_SECONDS).to_string();
            Ok(vec![Line::of("cargo xtask values --seconds").arg(seconds)])
        },
    },
    Step {
        name: "monitor",
        about: "hundreds of real reporters, a monitor killed 500 times, a year's weight, a million checks",
        lines: |_| Ok(monitor()),
    },
    Step {
        name: "miri",
        about: "the pure modules, interpreted, every undefined operation found",
        lines: miri,
    },
    Step { name: "fuzz", about: "every fuzz target for --seconds each", lines: fuzz },
];

/// The library's tests, and before them the examples that they run, built by one `cargo` and `like`
/// one another.
fn suite(name: &str, cargo: &Line, like: fn(Line) -> Line) -> Vec<Line> {
    let kinds = ["build --examples", "test --tests --no-fail-fast"];
    let lines = kinds
        .map(|words| like(cargo.clone().args(words.split(' ')).args(["--package", "procession"])));
    lines.into_iter().flat_map(|line| apart(name, line)).collect()
}

fn release(line: Line) -> Line {
    line.arg("--release")
}

/// A line with a target folder of its own, so that no step's flags rebuild another's work.
fn apart(name: &str, line: Line) -> Vec<Line> {
    vec![line.env("CARGO_TARGET_DIR", format!("target/deep/{name}"))]
}

/// Those lacks that the tests themselves can do without. The filter that makes a lack needs
/// `no_new_privs`, under which no program gains its owner's privileges: two tests need that.
fn fallbacks() -> Vec<Line> {
    const OTHERS: &str = "cargo test --package procession --test exits --test exits_host \
                          --test forked --no-fail-fast";
    const IT: &str = "cargo test --package procession --test it -- \
                      --skip what_cannot_be_killed_is_told_by_its_number \
                      --skip a_child_without_new_privileges_gains_none_by_executing";
    let build = "cargo test --package procession --test it --test exits --test exits_host \
                 --test forked --no-run";
    let mut lines = apart("debug", Line::of(build));
    for lack in ["close_range", "P_PIDFD", "MFD_NOEXEC_SEAL", "PIDFD_GET_INFO", "clone3"] {
        for tests in [IT, OTHERS] {
            let line = Line::of("cargo run --package hostile --example without --").arg(lack);
            lines.extend(apart("debug", line.args(tests.split_whitespace())));
        }
    }
    lines
}

fn channels() -> Vec<Line> {
    let campaign = |line: &str, rounds| Line::of(line).env("PROCESSION_ROUNDS", rounds);
    let random = "cargo test --package procession --test it --release -- channel_kills --nocapture";
    let points = "cargo test --package procession --test faults -- channel_points --nocapture";
    let points = campaign(points, "30").env("RUSTFLAGS", "--cfg procession_faults");
    [apart("release", campaign(random, "3000")), apart("faults", points)].concat()
}

fn monitor() -> Vec<Line> {
    let package =
        |words: &str| Line::of(words).args(["--package", "procession-monitor", "--release"]);
    let campaign = package("cargo test")
        .args(["--test", "absence", "--test", "kill", "--", "--nocapture"])
        .env("PROCESSION_REPORTERS", "300")
        .env("PROCESSION_ABSENCE", "10")
        .env("PROCESSION_KILL_ROUNDS", "500");
    let example = |name: &str| package("cargo run").args(["--example", name, "--"]);
    let fresh = Line::of("rm -f target/deep/monitor/year.db");
    let year = example("year").args(["10000", "target/deep/monitor/year.db"]);
    let build = package("cargo build").arg("--examples");
    let lines = [build, campaign, example("million"), fresh, year];
    lines.into_iter().flat_map(|line| apart("monitor", line)).collect()
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
    let time = format!("-max_total_time={}", setting.seconds.unwrap_or(FUZZ_SECONDS));
    let line = |target| Line::of("cargo +nightly fuzz run").args([target, "--".to_owned()]);
    Ok(targets.into_iter().map(|target| line(target).arg(&time)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_steps_share_a_name_or_a_target_folder() {
        let setting = Setting { root: Path::new("/nowhere"), seconds: Some(1) };
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
        let setting = Setting { root: Path::new("/nowhere"), seconds: Some(1) };
        let Err(Missing(what)) = fuzz(&setting) else { panic!("there is nothing to fuzz") };
        assert!(what.starts_with("no fuzz targets"), "{what}");
    }
}
