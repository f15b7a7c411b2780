//! Where a child wakes up.
//!
//! In: the socket on which the server hands it one start. Out: one answer on its own corridor, and
//! the exit. What always holds: it dies with its server until it knows that it is no daemon; it has
//! the standard streams, its corridor and what it was given, nothing else; user code runs after
//! everything that the parent sent is in place.

use crate::current::{self, Own};
use crate::frame::{Answer, FrameError, OWN_DESCRIPTORS, Order, Start};
use crate::panic_hook;
use crate::world::Present;
use procession_sys::boot::Boot;
use procession_sys::descriptor::{self, Standard};
use procession_sys::exit::now;
use procession_sys::image::{Entry, Key};
use procession_sys::life::{self, Pid};
use procession_sys::parcel::{self, Parcel, Waiting};
use procession_sys::{abort, inherit, overflow, signal};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::exit;

/// The exit code of a child whose function panicked, as std's for `main`.
const PANICKED: i32 = 101;
/// The exit code of a child that did not call its function (`EX_OSERR` of sysexits.h).
const REFUSED: i32 = 71;

/// Makes this process, and those forked from it, ready to run functions of the program: once in a
/// server, and in a child that was executed afresh.
pub(crate) fn prepare() -> io::Result<Present> {
    panic_hook::install();
    overflow::watch(&[parcel::INLINE, Answer::stack_overflow()])?;
    Present::read()
}

/// Lives the life of a child: waits for its start, runs it, answers, exits.
///
/// `present` is what [`prepare`] gave in this process or in the one that it was forked from.
pub(crate) fn live(boot: Boot, present: &Present) -> ! {
    if life::die_with_parent().is_err() || Pid::parent() != Some(boot.starter) {
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
fn run(start: Parcel, parent: Option<OwnedFd>, present: &Present) -> i32 {
    let Parcel { bytes, mut descriptors } = start;
    if descriptors.len() < OWN_DESCRIPTORS {
        return REFUSED;
    }
    let given = descriptors.split_off(OWN_DESCRIPTORS);
    // One corridor for the life of the process, which its signal handler may need to the last.
    let corridor: &'static OwnedFd = Box::leak(Box::new(descriptors.remove(0)));
    let corridor = corridor.as_fd();
    panic_hook::answer_on(corridor);
    overflow::report_to(corridor);
    let prepared = match Order::read(&bytes) {
        Ok(Order::Start(start)) => become_child(&start, descriptors, parent, present)
            .and_then(|calls| report_want_of_memory(&start, corridor).map(|()| calls))
            .map(|calls| (calls, bytes.len() - start.arguments.len())),
        Ok(_) => Err("its start is another order".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    let (answer, code) = match prepared {
        Err(why) => (Answer::refused(&why), REFUSED),
        Ok((calls, arguments)) => {
            let arguments = Parcel { bytes: bytes.skip(arguments), descriptors: given };
            call(calls, arguments)
        }
    };
    send(corridor, &answer);
    code
}

/// What a child calls: its setup, if it has one, and its function.
#[derive(Clone, Copy)]
struct Calls {
    setup: Option<&'static Entry>,
    function: &'static Entry,
}

/// Becomes what the start says.
fn become_child(
    start: &Start<'_>,
    descriptors: Vec<OwnedFd>,
    parent_pidfd: Option<OwnedFd>,
    present: &Present,
) -> Result<Calls, String> {
    let head = &start.head;
    if !head.daemon {
        life::outlive_parent().map_err(|error| format!("its guard: {error}"))?;
    }
    take_places(descriptors)?;
    present
        .take_over(&head.world, start.environment)
        .map_err(|error| format!("what it takes over from its parent: {error}"))?;
    present.show(head.name);
    let parent_id = u32::try_from(head.parent.0).unwrap_or_default();
    current::set(Own {
        name: head.name.to_owned(),
        family: head.family.clone(),
        daemon: head.daemon,
        parent: (parent_id, head.parent.1.to_owned()),
        parent_pidfd,
    });
    let find = |key: Result<Key, FrameError>| {
        let key = key.map_err(|error| error.to_string())?;
        key.find().map_err(|error| format!("its function: {error}"))
    };
    let setup = head.setup().transpose().map(find).transpose()?;
    Ok(Calls { setup, function: find(head.function())? })
}

/// A child with a limit on its memory tells when that is why it aborts.
fn report_want_of_memory(start: &Start<'_>, corridor: BorrowedFd<'static>) -> Result<(), String> {
    if !start.head.world.reports_want_of_memory {
        return Ok(());
    }
    abort::report_to(corridor, [parcel::INLINE, Answer::out_of_memory()])
        .map_err(|error| format!("its report of a failed allocation: {error}"))
}

/// Takes the working directory and the standard streams.
fn take_places(descriptors: Vec<OwnedFd>) -> Result<(), String> {
    let [directory, stdin, stdout, stderr] = <[OwnedFd; 4]>::try_from(descriptors)
        .map_err(|_| "its start lacks descriptors".to_owned())?;
    inherit::enter(&directory).map_err(|error| format!("its working directory: {error}"))?;
    for (stream, source) in
        [(Standard::Input, stdin), (Standard::Output, stdout), (Standard::Error, stderr)]
    {
        descriptor::set_standard(stream, Some(&source))
            .map_err(|error| format!("its standard streams: {error}"))?;
    }
    Ok(())
}

/// Calls setup and function; gives the answer and the exit code.
fn call(calls: Calls, arguments: Parcel) -> (Parcel, i32) {
    let called = catch_unwind(AssertUnwindSafe(|| {
        if let Some(setup) = calls.setup {
            drop(setup.call(Parcel::default()));
        }
        calls.function.call(arguments)
    }));
    match called {
        Ok(answer) => (answer, 0),
        Err(payload) => {
            let panic = panic_hook::caught(payload.as_ref());
            // A payload may panic as it is dropped, which must not cost the answer.
            std::mem::forget(payload);
            (Answer::panicked(&panic), PANICKED)
        }
    }
}

/// Sends the answer; a parent that is gone, or dropped its handle, is nobody to tell.
fn send(corridor: BorrowedFd<'_>, answer: &Parcel) {
    let Err(error) = parcel::forward(corridor, answer, Waiting::Allowed) else { return };
    let why = format!("{} bytes could not be sent: {error}", answer.bytes.len());
    let _ = parcel::forward(corridor, &Answer::unencodable(&why), Waiting::Allowed);
}
