//! What a panic said, kept until the child answers.
//!
//! In: the panics of a child's threads. Out: the [`Panic`] of the thread that runs the function.
//! What always holds: the hook is installed in children only; it prints a panic as std does, with
//! the process's name. In a program that aborts on panic there is no way back from the hook, so
//! the hook itself sends the answer.

use crate::current::current;
use crate::frame::{Answer, Panic};
use procession_sys::life::Pid;
use procession_sys::parcel::{self, Waiting};
use procession_sys::published::Published;
use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::io::Write;
use std::os::fd::BorrowedFd;
use std::panic::PanicHookInfo;
use std::thread::{self, ThreadId};

thread_local! {
    static LAST: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// Where the process with this id answers; a copy of it, by a `fork`, does not.
static CORRIDOR: Published<(Pid, BorrowedFd<'static>)> = Published::new();

/// Installs the hook, for a function that will run on the calling thread.
pub(crate) fn install() {
    let function = thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        let panic = describe(info, function);
        if let (true, Some(corridor)) = (cfg!(panic = "abort"), own_corridor()) {
            // Nobody left to receive it is nobody to tell.
            let _ = parcel::forward(corridor, &Answer::panicked(&panic), Waiting::Allowed);
        }
        print(&panic);
        LAST.with(|last| *last.borrow_mut() = Some(panic));
    }));
}

/// Where a program that aborts on panic sends its answer.
pub(crate) fn answer_on(corridor: BorrowedFd<'static>) {
    CORRIDOR.set(Box::leak(Box::new((Pid::own(), corridor))));
}

/// None in a copy that a function has made of its process.
fn own_corridor() -> Option<BorrowedFd<'static>> {
    let (owner, corridor) = CORRIDOR.get()?;
    (*owner == Pid::own()).then_some(*corridor)
}

/// The panic that ended the calling thread's function with this payload.
pub(crate) fn caught(payload: &(dyn Any + Send)) -> Panic {
    let message = message(payload);
    LAST.with(|last| last.borrow_mut().take())
        // `resume_unwind` runs no hook: an older panic of this thread is not this one.
        .filter(|last| last.message == message)
        .unwrap_or(Panic { message, place: None, thread: None, backtrace: None })
}

fn describe(info: &PanicHookInfo<'_>, function: ThreadId) -> Panic {
    let thread = thread::current();
    let name = if thread.id() == function { Some("main") } else { thread.name() };
    let backtrace = Backtrace::capture();
    let captured = backtrace.status() == BacktraceStatus::Captured;
    Panic {
        message: message(info.payload()),
        place: info.location().map(|at| (at.file().to_owned(), at.line(), at.column())),
        thread: name.map(str::to_owned),
        backtrace: captured.then(|| backtrace.to_string()),
    }
}

/// One write, so that the words of processes that panic together do not mix.
fn print(panic: &Panic) {
    let name = current().name;
    let mut text = format!("process `{name}` {panic}\n");
    if let Some(backtrace) = panic.backtrace() {
        text.push_str("stack backtrace:\n");
        text.push_str(backtrace);
    }
    // A standard error that is closed or full of nobody's reading is no reason to fail.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a value that is no text").to_owned()
}
