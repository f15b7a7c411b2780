//! Where a child wakes up.
//!
//! In: the socket on which the server hands it one start. Out: one answer on its own corridor, and
//! the exit. What always holds: it dies with its server until it knows that it is no daemon; it has
//! the standard streams, its corridor and what it was given, nothing else; user code runs after
//! everything that the parent sent is in place.

use crate::current::{self, Own};
use crate::frame::{Answer, FrameError, OWN_DESCRIPTORS, Order, Start};
use crate::{panic_hook, world};
use procession_sys::boot::Boot;
use procession_sys::descriptor::{self, Standard};
use procession_sys::exit::now;
use procession_sys::image::Entry;
use procession_sys::life::{self, Pid};
use procession_sys::parcel::{self, Parcel, Waiting};
use procession_sys::{inherit, overflow, signal};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::exit;
use std::sync::Arc;

/// The exit code of a child whose function panicked, as std's for `main`.
const PANICKED: i32 = 101;
/// The exit code of a child that did not call its function (`EX_OSERR` of sysexits.h).
const REFUSED: i32 = 71;

/// Lives the life of a child: waits for its start, runs it, answers, exits.
pub(crate) fn live(boot: Boot) -> ! {
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
    signal::as_std_leaves_them();
    // A server that has no start for us any more closes the socket.
    let Ok(Some(start)) = parcel::receive(boot.socket.as_fd(), Waiting::Allowed) else { now(0) };
    drop(boot.socket);
    signal::default_terminal();
    let (answer, code) = run(start, boot.guarded);
    if let Some((corridor, answer)) = answer {
        send(&corridor, &answer);
    }
    exit(code)
}

/// Runs a start; gives the answer with the corridor that it belongs on, and the exit code.
fn run(start: Parcel, parent: Option<OwnedFd>) -> (Option<(Arc<OwnedFd>, Parcel)>, i32) {
    let Parcel { bytes, mut descriptors } = start;
    if descriptors.len() < OWN_DESCRIPTORS {
        return (None, REFUSED);
    }
    let given = descriptors.split_off(OWN_DESCRIPTORS);
    let corridor = Arc::new(descriptors.remove(0));
    let prepared = match Order::read(&bytes) {
        Ok(Order::Start(start)) => prepare(&start, &descriptors, parent, &corridor)
            .map(|calls| (calls, bytes.len() - start.arguments.len())),
        Ok(_) => Err("its start is another order".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    drop(descriptors);
    let (answer, code) = match prepared {
        Err(why) => (Answer::refused(&why), REFUSED),
        Ok((calls, arguments)) => {
            let arguments = Parcel { bytes: bytes.skip(arguments), descriptors: given };
            call(calls, arguments)
        }
    };
    (Some((corridor, answer)), code)
}

/// What a child calls: its setup, if it has one, and its function.
#[derive(Clone, Copy)]
struct Calls {
    setup: Option<&'static Entry>,
    function: &'static Entry,
}

/// Becomes what the start says.
fn prepare(
    start: &Start<'_>,
    descriptors: &[OwnedFd],
    parent_pidfd: Option<OwnedFd>,
    corridor: &Arc<OwnedFd>,
) -> Result<Calls, String> {
    let head = &start.head;
    if !head.daemon {
        life::outlive_parent().map_err(|error| format!("its guard: {error}"))?;
    }
    take_over(start, descriptors).map_err(|(what, error)| format!("its {what}: {error}"))?;
    inherit::set_thread_name(head.name);
    let parent_id = u32::try_from(head.parent.0).unwrap_or_default();
    current::set(Own {
        name: head.name.to_owned(),
        family: head.family.clone(),
        daemon: head.daemon,
        parent: (parent_id, head.parent.1.to_owned()),
        parent_pidfd,
    });
    panic_hook::install(Arc::clone(corridor));
    overflow::report_to(corridor.as_fd(), &[parcel::INLINE, Answer::stack_overflow()])
        .map_err(|error| format!("its stack guard: {error}"))?;
    let find = |key: Result<procession_sys::image::Key, FrameError>| {
        let key = key.map_err(|error| error.to_string())?;
        key.find().map_err(|error| format!("its function: {error}"))
    };
    let setup = head.setup().transpose().map(find).transpose()?;
    Ok(Calls { setup, function: find(head.function())? })
}

fn take_over(start: &Start<'_>, descriptors: &[OwnedFd]) -> Result<(), (&'static str, io::Error)> {
    let [directory, stdin, stdout, stderr] = descriptors else {
        return Err(("descriptors", io::ErrorKind::InvalidData.into()));
    };
    for (stream, source) in
        [(Standard::Input, stdin), (Standard::Output, stdout), (Standard::Error, stderr)]
    {
        descriptor::set_standard(stream, Some(source)).map_err(|error| ("streams", error))?;
    }
    inherit::enter(directory).map_err(|error| ("working directory", error))?;
    world::apply(&start.head.world).map_err(|error| ("limits", error))?;
    world::apply_environment(start.environment).map_err(|error| ("environment", error))
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
fn send(corridor: &OwnedFd, answer: &Parcel) {
    let Err(error) = parcel::forward(corridor.as_fd(), answer, Waiting::Allowed) else { return };
    let why = format!("{} bytes could not be sent: {error}", answer.bytes.len());
    let _ = parcel::forward(corridor.as_fd(), &Answer::unencodable(&why), Waiting::Allowed);
}
