//! The heartbeat process: it watches main and reports.
//!
//! In: what main is to be reported as, the page, main's pidfd, a bell. Out: reports. What always
//! holds: it wakes for an event or at a time it has set, never to poll; main's end is reported once
//! and by nothing that main could have delayed; it is gone `linger` after main at the latest.

use super::page::Page;
use super::progress::Progress;
use super::sender::{Sender, dice};
use super::verdict::{self, Evidence};
use super::vitals::{Image, Stat, Vitals};
use crate::fd::Fd;
use procession_beat::{Beat, Client, Kind, Main, MainState, NoCertificate, Plan, Sample};
use procession_sys::alarm::{Alarm, since_boot};
use procession_sys::life::{self, Pid, Told};
use procession_sys::wait::{self, Interest};
use procession_sys::{cpu, signal, stream};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How long an ended main may take to be reaped by its parent before it is reported without what
/// only the kernel could have told.
const REAPING: Duration = Duration::from_millis(500);
/// How soon an undelivered goodbye of a main that lives on is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// What main says to its heartbeat at the start.
#[derive(Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) page: Page,
    /// Main's end of it is written when there is something new on the page.
    pub(super) bell: Fd<OwnedFd>,
    pub(super) main: Fd<OwnedFd>,
    pub(super) url: String,
    pub(super) token: Option<String>,
    /// The authorities that are trusted, as PEM; none: those that browsers trust.
    pub(super) authorities: Option<Vec<u8>>,
    /// A beat of main, as JSON: all that is the same in every report.
    pub(super) beat: Vec<u8>,
    pub(super) stuck_after: Option<Duration>,
    pub(super) linger: Duration,
    /// Any panic of the program aborts it.
    pub(super) aborts: bool,
}

/// The function of the heartbeat process.
pub(super) fn watch(orders: Orders) {
    signal::block_group();
    // Nobody is there to hear of a failure but the monitor, by the silence.
    if let Some(mut watch) = orders.page.is_whole().then(|| Watch::new(orders)).and_then(Result::ok)
    {
        let _ = watch.serve();
    }
}

/// How the monitor is spoken to.
pub(super) fn client(
    url: &str,
    token: Option<String>,
    authorities: Option<&[u8]>,
) -> Result<Client, NoCertificate> {
    let client = Client::new(url, token);
    authorities.map_or(Ok(client.clone()), |pem| client.trusting(pem))
}

struct Watch {
    page: Page,
    bell: Option<OwnedFd>,
    main: OwnedFd,
    beat: Beat,
    linger: Duration,
    aborts: bool,
    alarm: Alarm,
    vitals: Vitals,
    /// The program that main runs, as far as it may be seen.
    image: Image,
    progress: Progress,
    sender: Sender,
}

/// Why main is not watched any more.
#[derive(Clone, Copy)]
enum End {
    Died,
    Exec,
    Goodbye(Option<Duration>),
}

impl Watch {
    fn new(orders: Orders) -> io::Result<Self> {
        let beat = Beat::decode(&orders.beat).map_err(io::Error::other)?;
        let ms = Duration::from_millis;
        let server = Pid::parent().and_then(|parent| u32::try_from(parent.as_raw()).ok());
        let vitals = Vitals::new(beat.instance.pid, server);
        let hidden = Image::default();
        Ok(Self {
            sender: Sender {
                client: client(&orders.url, orders.token, orders.authorities.as_deref())
                    .map_err(io::Error::other)?,
                page: orders.page.clone(),
                plan: Plan::new(ms(beat.period_ms), ms(beat.grace_ms)),
            },
            progress: Progress::new(orders.stuck_after, orders.page.ticks()),
            image: vitals.stat().map_or(hidden, |stat| stat.image),
            page: orders.page,
            bell: Some(orders.bell.0),
            main: orders.main.0,
            beat,
            linger: orders.linger,
            aborts: orders.aborts,
            alarm: Alarm::new()?,
            vitals,
        })
    }

    fn serve(&mut self) -> io::Result<()> {
        let (reports, queue) = mpsc::channel();
        let sender =
            Sender { client: self.sender.client.clone(), page: self.page.clone(), ..self.sender };
        thread::Builder::new().name("sender".to_owned()).spawn(move || sender.serve(&queue))?;
        let period = Duration::from_millis(self.beat.period_ms);
        let mut looked = since_boot();
        let mut beat_at = looked;
        let mut was_stuck = false;
        let mut first = true;
        loop {
            let now = since_boot();
            if let Some(end) = self.end()? {
                return self.finish(end);
            }
            let look_at = self.progress.pause().map(|pause| looked + pause);
            if look_at.is_some_and(|at| now >= at) {
                self.progress.look(self.page.ticks(), now.saturating_sub(looked));
                looked = now;
            }
            let stuck = self.progress.stuck();
            if now >= beat_at || stuck.is_some() != was_stuck {
                // A queue that nobody serves is a sender that has ended: with the process only.
                let _ = reports.send(self.report(stuck));
                was_stuck = stuck.is_some();
            }
            if now >= beat_at {
                let pause = if first { self.sender.plan.phase(dice()) } else { period };
                beat_at = now + pause;
                first = false;
            }
            let look_at = self.progress.pause().map(|pause| looked + pause);
            self.sleep(look_at.map_or(beat_at, |at| at.min(beat_at)))?;
        }
    }

    /// Waits for main's end, its bell, or a time since boot.
    fn sleep(&mut self, until: Duration) -> io::Result<()> {
        self.alarm.set(until)?;
        let mut waited =
            vec![(self.main.as_fd(), Interest::Readable), (self.alarm.as_fd(), Interest::Readable)];
        waited.extend(self.bell.iter().map(|bell| (bell.as_fd(), Interest::Readable)));
        wait::ready(&waited, None)?;
        if let Some(bell) = &self.bell {
            match stream::receive(bell.as_fd(), &mut [0; 64]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(1..) => {}
                // Closed: by an exec, as its image shows then, or by the program itself.
                Ok(0) | Err(_) => self.bell = None,
            }
        }
        Ok(())
    }

    /// Whether main has ended, in any way.
    fn end(&self) -> io::Result<Option<End>> {
        if let Some(back_in) = self.page.goodbye() {
            return Ok(Some(End::Goodbye(back_in)));
        }
        if self.is_gone(Duration::ZERO)? {
            // It may have been said between the look and the death.
            return Ok(Some(self.page.goodbye().map_or(End::Died, End::Goodbye)));
        }
        let image = self.vitals.stat().map(|stat| stat.image);
        Ok(image.is_some_and(|image| image.is_other_than(self.image)).then_some(End::Exec))
    }

    fn is_gone(&self, within: Duration) -> io::Result<bool> {
        let waited = [(self.main.as_fd(), Interest::Readable)];
        Ok(wait::ready(&waited, Some(Instant::now() + within))? == [true])
    }

    /// The present, as a report.
    fn report(&mut self, stuck: Option<Duration>) -> Beat {
        let stat = self.vitals.stat();
        let sample = stat.as_ref().map(|stat| self.vitals.sample(stat, since_boot()));
        let stopped = stat.is_some_and(|stat| stat.state == 'T');
        let kind = stuck.map_or(Kind::Alive, |still| Kind::Stuck { still_ms: ms(still) });
        let stuck = stuck.is_some() || stopped;
        let state = if stuck { MainState::Stuck } else { MainState::Alive };
        self.next(kind, state, sample)
    }

    fn next(&mut self, kind: Kind, state: MainState, sample: Option<Sample>) -> Beat {
        // A later program of this process, after an exec, goes on above whatever was said before.
        let begun = self.beat.instance.started.saturating_mul(1000) / cpu::clock_ticks();
        self.beat.seq = (self.beat.seq + 1).max(ms(since_boot()).saturating_sub(begun));
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Beat {
            kind,
            main: Some(Main { state, ticks: self.progress.ticks().max(self.page.ticks()) }),
            sample,
            sent_at_ms: wall.ok().map(ms),
            ..self.beat.clone()
        }
    }

    /// Reports the end and stays for it, but not longer than `linger` after main.
    fn finish(&mut self, end: End) -> io::Result<()> {
        let back_in = match end {
            End::Goodbye(back_in) => back_in,
            End::Died | End::Exec => {
                let exec = matches!(end, End::Exec);
                let begun = Instant::now();
                let death = verdict::death(Evidence {
                    kernel: if exec { None } else { self.kernel_word() },
                    own: self.page.exit(),
                    exec,
                    aborts: self.aborts,
                    entries: self.page.entries(),
                });
                let beat = self.next(Kind::Dead(death), MainState::Dead, None);
                self.sender.send_last(&beat, self.linger.saturating_sub(begun.elapsed()));
                return Ok(());
            }
        };
        let limit = procession_beat::beat::SPAN_LIMIT;
        let back_in_ms = back_in.map(|back_in| ms(back_in).clamp(limit.0, limit.1));
        let beat = self.next(Kind::Goodbye { back_in_ms }, MainState::Alive, None);
        loop {
            let gone = self.is_gone(Duration::ZERO)?;
            if self.sender.send_last(&beat, self.linger) || gone {
                return Ok(());
            }
            self.is_gone(AGAIN)?;
        }
    }

    /// What the kernel tells of main's end, which anybody may hear of a process that waits to be
    /// reaped, and since Linux 6.15 of one that was.
    fn kernel_word(&self) -> Option<ExitStatus> {
        if let Some(status) = self.of_the_unreaped() {
            return Some(status);
        }
        let told = || life::exit_status(self.main.as_fd());
        if told() == Told::NotYet {
            let reaped = [(self.main.as_fd(), Interest::HangUp)];
            let _ = wait::ready(&reaped, Some(Instant::now() + REAPING));
        }
        match told() {
            Told::Exit(status) => Some(status),
            Told::NotYet | Told::Never => None,
        }
    }

    fn of_the_unreaped(&self) -> Option<ExitStatus> {
        let same = |stat: &Stat| stat.started == self.beat.instance.started;
        let stat = self.vitals.stat().filter(same).filter(|stat| stat.state == 'Z')?;
        // Of a process that we may not see, the kernel shows a zero.
        let is_told = stat.status != 0 || self.image.is_seen();
        is_told.then(|| ExitStatus::from_raw(stat.status))
    }
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
