//! Who of this process's children is alive.
//!
//! In: nothing. Out: one line each. What always holds: the fork server answers, who has reaped
//! whoever is not on the list; for this process's own forks, their pidfds answer.

use crate::current::ProcessInfo;
use crate::forked;
use crate::frame::{Order, Page, Record};
use crate::link::{self, Server};
use procession_sys::parcel::{self, Parcel, Waiting};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;

/// The children of this process that have not ended, in the order of their starts; daemons,
/// detached ones and those whose handle was dropped included.
///
/// The fork servers say so: the call waits for their answers, and while one of them is stopped
/// (SIGSTOP) until it goes on.
///
/// ```
/// use procession::{Process, active_children};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// fn sleep() { loop { std::thread::park() } }
/// let child = Process::new(sleep, ()).name("sleeper").start()?;
/// assert!(active_children().iter().any(|alive| alive.name() == "sleeper"));
/// child.kill()?;
/// let id = child.id();
/// child.join().unwrap_err();
/// assert!(!active_children().iter().any(|alive| alive.id() == id));
/// # Ok(())
/// # }
/// ```
pub fn active_children() -> Vec<ProcessInfo> {
    // A server that is gone took its daemons along, and nobody can speak for the others.
    let served = link::alive().into_iter().filter_map(|server| ask(&server)).flatten();
    served.chain(forked::alive()).collect()
}

fn ask(server: &Server) -> Option<Vec<ProcessInfo>> {
    let _turn = server.lists().turns.wait();
    let (mut listed, mut after) = (Vec::new(), 0);
    loop {
        let answer = page(server, after)?;
        let Page { more, alive, .. } = Page::read(&answer.bytes).ok()?;
        for (id, Record { serial, name, daemon }) in alive {
            let (name, id) = (name.to_owned(), u32::try_from(id).unwrap_or_default());
            listed.push(ProcessInfo { name, id, daemon });
            after = serial;
        }
        if !more {
            return Some(listed);
        }
    }
}

/// Whether the child with this number is alive; `None` if the server is gone.
pub(crate) fn lists(server: &Server, serial: u64) -> Option<bool> {
    let _turn = server.lists().turns.wait();
    let answer = page(server, serial.saturating_sub(1))?;
    let page = Page::read(&answer.bytes).ok()?;
    Some(page.alive.first().is_some_and(|(_, record)| record.serial == serial))
}

/// Those whose number is above `after`, or the first of them.
fn page(server: &Server, after: u64) -> Option<Parcel> {
    let lists = server.lists();
    let question = lists.questions.fetch_add(1, Ordering::Relaxed);
    let order = Order::list(question, after);
    parcel::send(server.control(), &[&order], &[], Waiting::Allowed).ok()?;
    loop {
        let answer = server.hear(lists.socket.as_fd()).ok()??;
        // An earlier one is to a question that was given up.
        if Page::read(&answer.bytes).is_ok_and(|page| page.question == question) {
            return Some(answer);
        }
    }
}
