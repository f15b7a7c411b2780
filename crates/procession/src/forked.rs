//! Children that this process forked itself.
//!
//! In: a closure, and the options of its process. Out: the parent's end of a corridor. What always
//! holds: only a process with one thread forks; a child is reaped by its handle or, once that is
//! dropped, here; nobody's child but ours is ever waited for.

use crate::assignment::{self, Assignment, REFUSED};
use crate::corridor::Corridor;
use crate::current::{Own, ProcessInfo};
use crate::entry;
use crate::launch::Settled;
use crate::look::look;
use crate::world::Present;
use procession_sys::fork::Fork;
use procession_sys::life::{self, Pid};
use procession_sys::parcel::{self, Parcel};
use procession_sys::thread::SingleThreaded;
use procession_sys::wait::{self, Interest};
use procession_sys::{exit, signal};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a daemon has from SIGTERM to SIGKILL when its program ends, as the server gives it.
const DAEMON_GRACE: Duration = Duration::from_secs(1);

static FORKED: Mutex<Vec<Forked>> = Mutex::new(Vec::new());

/// A child not known to be reaped.
struct Forked {
    owner: Pid,
    serial: u64,
    info: ProcessInfo,
    detached: bool,
    /// Shared with the handle, which reaps as long as it lives.
    pidfd: Arc<OwnedFd>,
}

/// Forks this process; the child runs `work`, answers, and ends.
pub(crate) fn fork(
    settled: Settled,
    work: impl FnOnce() -> Parcel,
) -> io::Result<(Corridor, [Option<OwnedFd>; 3])> {
    let proof = SingleThreaded::prove()?;
    let starter = Pid::own();
    let parent_pidfd = life::pidfd(starter)?;
    let (here, there) = parcel::pair()?;
    let present = Present::of(settled.worlds.0.clone(), SingleThreaded::prove()?)?;
    match procession_sys::fork::fork(&proof)? {
        Fork::Child => live(starter, parent_pidfd, there, settled, &present, work),
        Fork::Parent(pid) => {
            let pidfd = Arc::new(life::pidfd(pid)?);
            let id = u32::try_from(pid.as_raw()).unwrap_or_default();
            let info = ProcessInfo { name: settled.name.clone(), id, daemon: settled.daemon };
            let (owner, serial) = (starter, settled.serial);
            let child = Forked { owner, serial, info, detached: false, pidfd: Arc::clone(&pidfd) };
            let mut children = FORKED.lock().unwrap_or_else(PoisonError::into_inner);
            children.retain(|child| child.owner == starter && !child.is_over());
            children.push(child);
            drop(children);
            let corridor =
                Corridor::new(&settled.name, pid.as_raw(), serial, here, Some(pidfd), None);
            Ok((corridor, settled.streams.map(|stream| stream.parent)))
        }
    }
}

/// The child's life.
fn live(
    starter: Pid,
    parent_pidfd: OwnedFd,
    corridor: OwnedFd,
    settled: Settled,
    present: &Present,
    work: impl FnOnce() -> Parcel,
) -> ! {
    if settled.daemon && (life::die_with_parent().is_err() || Pid::parent() != Some(starter)) {
        exit::now(REFUSED);
    }
    let Ok(()) = entry::watch_main_thread() else { exit::now(REFUSED) };
    let assignment = Assignment {
        own: Own {
            name: settled.name,
            family: settled.family,
            daemon: settled.daemon,
            parent: (settled.parent.id(), settled.parent.name().to_owned()),
            parent_pidfd: Some(parent_pidfd),
        },
        directory: settled.directory,
        streams: settled.streams.map(|stream| stream.child),
        world: settled.worlds.1,
        environment: settled.environment,
        setup: settled.setup,
    };
    let corridor = assignment::open_corridor(corridor);
    let code = assignment::carry_out(assignment, corridor, present, || Ok(work));
    let _ = io::stdout().flush();
    // The exit handlers in this memory are the parent's; of ours there is this one.
    crate::closing::wait_for_others();
    exit::now(code)
}

impl Forked {
    /// Whether it has been dealt with: nobody holds its handle, and it has ended.
    fn is_over(&self) -> bool {
        let over = Arc::strong_count(&self.pidfd) == 1 && self.has_ended();
        if over {
            life::reap(&self.pidfd);
        }
        over
    }

    fn has_ended(&self) -> bool {
        self.ended_by(Some(Instant::now()))
    }

    fn ended_by(&self, deadline: Option<Instant>) -> bool {
        let end = [(self.pidfd.as_fd(), Interest::Readable)];
        wait::ready(&end, deadline).is_ok_and(|ready| ready == [true])
    }
}

/// Nobody waits for the child with this number when the program ends.
pub(crate) fn detach(serial: u64) {
    let mut children = FORKED.lock().unwrap_or_else(PoisonError::into_inner);
    let own = Pid::own();
    let found = children.iter_mut().find(|child| child.owner == own && child.serial == serial);
    if let Some(child) = found {
        child.detached = true;
    }
}

/// The children that have not ended.
pub(crate) fn alive() -> Vec<ProcessInfo> {
    let own = Pid::own();
    let children = FORKED.lock().unwrap_or_else(PoisonError::into_inner);
    let alive = children.iter().filter(|child| child.owner == own && !child.has_ended());
    alive.map(|child| child.info.clone()).collect()
}

/// Ends the daemons, waits for the others, and leaves no zombie.
pub(crate) fn close() {
    let own = Pid::own();
    let children = look(&FORKED, std::mem::take).unwrap_or_default();
    let (daemons, others): (Vec<Forked>, Vec<Forked>) = children
        .into_iter()
        .filter(|child| child.owner == own)
        .partition(|child| child.info.is_daemon());
    for daemon in &daemons {
        let _ = life::send_signal(daemon.pidfd.as_fd(), signal::SIGTERM);
        // A stopped process gets its signal only when it goes on.
        let _ = life::send_signal(daemon.pidfd.as_fd(), signal::SIGCONT);
    }
    let deadline = Instant::now() + DAEMON_GRACE;
    for daemon in &daemons {
        if !daemon.ended_by(Some(deadline)) {
            let _ = life::send_signal(daemon.pidfd.as_fd(), signal::SIGKILL);
            daemon.ended_by(None);
        }
        life::reap(&daemon.pidfd);
    }
    for other in others.iter().filter(|other| !other.detached) {
        other.ended_by(None);
        life::reap(&other.pidfd);
    }
}
