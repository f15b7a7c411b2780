//! The end of this process, where it is an orderly one.
//!
//! In: a return from `main`, or a call of `exit`. Out: nothing, when it is time to end. What always
//! holds: daemons are ended before anybody is waited for, so that the wait for others does not
//! prolong their lives; the fork servers and this process's own forks are treated alike.

use crate::{forked, link};

/// The exit handler.
pub(crate) fn wait_for_others() {
    let servers = link::begin_closing();
    forked::close();
    for server in servers {
        server.wait_until_alone();
    }
}
