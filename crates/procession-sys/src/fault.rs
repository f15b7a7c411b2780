//! Points at which a test has somebody killed, and defences that a test takes away.
//!
//! In: two environment variables. `PROCESSION_FAULT=point=action,…` says what happens where
//! ([`fault!`](crate::fault!)), with `@N` only when a point of the plan is reached for the Nth time; `PROCESSION_WITHOUT=name,…` says which defences do not stand
//! ([`stands`]). Out: the fault. What always holds: all this exists only in a build with
//! `--cfg procession_faults`; in any other a point is nothing and every defence stands.

/// A point with a name, reached by whoever executes it.
#[macro_export]
macro_rules! fault {
    ($point:literal) => {
        #[cfg(procession_faults)]
        $crate::fault::reach($point);
    };
}

/// Whether the defence with this name is in place.
#[cfg(not(procession_faults))]
#[inline]
pub const fn stands(_defence: &str) -> bool {
    true
}

/// Whether the defence with this name is in place.
#[cfg(procession_faults)]
pub fn stands(defence: &str) -> bool {
    !std::env::var("PROCESSION_WITHOUT").is_ok_and(|all| all.split(',').any(|one| one == defence))
}

#[cfg(procession_faults)]
pub use armed::reach;

#[cfg(procession_faults)]
mod armed {
    use crate::life::{self, Pid};
    use crate::signal::{SIGINT, SIGKILL, SIGSTOP};
    use crate::wait::{self, Interest};
    use std::os::fd::{AsFd, OwnedFd};
    use std::sync::atomic::{AtomicU64, Ordering};

    const PLAN: &str = "PROCESSION_FAULT";

    /// Does what the environment plans for this point.
    ///
    /// # Panics
    /// Where the plan names no action, or the kernel lacks pidfds.
    pub fn reach(point: &str) {
        let plan = std::env::var(PLAN).unwrap_or_default();
        let steps = plan.split(',').filter_map(|step| step.split_once('='));
        for (_, action) in steps.filter(|(name, _)| *name == point) {
            let Some(action) = due(action) else { continue };
            match action {
                "die" => life::signal_child(Pid::own(), SIGKILL).expect("one may kill oneself"),
                "stop" => life::signal_child(Pid::own(), SIGSTOP).expect("one may stop oneself"),
                "kill-children" => children_of(Pid::own()).into_iter().for_each(kill),
                "leak" => leak(),
                "kill-parent" => Pid::parent().into_iter().for_each(kill),
                "kill-grandparent" => {
                    Pid::parent().and_then(parent_of).into_iter().for_each(kill);
                }
                "wait-for-orphanhood" => Pid::parent().into_iter().for_each(wait_for_end_of),
                "wait-for-children" => {
                    children_of(Pid::own()).into_iter().for_each(wait_for_end_of);
                }
                "interrupt-children" => children_of(Pid::own()).into_iter().for_each(interrupt),
                other => panic!("{PLAN}: there is no action `{other}`"),
            }
        }
    }

    /// The action, where it is to be done this time.
    fn due(action: &str) -> Option<&str> {
        static REACHED: AtomicU64 = AtomicU64::new(0);
        let Some((action, time)) = action.split_once('@') else { return Some(action) };
        let time: u64 = time.parse().expect("the number of a time, from 1 on");
        (REACHED.fetch_add(1, Ordering::Relaxed) + 1 == time).then_some(action)
    }

    fn kill(victim: Pid) {
        let Some(pidfd) = one_of_ours(victim) else { return };
        life::send_signal(pidfd.as_fd(), SIGKILL).expect("one of ours may be killed");
        wait_for(&pidfd);
    }

    /// Interrupts a server as a terminal does, and waits for the end of its spare children.
    fn interrupt(server: Pid) {
        let Some(pidfd) = one_of_ours(server) else { return };
        let spares: Vec<_> = children_of(server).into_iter().filter_map(one_of_ours).collect();
        life::send_signal(pidfd.as_fd(), SIGINT).expect("one of ours may be interrupted");
        spares.iter().for_each(wait_for);
    }

    fn children_of(parent: Pid) -> Vec<Pid> {
        let parent = parent.as_raw();
        let list = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
        let list = list.unwrap_or_default();
        list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
    }

    /// Leaves a process behind that holds every descriptor of this one.
    fn leak() {
        let own = rustix::thread::name().expect("a name");
        // Born with its name: whoever looks for it never sees it with another.
        rustix::thread::set_name(c"leaker").expect("a name");
        // SAFETY: the child makes only system calls, until somebody kills it.
        unsafe {
            if libc::fork() == 0 {
                loop {
                    libc::pause();
                }
            }
        }
        rustix::thread::set_name(&own).expect("a name");
    }

    fn wait_for_end_of(process: Pid) {
        one_of_ours(process).iter().for_each(wait_for);
    }

    fn wait_for(pidfd: &OwnedFd) {
        wait::ready(&[(pidfd.as_fd(), Interest::Readable)], None).expect("poll");
    }

    /// A process of the program that the plan was made for. An orphan's parent is somebody else,
    /// whom nobody may touch: it lacks the plan, or is of another session.
    ///
    /// Who is dying has given its memory back, and with it its environment, before its children
    /// are orphans; it counts as ours, and is waited for.
    fn one_of_ours(pid: Pid) -> Option<OwnedFd> {
        let pidfd = life::pidfd(pid).ok()?;
        let environment = match std::fs::read(format!("/proc/{}/environ", pid.as_raw())) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Vec::new(),
            environment => environment.ok()?,
        };
        let planned = environment.split(|&byte| byte == 0).any(|entry| {
            entry.strip_prefix(PLAN.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
        });
        let ours = planned || environment.is_empty();
        (ours && session(pid)? == session(Pid::own())?).then_some(pidfd)
    }

    fn parent_of(pid: Pid) -> Option<Pid> {
        field(pid, 1).and_then(Pid::from_raw)
    }

    fn session(pid: Pid) -> Option<i32> {
        field(pid, 3)
    }

    /// A field of `/proc/PID/stat`, counted from the state, which follows the bracketed name.
    fn field(pid: Pid, number: usize) -> Option<i32> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw())).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(number)?.parse().ok()
    }
}
