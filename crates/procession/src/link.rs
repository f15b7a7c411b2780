//! The program's link to its fork server.
//!
//! In: nothing. Out: a [`Server`] that is alive as far as anybody knows. What always holds: a
//! process uses only servers that it started itself, never one inherited over a `fork` of the
//! user's; the lock is held for a look and a change, never while a server is being started; when
//! the process ends in an orderly way, it waits for its non-daemons.

use crate::frame::{Hello, Order};
use crate::look::look;
use crate::server::CONSTRUCTOR;
use crate::world::Environment;
use procession_sys::boot::{self, Role};
use procession_sys::life::{self, Pid};
use procession_sys::parcel::{self, Waiting};
use procession_sys::wait::{self, Interest};
use procession_sys::{image, inherit, spawn};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a program started again may take to wake as a server: thousands of times what it
/// takes, and an end for a program that is not one of ours.
const WAKING: Duration = Duration::from_secs(30);

static LINKS: Mutex<Links> = Mutex::new(Links { starting: None, servers: Vec::new() });
static STARTED: Condvar = Condvar::new();

struct Links {
    /// The process in which a thread is starting a server.
    starting: Option<Pid>,
    /// The newest last. Older ones still have children of theirs.
    servers: Vec<Arc<Server>>,
}

/// There is no fork server to be had.
#[derive(Debug)]
pub(crate) enum LinkError {
    /// The kernel refused something.
    System { doing: &'static str, source: io::Error },
    /// What was started is no server of this program.
    Server(String),
}

/// A fork server of this process.
#[derive(Debug)]
pub(crate) struct Server {
    control: OwnedFd,
    pidfd: Option<OwnedFd>,
    owner: Pid,
    identity: (u32, u32),
}

impl Server {
    /// Where orders go.
    pub(crate) fn control(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }

    /// Ready to read when the server is gone; without pidfds also when it says something.
    pub(crate) fn end(&self) -> BorrowedFd<'_> {
        self.pidfd.as_ref().unwrap_or(&self.control).as_fd()
    }

    fn wait_and_reap(&self) {
        if let Some(pidfd) = &self.pidfd {
            let _ = wait::ready(&[(pidfd.as_fd(), Interest::Readable)], None);
            let _ = life::reap(pidfd);
        }
    }

    fn is_own(&self) -> bool {
        self.owner == Pid::own()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let (Some(pidfd), true) = (&self.pidfd, self.is_own()) {
            life::reap(pidfd);
        }
    }
}

fn links() -> MutexGuard<'static, Links> {
    LINKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server for a start now: the newest, unless the process has become somebody else since.
pub(crate) fn server() -> Result<Arc<Server>, LinkError> {
    let own = Pid::own();
    let mut links = links();
    loop {
        links.servers.retain(|server| server.owner == own);
        let newest = links.servers.last();
        if let Some(server) = newest.filter(|server| server.identity == inherit::identity()) {
            return Ok(Arc::clone(server));
        }
        if links.starting != Some(own) {
            break;
        }
        links = STARTED.wait(links).unwrap_or_else(PoisonError::into_inner);
    }
    links.starting = Some(own);
    drop(links);
    let started = start();
    let mut links = self::links();
    links.starting = None;
    STARTED.notify_all();
    let server = Arc::new(started?);
    links.servers.push(Arc::clone(&server));
    Ok(server)
}

/// The servers of this process that may have children.
pub(crate) fn alive() -> Vec<Arc<Server>> {
    links().servers.iter().filter(|server| server.is_own()).map(Arc::clone).collect()
}

/// A server that has hung up is asked no more.
pub(crate) fn forget(gone: &Arc<Server>) {
    links().servers.retain(|server| !Arc::ptr_eq(server, gone));
}

fn start() -> Result<Server, LinkError> {
    let system = |doing| move |source| LinkError::System { doing, source };
    boot::keep(&CONSTRUCTOR);
    image::check_host(CONSTRUCTOR).map_err(|foreign| LinkError::Server(foreign.to_string()))?;
    let module = image::main_module().ok_or_else(|| {
        LinkError::Server("this program's file cannot be read: is /proc mounted?".to_owned())
    })?;
    let (control, there) = parcel::pair().map_err(system("making the control socket"))?;
    let main = life::pidfd(Pid::own()).ok();
    let environment =
        Environment::default().to_block().map_err(system("reading the environment"))?;
    let guarded = main.as_ref().map(AsFd::as_fd);
    let pid = spawn::own_image(Role::Server, there.as_fd(), guarded, &environment)
        .map_err(system("starting the fork server (/proc/self/exe)"))?;
    drop(there);
    let pidfd = life::pidfd(pid).ok();
    let server = Server { control, pidfd, owner: Pid::own(), identity: inherit::identity() };
    match greeting(&server) {
        Ok(Some(found)) if found == module.to_bytes() => Ok(server),
        Ok(Some(_)) => Err(LinkError::Server("it runs another build of this program".to_owned())),
        Ok(None) => Err(LinkError::Server(
            "this program, started again, ended or was silent instead of greeting".to_owned(),
        )),
        Err(source) => Err(LinkError::System { doing: "waiting for the fork server", source }),
    }
}

/// The module that the server runs; none where it ended, or said nothing in its time.
fn greeting(server: &Server) -> io::Result<Option<[u8; image::ModuleId::SIZE]>> {
    let waited = [(server.control(), Interest::Readable), (server.end(), Interest::Readable)];
    let ready = wait::ready(&waited, Some(Instant::now() + WAKING))?;
    if !ready[0] {
        if let (Some(pidfd), false) = (&server.pidfd, ready[1]) {
            life::send_signal(pidfd.as_fd(), procession_sys::signal::SIGKILL)?;
        }
        return Ok(None);
    }
    let Some(parcel) = parcel::receive(server.control(), Waiting::Never)? else { return Ok(None) };
    match Hello::read(&parcel) {
        Ok(Hello::Ready(module)) => Ok(Some(module)),
        Ok(Hello::Done { .. }) | Err(_) => Ok(None),
    }
}

/// Has the servers end their daemons.
///
/// For an exit handler, which uses no thread-local, and takes the lock only if nobody holds it:
/// another thread may have been stopped for ever in the middle of its look.
pub(crate) fn begin_closing() -> Vec<Arc<Server>> {
    let own = |links: &mut Links| {
        links.servers.iter().filter(|server| server.is_own()).map(Arc::clone).collect()
    };
    let servers: Vec<Arc<Server>> = look(&LINKS, own).unwrap_or_default();
    for server in &servers {
        // Who is gone waits for nobody, as `wait_until_alone` finds.
        let _ = parcel::send(server.control(), &[&Order::exiting()], &[], Waiting::Allowed);
    }
    servers
}

impl Server {
    /// Waits, after [`begin_closing`], until nobody is left to wait for.
    pub(crate) fn wait_until_alone(&self) {
        while let Ok(Some(parcel)) = parcel::receive(self.control(), Waiting::Allowed) {
            match Hello::read(&parcel) {
                // With the server reaped nothing of us is left, not even for init.
                Ok(Hello::Done { leaving: true }) => self.wait_and_reap(),
                Ok(Hello::Done { leaving: false }) => break,
                _ => {}
            }
        }
    }
}
