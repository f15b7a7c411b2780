//! Where a child wakes up.
//!
//! In: the socket on which the server hands it one start. Out: one answer on its own corridor, and
//! the exit. What always holds: it dies with its server until it knows that it is no daemon; it has
//! the standard streams, its corridor and what it was given, nothing else; user code runs after
//! everything that the parent sent is in place.

use crate::assignment::{self, Assignment, REFUSED};
use crate::current::Own;
use crate::frame::{Answer, OWN_DESCRIPTORS, Order};
use crate::panic_hook;
use crate::world::Present;
use procession_sys::boot::Boot;
use procession_sys::exit::now;
use procession_sys::fault;
use procession_sys::fault::stands;
use procession_sys::life::{self, Pid};
use procession_sys::parcel::{self, Parcel, Waiting};
use procession_sys::{descriptor, overflow, signal};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::exit;

/// Makes this process, and those forked from it, ready to run functions of the program: once in a
/// server, and in a child that was executed afresh.
pub(crate) fn prepare() -> io::Result<Present> {
    watch_main_thread()?;
    Present::read()
}

/// Has panics, and an overflow of this thread's stack, answered for by this process.
pub(crate) fn watch_main_thread() -> io::Result<()> {
    panic_hook::install();
    overflow::watch(&[parcel::INLINE, Answer::stack_overflow()])
}

/// Lives the life of a child: waits for its start, runs it, answers, exits.
///
/// `present` is what [`prepare`] gave in this process or in the one that it was forked from.
pub(crate) fn live(boot: Boot, present: &Present) -> ! {
    fault!("child.forked");
    if stands("parent-death-signal") && life::die_with_parent().is_err() {
        now(REFUSED);
    }
    fault!("child.armed");
    // Who has lost its parent before it was armed gets no signal any more.
    if stands("parent-check") && Pid::parent() != Some(boot.starter) {
        now(REFUSED);
    }
    let kept: Vec<_> = [Some(&boot.socket), boot.guarded.as_ref()]
        .into_iter()
        .flatten()
        .map(AsFd::as_fd)
        .collect();
    if descriptor::close_all_but(&kept).is_err() {
        now(REFUSED);
    }
    signal::block_none();
    // A server that has no start for us any more closes the socket.
    let Ok(Some(start)) = parcel::receive(boot.socket.as_fd(), Waiting::Allowed) else { now(0) };
    drop(boot.socket);
    signal::default_terminal();
    exit(run(start, boot.guarded, present))
}

/// Runs a start and answers; gives the exit code.
fn run(start: Parcel, parent_pidfd: Option<OwnedFd>, present: &Present) -> i32 {
    let Parcel { bytes, mut descriptors } = start;
    if descriptors.len() < OWN_DESCRIPTORS {
        return REFUSED;
    }
    let given = descriptors.split_off(OWN_DESCRIPTORS);
    let Ok([corridor, directory, stdin, stdout, stderr]) =
        <[OwnedFd; OWN_DESCRIPTORS]>::try_from(descriptors)
    else {
        return REFUSED;
    };
    let corridor = assignment::open_corridor(corridor);
    let start = match Order::read(&bytes) {
        Ok(Order::Start(start)) => start,
        Ok(_) => return assignment::refuse(corridor, "its start is another order"),
        Err(error) => return assignment::refuse(corridor, &error.to_string()),
    };
    let head = &start.head;
    // A daemon goes on dying with its server.
    let guarded = if head.daemon { Ok(()) } else { life::outlive_parent() };
    if let Err(error) = guarded {
        return assignment::refuse(corridor, &format!("its guard: {error}"));
    }
    let (setup, function) = match (head.setup(), head.function()) {
        (Ok(setup), Ok(function)) => (setup, function),
        (Err(error), _) | (_, Err(error)) => {
            return assignment::refuse(corridor, &error.to_string());
        }
    };
    let assignment = Assignment {
        own: Own {
            name: head.name.to_owned(),
            family: head.family.clone(),
            daemon: head.daemon,
            parent: (u32::try_from(head.parent.0).unwrap_or_default(), head.parent.1.to_owned()),
            parent_pidfd,
        },
        directory,
        streams: [stdin, stdout, stderr],
        world: head.world.clone(),
        environment: start.environment.to_vec(),
        setup,
    };
    let arguments = bytes.len() - start.arguments.len();
    let find = || {
        let entry = function.find().map_err(|error| format!("its function: {error}"))?;
        let arguments = Parcel { bytes: bytes.skip(arguments), descriptors: given };
        Ok(move || entry.call(arguments))
    };
    assignment::carry_out(assignment, corridor, present, find)
}
