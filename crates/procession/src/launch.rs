//! The way out: from a plan to a running process.
//!
//! In: a [`Plan`]. Out: the parent's end of a corridor whose process has started. What always
//! holds: the program has one fork server, made when it is first needed and made again when it is
//! gone; a start that was not confirmed did not run, so asking again starts it at most once.

use crate::corridor::Corridor;
use crate::current::{self, current};
use crate::frame::{Head, Report, StartMethod};
use crate::limits::Limits;
use crate::link::{self, LinkError};
use crate::parcel::EncodeError;
use crate::stdio::{Stdio, Stream};
use crate::world::{self, Environment};
use procession_sys::descriptor::Standard;
use procession_sys::image::Key;
use procession_sys::inherit;
use procession_sys::parcel::{self, Parcel, Waiting};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often a start is tried when the server dies under it.
const TRIES: usize = 3;

static STARTS: AtomicU64 = AtomicU64::new(0);

/// Everything about a process before it is one.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) function: Key,
    pub(crate) setup: Option<Key>,
    pub(crate) arguments: Parcel,
    pub(crate) name: Option<String>,
    pub(crate) daemon: Option<bool>,
    pub(crate) method: StartMethod,
    pub(crate) environment: Environment,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) limits: Limits,
    pub(crate) nice: Option<i32>,
    pub(crate) affinity: Option<Vec<u16>>,
    /// Standard input, output, error.
    pub(crate) stdio: [Stdio; 3],
}

/// A running process, from the parent's side.
pub(crate) struct Launched {
    pub(crate) corridor: Corridor,
    /// The parent's sides of piped standard streams.
    pub(crate) pipes: [Option<OwnedFd>; 3],
}

/// Starts a process.
pub(crate) fn launch(plan: Plan) -> Result<Launched, StartError> {
    let serial = STARTS.fetch_add(1, Ordering::Relaxed) + 1;
    let family = [current::family(), &[serial]].concat();
    let name = plan.name.unwrap_or_else(|| name_in(&family));
    let failed = |doing: &'static str| {
        let name = name.clone();
        move |source: io::Error| StartError { name, cause: Cause::System { doing, source } }
    };
    let parent = current();
    let mut world = world::capture().map_err(failed("reading what the child takes over"))?;
    plan.limits.lay_over(&mut world.limits);
    world.reports_want_of_memory = plan.limits.has_memory();
    world.nice = plan.nice.unwrap_or(world.nice);
    world.affinity = plan.affinity.unwrap_or(world.affinity);
    let (function, setup) = (plan.function.to_bytes(), plan.setup.map(Key::to_bytes));
    let head = Head {
        serial,
        name: &name,
        family,
        daemon: plan.daemon.unwrap_or(parent.is_daemon()),
        method: plan.method,
        parent: (i32::try_from(parent.id()).unwrap_or_default(), parent.name()),
        function_key: &function,
        setup_key: setup.as_ref().map(|key| &key[..]),
        world,
    };
    let environment = plan.environment.to_block().map_err(failed("reading its environment"))?;
    let head = head.to_frame(&environment).map_err(io::Error::other).map_err(failed("planning"))?;
    let mut directory = inherit::directory().map_err(failed("opening the working directory"))?;
    if let Some(path) = plan.directory {
        directory = inherit::open_directory(&directory, &path)
            .map_err(failed("opening its working directory"))?;
    }
    let streams = open_all(plan.stdio).map_err(failed("opening its standard streams"))?;
    let mut descriptors: Vec<BorrowedFd<'_>> = vec![directory.as_fd()];
    descriptors.extend(streams.iter().map(|stream| stream.child.as_fd()));
    descriptors.extend(plan.arguments.descriptors.iter().map(AsFd::as_fd));
    let pieces = [&head[..], &environment, &plan.arguments.bytes];
    let corridor = ask(serial, &name, &pieces, &descriptors)
        .map_err(|cause| StartError { name: name.clone(), cause })?;
    Ok(Launched { corridor, pipes: streams.map(|stream| stream.parent) })
}

/// `Process-1` for the root's first child, `Process-1:2` for that one's second, as in Python.
fn name_in(family: &[u64]) -> String {
    let numbers: Vec<String> = family.iter().map(u64::to_string).collect();
    format!("Process-{}", numbers.join(":"))
}

fn open_all([stdin, stdout, stderr]: [Stdio; 3]) -> io::Result<[Stream; 3]> {
    Ok([
        stdin.open(Standard::Input)?,
        stdout.open(Standard::Output)?,
        stderr.open(Standard::Error)?,
    ])
}

/// Sends a start to the server until one confirms it.
fn ask(
    serial: u64,
    name: &str,
    pieces: &[&[u8]],
    descriptors: &[BorrowedFd<'_>],
) -> Result<Corridor, Cause> {
    let system = |doing| move |source| Cause::System { doing, source };
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
        let confirmed = parcel::receive(here.as_fd(), Waiting::Allowed);
        let Some(report) = confirmed.map_err(system("hearing from the fork server"))? else {
            // The corridor closed without `Started`: the server died before the child had it.
            link::forget(&server);
            continue;
        };
        return match Report::read(report) {
            Ok(Report::Started { pid, pidfd }) => {
                Ok(Corridor::new(name, pid, serial, here, pidfd, server))
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

impl From<LinkError> for Cause {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::System { doing, source } => Self::System { doing, source },
            LinkError::Server(why) => Self::Server(why),
        }
    }
}

impl StartError {
    pub(crate) fn new(name: Option<&str>, cause: Cause) -> Self {
        Self { name: name.unwrap_or("unnamed").to_owned(), cause }
    }

    /// For a process that was started, could not be watched, and was ended again.
    pub(crate) fn unwatched(name: &str, source: io::Error) -> Self {
        Self::new(Some(name), Cause::System { doing: "watching it", source })
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
