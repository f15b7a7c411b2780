//! The fork server: the parent, reaper and guard of a program's processes.
//!
//! It is the program itself, started once more and stopped before `main`; it has one thread, unless
//! the program's constructors start others, and runs no user code but them. It makes children when
//! they are ordered and a few ahead, and tells the parent on a child's own corridor when the child
//! is gone. What a child is to do it never sees.
//!
//! In: orders on the control socket; on the socket of offers, which nobody is woken by, the
//! program's word which spare children it has taken; SIGCHLD; the death of the program's main
//! process. Out: children; reports; on the socket of lists, who is alive. What always holds: every
//! child is reaped here and nowhere else; a signal is sent only to a child not yet reaped; what the
//! program has taken is known before anything is done; when main is gone, whatever the cause, the
//! daemons are killed at once, a child without a start gets none, and the server ends when its last
//! child has.

mod nursery;
mod reaper;
mod wards;

use crate::current::name_some;
use crate::entry::{self, Greeting};
use crate::frame::{Adoption, Birth, Hello, Order, Page, Report, StartMethod};
use crate::world::Present;
use nursery::{Nursery, unmade};
use procession_sys::boot::{Boot, Role};
use procession_sys::fault;
use procession_sys::fault::stands;
use procession_sys::life;
use procession_sys::parcel::{self, Parcel, Waiting};
use procession_sys::signal::{self, ServerSignals};
use procession_sys::wait::{self, Interest};
use procession_sys::{descriptor, image, inherit};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::exit;
use std::time::{Duration, Instant};
use wards::{Care, Wards};

procession_sys::boot!(wake);

/// How many orders are obeyed before the ended children and the clock are looked at again.
const ORDERS_AT_ONCE: usize = 16;

/// How long a daemon has from SIGTERM to SIGKILL when its program ends. Python waits for ever.
const DAEMON_GRACE: Duration = Duration::from_secs(1);

/// Wakes in a process that the boot constructor found to be one of ours.
fn wake(boot: Boot) -> ! {
    match boot.role {
        Role::Child => match entry::prepare() {
            Ok(present) => entry::live(boot, Greeting::Ordered, &present),
            // Whoever asked for the child hears of its end.
            Err(_unprepared) => exit(1),
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
    /// It waits for its processes before it ends; daemons alive at this time are killed. None once
    /// they have been.
    Closing(Option<Instant>),
    /// It waits no more: it has been told that nobody is left to wait for.
    Closed,
    /// It is gone, or needs no server any more.
    Orphaned,
}

struct Server {
    control: OwnedFd,
    /// Spare children offer themselves to the program, which says here whom it has taken.
    offers: OwnedFd,
    /// Where lists go, which so need no descriptor that might not be had then.
    lists: OwnedFd,
    main: Option<OwnedFd>,
    signals: ServerSignals,
    nursery: Nursery,
    wards: Wards,
    phase: Phase,
}

impl Server {
    fn open(boot: Boot) -> io::Result<Self> {
        match Self::greet(&boot) {
            Ok(([offers, lists], signals, present)) => Ok(Self {
                control: boot.socket,
                offers,
                lists,
                main: boot.guarded,
                signals,
                nursery: Nursery::new(present),
                wards: Wards::default(),
                phase: Phase::Serving,
            }),
            Err(error) => {
                tell(&boot.socket, &Hello::failed(&error.to_string()));
                Err(error)
            }
        }
    }

    /// Becomes a server, and says so once nothing can fail any more. Gives the sockets of offers
    /// and of lists, the signals, and what children will have.
    fn greet(boot: &Boot) -> io::Result<([OwnedFd; 2], ServerSignals, Present)> {
        let kept: Vec<BorrowedFd<'_>> = [Some(&boot.socket), boot.guarded.as_ref()]
            .into_iter()
            .flatten()
            .map(AsFd::as_fd)
            .collect();
        for stream in
            [descriptor::Standard::Input, descriptor::Standard::Output, descriptor::Standard::Error]
        {
            descriptor::set_standard(stream, None)?;
        }
        // What constructors have written is in this memory, and each child would write it again.
        procession_sys::exit::flush();
        if stands("closing-in-server") {
            descriptor::close_all_but(&kept)?;
        }
        std::env::set_current_dir("/")?;
        inherit::raise_open_files();
        inherit::set_thread_name("forkserver");
        let group: &[i32] = if stands("blocking-group-signals") { &signal::GROUP } else { &[] };
        let signals = ServerSignals::open(group)?;
        let module = image::main_module()
            .ok_or_else(|| io::Error::other("this program cannot be identified"))?;
        let present = entry::prepare()?;
        let (offered, offers) = parcel::pair()?;
        let (listed, lists) = parcel::pair()?;
        let programs = [offered.as_fd(), listed.as_fd()];
        parcel::send(boot.socket.as_fd(), &[&Hello::ready(module)], &programs, Waiting::Allowed)?;
        Ok(([offers, lists], signals, present))
    }

    fn serve(&mut self) -> io::Result<()> {
        while self.phase != Phase::Orphaned || !self.is_childless() {
            let Ready { signalled, control, main, timed_out } = self.wait()?;
            self.hear_adoptions();
            if signalled {
                self.on_signals();
            }
            self.wards.kill_overdue(Instant::now());
            // Before orders: what the ended have held is free for whoever is ordered next.
            self.wards.tell_ends();
            let hung_up = control && self.obey_waiting_orders().is_err();
            if main || (hung_up && stands("control-end")) {
                self.orphan();
            }
            if timed_out {
                self.on_time();
            }
            self.close_when_alone();
        }
        Ok(())
    }

    fn is_childless(&self) -> bool {
        self.wards.is_empty() && self.nursery.is_empty()
    }

    fn wait(&self) -> io::Result<Ready> {
        let mut waited = vec![(self.signals.descriptor().as_fd(), Interest::Readable)];
        let orphaned = self.phase == Phase::Orphaned;
        if !orphaned {
            waited.push((self.control.as_fd(), Interest::Readable));
            let main = self.main.iter().filter(|_| stands("main-pidfd"));
            waited.extend(main.map(|main| (main.as_fd(), Interest::Readable)));
        }
        let watched = waited.len();
        waited.extend(self.wards.full().map(|full| (full, Interest::Writable)));
        let ready = wait::ready(&waited, self.deadline())?;
        let own = &ready[..watched];
        Ok(Ready {
            signalled: own[0],
            control: own.get(1) == Some(&true),
            main: own.get(2) == Some(&true),
            timed_out: !ready.contains(&true),
        })
    }

    fn deadline(&self) -> Option<Instant> {
        self.phase_deadline().into_iter().chain(self.wards.next_deadline()).min()
    }

    fn phase_deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Serving => self.nursery.refill_at(),
            Phase::Closing(deadline) if self.wards.have_daemons() => deadline,
            Phase::Closing(_) | Phase::Closed | Phase::Orphaned => None,
        }
    }

    fn on_time(&mut self) {
        if self.phase_deadline().is_none_or(|deadline| deadline > Instant::now()) {
            return;
        }
        match self.phase {
            Phase::Serving => self.nursery.refill(self.offers.as_fd(), self.main.as_ref()),
            Phase::Closing(_) => {
                if stands("killing-after-grace") {
                    self.wards.signal_daemons(signal::SIGKILL);
                }
                self.phase = Phase::Closing(None);
            }
            Phase::Closed | Phase::Orphaned => {}
        }
    }

    fn on_signals(&mut self) {
        let signalled = self.signals.take();
        if signalled.terminal {
            // It was meant for those who lived then.
            self.withdraw();
        }
        if signalled.child {
            self.reap();
        }
    }

    /// Obeys what has been ordered so far, or some of it; an error where the program has hung up.
    fn obey_waiting_orders(&mut self) -> io::Result<()> {
        for _ in 0..ORDERS_AT_ONCE {
            match parcel::receive(self.control.as_fd(), Waiting::Never) {
                Ok(Some(order)) => {
                    // It may be about a child that was taken since the last look.
                    self.hear_adoptions();
                    self.obey(order);
                }
                Ok(None) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // What cannot be taken closes its corridor, and the start that it was for fails.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn obey(&mut self, order: Parcel) {
        match Order::read(&order.bytes) {
            Ok(Order::Child(birth)) => self.bear(&birth, order.descriptors),
            Ok(Order::Refill) => self.nursery.refill_soon(),
            Ok(Order::Detach(serial)) => self.wards.detach(serial),
            Ok(Order::Signal(serial, number)) => self.wards.signal(serial, number),
            Ok(Order::List(question, after)) => self.list(question, after),
            Ok(Order::Exiting) => self.begin_closing(),
            Ok(Order::Awaited) => {
                tell(&self.control, &Hello::awaited(&name_some(self.wards.awaited())));
            }
            // Which spares were taken has been read before the order. As for errors: only the
            // program itself has the other end; what it cannot have meant is left out.
            Ok(Order::Wake) | Err(_) => {}
        }
    }

    fn bear(&mut self, birth: &Birth<'_>, descriptors: Vec<OwnedFd>) {
        // Without its corridor there is nobody to answer.
        let Some(corridor) = descriptors.into_iter().next() else { return };
        if self.phase != Phase::Serving {
            return tell(&corridor, &Report::not_started("the program is ending", None));
        }
        // Starts that follow each other too fast for spares to be made between them.
        let pressed = self.nursery.refill_at().is_some();
        // A copy goes to the child; on this one it is said where there is none.
        let made = corridor.try_clone().and_then(|its| {
            if birth.kill_descendants {
                let made = reaper::start(self.nursery.present(), birth, its, self.main.as_ref());
                return made.map(|(pid, reaper)| (pid, Some(reaper)));
            }
            let (pid, _its) = self.nursery.child(birth, its, self.main.as_ref())?;
            Ok((pid, None))
        });
        match made {
            Ok((pid, reaper)) => {
                fault!("server.forked");
                let care = Care { method: birth.method, kill_at: birth.kill_at, reaper };
                self.wards.admit(pid, &birth.record, care, corridor);
                if pressed && birth.method == StartMethod::ForkServer {
                    self.nursery.refill(self.offers.as_fd(), self.main.as_ref());
                }
            }
            Err(error) => {
                tell(&corridor, &Report::not_started(&unmade(&error), error.raw_os_error()));
            }
        }
    }

    /// Makes wards of those whom the program has taken.
    fn hear_adoptions(&mut self) {
        while let Ok(Some(parcel)) = parcel::receive(self.offers.as_fd(), Waiting::Never) {
            let Ok(Adoption { number, record, kill_at }) = Adoption::read(&parcel.bytes) else {
                continue;
            };
            // One who is a spare no more was withdrawn, and gets no start from this adoption.
            if let Some(spare) = self.nursery.adopt(number) {
                let care = Care { method: StartMethod::ForkServer, kill_at, reaper: None };
                self.wards.admit(spare.pid, &record, care, spare.corridor);
            }
        }
    }

    /// Ends the spares; those who have been given a start up to now are none.
    fn withdraw(&mut self) {
        if stands("withholding-spares") {
            self.nursery.withhold_all();
        }
        // An adoption comes before its start, so those of all starts given are here by now.
        self.hear_adoptions();
        self.nursery.discard();
    }

    fn list(&self, question: u64, after: u64) {
        let say = |alive| {
            let page = Page::of(question, alive).to_frame().map_err(io::Error::other)?;
            parcel::send(self.lists.as_fd(), &[&page], &[], Waiting::Never)
        };
        // Where memory is short, nobody listed is better than a wait without an end.
        let _ = say(self.wards.list(after)).or_else(|_short| say(Vec::new()));
    }

    /// Reaps whoever has ended and says so on their corridors.
    fn reap(&mut self) {
        while let Some((child, reaped)) = life::reap_any() {
            if self.nursery.withhold(child) {
                // It may have been taken at the last moment.
                self.hear_adoptions();
            }
            match self.wards.release(child, &reaped) {
                // A spare could have saved its making.
                Some(StartMethod::ForkServer) if self.phase == Phase::Serving => {
                    self.nursery.refill_soon();
                }
                Some(_) => {}
                None => self.nursery.forget(child),
            }
        }
    }

    fn begin_closing(&mut self) {
        self.nursery.close();
        self.withdraw();
        if stands("asking-daemons") {
            self.wards.signal_daemons(signal::SIGTERM);
        }
        // A stopped process gets its signal only when it goes on.
        self.wards.signal_daemons(signal::SIGCONT);
        self.phase = Phase::Closing(Some(Instant::now() + DAEMON_GRACE));
    }

    /// Tells the program that nobody is left to wait for.
    fn close_when_alone(&mut self) {
        let waiting = matches!(self.phase, Phase::Closing(_));
        if waiting && self.nursery.is_empty() && !self.wards.are_waited_for() {
            let leaving = self.wards.is_empty();
            let done = Hello::done(leaving);
            let _ = parcel::send(self.control.as_fd(), &[&done], &[], Waiting::Never);
            self.phase = if leaving { Phase::Orphaned } else { Phase::Closed };
        }
    }

    fn orphan(&mut self) {
        self.phase = Phase::Orphaned;
        self.nursery.close();
        self.withdraw();
        if stands("killing-daemons") {
            self.wards.signal_daemons(signal::SIGKILL);
        }
        // Who was taken and not given a start waits for none; others receive nothing any more.
        if stands("withholding-starts") {
            self.wards.withhold_starts();
        }
    }
}

/// What a wait of the server ended with.
#[expect(clippy::struct_excessive_bools, reason = "one per thing that was waited for")]
struct Ready {
    signalled: bool,
    control: bool,
    main: bool,
    timed_out: bool,
}

/// Sends on a socket that has room, to somebody who may be gone.
fn tell(socket: &OwnedFd, frame: &[u8]) {
    let _ = parcel::send(socket.as_fd(), &[frame], &[], Waiting::Never);
}
