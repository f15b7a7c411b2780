//! The way out: from a plan to a running process.
//!
//! In: a [`Plan`]. Out: the parent's end of a corridor whose process has started. What always
//! holds: the program has one fork server, made when it is first needed and made again when it is
//! gone; a start that was not confirmed did not run, so asking again starts it at most once.

use crate::closing;
use crate::corridor::Corridor;
use crate::forking;
use crate::frame::{Head, Report, StartMethod};
use crate::link::{self, LinkError};
use crate::parcel::EncodeError;
use crate::settle::{Options, Settled, Unsettled, settle};
use procession_sys::exit;
use procession_sys::fault;
use procession_sys::image::Key;
use procession_sys::parcel::{self, Parcel, Waiting};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// How often a start is tried when the server dies under it.
const TRIES: usize = 3;

/// A running process, from the parent's side.
pub(crate) struct Launched {
    pub(crate) corridor: Corridor,
    /// The parent's sides of piped standard streams.
    pub(crate) pipes: [Option<OwnedFd>; 3],
}

/// Starts a function of the program as a process.
pub(crate) fn by_server(
    options: Options,
    function: io::Result<Key>,
    arguments: Result<Parcel, EncodeError>,
    method: StartMethod,
) -> Result<Launched, StartError> {
    let settled = settle(options)?;
    let name = settled.name.clone();
    send(settled, function, arguments, method).map_err(|cause| StartError { name, cause })
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
        exit::at_exit(closing::wait_for_others)
            .map_err(|error| system("registering the exit handler", error))?;
        forking::fork(settled, work).map_err(|error| system("forking this process", error))
    };
    let (corridor, pipes) = fork().map_err(|cause| StartError { name, cause })?;
    Ok(Launched { corridor, pipes })
}

/// The start's frame, to the server.
fn send(
    settled: Settled,
    function: io::Result<Key>,
    arguments: Result<Parcel, EncodeError>,
    method: StartMethod,
) -> Result<Launched, Cause> {
    let system = |doing| move |source| Cause::System { doing, source };
    let function = function.map_err(system("identifying its function"))?.to_bytes();
    let setup = settled.setup.map(Key::to_bytes);
    let arguments = arguments.map_err(Cause::Encode)?;
    let parent = &settled.parent;
    let head = Head {
        serial: settled.serial,
        name: &settled.name,
        family: settled.family,
        daemon: settled.daemon,
        method,
        parent: (i32::try_from(parent.id()).unwrap_or_default(), parent.name()),
        function_key: &function,
        setup_key: setup.as_ref().map(|key| &key[..]),
        world: settled.worlds.1,
    };
    let head = head.to_frame(&settled.environment).map_err(io::Error::other);
    let head = head.map_err(system("planning"))?;
    let mut descriptors: Vec<BorrowedFd<'_>> = vec![settled.directory.as_fd()];
    descriptors.extend(settled.streams.iter().map(|stream| stream.child.as_fd()));
    descriptors.extend(arguments.descriptors.iter().map(AsFd::as_fd));
    let pieces = [&head[..], &settled.environment, &arguments.bytes];
    let corridor = ask(settled.serial, &settled.name, &pieces, &descriptors)?;
    Ok(Launched { corridor, pipes: settled.streams.map(|stream| stream.parent) })
}

/// Sends a start to the server until one confirms it.
fn ask(
    serial: u64,
    name: &str,
    pieces: &[&[u8]],
    descriptors: &[BorrowedFd<'_>],
) -> Result<Corridor, Cause> {
    let system = |doing| move |source| Cause::System { doing, source };
    exit::at_exit(closing::wait_for_others).map_err(system("registering the exit handler"))?;
    for _try in 0..TRIES {
        let server = link::server()?;
        let (here, there) = parcel::pair().map_err(system("making its corridor"))?;
        let mut all = Vec::with_capacity(1 + descriptors.len());
        all.push(there.as_fd());
        all.extend_from_slice(descriptors);
        match parcel::send(server.control(), pieces, &all, Waiting::Allowed) {
            Err(error) if is_hang_up(&error) => {
                link::forget(&server);
                continue;
            }
            sent => sent.map_err(system("sending its start to the fork server"))?,
        }
        drop(there);
        fault!("launch.asked");
        let confirmed = parcel::receive(here.as_fd(), Waiting::Allowed);
        let Some(report) = confirmed.map_err(system("hearing from the fork server"))? else {
            // The corridor closed without `Started`: the server died before the child had it.
            link::forget(&server);
            continue;
        };
        return match Report::read(report) {
            Ok(Report::Started { pid, pidfd }) => {
                let pidfd = pidfd.map(Arc::new);
                Ok(Corridor::new(name, pid, serial, here, pidfd, Some(server)))
            }
            Ok(Report::NotStarted(why)) => Err(Cause::NotStarted(why)),
            Ok(_) => Err(Cause::Server("another word came before `Started`".to_owned())),
            Err(error) => Err(Cause::Server(error.to_string())),
        };
    }
    Err(Cause::Server(format!("it died {TRIES} times before the start was confirmed")))
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// A process could not be started. Nothing of it ran.
#[derive(Debug)]
pub struct StartError {
    name: String,
    cause: Cause,
}

#[derive(Debug)]
pub(crate) enum Cause {
    /// An argument cannot be written.
    Encode(EncodeError),
    /// The kernel refused something.
    System { doing: &'static str, source: io::Error },
    /// The server could not make the child.
    NotStarted(String),
    /// There is no server, or not one of this program.
    Server(String),
}

impl From<Unsettled> for StartError {
    fn from(error: Unsettled) -> Self {
        let Unsettled { name, doing, source } = error;
        Self { name, cause: Cause::System { doing, source } }
    }
}

impl From<LinkError> for Cause {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::System { doing, source } => Self::System { doing, source },
            LinkError::Server(why) => Self::Server(why),
        }
    }
}

impl StartError {
    /// For a process that was started, could not be watched, and was ended again.
    pub(crate) fn unwatched(name: &str, source: io::Error) -> Self {
        let cause = Cause::System { doing: "watching it", source };
        Self { name: name.to_owned(), cause }
    }

    /// The name of the process that was to be.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether an argument could not be encoded.
    pub fn is_encode(&self) -> bool {
        matches!(self.cause, Cause::Encode(_))
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process `{}` could not be started: ", self.name)?;
        match &self.cause {
            Cause::Encode(error) => error.fmt(f),
            Cause::System { doing, source } => write!(f, "{doing}: {source}"),
            Cause::NotStarted(why) => f.write_str(why),
            Cause::Server(why) => write!(f, "the fork server: {why}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Encode(error) => Some(error),
            Cause::System { source, .. } => Some(source),
            Cause::NotStarted(_) | Cause::Server(_) => None,
        }
    }
}
