//! A cgroup of its own for a subtree, where this process may make one.
//!
//! The kernel kills all members of a cgroup at once (`cgroup.kill`, Linux 5.14): also those that fork
//! faster than a loop can follow, and those of other users.

use crate::life::Pid;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the name of each cgroup begins with; the number of the process that made it and its mark
/// follow.
const PREFIX: &str = "procession-";

/// A cgroup that this process has made (cgroup v2).
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
    /// The one that this process is in.
    own: PathBuf,
}

impl Cgroup {
    /// Makes a cgroup below that of this process. `None` if there is no cgroup v2, it may not be
    /// written, or the kernel cannot kill one. `mark` tells it from that of any other process which
    /// has had this one's number.
    pub fn new(mark: Duration) -> Option<Self> {
        let own = own_cgroup()?;
        remove_abandoned(&own);
        let path = path_of(&own, Pid::own(), mark);
        fs::create_dir(&path).ok()?;
        let cgroup = Self { path, own };
        // Dropped, it is removed again.
        cgroup.path.join("cgroup.kill").exists().then_some(cgroup)
    }

    /// The cgroup that `maker`, which was in this process's cgroup and has ended, made with this mark
    /// and did not remove.
    pub fn left_by(maker: Pid, mark: Duration) -> Option<Self> {
        let own = own_cgroup()?;
        let path = path_of(&own, maker, mark);
        path.is_dir().then_some(Self { path, own })
    }

    /// Moves this process in, so that what it starts is inside from its beginning.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn enter(&self) -> io::Result<()> {
        enter(&self.path)
    }

    /// Moves this process back to where it was.
    ///
    /// # Errors
    /// As the kernel says. This process is a member then, which [`Self::kill`] kills too.
    pub fn leave(&self) -> io::Result<()> {
        enter(&self.own)
    }

    /// Kills all members, and those that they start meanwhile.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn kill(&self) -> io::Result<()> {
        fs::write(self.path.join("cgroup.kill"), "1")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Members that could not be killed keep it.
        let _ = fs::remove_dir(&self.path);
    }
}

fn path_of(own: &Path, maker: Pid, mark: Duration) -> PathBuf {
    own.join(format!("{PREFIX}{}-{:x}", maker.as_raw(), mark.as_nanos()))
}

/// Removes the cgroups in `own` that a killed process has left. The kernel keeps those with members.
fn remove_abandoned(own: &Path) {
    for entry in fs::read_dir(own).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let maker = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let maker = maker.and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        // A maker in another pid namespace has a number of its own there. It does without a cgroup
        // that was removed before it had a member.
        if maker.is_some_and(|maker| !Path::new(&format!("/proc/{maker}")).exists()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

fn enter(cgroup: &Path) -> io::Result<()> {
    fs::write(cgroup.join("cgroup.procs"), "0")
}

/// The directory of this process's cgroup.
fn own_cgroup() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
    let (root, mount) = mounts.lines().find_map(cgroup_mount)?;
    let path = membership.lines().find_map(|line| line.strip_prefix("0::"))?;
    // A mount may show a part of the hierarchy only.
    let below = Path::new(path).strip_prefix(root).ok()?;
    let directory = Path::new(mount).join(below);
    directory.is_dir().then_some(directory)
}

/// The root and the place of a mount of cgroup v2, by its line of `mountinfo` (proc(5)).
fn cgroup_mount(line: &str) -> Option<(&str, &str)> {
    let (place, kind) = line.split_once(" - ")?;
    if kind.split(' ').next() != Some("cgroup2") {
        return None;
    }
    let mut fields = place.split(' ').skip(3);
    Some((fields.next()?, fields.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_of_cgroup_v2_is_found_by_its_kind() {
        let line = "31 25 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw";
        assert_eq!(cgroup_mount(line), Some(("/", "/sys/fs/cgroup")));
        let line = "40 25 0:30 /part /mnt/x rw - cgroup2 none rw";
        assert_eq!(cgroup_mount(line), Some(("/part", "/mnt/x")));
        let other = "32 25 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu";
        assert_eq!(cgroup_mount(other), None);
        assert_eq!(cgroup_mount("nonsense"), None);
    }
}
