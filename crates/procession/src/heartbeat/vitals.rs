//! What `/proc` tells of main.
//!
//! In: main's process id. Out: its state, use and children; how it ended, while it waits to be
//! reaped; which program it runs. What always holds: what cannot be read is not told; nothing is
//! told of a process that took over main's number.

use procession_beat::beat::CHILD_LIMIT;
use procession_beat::{Child, Instance, Sample};
use procession_sys::{cpu, memory};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// One look at `/proc/PID/stat` (`proc(5)`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) name: String,
    pub(super) state: char,
    /// Processor time used, in clock ticks.
    pub(super) used: u64,
    pub(super) threads: u32,
    /// When it started, in clock ticks since boot.
    pub(super) started: u64,
    /// Resident memory, in pages.
    resident: u64,
    pub(super) image: Image,
    /// Its wait status: of a process that waits to be reaped, how it ended.
    pub(super) status: i32,
}

/// Where a process has its program and stack: another after each exec, since the kernel draws them.
/// All zeros or ones where it may not be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Image([u64; 3]);

impl Image {
    /// Whether it was surely another program before; a process that cannot be seen says nothing.
    pub(super) fn is_other_than(self, before: Self) -> bool {
        self.is_seen() && before.is_seen() && self != before
    }

    pub(super) fn is_seen(self) -> bool {
        self.0.iter().all(|&address| address > 1)
    }
}

impl Stat {
    pub(super) fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The name stands in parentheses and may hold any character; the state follows the last.
        let (head, rest) = text.rsplit_once(") ")?;
        let name = head.split_once('(')?.1.to_owned();
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        let count = |number: usize| field(number).and_then(|text| text.parse::<u64>().ok());
        Some(Self {
            name,
            state: field(3)?.chars().next()?,
            used: count(14)? + count(15)?,
            threads: field(20)?.parse().ok()?,
            started: count(22)?,
            resident: count(24)?,
            image: Image([count(26)?, count(27)?, count(28)?]),
            status: field(52)?.parse().ok()?,
        })
    }
}

/// The process to tell of.
#[derive(Debug)]
pub(super) struct Vitals {
    pid: u32,
    /// The process that made this one: its other children are main's as well.
    server: Option<u32>,
    /// Processor time used at the last sample, and when that was.
    last: Option<(u64, Duration)>,
}

impl Vitals {
    pub(super) fn new(pid: u32, server: Option<u32>) -> Self {
        Self { pid, server, last: None }
    }

    pub(super) fn stat(&self) -> Option<Stat> {
        Stat::read(self.pid)
    }

    /// What main uses, `now` on any steady clock.
    pub(super) fn sample(&mut self, stat: &Stat, now: Duration) -> Sample {
        let (used, at) = self.last.replace((stat.used, now)).unwrap_or((stat.used, now));
        let ticks = stat.used.saturating_sub(used);
        Sample {
            cpu: share(ticks, now.saturating_sub(at)),
            memory: stat.resident.saturating_mul(memory::page_size()),
            threads: stat.threads,
            open_files: self.open_files(),
            children: self.children(),
        }
    }

    fn open_files(&self) -> u32 {
        let listed = fs::read_dir(format!("/proc/{}/fd", self.pid));
        listed.map_or(0, |listed| u32::try_from(listed.count()).unwrap_or(u32::MAX))
    }

    /// Main's children: its own, and those that its fork server made for it, without the server,
    /// its spare children and this process.
    fn children(&self) -> Vec<Child> {
        let own = std::process::id();
        let made = self.server.map(children_of).unwrap_or_default();
        let made: Vec<(u32, Stat)> = made.into_iter().filter_map(look).collect();
        let is_spare = |(_, stat): &&(u32, Stat)| stat.name == "forkserver";
        let direct = children_of(self.pid).into_iter().filter_map(look);
        let direct = direct.filter(|(pid, _)| Some(*pid) != self.server);
        direct
            .chain(made.iter().filter(|one| !is_spare(one)).cloned())
            .filter(|(pid, _)| *pid != own)
            .take(CHILD_LIMIT)
            .map(|(pid, stat)| Child { pid, name: stat.name, state: stat.state })
            .collect()
    }
}

fn look(pid: u32) -> Option<(u32, Stat)> {
    Stat::read(pid).map(|stat| (pid, stat))
}

/// The children of all threads of a process, where the kernel lists them.
fn children_of(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = tasks.flatten().map(|task| task.path().join("children"));
    let read = |list: PathBuf| fs::read_to_string(list).unwrap_or_default();
    let pids = |list: String| {
        list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()
    };
    lists.map(read).flat_map(pids).take(4 * CHILD_LIMIT).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a share for a page")]
fn share(ticks: u64, passed: Duration) -> f64 {
    let seconds = ticks as f64 / cpu::clock_ticks() as f64;
    if passed.is_zero() { 0.0 } else { seconds / passed.as_secs_f64() }
}

/// Who a process is, on every machine and for ever.
///
/// # Errors
/// Where `/proc` does not tell.
pub(super) fn instance(pid: u32) -> std::io::Result<Instance> {
    let shape = || std::io::Error::other(format!("/proc/{pid}/stat has another shape"));
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
    Ok(Instance { boot, pid, started: Stat::read(pid).ok_or_else(shape)?.started })
}

/// The name of this machine.
///
/// # Errors
/// Where `/proc` does not tell.
pub(super) fn host() -> std::io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/hostname")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_told_of_as_it_is() {
        let mut vitals = Vitals::new(std::process::id(), None);
        let stat = vitals.stat().expect("this process");
        assert!(matches!(stat.state, 'R' | 'S'), "{stat:?}");
        let sample = vitals.sample(&stat, Duration::from_secs(1));
        assert!(sample.memory > 1 << 20 && sample.threads > 1 && sample.open_files > 2);
        assert!(!stat.image.is_other_than(Stat::read(std::process::id()).unwrap().image));
    }

    #[test]
    fn an_exec_is_another_image_and_a_child_waiting_to_be_reaped_tells_its_end() {
        let mut child = std::process::Command::new("sh").args(["-c", "exit 7"]).spawn().unwrap();
        let pidfd = procession_sys::life::pidfd(
            procession_sys::life::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(),
        );
        let pidfd = pidfd.expect("a pidfd");
        crate::wait_any(&[std::os::fd::AsFd::as_fd(&pidfd)], None).expect("its end");
        let stat = Stat::read(child.id()).expect("not reaped yet");
        assert_eq!((stat.state, stat.status), ('Z', 7 << 8));
        assert!(!Image([0, 0, 0]).is_other_than(Image([5, 6, 7])), "it cannot be seen");
        assert!(Image([5, 6, 8]).is_other_than(Image([5, 6, 7])));
        child.wait().unwrap();
        assert_eq!(Stat::read(child.id()), None);
    }

    #[test]
    fn a_name_with_parentheses_and_spaces_is_read_whole() {
        let rest: Vec<String> = (4..=52).map(|field| field.to_string()).collect();
        let rest = format!("S {}", rest.join(" "));
        let stat = Stat::parse(&format!("7 (a) b (c) {rest}")).expect("a stat");
        assert_eq!((stat.name.as_str(), stat.state, stat.started), ("a) b (c", 'S', 22));
        assert_eq!(Stat::parse("7 (short) S 1 2"), None);
    }
}
