//! The message and place of a panic, kept until the child answers.
//!
//! # Invariants
//! - The hook is installed in children only. It records the panic of each thread and prints it as std
//!   does, with the process's name.
//! - A hook that the user's setup has set prints instead, and the panic is recorded all the same.
//! - In a program that aborts on panic nothing runs after the hook, so the hook itself sends the
//!   answer.

use crate::current::current;
use crate::frame::{Answer, Panic, excerpt, excerpt_of};
use procession_sys::life::Pid;
use procession_sys::parcel::{self, Waiting};
use procession_sys::published::Published;
use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::io::Write;
use std::os::fd::BorrowedFd;
use std::panic::PanicHookInfo;
use std::thread::{self, ThreadId};

/// A panic hook.
type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

thread_local! {
    /// The last panic of this thread.
    static LAST: RefCell<Option<Panic>> = const { RefCell::new(None) };
    /// Whether a hook is recording a panic of this thread already.
    static RECORDING: Cell<bool> = const { Cell::new(false) };
}

/// Where the process with this id answers; a copy of it, by a `fork`, does not.
static CORRIDOR: Published<(Pid, BorrowedFd<'static>)> = Published::new();

/// Installs the hook, for a function that will run on the calling thread.
pub(crate) fn install() {
    let function = thread::current().id();
    std::panic::set_hook(recording(function, Box::new(move |info| print(info, function))));
}

/// Goes on recording panics after code that may have set another hook, which then prints them. The
/// function will run on the calling thread.
pub(crate) fn keep_recording() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(recording(thread::current().id(), hook));
}

/// Records panics, then calls `hook`. A recording hook may be inside of another one: the outermost
/// records.
fn recording(function: ThreadId, hook: Hook) -> Hook {
    Box::new(move |info| {
        if RECORDING.replace(true) {
            return hook(info);
        }
        let panic = describe(info, function);
        if let (true, Some(corridor)) = (cfg!(panic = "abort"), own_corridor()) {
            // Nobody left to receive it is nobody to tell.
            let _ = parcel::forward(corridor, &Answer::panicked(&panic), Waiting::Allowed);
        }
        // In a destructor of another thread-local variable it may be gone.
        let _ = LAST.try_with(|last| *last.borrow_mut() = Some(panic));
        hook(info);
        RECORDING.set(false);
    })
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
        thread: name.map(excerpt),
        backtrace: captured.then(|| excerpt_of(&backtrace)),
    }
}

/// Prints the panic in one write, so that the lines of processes that panic together do not mix.
fn print(info: &PanicHookInfo<'_>, function: ThreadId) {
    let recorded = LAST.try_with(|last| last.borrow().as_ref().map(report)).ok().flatten();
    let text = recorded.unwrap_or_else(|| report(&describe(info, function)));
    // A standard error that is closed or full of nobody's reading is no reason to fail.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn report(panic: &Panic) -> String {
    let name = current().name;
    let mut text = format!("process `{name}` {panic}\n");
    if let Some(backtrace) = panic.backtrace() {
        text.push_str("stack backtrace:\n");
        text.push_str(backtrace);
    }
    text
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    excerpt(text.unwrap_or("a value that is no text"))
}
