//! Who of this process's children is alive.
//!
//! In: nothing. Out: one line each. What always holds: the fork server answers, who has reaped
//! whoever is not on the list; for this process's own forks, their pidfds answer.

use crate::current::ProcessInfo;
use crate::forked;
use crate::frame::Order;
use crate::link::{self, Server};
use procession_sys::parcel::{self, Waiting};
use std::os::fd::AsFd;

/// The children of this process that have not ended, in the order of their starts; daemons,
/// detached ones and those whose handle was dropped included.
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
    let (here, there) = parcel::pair().ok()?;
    let order = Order::list();
    parcel::send(server.control(), &[&order], &[there.as_fd()], Waiting::Allowed).ok()?;
    drop(there);
    let answer = parcel::receive(here.as_fd(), Waiting::Allowed).ok()??;
    let alive: Vec<(i32, String, bool)> = crate::parcel::decode(answer, 0).ok()?;
    let info = |(id, name, daemon)| ProcessInfo {
        name,
        id: u32::try_from(id).unwrap_or_default(),
        daemon,
    };
    Some(alive.into_iter().map(info).collect())
}
