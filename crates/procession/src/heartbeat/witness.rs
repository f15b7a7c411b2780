//! What a program leaves for its heartbeats when it panics or exits.
//!
//! In: panics, and the code of an exit. Out: words on the pages of all heartbeats of this process.
//! What always holds: the panic hook chains to the one before it; a process forked from this one
//! writes nothing; nothing here waits for a lock that somebody may hold for ever.

use super::page::{Entry, Page};
use crate::frame::excerpt;
use crate::look::look;
use procession_sys::exit;
use procession_sys::per_process::{Once, PerProcess};
use procession_sys::thread::{self, Mark};
use std::io;
use std::os::unix::net::UnixStream;
use std::panic::PanicHookInfo;
use std::sync::{Arc, Mutex, PoisonError};

/// The heartbeats of this process.
static WATCHED: PerProcess<Mutex<Vec<Watched>>> = PerProcess::new(Mutex::default);

/// This process's side of one heartbeat.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) page: Page,
    pub(super) mark: Option<Mark>,
    /// It closes with this process's program: at an exec too.
    pub(super) bell: Arc<UnixStream>,
}

impl Watched {
    /// Whether this is the process that the heartbeat watches, and no fork of it.
    #[inline]
    pub(super) fn is_here(&self) -> bool {
        thread::mark() == self.mark
    }

    /// Leaves a note.
    pub(super) fn note(&self, text: &str) {
        // Whoever writes an entry holds the lock.
        let _alone = WATCHED.get().lock().unwrap_or_else(PoisonError::into_inner);
        self.page.write(&Entry::Note(text.to_owned()));
    }
}

/// Has panics and the exit of this process written down for a heartbeat, from now on.
///
/// # Errors
/// Where the C library has no room for an exit handler; where the calling thread is panicking.
pub(super) fn witness(watched: Watched) -> io::Result<()> {
    static HOOK: Once = Once::new();
    if std::thread::panicking() {
        return Err(io::Error::other("the calling thread is panicking"));
    }
    exit::at_exit_with_code(on_exit)?;
    HOOK.call(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            on_panic(info);
            before(info);
        }));
        true
    });
    WATCHED.get().lock().unwrap_or_else(PoisonError::into_inner).push(watched);
    Ok(())
}

fn on_exit(code: Option<i32>) {
    look(WATCHED.get(), |all| {
        all.iter().filter(|one| one.is_here()).for_each(|one| one.page.say_exit(code));
    });
}

fn on_panic(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let entry = Entry::Panic {
        main: thread::is_main(),
        place: info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string),
        message: excerpt(text.unwrap_or("a value that is no text")),
    };
    look(WATCHED.get(), |all| {
        all.iter().filter(|one| one.is_here()).for_each(|one| one.page.write(&entry));
    });
}
