//! Forking this process for a closure.
//!
//! In: a closure, and the options of its process. Out: the parent's end of a corridor; in the
//! child, the closure's answer. What always holds: only a process with one thread forks; the child
//! runs none of the parent's exit handlers; its closure runs only once the parent watches it.

use crate::assignment::{self, Assignment, REFUSED};
use crate::closing;
use crate::corridor::{Corridor, Known};
use crate::current::{Own, ProcessInfo};
use crate::entry;
use crate::forked;
use crate::frame::is_hang_up;
use crate::settle::Settled;
use crate::setup;
use crate::world::Present;
use procession_sys::exit;
use procession_sys::fault;
use procession_sys::fault::stands;
use procession_sys::fork::Fork;
use procession_sys::life::{self, Pid};
use procession_sys::parcel::{self, Parcel, Waiting};
use procession_sys::thread::SingleThreaded;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

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
        Fork::Child => {
            drop(here);
            live(starter, parent_pidfd, there, settled, &present, work)
        }
        Fork::Parent(pid) => {
            fault!("fork.forked");
            // A child that runs is a start: here is the room for what it is watched by.
            drop(there);
            let watched = life::pidfd_of_child(pid).and_then(|pidfd| go_on(&here).map(|()| pidfd));
            let pidfd = match watched {
                Ok(pidfd) => Arc::new(pidfd),
                Err(error) => {
                    drop(here);
                    life::end_child(pid);
                    return Err(error);
                }
            };
            let id = u32::try_from(pid.as_raw()).unwrap_or_default();
            let info = ProcessInfo { name: settled.name.clone(), id, daemon: settled.daemon };
            let serial = settled.serial;
            forked::remember(serial, info, Arc::clone(&pidfd));
            let process = Known { pid: pid.as_raw(), serial, kill_at: settled.kill_at };
            let mut corridor = Corridor::new(&settled.name, process, here, Some(pidfd), None);
            corridor.set_kill_on_drop(settled.kill_on_drop);
            Ok((corridor, settled.streams.map(|stream| stream.parent)))
        }
    }
}

/// What the parent says once it watches the child.
const GO_ON: &[u8] = b"go";

/// Has the child run its closure. One that somebody has killed before is told of by its ending.
fn go_on(corridor: &OwnedFd) -> io::Result<()> {
    match parcel::send(corridor.as_fd(), &[GO_ON], &[], Waiting::Allowed) {
        Err(error) if is_hang_up(&error) => Ok(()),
        sent => sent,
    }
}

/// Waits until the parent watches this process: one that ends before, where the kernel or a signal
/// handler reaps every child, cannot be told from one that never ran. An error where it never will.
fn wait_for_parent(corridor: &OwnedFd) -> io::Result<()> {
    if !stands("waiting-for-the-parent") {
        return Ok(());
    }
    let told = parcel::receive(corridor.as_fd(), Waiting::Allowed)?;
    told.map(drop).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
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
    let Ok(()) = wait_for_parent(&corridor) else { exit::now(REFUSED) };
    let Ok(()) = entry::watch_main_thread() else { exit::now(REFUSED) };
    setup::forget_inherited_guard();
    let setup = settled.setup.map(|(key, arguments)| duplicate(&arguments).map(|own| (key, own)));
    let Ok(setup) = setup.transpose() else { exit::now(REFUSED) };
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
        setup,
        kill_at: settled.kill_at,
        dies_with_starter: settled.daemon,
        privileges: settled.privileges,
    };
    let corridor = assignment::open_corridor(corridor);
    let code = assignment::carry_out(assignment, corridor, present, || Ok(work)).tell(corridor);
    let _ = io::stdout().flush();
    // The exit handlers in this memory are the parent's; of ours there is this one.
    closing::wait_for_others();
    exit::now(code)
}

/// Arguments that other plans may hold too.
fn duplicate(arguments: &Parcel) -> io::Result<Parcel> {
    let descriptors = arguments.descriptors.iter().map(OwnedFd::try_clone);
    let descriptors = descriptors.collect::<io::Result<_>>()?;
    Ok(Parcel { bytes: arguments.bytes.to_vec().into(), descriptors })
}
