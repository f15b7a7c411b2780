//! From a start's frame to a process that has it.
//!
//! In: the pieces of a [`Start`](crate::frame::Start). Out: the parent's end of the corridor of the
//! process that was given them. What always holds: a start is given to one process; to another only
//! once it is certain that the first will never read it.
//!
//! A child that was made ahead and has offered itself is taken: its server is told, on a socket that
//! it is not woken by, and the start goes straight to the child. Where none is on offer, the start is
//! put into a new corridor whose other end goes to the server with the order to make a child for it.

use crate::closing;
use crate::corridor::{Corridor, Known};
use crate::frame::{Adoption, Birth, Offer, Order, Record, Report, StartMethod, World, is_hang_up};
use crate::link::{self, LinkError, Server};
use procession_sys::exit;
use procession_sys::fault;
use procession_sys::fault::stands;
use procession_sys::inherit::Standing;
use procession_sys::parcel::{self, Cut, Peeked, Waiting};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;

/// How often a start is tried when the server dies under it.
const TRIES: usize = 3;

/// How many offers are tried whose children are gone. The server makes fewer at a time.
const STALE: usize = 16;

/// A start, ready to be handed over.
pub(crate) struct Handover<'a> {
    pub(crate) birth: Birth<'a>,
    /// What the server must have for its children to have it.
    pub(crate) standing: &'a Standing,
    /// What this process has: the server must have had no less.
    pub(crate) world: &'a World,
    /// The bytes of the start.
    pub(crate) pieces: &'a [&'a [u8]],
    pub(crate) descriptors: &'a [BorrowedFd<'a>],
}

/// No process has been given the start, nor will be.
#[derive(Debug)]
pub(crate) enum NotHandedOver {
    /// The kernel refused something.
    System { doing: &'static str, source: io::Error },
    /// The server could not make the child.
    NotStarted { why: String, source: Option<io::Error> },
    /// There is no server, or not one of this program.
    Server(String),
}

impl From<LinkError> for NotHandedOver {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::System { doing, source } => Self::System { doing, source },
            LinkError::Server(why) => Self::Server(why),
        }
    }
}

fn system(doing: &'static str) -> impl FnOnce(io::Error) -> NotHandedOver {
    move |source| NotHandedOver::System { doing, source }
}

impl Handover<'_> {
    /// Hands the start to a process.
    pub(crate) fn carry_out(&self) -> Result<Corridor, NotHandedOver> {
        exit::at_exit(closing::wait_for_others).map_err(system("registering the exit handler"))?;
        for _try in 0..TRIES {
            let server = link::server(self.standing, self.world)?;
            let known_dead = || stands("death-before-spares") && server.has_died();
            let Birth { method, kill_descendants, .. } = self.birth;
            // A spare has no reaper above it.
            if method == StartMethod::ForkServer && !kill_descendants && !known_dead() {
                if let Some(corridor) = self.to_a_spare(&server)? {
                    return Ok(corridor);
                }
            }
            if let Some(corridor) = self.order(&server)? {
                return Ok(corridor);
            }
            link::forget(&server);
        }
        Err(NotHandedOver::Server(format!("it died {TRIES} times before the process was there")))
    }

    /// Gives the start to a child that is on offer; none where there is none.
    fn to_a_spare(&self, server: &Arc<Server>) -> Result<Option<Corridor>, NotHandedOver> {
        for _stale in 0..STALE {
            let Some(offer) = take(server)? else { return Ok(None) };
            fault!("launch.taken");
            let Birth { record, kill_at, .. } = self.birth;
            let adoption = Adoption { number: offer.number, record, kill_at };
            let adoption = adoption.to_frame().map_err(io::Error::other);
            let adoption = adoption.map_err(system("planning"))?;
            // Nobody to hear it, or no room: the server is dead, or stopped for long.
            if parcel::send(server.offers(), &[&adoption], &[], Waiting::Never).is_err() {
                return Ok(None);
            }
            fault!("launch.adopted");
            let corridor = offer.corridor.as_fd();
            match parcel::send(corridor, self.pieces, self.descriptors, Waiting::Allowed) {
                // The child was withdrawn, or ended, and will not have it.
                Err(error) if is_hang_up(&error) => continue,
                sent => sent.map_err(system("sending its start"))?,
            }
            fault!("launch.sent");
            if let Ok(Peeked::Nothing) = parcel::peek::<0>(server.offers()) {
                // Where it cannot be heard, a later start orders its child.
                let _ = parcel::send(server.control(), &[&Order::refill()], &[], Waiting::Never);
            } else if kill_at.is_some() {
                // Where it cannot be heard, the child's own timer is enough.
                let _ = parcel::send(server.control(), &[&Order::wake()], &[], Waiting::Never);
            }
            let process = Known { pid: offer.pid, serial: record.serial, kill_at };
            let pidfd = offer.pidfd.map(Arc::new);
            let server = Some(Arc::clone(server));
            return Ok(Some(Corridor::new(record.name, process, offer.corridor, pidfd, server)));
        }
        Ok(None)
    }

    /// Has the server make a child for the start; none where the server is gone and no child has
    /// it.
    fn order(&self, server: &Arc<Server>) -> Result<Option<Corridor>, NotHandedOver> {
        let (here, there) = parcel::pair().map_err(system("making its corridor"))?;
        parcel::send(here.as_fd(), self.pieces, self.descriptors, Waiting::Allowed)
            .map_err(system("sending its start"))?;
        let order = self.birth.to_frame().map_err(io::Error::other).map_err(system("planning"))?;
        match parcel::send(server.control(), &[&order], &[there.as_fd()], Waiting::Allowed) {
            Err(error) if is_hang_up(&error) => {
                // Gone, it can be reaped as it is forgotten.
                server.is_gone();
                return Ok(None);
            }
            sent => sent.map_err(system("ordering it from the fork server"))?,
        }
        drop(there);
        fault!("launch.asked");
        // A pidfd for which this process has no descriptor left is done without: the child runs.
        let heard = server.hear(here.as_fd()).or_else(|error| Cut::from_error(error).map(Some));
        let Some(report) = heard.map_err(system("hearing from its process"))? else {
            // The corridor closed without `Started`: no child has read its start, or will.
            if server.is_gone() {
                return Ok(None);
            }
            let why = "it could not take the order: it has no descriptors or memory left";
            return Err(NotHandedOver::Server(why.to_owned()));
        };
        match Report::read(report) {
            Ok(Report::Started { pid, pidfd }) => {
                let Birth { record: Record { name, serial, .. }, kill_at, .. } = self.birth;
                let process = Known { pid, serial, kill_at };
                let (pidfd, server) = (pidfd.map(Arc::new), Some(Arc::clone(server)));
                Ok(Some(Corridor::new(name, process, here, pidfd, server)))
            }
            Ok(Report::NotStarted { why, error }) => {
                let source = error.map(io::Error::from_raw_os_error);
                Err(NotHandedOver::NotStarted { why, source })
            }
            Ok(Report::Exit(departure)) => {
                let status = ExitStatus::from_raw(departure.status);
                let why = format!("it ended before it was ready: {status}");
                Err(NotHandedOver::NotStarted { why, source: None })
            }
            Ok(Report::Answer(_)) => {
                Err(NotHandedOver::Server("another word came before `Started`".to_owned()))
            }
            Err(error) => Err(NotHandedOver::Server(error.to_string())),
        }
    }
}

/// Takes an offer off the socket. Any thread may; what one takes no other does.
fn take(server: &Server) -> Result<Option<Offer>, NotHandedOver> {
    match parcel::receive(server.offers(), Waiting::Never) {
        Ok(Some(offer)) => {
            Offer::read(offer).map(Some).map_err(|error| NotHandedOver::Server(error.to_string()))
        }
        Ok(None) => Ok(None),
        // With descriptors cut off an offer is of no use; its child ends.
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::InvalidData => Ok(None),
            _ => Err(system("taking a child that is ready")(error)),
        },
    }
}
