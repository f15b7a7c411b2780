//! The process above a child whose plan asks for the end of its descendants.
//!
//! The fork server forks it, it starts the child, adopts the orphans among the child's descendants,
//! and kills whatever is left of them once the child has ended.
//!
//! ```text
//! fork server ── reaper ── child ── its own processes
//! ```
//!
//! # Invariants
//! - The child ends with its reaper, and the reaper of a daemon ends the child with its server.
//! - The child's end is told once no descendant is left, or only those that cannot be killed, and
//!   the reaper is gone.
//! - Signals of the server go to the child, which the reaper has not reaped.

use crate::entry::{self, Greeting};
use crate::frame::{Birth, Departure, Report, StartMethod};
use crate::world::Present;
use procession_sys::boot::{Boot, Role};
use procession_sys::descriptor;
use procession_sys::exit::now;
use procession_sys::fork::{Fork, fork};
use procession_sys::life::{self, Pid, Reaped};
use procession_sys::parcel::{self, Waiting};
use procession_sys::signal::{self, AllSignals};
use procession_sys::subtree::{self, Cgroup, Left};
use procession_sys::wait::{self, Interest};
use procession_sys::{inherit, spawn, timer};
use std::cell::OnceCell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

/// What the server sends a reaper to have it kill its child and all descendants. SIGKILL would kill
/// the reaper instead.
pub(super) const KILL_ALL: i32 = signal::SIGPWR;

/// How long killed descendants may take to end: one that waits for a disk cannot be killed.
const DYING: Duration = Duration::from_secs(5);

/// How many survivors are told of: as many as fit a pipe that nothing reads yet.
const MOST_SURVIVORS: usize = 8192;

/// How long a descendant that was not seen to be killed may run before it is looked for again.
const AGAIN: Duration = Duration::from_millis(10);

/// Forks a reaper, which starts a child for `corridor`, or says there why it cannot. The server does
/// not wait for it.
pub(super) fn start(
    present: &Present,
    birth: &Birth<'_>,
    corridor: OwnedFd,
    main: Option<&OwnedFd>,
) -> io::Result<(Pid, Reaper)> {
    let threads = || {
        let why = "constructors of the program have started threads, so it has no reapers";
        io::Error::new(io::ErrorKind::Unsupported, why)
    };
    let proof = present.proof().ok_or_else(threads)?;
    let (said, writer) = descriptor::pipe()?;
    descriptor::set_nonblocking(said.as_fd())?;
    let (server, born) = (Pid::own(), timer::monotonic());
    match fork(proof)? {
        Fork::Child => live(present, birth, (server, born), Ends { corridor, main, writer }),
        Fork::Parent(pid) => Ok((pid, Reaper { said, born, child: OnceCell::new() })),
    }
}

/// A reaper, as its server knows it.
pub(super) struct Reaper {
    /// Where it says the number of its child, and at the end how the child ended.
    said: OwnedFd,
    /// The monotonic time of its fork, which with its number names its cgroup.
    born: Duration,
    child: OnceCell<Pid>,
}

impl Reaper {
    /// The child below it; `None` until it is there.
    pub(super) fn child(&self) -> Option<Pid> {
        if self.child.get().is_none() {
            let mut number = [0; 4];
            File::from(self.said.try_clone().ok()?).read_exact(&mut number).ok()?;
            let _ = self.child.set(Pid::from_raw(i32::from_le_bytes(number))?);
        }
        self.child.get().copied()
    }

    /// How the child ended, of a reaper that has ended and had this number. `None` if it was killed
    /// before it knew.
    pub(super) fn departure(self, own: Pid) -> Option<Departure> {
        let known = self.child().is_some();
        let mut frame = Vec::new();
        // A copy of the writing end, which no process should have, must not hold the server up.
        let _ = File::from(self.said).read_to_end(&mut frame);
        let departure = Departure::read(&frame).ok().filter(|_| known);
        if departure.is_none() {
            // What it was there for. A cgroup whose members have not ended by then is removed when
            // the next one is made.
            let _ = Cgroup::left_by(own, self.born).map(|left| left.kill());
        }
        departure
    }
}

/// The descriptors of a reaper.
struct Ends<'a> {
    corridor: OwnedFd,
    main: Option<&'a OwnedFd>,
    writer: OwnedFd,
}

fn live(
    present: &Present,
    birth: &Birth<'_>,
    (server, born): (Pid, Duration),
    ends: Ends<'_>,
) -> ! {
    let started = prepare(birth.record.daemon, server).and_then(|signals| {
        let cgroup = Cgroup::new(born).filter(|cgroup| cgroup.enter().is_ok());
        let child = start_child(present, birth, &ends);
        // A reaper that cannot leave would be killed with the others.
        let cgroup = cgroup.filter(|cgroup| cgroup.leave().is_ok());
        child.map(|child| (signals, cgroup, child))
    });
    let Ends { corridor, writer, .. } = ends;
    let (signals, cgroup, child) = match started {
        Ok(started) => started,
        Err(error) => {
            let why = format!("its reaper cannot make it: {error}");
            let frame = Report::not_started(&why, error.raw_os_error());
            let _ = parcel::send(corridor.as_fd(), &[&frame], &[], Waiting::Never);
            now(1)
        }
    };
    let kept = [corridor.as_fd(), writer.as_fd(), signals.descriptor().as_fd()];
    // What it holds beside that does nothing.
    let _ = descriptor::close_all_but(&kept);
    let reaped = watch(&signals, child, server);
    let survivors = end_descendants(&signals, cgroup.as_ref());
    drop(cgroup);
    tell(birth, &reaped, &survivors, writer, corridor.as_fd());
    now(0)
}

/// Says a child's number to the server, before the child says that it is there.
fn announce(child: Pid, writer: &OwnedFd) {
    if let Ok(writer) = writer.try_clone() {
        let _ = File::from(writer).write_all(&child.as_raw().to_le_bytes());
    }
}

/// Becomes a reaper.
fn prepare(daemon: bool, server: Pid) -> io::Result<AllSignals> {
    inherit::set_thread_name("reaper");
    let signals = AllSignals::open()?;
    subtree::adopt_orphans()?;
    if daemon {
        life::be_told_of_parents_end(KILL_ALL)?;
        // A server that ended before that tells nothing any more.
        if Pid::parent() != Some(server) {
            return Err(io::ErrorKind::NotFound.into());
        }
    }
    Ok(signals)
}

fn start_child(present: &Present, birth: &Birth<'_>, ends: &Ends<'_>) -> io::Result<Pid> {
    let Ends { corridor, main, writer } = ends;
    if birth.method == StartMethod::Spawn {
        let main = main.map(AsFd::as_fd);
        let child = spawn::own_image(Role::Child, corridor.as_fd(), main, birth.environment)?;
        announce(child, writer);
        return Ok(child);
    }
    let proof = present.proof().ok_or(io::ErrorKind::Unsupported)?;
    let socket = corridor.try_clone()?;
    let guarded = main.map(OwnedFd::try_clone).transpose()?;
    let starter = Pid::own();
    match fork(proof)? {
        Fork::Parent(child) => Ok(child),
        Fork::Child => {
            announce(Pid::own(), writer);
            let boot = Boot { role: Role::Child, socket, guarded, starter };
            entry::live(boot, Greeting::Ordered, present)
        }
    }
}

/// Passes the server's signals on until the child has ended.
fn watch(signals: &AllSignals, child: Pid, server: Pid) -> Reaped {
    loop {
        let waited = [(signals.descriptor().as_fd(), Interest::Readable)];
        // Where the kernel has no memory for the wait, the next one is tried.
        let _ = wait::ready(&waited, None);
        for (number, sender) in signals.take() {
            // A terminal signals the child by itself, and nobody else means the child here.
            if sender == Some(server.as_raw()) && number != signal::SIGCHLD {
                let number = if number == KILL_ALL { signal::SIGKILL } else { number };
                let _ = life::signal_child(child, number);
            }
        }
        while let Some((ended, reaped)) = subtree::reap() {
            if ended == child {
                return reaped;
            }
        }
    }
}

/// Kills until nothing is left but what cannot be killed, which it returns.
fn end_descendants(signals: &AllSignals, cgroup: Option<&Cgroup>) -> Vec<i32> {
    let deadline = Instant::now() + DYING;
    loop {
        if let Some(cgroup) = cgroup {
            // What the kernel refuses here is killed one by one.
            let _ = cgroup.kill();
        }
        let Left::Some { dying, immune } = subtree::kill_all() else { return Vec::new() };
        if (dying.is_empty() && !immune.is_empty()) || deadline <= Instant::now() {
            let left = dying.iter().map(|(pid, _)| pid).chain(&immune);
            return left.map(|pid| pid.as_raw()).collect();
        }
        let _ = signals.take();
        let ends = dying.iter().filter_map(|(_, end)| end.as_ref());
        let mut waited: Vec<_> = ends.map(|end| (end.as_fd(), Interest::Readable)).collect();
        waited.push((signals.descriptor().as_fd(), Interest::Readable));
        let _ = wait::ready(&waited, Some(deadline.min(Instant::now() + AGAIN)));
    }
}

/// Tells of the child's end: to the server, which passes it on once it has reaped this process, or,
/// if the server is gone, to the parent.
fn tell(
    birth: &Birth<'_>,
    reaped: &Reaped,
    survivors: &[i32],
    server: OwnedFd,
    parent: BorrowedFd<'_>,
) {
    let Reaped { status, usage } = reaped;
    let over = birth.kill_at.is_some_and(|time| time <= timer::monotonic());
    let timed_out = over && status.signal() == Some(signal::SIGKILL);
    let departure = Departure::new(status.into_raw(), timed_out, usage);
    let departure = departure.with_survivors(&survivors[..survivors.len().min(MOST_SURVIVORS)]);
    // Numbers can always be written.
    let Ok(frame) = Report::exit(&departure) else { return };
    let server_hears = Departure::to_frame(&departure)
        .is_ok_and(|frame| File::from(server).write_all(&frame).is_ok());
    if !server_hears {
        let _ = parcel::send(parent, &[&frame], &[], Waiting::Never);
    }
}
