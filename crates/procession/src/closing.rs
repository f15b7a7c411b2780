//! The end of this process, where it is an orderly one: a return from `main`, or a call of `exit`.
//!
//! # Invariants
//! - Daemons are ended before anybody is waited for, so that the wait for others does not prolong
//!   their lives. The fork servers and this process's own forks are treated alike.
//! - A wait that takes longer than a second says on standard error for whom.

use crate::current::current;
use crate::{forked, link};
use procession_sys::exit;

/// The exit handler.
pub(crate) fn wait_for_others() {
    let servers = link::begin_closing();
    forked::close(link::SILENT, say);
    for server in servers {
        server.wait_until_alone(say);
    }
}

fn say(names: &str) {
    // The last of them may have ended since it was asked for names; daemons that still end have none.
    if names.is_empty() {
        return;
    }
    let own = current();
    let (own, id) = (own.name(), own.id());
    exit::complain(&format!(
        "procession: process `{own}` (pid {id}) has ended and waits for {names}; join such processes, \
         detach them, or start them as daemons\n"
    ));
}
