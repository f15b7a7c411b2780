//! From what a plan leaves open to what its process will be.
//!
//! In: a plan's [`Options`]. Out: everything about the process but its work. What always holds:
//! what the plan does not say is as in this process at this moment.

use crate::current::{self, ProcessInfo, current};
use crate::frame::{Privileges, World};
use crate::limits::Limits;
use crate::setup::Setup;
use crate::start_error::{Cause, StartError};
use crate::stdio::{self, Stdio, Stream};
use crate::world::{self, Environment};
use procession_sys::descriptor::Standard;
use procession_sys::image::Key;
use procession_sys::inherit::{self, Standing};
use procession_sys::parcel::Parcel;
use procession_sys::timer;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

static STARTS: AtomicU64 = AtomicU64::new(0);

/// What a plan says about its process, beside the work.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) setup: Option<Setup>,
    pub(crate) name: Option<String>,
    pub(crate) daemon: Option<bool>,
    pub(crate) environment: Environment,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) limits: Limits,
    pub(crate) nice: Option<i32>,
    pub(crate) affinity: Option<Vec<u16>>,
    /// How long the process may run.
    pub(crate) timeout: Option<Duration>,
    pub(crate) kill_on_drop: bool,
    pub(crate) kill_descendants: bool,
    pub(crate) privileges: Privileges,
    /// Standard input, output, error.
    pub(crate) stdio: [Option<Arc<Stdio>>; 3],
}

/// Options made definite: everything about a process but its work.
pub(crate) struct Settled {
    pub(crate) serial: u64,
    pub(crate) name: String,
    pub(crate) family: Vec<u64>,
    pub(crate) daemon: bool,
    pub(crate) parent: ProcessInfo,
    pub(crate) setup: Option<(Key, Arc<Parcel>)>,
    /// The monotonic time at which the process is killed.
    pub(crate) kill_at: Option<Duration>,
    pub(crate) kill_on_drop: bool,
    pub(crate) kill_descendants: bool,
    pub(crate) privileges: Privileges,
    /// What this process has, and what the child is to have.
    pub(crate) worlds: (World, World),
    /// Who this process is and what it may do; a child has it of its server.
    pub(crate) standing: Standing,
    pub(crate) environment: Vec<u8>,
    pub(crate) directory: OwnedFd,
    pub(crate) streams: [Stream; 3],
}

/// Makes options definite, by this process as it is now.
pub(crate) fn settle(options: Options) -> Result<Settled, StartError> {
    // A time that no clock reaches is none.
    let kill_at = options.timeout.and_then(|timeout| timer::monotonic().checked_add(timeout));
    let serial = STARTS.fetch_add(1, Ordering::Relaxed) + 1;
    let family = [current::family(), &[serial]].concat();
    let name = options.name.unwrap_or_else(|| name_in(&family));
    let failed = |doing: &'static str| {
        let name = name.escape_debug().to_string();
        move |source: io::Error| StartError::new(&name, Cause::System { doing, source })
    };
    let unusable = |which: &str| {
        let (name, which) = (name.escape_debug().to_string(), which.to_owned());
        move |source: io::Error| StartError::new(&name, Cause::Option { which, source })
    };
    check_name(&name).map_err(unusable("its name"))?;
    let parent = current();
    let (own, standing) = world::capture().map_err(failed("reading what the child takes over"))?;
    let mut world = own.clone();
    options.limits.lay_over(&mut world.limits);
    world.reports_want_of_memory = options.limits.has_memory();
    world.nice = options.nice.unwrap_or(world.nice);
    world.affinity = options.affinity.unwrap_or(world.affinity);
    let environment = options.environment.to_block().map_err(unusable("its environment"))?;
    let mut directory = inherit::directory().map_err(failed("opening the working directory"))?;
    if let Some(path) = options.directory {
        let shown = path.display().to_string().escape_debug().to_string();
        let which = format!("its working directory `{shown}`");
        directory = inherit::open_directory(&directory, &path).map_err(unusable(&which))?;
    }
    let setup = options.setup.map(Setup::resolve).transpose().map_err(unusable("its setup"))?;
    Ok(Settled {
        serial,
        family,
        daemon: options.daemon.unwrap_or(parent.is_daemon()),
        parent,
        setup,
        kill_at,
        kill_on_drop: options.kill_on_drop,
        kill_descendants: options.kill_descendants,
        privileges: options.privileges,
        worlds: (own, world),
        standing,
        environment,
        directory,
        streams: open_all(options.stdio).map_err(failed("opening its standard streams"))?,
        name,
    })
}

/// A name is shown in lists of processes and in errors, one line each, and by the kernel, which ends
/// it at a NUL.
fn check_name(name: &str) -> io::Result<()> {
    if name.is_empty() || name.contains(['\n', '\r', '\0']) {
        let text = format!("{name:?} is empty, or has a line break or NUL");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(())
}

/// `Process-1` for the root's first child, `Process-1:2` for that one's second, as in Python.
fn name_in(family: &[u64]) -> String {
    let numbers: Vec<String> = family.iter().map(u64::to_string).collect();
    format!("Process-{}", numbers.join(":"))
}

fn open_all([stdin, stdout, stderr]: [Option<Arc<Stdio>>; 3]) -> io::Result<[Stream; 3]> {
    Ok([
        stdio::open(stdin, Standard::Input)?,
        stdio::open(stdout, Standard::Output)?,
        stdio::open(stderr, Standard::Error)?,
    ])
}
