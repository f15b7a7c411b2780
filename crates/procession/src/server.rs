//! The fork server: the parent, reaper and guard of a program's processes.
//!
//! It is the program itself, started once more and stopped before `main`; it has one thread and
//! never runs user code. It makes a child for each start, hands the start to it unchanged, and
//! tells the parent on the child's own corridor when the child has started and when it is gone.
//!
//! In: orders on the control socket, SIGCHLD, the death of the program's main process. Out:
//! children; reports. What always holds: every child is reaped here and nowhere else; a signal is
//! sent only to a child not yet reaped; `Started` is sent before the child sees its start, so that
//! a start without it never ran; when main is gone, whatever the cause, the daemons are killed at
//! once, and the server ends when its last child has.

mod nursery;

use crate::entry;
use crate::frame::{Answer, Hello, Order, Report, Start};
use nursery::{Newborn, Nursery};
use procession_sys::boot::{Boot, Role};
use procession_sys::fault;
use procession_sys::fault::stands;
use procession_sys::life::{self, Pid};
use procession_sys::parcel::{self, Parcel, Waiting};
use procession_sys::signal::{self, ChildSignal};
use procession_sys::wait::{self, Interest};
use procession_sys::{descriptor, image, inherit};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::exit;
use std::time::{Duration, Instant};

procession_sys::boot!(wake);

/// How long a daemon has from SIGTERM to SIGKILL when its program ends. Python waits for ever.
const DAEMON_GRACE: Duration = Duration::from_secs(1);

/// Wakes in a process that the boot constructor found to be one of ours.
fn wake(boot: Boot) -> ! {
    match boot.role {
        Role::Child => match entry::prepare() {
            Ok(present) => entry::live(boot, &present),
            // Whoever asked for the child hears of its end.
            Err(_no_proc) => exit(1),
        },
        Role::Server => {
            let served = Server::open(boot).and_then(|mut server| server.serve());
            exit(i32::from(served.is_err()))
        }
    }
}

/// How far the program has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It runs.
    Serving,
    /// It waits for its processes before it ends; daemons alive at this time are killed, once.
    Closing(Option<Instant>),
    /// It waits no more: it has been told that nobody is left to wait for.
    Closed,
    /// It is gone, or needs no server any more.
    Orphaned,
}

/// A child not yet reaped.
struct Ward {
    serial: u64,
    name: String,
    daemon: bool,
    detached: bool,
    corridor: OwnedFd,
}

struct Server {
    control: OwnedFd,
    main: Option<OwnedFd>,
    children: ChildSignal,
    nursery: Nursery,
    wards: BTreeMap<Pid, Ward>,
    /// Exits that found the corridor full.
    unsent: Vec<(OwnedFd, i32)>,
    phase: Phase,
}

impl Server {
    fn open(boot: Boot) -> io::Result<Self> {
        let kept: Vec<BorrowedFd<'_>> = [Some(&boot.socket), boot.guarded.as_ref()]
            .into_iter()
            .flatten()
            .map(AsFd::as_fd)
            .collect();
        descriptor::close_all_but(&kept)?;
        for stream in
            [descriptor::Standard::Input, descriptor::Standard::Output, descriptor::Standard::Error]
        {
            descriptor::set_standard(stream, None)?;
        }
        std::env::set_current_dir("/")?;
        inherit::raise_open_files();
        inherit::set_thread_name("forkserver");
        signal::ignore_terminal();
        let children = ChildSignal::open()?;
        let module = image::main_module()
            .ok_or_else(|| io::Error::other("this program cannot be identified"))?;
        parcel::send(boot.socket.as_fd(), &[&Hello::ready(module)], &[], Waiting::Allowed)?;
        Ok(Self {
            control: boot.socket,
            main: boot.guarded,
            children,
            nursery: Nursery::new(entry::prepare()?),
            wards: BTreeMap::new(),
            unsent: Vec::new(),
            phase: Phase::Serving,
        })
    }

    fn serve(&mut self) -> io::Result<()> {
        while self.phase != Phase::Orphaned || !self.is_childless() {
            let Ready { children, control, main, timed_out } = self.wait()?;
            if children {
                self.children.clear();
                self.reap();
            }
            if main || (control && self.obey_waiting_orders().is_err()) {
                self.orphan();
            }
            if timed_out {
                self.on_time();
            }
            self.send_unsent();
            self.close_when_alone();
        }
        Ok(())
    }

    fn is_childless(&self) -> bool {
        self.wards.is_empty() && self.nursery.is_empty()
    }

    fn wait(&self) -> io::Result<Ready> {
        let mut waited = vec![(self.children.descriptor().as_fd(), Interest::Readable)];
        let orphaned = self.phase == Phase::Orphaned;
        if !orphaned {
            waited.push((self.control.as_fd(), Interest::Readable));
            let main = self.main.iter().filter(|_| stands("main-pidfd"));
            waited.extend(main.map(|main| (main.as_fd(), Interest::Readable)));
        }
        let watched = waited.len();
        waited.extend(self.unsent.iter().map(|(full, _)| (full.as_fd(), Interest::Writable)));
        let ready = wait::ready(&waited, self.deadline())?;
        let own = &ready[..watched];
        Ok(Ready {
            children: own[0],
            control: own.get(1) == Some(&true),
            main: own.get(2) == Some(&true),
            timed_out: !ready.contains(&true),
        })
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Serving => self.nursery.refill_at(),
            Phase::Closing(deadline) if self.daemons().next().is_some() => deadline,
            Phase::Closing(_) | Phase::Closed | Phase::Orphaned => None,
        }
    }

    fn on_time(&mut self) {
        match self.phase {
            Phase::Serving => self.nursery.refill(self.main.as_ref()),
            Phase::Closing(_) => {
                self.signal_daemons(signal::SIGKILL);
                self.phase = Phase::Closing(None);
            }
            Phase::Closed | Phase::Orphaned => {}
        }
    }

    /// Obeys what has been ordered so far; an error where the program has hung up.
    fn obey_waiting_orders(&mut self) -> io::Result<()> {
        loop {
            match parcel::receive(self.control.as_fd(), Waiting::Never) {
                Ok(Some(order)) => self.obey(&order),
                Ok(None) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // A packet that lost its descriptors on the way: its corridor closes with it, and
                // the start that it was fails there.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn obey(&mut self, order: &Parcel) {
        match Order::read(&order.bytes) {
            Ok(Order::Start(start)) => self.start(&start, order),
            Ok(Order::Detach(serial)) => {
                if let Some((_, ward)) = self.find(serial) {
                    ward.detached = true;
                }
            }
            Ok(Order::Signal(serial, number)) => {
                if let Some((child, _)) = self.find(serial) {
                    let _ = life::signal_child(child, number);
                }
            }
            Ok(Order::List) => self.list(&order.descriptors),
            Ok(Order::Exiting) => self.begin_closing(),
            // Only the program itself has the other end; what it cannot have meant is left out.
            Err(_) => {}
        }
    }

    fn find(&mut self, serial: u64) -> Option<(Pid, &mut Ward)> {
        let mut wards = self.wards.iter_mut();
        wards.find(|(_, ward)| ward.serial == serial).map(|(&child, ward)| (child, ward))
    }

    fn start(&mut self, start: &Start<'_>, order: &Parcel) {
        // Without its corridor there is nobody to answer.
        let Some(corridor) = order.descriptors.first() else { return };
        if self.phase != Phase::Serving {
            return tell(corridor, &Report::not_started("the program is ending"), None);
        }
        let made = corridor.try_clone().and_then(|corridor| {
            let made = self.nursery.child(start, self.main.as_ref())?;
            Ok((corridor, made))
        });
        let (corridor, Newborn { pid, inlet, pidfd }) = match made {
            Ok(made) => made,
            Err(error) => return tell(corridor, &Report::not_started(&error.to_string()), None),
        };
        fault!("server.forked");
        tell(&corridor, &Report::started(pid.as_raw()), pidfd.as_ref());
        fault!("server.confirmed");
        if let Err(error) = parcel::forward(inlet.as_fd(), order, Waiting::Allowed) {
            let why = format!("its start could not be handed over: {error}");
            tell(&corridor, &Answer::refused(&why).bytes, None);
        }
        fault!("server.forwarded");
        let head = &start.head;
        let (serial, name, daemon) = (head.serial, head.name.to_owned(), head.daemon);
        self.wards.insert(pid, Ward { serial, name, daemon, detached: false, corridor });
    }

    fn list(&self, reply: &[OwnedFd]) {
        let mut wards: Vec<(&Pid, &Ward)> = self.wards.iter().collect();
        wards.sort_unstable_by_key(|(_, ward)| ward.serial);
        let alive: Vec<(i32, &str, bool)> = wards
            .into_iter()
            .map(|(child, ward)| (child.as_raw(), ward.name.as_str(), ward.daemon))
            .collect();
        if let (Some(reply), Ok(bytes)) = (reply.first(), postcard::to_stdvec(&alive)) {
            tell(reply, &bytes, None);
        }
    }

    /// Reaps whoever has ended and says so on their corridors.
    fn reap(&mut self) {
        while let Some((child, status)) = life::reap_any() {
            let Some(ward) = self.wards.remove(&child) else {
                self.nursery.forget(child);
                continue;
            };
            self.unsent.push((ward.corridor, status.into_raw()));
        }
    }

    /// Sends what fits; a parent that is not there any more needs nothing.
    fn send_unsent(&mut self) {
        self.unsent.retain(|(corridor, status)| {
            let frame = Report::exit(*status);
            let sent = parcel::send(corridor.as_fd(), &[&frame], &[], Waiting::Never);
            sent.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        });
    }

    fn daemons(&self) -> impl Iterator<Item = Pid> {
        self.wards.iter().filter(|(_, ward)| ward.daemon).map(|(&child, _)| child)
    }

    fn signal_daemons(&self, number: i32) {
        for daemon in self.daemons() {
            let _ = life::signal_child(daemon, number);
        }
    }

    fn begin_closing(&mut self) {
        self.nursery.close();
        self.signal_daemons(signal::SIGTERM);
        // A stopped process gets its signal only when it goes on.
        self.signal_daemons(signal::SIGCONT);
        self.phase = Phase::Closing(Some(Instant::now() + DAEMON_GRACE));
    }

    /// Tells the program that nobody is left to wait for.
    fn close_when_alone(&mut self) {
        let waited_for = |ward: &Ward| ward.daemon || !ward.detached;
        let waiting = matches!(self.phase, Phase::Closing(_));
        if waiting && self.nursery.is_empty() && !self.wards.values().any(waited_for) {
            let leaving = self.wards.is_empty();
            let done = Hello::done(leaving);
            let _ = parcel::send(self.control.as_fd(), &[&done], &[], Waiting::Never);
            self.phase = if leaving { Phase::Orphaned } else { Phase::Closed };
        }
    }

    fn orphan(&mut self) {
        self.phase = Phase::Orphaned;
        self.nursery.close();
        if stands("killing-daemons") {
            self.signal_daemons(signal::SIGKILL);
        }
    }
}

/// What a wait of the server ended with.
#[expect(clippy::struct_excessive_bools, reason = "one per thing that was waited for")]
struct Ready {
    children: bool,
    control: bool,
    main: bool,
    timed_out: bool,
}

/// Sends on a socket that has room, to somebody who may be gone.
fn tell(socket: &OwnedFd, frame: &[u8], descriptor: Option<&OwnedFd>) {
    let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().map(AsFd::as_fd).collect();
    let _ = parcel::send(socket.as_fd(), &[frame], &descriptors, Waiting::Never);
}
