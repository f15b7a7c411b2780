//! What a child is to be and to do.
//!
//! In: an [`Assignment`], from a start or from a fork of the parent. Out: one answer, and the exit
//! code. What always holds: user code runs after everything that the parent asked for is in place;
//! whatever goes wrong before it is an answer too.

use crate::current::{self, Own};
use crate::frame::{Answer, Privileges, World};
use crate::panic_hook;
use crate::privileges;
use crate::setup;
use crate::world::Present;
use procession_sys::descriptor::{self, Standard};
use procession_sys::image::Key;
use procession_sys::life::Pid;
use procession_sys::parcel::{self, Parcel, Waiting};
use procession_sys::{abort, boot, inherit, overflow, timer};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// The exit code of a child whose function panicked, as std's for `main`.
const PANICKED: i32 = 101;
/// The exit code of a child that did not call its function (`EX_OSERR` of sysexits.h).
pub(crate) const REFUSED: i32 = 71;

/// Everything that a child becomes before it calls its function.
pub(crate) struct Assignment {
    pub(crate) own: Own,
    pub(crate) directory: OwnedFd,
    /// Standard input, output, error.
    pub(crate) streams: [OwnedFd; 3],
    pub(crate) world: World,
    pub(crate) environment: Vec<u8>,
    pub(crate) setup: Option<(Key, Parcel)>,
    /// The monotonic time at which the kernel kills it.
    pub(crate) kill_at: Option<Duration>,
    /// Whether it ends with the process that started it.
    pub(crate) dies_with_starter: bool,
    pub(crate) privileges: Privileges,
}

/// What a child has to say, and how it leaves.
pub(crate) struct Outcome {
    answer: Parcel,
    code: i32,
    /// Whose word it is: a function may have made a copy of its process, by a `fork`.
    speaker: Pid,
}

/// Keeps the corridor for the life of the process, whose signal handlers may need it to the last.
pub(crate) fn open_corridor(corridor: OwnedFd) -> BorrowedFd<'static> {
    let corridor: &'static OwnedFd = Box::leak(Box::new(corridor));
    panic_hook::answer_on(corridor.as_fd());
    overflow::report_to(corridor.as_fd());
    corridor.as_fd()
}

/// Becomes what is asked and calls what `find` finds.
pub(crate) fn carry_out<F: FnOnce() -> Parcel>(
    mut assignment: Assignment,
    corridor: BorrowedFd<'static>,
    present: &Present,
    find: impl FnOnce() -> Result<F, String>,
) -> Outcome {
    let setup = assignment.setup.take();
    let prepared = become_it(assignment, corridor, present).and_then(|()| {
        let find_setup = |(key, arguments): (Key, Parcel)| {
            let entry = key.find().map_err(|error| format!("its setup: {error}"))?;
            Ok::<_, String>((entry, arguments))
        };
        Ok((setup.map(find_setup).transpose()?, find()?))
    });
    let (setup, function) = match prepared {
        Ok(calls) => calls,
        Err(why) => return Outcome::refused(&why),
    };
    let speaker = Pid::own();
    boot::run_function();
    let called = catch_unwind(AssertUnwindSafe(|| {
        if let Some((setup, arguments)) = setup {
            let refused = setup.call(arguments);
            if !refused.bytes.is_empty() {
                return (refused, REFUSED);
            }
            panic_hook::keep_recording();
        }
        (function(), 0)
    }));
    match called {
        Ok((answer, code)) => Outcome { answer, code, speaker },
        Err(payload) => {
            let answer = Answer::panicked(&panic_hook::caught(payload.as_ref()));
            // A payload may panic as it is dropped.
            std::mem::forget(payload);
            Outcome { answer, code: PANICKED, speaker }
        }
    }
}

fn become_it(
    assignment: Assignment,
    corridor: BorrowedFd<'static>,
    present: &Present,
) -> Result<(), String> {
    let Assignment { own, directory, streams: [stdin, stdout, stderr], .. } = assignment;
    if let Some(time) = assignment.kill_at {
        timer::kill_at(time).map_err(|error| format!("its timeout: {error}"))?;
    }
    inherit::enter(&directory).map_err(|error| format!("its working directory: {error}"))?;
    for (stream, source) in
        [(Standard::Input, stdin), (Standard::Output, stdout), (Standard::Error, stderr)]
    {
        descriptor::set_standard(stream, Some(&source))
            .map_err(|error| format!("its standard streams: {error}"))?;
    }
    let world = assignment.world;
    // Before the limit, which what is taken over may meet already.
    if world.reports_want_of_memory {
        abort::report_to(corridor, [parcel::INLINE, Answer::out_of_memory()])
            .map_err(|error| format!("its report of a failed allocation: {error}"))?;
    }
    present.take_over(&world, &assignment.environment)?;
    privileges::apply(&assignment.privileges, assignment.dies_with_starter)?;
    present.show(&own.name);
    current::set(own);
    Ok(())
}

impl Outcome {
    /// The function was not called.
    pub(crate) fn refused(why: &str) -> Self {
        Self { answer: Answer::refused(why), code: REFUSED, speaker: Pid::own() }
    }

    /// Answers and gives the exit code; a parent that is gone, or dropped its handle, is nobody to
    /// tell. A copy of the process that came back from its function too is nobody to speak.
    pub(crate) fn tell(&self, corridor: BorrowedFd<'_>) -> i32 {
        if self.speaker != Pid::own() {
            setup::forget_inherited_guard();
            return self.code;
        }
        if let Err(error) = parcel::forward(corridor, &self.answer, Waiting::Allowed) {
            let why = format!("{} bytes could not be sent: {error}", self.answer.bytes.len());
            let _ = parcel::forward(corridor, &Answer::unencodable(&why), Waiting::Allowed);
        }
        // The kernel may have woken the parent on this processor, where it would wait for the end
        // of this process, which takes longer than everything before.
        std::thread::yield_now();
        setup::drop_guard();
        self.code
    }
}
