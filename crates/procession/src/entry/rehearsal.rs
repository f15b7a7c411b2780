//! A start that does nothing, before the one that counts.
//!
//! A forked process shares its memory with its server and maps hardly any of the program's code:
//! each page that it touches first costs it a fault, which takes longer than all that a start has
//! to do. A child made ahead has time for them before it offers itself.
//!
//! In: what this process has. Out: nothing. What always holds: the process goes the way of every
//! start, to a function that does nothing, and is afterwards what it was before, but for the mask,
//! which the start that counts sets in any case.

use crate::assignment::Outcome;
use crate::frame::{Head, Privileges};
use crate::function;
use crate::world::Present;
use procession_sys::parcel::{self, Parcel, Waiting};
use procession_sys::{descriptor, inherit};
use std::io;
use std::os::fd::AsFd;

/// What `ps` shows of a child that waits for its start, as of its server.
const NAME: &str = "forkserver";

/// Sends this process a start, has it `run` and answered, all by a socket pair of its own.
pub(super) fn rehearse(present: &Present, run: impl FnOnce(Parcel) -> Outcome) -> io::Result<()> {
    let key = function::key(nothing)?.to_bytes();
    let environment = present.environment();
    let head = Head {
        name: NAME,
        family: Vec::new(),
        // It goes on dying with its server.
        daemon: true,
        parent: (0, ""),
        function_key: &key,
        setup: None,
        kill_at: None,
        kill_descendants: false,
        privileges: Privileges::default(),
        world: present.world().clone(),
    };
    let head = head.to_frame(environment).map_err(io::Error::other)?;
    let (here, there) = parcel::pair()?;
    let (directory, null) = (inherit::directory()?, descriptor::dev_null()?);
    let descriptors = [directory.as_fd(), null.as_fd(), null.as_fd(), null.as_fd()];
    parcel::send(here.as_fd(), &[&head, environment], &descriptors, Waiting::Never)?;
    if let Some(start) = parcel::receive(there.as_fd(), Waiting::Never)? {
        run(start).tell(there.as_fd());
    }
    Ok(())
}

fn nothing() {}
