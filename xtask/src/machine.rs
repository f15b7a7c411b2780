//! Makes a fresh Debian machine ready for the tests: installs the packages that are missing.
//!
//! What the tests need is a table; a new need is a new row. Nothing is installed, and
//! `apt-get update` is not run, when everything is there.

use std::error::Error;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::line::Line;

/// Something the tests need, and the Debian package that brings it.
struct Need {
    what: What,
    package: &'static str,
}

enum What {
    /// A program found through `PATH`.
    Program(&'static str),
    /// A file at a fixed place.
    File(&'static str),
    /// A module that Python can import.
    PythonModule(&'static str),
}

const NEEDS: &[Need] = &[
    // rustc links with it.
    Need { what: What::Program("cc"), package: "gcc" },
    // The C start files and headers, which `gcc` only recommends.
    Need { what: What::File("/usr/include/stdio.h"), package: "libc6-dev" },
    // Tidy asks it which files belong to the project.
    Need { what: What::Program("git"), package: "git" },
    // Clients of the monitor, as people have them, and what makes a certificate for it.
    Need { what: What::Program("curl"), package: "curl" },
    Need { what: What::Program("wget"), package: "wget" },
    Need { what: What::Program("openssl"), package: "openssl" },
    Need { what: What::Program("prometheus"), package: "prometheus" },
    Need { what: What::Program("prometheus-alertmanager"), package: "prometheus-alertmanager" },
    // A wall clock that jumps, and networks of a test's own, cut and whole.
    Need {
        what: What::File("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"),
        package: "faketime",
    },
    Need { what: What::Program("ip"), package: "iproute2" },
    // Opens the monitor's page.
    Need { what: What::Program("chromium-headless-shell"), package: "chromium-headless-shell" },
    // A proxy in front of the monitor.
    Need { what: What::File("/usr/sbin/nginx"), package: "nginx-light" },
    Need { what: What::Program("python3"), package: "python3" },
    // Runs an example in a processor of its own making.
    Need { what: What::Program("valgrind"), package: "valgrind" },
    // Programs that speak sd_notify, for `procession run`.
    Need { what: What::Program("systemd-notify"), package: "systemd" },
    Need { what: What::Program("redis-server"), package: "redis-server" },
    Need { what: What::PythonModule("ensurepip"), package: "python3-venv" },
];

/// Installs every package whose program or file is missing.
///
/// # Errors
///
/// When a package cannot be installed; the message names the packages.
pub(crate) fn make_ready(root: &Path) -> Result<(), Box<dyn Error>> {
    let path = std::env::var("PATH").unwrap_or_default();
    let missing = packages_for(NEEDS, |what| is_there(what, &path));
    install(root, &missing)
}

/// Installs the named Debian packages after one `apt-get update`; does nothing for none.
///
/// # Errors
///
/// When `apt-get` is absent or fails; the message names the packages.
pub(crate) fn install(root: &Path, packages: &[&str]) -> Result<(), Box<dyn Error>> {
    if packages.is_empty() {
        return Ok(());
    }
    let root_rights = std::fs::metadata("/proc/self")?.uid() == 0;
    let apt = |words: &str| {
        let line = if root_rights { Line::new("env") } else { Line::new("sudo").arg("env") };
        line.arg("DEBIAN_FRONTEND=noninteractive").arg("apt-get").args(words.split_whitespace())
    };
    apt("update")
        .run(root)
        .and_then(|_| apt("install -y --no-install-recommends").args(packages.to_vec()).run(root))
        .map_err(|error| format!("these packages are needed: {}: {error}", packages.join(" ")))?;
    Ok(())
}

fn packages_for(needs: &[Need], is_there: impl Fn(&What) -> bool) -> Vec<&'static str> {
    needs.iter().filter(|need| !is_there(&need.what)).map(|need| need.package).collect()
}

fn is_there(what: &What, path: &str) -> bool {
    match what {
        What::Program(name) => path.split(':').any(|folder| Path::new(folder).join(name).is_file()),
        What::File(place) => Path::new(place).exists(),
        What::PythonModule(name) => Command::new("python3")
            .args(["-c", &format!("import {name}")])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_installed() {
        let needs = [
            Need { what: What::Program("sh"), package: "dash" },
            Need { what: What::Program("no-such-program"), package: "absent" },
            Need { what: What::File("/no/such/file"), package: "also-absent" },
        ];
        let missing = packages_for(&needs, |what| is_there(what, "/bin:/usr/bin"));
        assert_eq!(missing, ["absent", "also-absent"]);
    }
}
