//! The way out: from a plan to a running process.
//!
//! In: a plan. Out: the parent's end of a corridor whose process has been given its start. What
//! always holds: the program has one fork server, made when it is first needed and made again when
//! it is gone; a start that is an error did not run, and one runs at most once.

use crate::arguments::Encoded;
use crate::closing;
use crate::corridor::Corridor;
use crate::forking;
use crate::frame::{Birth, Head, Record, SetupCall, StartMethod};
use crate::handover::Handover;
use crate::settle::{Options, Settled, settle};
use crate::setup::shared;
use crate::start_error::{Cause, StartError};
use crate::value_error::EncodeError;
use procession_sys::fault::stands;
use procession_sys::image::Key;
use procession_sys::parcel::Parcel;
use procession_sys::{boot, exit};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// A running process, from the parent's side.
pub(crate) struct Launched {
    pub(crate) corridor: Corridor,
    /// The parent's sides of piped standard streams.
    pub(crate) pipes: [Option<OwnedFd>; 3],
}

/// Starts a function of the program as a process.
pub(crate) fn by_server(
    options: Options,
    function: Result<Key, Arc<io::Error>>,
    arguments: Result<Encoded, EncodeError>,
    method: StartMethod,
) -> Result<Launched, StartError> {
    let settled = settle(options)?;
    let name = settled.name.clone();
    let started =
        refuse_in_constructors().and_then(|()| send(settled, function, arguments, method));
    started.map_err(|cause| StartError::new(&name, cause))
}

/// Starts a closure as a process, by forking this one.
pub(crate) fn by_fork(
    options: Options,
    work: impl FnOnce() -> Parcel,
) -> Result<Launched, StartError> {
    let settled = settle(options)?;
    let name = settled.name.clone();
    let system = |doing, source| Cause::System { doing, source };
    let fork = || {
        refuse_in_constructors()?;
        exit::at_exit(closing::wait_for_others)
            .map_err(|error| system("registering the exit handler", error))?;
        forking::fork(settled, work).map_err(|error| system("forking this process", error))
    };
    let (corridor, pipes) = fork().map_err(|cause| StartError::new(&name, cause))?;
    Ok(Launched { corridor, pipes })
}

/// Refuses a start by code that runs in each process which the start would make.
fn refuse_in_constructors() -> Result<(), Cause> {
    if !boot::is_waking() {
        return Ok(());
    }
    if !stands("no-start-in-constructors") {
        return Ok(());
    }
    let why = "this process is a fork server, or a child that has not come to its function yet. It \
               runs constructors (`.init_array`, as the crate `ctor` makes them), and a process \
               started by one would run it again. Start processes in `main` or in a child's \
               function";
    Err(Cause::NotStarted { why: why.to_owned(), source: None })
}

/// The start's frame, to its process.
fn send(
    settled: Settled,
    function: Result<Key, Arc<io::Error>>,
    arguments: Result<Encoded, EncodeError>,
    method: StartMethod,
) -> Result<Launched, Cause> {
    let system = |doing| move |source| Cause::System { doing, source };
    let function = function.map_err(shared).map_err(system("identifying its function"))?.to_bytes();
    let setup_key = settled.setup.as_ref().map(|(key, _)| key.to_bytes());
    let setup_arguments = settled.setup.as_ref().map(|(_, arguments)| &**arguments);
    let setup =
        setup_key.as_ref().zip(setup_arguments).map(|(key, Parcel { bytes, descriptors })| {
            let descriptors = u32::try_from(descriptors.len()).unwrap_or(u32::MAX);
            SetupCall { key, arguments: bytes, descriptors }
        });
    let arguments = arguments.map_err(Cause::Encode)?;
    let parent = &settled.parent;
    let (own, world) = settled.worlds;
    let head = Head {
        name: &settled.name,
        family: settled.family,
        daemon: settled.daemon,
        parent: (i32::try_from(parent.id()).unwrap_or_default(), parent.name()),
        function_key: &function,
        setup,
        kill_at: settled.kill_at,
        kill_descendants: settled.kill_descendants,
        privileges: settled.privileges,
        world,
    };
    let head = head.to_frame(&settled.environment).map_err(io::Error::other);
    let head = head.map_err(system("planning"))?;
    let mut descriptors: Vec<BorrowedFd<'_>> = vec![settled.directory.as_fd()];
    descriptors.extend(settled.streams.iter().map(|stream| stream.child.as_fd()));
    let setups = setup_arguments.iter().flat_map(|arguments| &arguments.descriptors);
    descriptors.extend(setups.map(AsFd::as_fd));
    descriptors.extend(arguments.descriptors().iter().map(AsFd::as_fd));
    let arguments = arguments.bytes();
    let pieces = [&head[..], &settled.environment, &arguments];
    let record = Record { serial: settled.serial, name: &settled.name, daemon: settled.daemon };
    let (kill_at, environment) = (settled.kill_at, &settled.environment);
    let kill_descendants = settled.kill_descendants;
    let birth = Birth { method, record, kill_at, kill_descendants, environment };
    let standing = &settled.standing;
    let (pieces, descriptors) = (&pieces, &descriptors);
    let mut corridor =
        Handover { birth, standing, world: &own, pieces, descriptors }.carry_out()?;
    corridor.set_kill_on_drop(settled.kill_on_drop);
    Ok(Launched { corridor, pipes: settled.streams.map(|stream| stream.parent) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Privileges;
    use crate::{Fd, function, link, parcel::encode, world};
    use procession_sys::parcel::{self, Waiting};
    use procession_sys::{descriptor, inherit};
    use std::fs::File;
    use std::io::{Read, Write};

    #[test]
    fn a_start_of_which_nobody_hears_does_not_run() {
        let (reader, writer) = descriptor::pipe().expect("a pipe");
        let says_that_it_ran = |mut line: Fd<File>| line.write_all(b"ran").is_ok();
        let key = function::key(says_that_it_ran).expect("a key").to_bytes();
        let arguments = encode(Vec::new(), &(Fd(File::from(writer)),)).expect("arguments");
        let null = descriptor::dev_null().expect("null");
        let directory = inherit::directory().expect("a directory");
        let (world, standing) = world::capture().expect("a world");
        let head = Head {
            name: "unheard",
            family: Vec::new(),
            daemon: true,
            parent: (1, "nobody"),
            function_key: &key,
            setup: None,
            kill_at: None,
            kill_descendants: false,
            privileges: Privileges::default(),
            world: world.clone(),
        };
        let head = head.to_frame(b"").expect("a frame");
        let (here, there) = parcel::pair().expect("a pair");
        let mut all = vec![directory.as_fd(), null.as_fd(), null.as_fd(), null.as_fd()];
        all.extend(arguments.descriptors.iter().map(AsFd::as_fd));
        let pieces = [&head[..], &arguments.bytes];
        parcel::send(here.as_fd(), &pieces, &all, Waiting::Allowed).expect("a start");
        drop(here);
        let server = link::server(&standing, &world).expect("a server");
        let record = Record { serial: u64::MAX, name: "unheard", daemon: true };
        let method = StartMethod::ForkServer;
        let (kill_at, kill_descendants) = (None, false);
        let order = Birth { method, record, kill_at, kill_descendants, environment: &[] };
        let order = order.to_frame().expect("a frame");
        parcel::send(server.control(), &[&order], &[there.as_fd()], Waiting::Allowed)
            .expect("an order");
        drop(there);
        drop(arguments);
        let mut said = Vec::new();
        File::from(reader).read_to_end(&mut said).expect("the end of the line");
        assert!(said.is_empty(), "it ran");
    }
}
