//! Where a child wakes up.
//!
//! In: the child's end of its corridor. Out: that it is there; one answer, and the exit. What always
//! holds: it dies with its server until it knows that it is no daemon; it says that it is there
//! before it reads its start; it has the standard streams, its corridor and what it was given,
//! nothing else; user code runs after everything that the parent sent is in place.

mod rehearsal;

use crate::assignment::{self, Assignment, Outcome, REFUSED};
use crate::current::Own;
use crate::frame::{Answer, OWN_DESCRIPTORS, Offer, Report, Start};
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
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
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

/// To whom a child says that it is there.
pub(crate) enum Greeting<'a> {
    /// To the one who ordered it, on its corridor.
    Ordered,
    /// To the program, as the spare with this number: it sends `end`, the other of its corridor.
    Offered { number: u64, end: OwnedFd, offers: BorrowedFd<'a> },
}

/// Lives the life of a child: says that it is there, waits for its start, runs it, answers, exits.
///
/// `present` is what [`prepare`] gave in this process or in the one that it was forked from.
pub(crate) fn live(boot: Boot, greeting: Greeting<'_>, present: &Present) -> ! {
    fault!("child.forked");
    if stands("parent-death-signal") && life::die_with_parent().is_err() {
        now(REFUSED);
    }
    fault!("child.armed");
    // Who has lost its parent before it was armed gets no signal any more.
    if stands("parent-check") && Pid::parent() != Some(boot.starter) {
        now(REFUSED);
    }
    // What ends a spare child ends it now. Ctrl-C is nothing to one that is nobody yet, and its
    // server ends it; what is sent after it was told of waits until we are somebody.
    signal::block_terminal();
    let corridor = assignment::open_corridor(boot.socket);
    if matches!(greeting, Greeting::Offered { .. }) && stands("rehearsal") {
        // Without it the start takes longer; what it failed for will show there.
        let _ = rehearsal::rehearse(present, |start| run(start, corridor, None, present));
    }
    if greet(greeting, corridor).is_err() {
        // Nobody knows of it, and nobody will.
        now(REFUSED);
    }
    fault!("child.greeted");
    let kept: Vec<_> =
        [Some(corridor), boot.guarded.as_ref().map(AsFd::as_fd)].into_iter().flatten().collect();
    if stands("closing-in-child") && descriptor::close_all_but(&kept).is_err() {
        now(REFUSED);
    }
    let start = match parcel::receive(corridor, Waiting::Allowed) {
        Ok(Some(start)) => start,
        // Nobody has a start for us any more.
        Ok(None) => now(0),
        Err(_unreadable) => now(REFUSED),
    };
    fault!("child.started");
    signal::block_none();
    let code = run(start, corridor, boot.guarded, present).tell(corridor);
    fault!("child.answered");
    exit(code)
}

/// Says that this process is there. Without pidfds, or room for one, its number must do.
fn greet(greeting: Greeting<'_>, corridor: BorrowedFd<'_>) -> io::Result<()> {
    let pid = Pid::own();
    let pidfd = life::pidfd(pid).ok();
    let pidfd = pidfd.as_ref().map(AsFd::as_fd);
    match greeting {
        Greeting::Ordered => {
            let with: Vec<_> = pidfd.into_iter().collect();
            parcel::send(corridor, &[&Report::started(pid.as_raw())], &with, Waiting::Never)
        }
        Greeting::Offered { number, end, offers } => {
            let with: Vec<_> = [Some(end.as_fd()), pidfd].into_iter().flatten().collect();
            parcel::send(offers, &[&Offer::frame(number, pid.as_raw())], &with, Waiting::Never)
        }
    }
}

fn outlive_server() -> io::Result<()> {
    life::outlive_parent()?;
    fault!("child.knows");
    Ok(())
}

/// Runs a start.
fn run(
    start: Parcel,
    corridor: BorrowedFd<'static>,
    parent_pidfd: Option<OwnedFd>,
    present: &Present,
) -> Outcome {
    let Parcel { bytes, mut descriptors } = start;
    let mut given = descriptors.split_off(OWN_DESCRIPTORS.min(descriptors.len()));
    let Ok([directory, stdin, stdout, stderr]) =
        <[OwnedFd; OWN_DESCRIPTORS]>::try_from(descriptors)
    else {
        return Outcome::refused("its start lacks descriptors");
    };
    let start = match Start::read(&bytes) {
        Ok(start) => start,
        Err(error) => return Outcome::refused(&error.to_string()),
    };
    let head = &start.head;
    // A daemon goes on dying with its server, and a child with a reaper dies with that.
    let dies = head.daemon || head.kill_descendants;
    let guarded = if dies { Ok(()) } else { outlive_server() };
    if let Err(error) = guarded {
        return Outcome::refused(&format!("its guard: {error}"));
    }
    let (setup_key, function) = match (head.setup(), head.function()) {
        (Ok(setup_key), Ok(function)) => (setup_key, function),
        (Err(error), _) | (_, Err(error)) => {
            return Outcome::refused(&error.to_string());
        }
    };
    let setup = setup_key.zip(head.setup.as_ref()).map(|(key, setup)| {
        let count = usize::try_from(setup.descriptors).unwrap_or(usize::MAX);
        let descriptors = given.drain(..count.min(given.len())).collect();
        (key, Parcel { bytes: setup.arguments.to_vec().into(), descriptors })
    });
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
        kill_at: head.kill_at,
        dies_with_starter: dies,
        privileges: head.privileges.clone(),
    };
    let arguments = bytes.len() - start.arguments.len();
    let find = || {
        let entry = function.find().map_err(|error| format!("its function: {error}"))?;
        let arguments = Parcel { bytes: bytes.skip(arguments), descriptors: given };
        Ok(move || entry.call(arguments))
    };
    assignment::carry_out(assignment, corridor, present, find)
}
