//! The program's link to its fork server.
//!
//! In: what this process is and may do now, and what it has. Out: a [`Server`] that is and may do
//! the same, has no less, and is alive as far as anybody knows. What always holds: a process uses
//! only servers that it started itself, never one inherited over a `fork` of the user's; the lock
//! is held for a look and a change, never while a server is being started; when the process ends in
//! an orderly way, it waits for its non-daemons.

use crate::frame::{Hello, Order, World};
use crate::look::look;
use crate::server::CONSTRUCTOR;
use crate::turn::Turns;
use crate::world::Environment;
use procession_sys::boot::{self, Role};
use procession_sys::fault::stands;
use procession_sys::inherit::Standing;
use procession_sys::life::{self, Pid};
use procession_sys::parcel::{self, Parcel, Waiting};
use procession_sys::per_process::PerProcess;
use procession_sys::wait::{self, Interest};
use procession_sys::{image, spawn};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a program started again may take to wake as a server: thousands of times what it
/// takes, and an end for a program that is not one of ours.
const WAKING: Duration = Duration::from_secs(30);

/// How long a server that has hung up may take to be gone.
const GOING: Duration = Duration::from_secs(1);

/// How long the end of a program waits for others in silence.
pub(crate) const SILENT: Duration = Duration::from_secs(1);

/// A copy of this process has none of its servers. It may have closed their descriptors, and have
/// files of its own under those numbers.
static LINKS: PerProcess<Links> = PerProcess::new(Links::default);
/// The process whose exit handler has been called: a copy of it that a `fork` made is another.
static ENDING: AtomicI32 = AtomicI32::new(0);

#[derive(Default)]
struct Links {
    servers: Mutex<Servers>,
    started: Condvar,
}

#[derive(Default)]
struct Servers {
    /// Whether a thread is starting one.
    starting: bool,
    /// The newest last. Older ones still have children of theirs.
    known: Vec<Arc<Server>>,
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
    /// Where spare children offer themselves.
    offers: OwnedFd,
    lists: Lists,
    pid: Pid,
    pidfd: Option<OwnedFd>,
    owner: Pid,
    standing: Standing,
    /// What the program had when it was started.
    world: World,
}

/// Where a server says who is alive.
#[derive(Debug)]
pub(crate) struct Lists {
    pub(crate) socket: OwnedFd,
    /// Whose question it is.
    pub(crate) turns: Turns,
    /// How many there have been: an answer has the number of its question.
    pub(crate) questions: AtomicU64,
}

impl Server {
    /// Where orders go.
    pub(crate) fn control(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }

    /// Where spare children offer themselves, and where it is said which are taken.
    pub(crate) fn offers(&self) -> BorrowedFd<'_> {
        self.offers.as_fd()
    }

    /// Where it says who is alive.
    pub(crate) fn lists(&self) -> &Lists {
        &self.lists
    }

    /// Ready to read when the server is gone; without pidfds also when it says something.
    pub(crate) fn end(&self) -> BorrowedFd<'_> {
        self.pidfd.as_ref().unwrap_or(&self.control).as_fd()
    }

    /// The next parcel on `socket`, whose other end the server has, alone or with a child that it
    /// makes; none where that is closed, or the server is gone. Anybody may have inherited the other
    /// end, so its closing is no more than a sign. Without pidfds it is the only one.
    ///
    /// When the server is seen to be gone, the kernel has killed its children that have no start.
    pub(crate) fn hear(&self, socket: BorrowedFd<'_>) -> io::Result<Option<Parcel>> {
        let mut waited = vec![(socket, Interest::Readable)];
        let watched = self.pidfd.as_ref().filter(|_| stands("server-pidfd"));
        waited.extend(watched.map(|pidfd| (pidfd.as_fd(), Interest::Readable)));
        loop {
            let gone = wait::ready(&waited, None)?.get(1) == Some(&true);
            if gone && !stands("hearing-the-dead") {
                return Ok(None);
            }
            match parcel::receive(socket, Waiting::Never) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !gone => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                heard => return heard,
            }
        }
    }

    /// Whether a server that has hung up is gone, which it is soon if it has died.
    pub(crate) fn is_gone(&self) -> bool {
        self.ends_by(Instant::now() + GOING)
    }

    /// Whether it has died, as far as is known: its children that nobody has taken die with it.
    pub(crate) fn has_died(&self) -> bool {
        self.ends_by(Instant::now())
    }

    fn ends_by(&self, deadline: Instant) -> bool {
        let end = [(self.end(), Interest::Readable)];
        wait::ready(&end, Some(deadline)).is_ok_and(|ready| ready == [true])
    }

    /// Whether this process started it. A copy has it with the handles that it inherited.
    fn is_own(&self) -> bool {
        self.owner == Pid::own()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let (Some(pidfd), true) = (&self.pidfd, self.is_own()) {
            let _ = life::reap(pidfd.as_fd(), self.pid);
        }
    }
}

fn servers() -> MutexGuard<'static, Servers> {
    LINKS.get().servers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server for a start now: the newest that was started when this process had the same standing,
/// and no less than it has now.
pub(crate) fn server(standing: &Standing, world: &World) -> Result<Arc<Server>, LinkError> {
    let ending = || LinkError::Server("the program is ending".to_owned());
    let mut servers = servers();
    loop {
        if is_ending() {
            return Err(ending());
        }
        let stands_as =
            |server: &Server| server.standing == *standing || !stands("comparing-standing");
        let fits = |server: &&Arc<Server>| stands_as(server) && server.world.reaches(world);
        let newest = servers.known.iter().rfind(fits);
        if let Some(server) = newest {
            return Ok(Arc::clone(server));
        }
        if !servers.starting {
            break;
        }
        servers = LINKS.get().started.wait(servers).unwrap_or_else(PoisonError::into_inner);
    }
    servers.starting = true;
    drop(servers);
    let started = start(standing.clone(), world.clone());
    let mut servers = self::servers();
    servers.starting = false;
    LINKS.get().started.notify_all();
    let server = Arc::new(started?);
    if is_ending() {
        // Nobody would tell it, nor wait for its children.
        return Err(ending());
    }
    servers.known.push(Arc::clone(&server));
    Ok(server)
}

/// Whether the exit handler has told the servers that there were: another would have nobody to end
/// its daemons in order.
fn is_ending() -> bool {
    let ending = ENDING.load(Ordering::Relaxed);
    ending != 0 && ending == Pid::own().as_raw()
}

/// The servers of this process that may have children.
pub(crate) fn alive() -> Vec<Arc<Server>> {
    servers().known.clone()
}

/// A server that has hung up is asked no more.
pub(crate) fn forget(gone: &Arc<Server>) {
    servers().known.retain(|server| !Arc::ptr_eq(server, gone));
}

fn start(standing: Standing, world: World) -> Result<Server, LinkError> {
    let system = |doing| move |source| LinkError::System { doing, source };
    boot::keep(&CONSTRUCTOR);
    image::check_host(CONSTRUCTOR).map_err(|foreign| LinkError::Server(foreign.to_string()))?;
    let module = image::main_module().ok_or_else(|| {
        LinkError::Server("this program's file cannot be read: is /proc mounted?".to_owned())
    })?;
    let (control, there) = parcel::pair().map_err(system("making the control socket"))?;
    let main = life::pidfd_if_known(Pid::own()).map_err(system("watching this process"))?;
    let environment =
        Environment::default().to_block().map_err(system("reading the environment"))?;
    let guarded = main.as_ref().map(AsFd::as_fd);
    let pid = spawn::own_image(Role::Server, there.as_fd(), guarded, &environment)
        .map_err(system("starting the fork server (/proc/self/exe)"))?;
    drop(there);
    let pidfd = match life::pidfd_of_child_if_known(pid) {
        Ok(pidfd) => pidfd,
        Err(error) => {
            // Without its socket it ends by itself, also where it cannot be killed.
            drop((control, main));
            life::end_child(pid);
            return Err(system("watching the fork server")(error));
        }
    };
    let new = New { control, pid, pidfd };
    let greeted = new.greeting().and_then(|(found, sockets)| {
        let same = found == module.to_bytes();
        let other = || LinkError::Server("it runs another build of this program".to_owned());
        same.then_some(sockets).ok_or_else(other)
    });
    match greeted {
        Ok([offers, socket]) => {
            let New { control, pid, pidfd } = new;
            let (turns, questions) = (Turns::default(), AtomicU64::new(0));
            let lists = Lists { socket, turns, questions };
            Ok(Server { control, offers, lists, pid, pidfd, owner: Pid::own(), standing, world })
        }
        Err(error) => {
            new.end_and_reap();
            Err(error)
        }
    }
}

/// What has been started and has not greeted yet.
struct New {
    control: OwnedFd,
    pid: Pid,
    pidfd: Option<OwnedFd>,
}

impl New {
    /// The module that the server runs, where its spare children will offer themselves, and where
    /// it will say who is alive.
    fn greeting(&self) -> Result<([u8; image::ModuleId::SIZE], [OwnedFd; 2]), LinkError> {
        let system = |source| LinkError::System { doing: "waiting for the fork server", source };
        let silent = || {
            let why = "this program, started again, ended or was silent instead of greeting";
            LinkError::Server(why.to_owned())
        };
        let mut waited = vec![(self.control.as_fd(), Interest::Readable)];
        waited.extend(self.pidfd.as_ref().map(|pidfd| (pidfd.as_fd(), Interest::Readable)));
        if !wait::ready(&waited, Some(Instant::now() + WAKING)).map_err(system)?[0] {
            return Err(silent());
        }
        let heard = parcel::receive(self.control.as_fd(), Waiting::Never).map_err(system)?;
        let parcel = heard.ok_or_else(silent)?;
        match (Hello::read(&parcel), parcel.descriptors.try_into()) {
            (Ok(Hello::Ready(module)), Ok(sockets)) => Ok((module, sockets)),
            (Ok(Hello::Failed(why)), _) => {
                Err(LinkError::Server(format!("it cannot do its work: {why}")))
            }
            _ => Err(silent()),
        }
    }

    /// Ends what has been started and is no server.
    fn end_and_reap(&self) {
        match &self.pidfd {
            Some(pidfd) => {
                let killed = life::send_signal(pidfd.as_fd(), procession_sys::signal::SIGKILL);
                // Where a sandbox refuses it, it ends as its socket is closed.
                if killed.is_ok() {
                    wait_and_reap(pidfd, self.pid);
                }
            }
            None => life::end_child(self.pid),
        }
    }
}

fn wait_and_reap(pidfd: &OwnedFd, pid: Pid) {
    let _ = wait::ready(&[(pidfd.as_fd(), Interest::Readable)], None);
    let _ = life::reap(pidfd.as_fd(), pid);
}

/// Has the servers end their daemons.
///
/// For an exit handler, which uses no thread-local, and takes the lock only if nobody holds it:
/// another thread may have been stopped for ever in the middle of its look.
pub(crate) fn begin_closing() -> Vec<Arc<Server>> {
    ENDING.store(Pid::own().as_raw(), Ordering::Relaxed);
    let known = |servers: &mut Servers| servers.known.clone();
    let servers = look(&LINKS.get().servers, known).unwrap_or_default();
    for server in &servers {
        // Who is gone waits for nobody, as `wait_until_alone` finds.
        let _ = parcel::send(server.control(), &[&Order::exiting()], &[], Waiting::Allowed);
    }
    servers
}

impl Server {
    /// Waits, after [`begin_closing`], until nobody is left to wait for. `say` is told for whom, once
    /// that takes a while.
    pub(crate) fn wait_until_alone(&self, say: impl Fn(&str)) {
        let mut waited = vec![(self.control(), Interest::Readable)];
        waited.extend(self.pidfd.as_ref().map(|pidfd| (pidfd.as_fd(), Interest::Readable)));
        let happened = wait::ready(&waited, Some(Instant::now() + SILENT));
        if happened.is_ok_and(|happened| !happened.contains(&true)) {
            let order = Order::awaited();
            let _ = parcel::send(self.control(), &[&order], &[], Waiting::Never);
        }
        while let Ok(Some(parcel)) = self.hear(self.control()) {
            match Hello::read(&parcel) {
                // With the server reaped nothing of us is left, not even for init.
                Ok(Hello::Done { leaving: true }) => {
                    self.pidfd.iter().for_each(|pidfd| wait_and_reap(pidfd, self.pid));
                }
                Ok(Hello::Done { leaving: false }) => break,
                Ok(Hello::Awaited(names)) => say(&names),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use procession_sys::inherit;
    use procession_sys::signal::SIGKILL;

    fn a_server() -> Server {
        let (_umask, standing) = inherit::umask_and_standing().expect("a standing");
        start(standing, World::default()).expect("a server")
    }

    #[test]
    fn a_killed_server_is_waited_for_no_more_though_its_end_was_leaked() {
        let server = a_server();
        let (here, leaked) = parcel::pair().expect("a pair");
        let pidfd = server.pidfd.as_ref().expect("a pidfd");
        life::send_signal(pidfd.as_fd(), SIGKILL).expect("SIGKILL");
        assert!(server.hear(here.as_fd()).expect("the end").is_none());
        drop(leaked);
    }

    #[test]
    fn what_a_server_said_before_it_was_killed_is_heard() {
        let server = a_server();
        let (here, there) = parcel::pair().expect("a pair");
        parcel::send(there.as_fd(), &[b"last"], &[], Waiting::Allowed).expect("send");
        let pidfd = server.pidfd.as_ref().expect("a pidfd");
        life::send_signal(pidfd.as_fd(), SIGKILL).expect("SIGKILL");
        assert!(server.is_gone());
        let heard = server.hear(here.as_fd()).expect("a parcel").expect("one");
        assert_eq!(&*heard.bytes, b"last");
        assert!(server.hear(here.as_fd()).expect("the end").is_none());
    }
}
