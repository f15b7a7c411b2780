//! The campaigns: how a tree is killed, and the look at what is left.
//!
//! In: a campaign and a source of random moments. Out: what one round of it left. What always
//! holds: a round ends with nothing of its tree alive, because what should not be there is killed
//! after it was counted.

use super::host::{LEAKER, LEAKERS, Tree, WORKER};
use super::observer::{Member, Stat};
use super::program::{PATIENCE, Program};
use rustix::process::{Signal, WaitOptions, wait};
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Within how long after its start, or after the tree stands, a program is killed.
const WINDOW: Duration = Duration::from_millis(4);

/// Who is killed, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Campaign {
    Main,
    StartingUp,
    Server,
    Both,
    LeakedDescriptors,
    Nested,
}

impl Campaign {
    pub(crate) const ALL: [Self; 6] = [
        Self::Main,
        Self::StartingUp,
        Self::Server,
        Self::Both,
        Self::LeakedDescriptors,
        Self::Nested,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::StartingUp => "starting-up",
            Self::Server => "server",
            Self::Both => "both",
            Self::LeakedDescriptors => "leaked-descriptors",
            Self::Nested => "nested",
        }
    }

    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Main => "main at a random moment",
            Self::StartingUp => "main within 4 ms of its start",
            Self::Server => "the fork server, then main",
            Self::Both => "main and the fork server at once",
            Self::LeakedDescriptors => "main, its descriptors held by others",
            Self::Nested => "main, daemons three deep",
        }
    }

    fn tree(self) -> Tree {
        match self {
            Self::LeakedDescriptors => Tree::Leaking,
            Self::Nested => Tree::Nested,
            Self::Main | Self::StartingUp | Self::Server | Self::Both => Tree::Wide,
        }
    }
}

/// What one round left.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    /// Names of processes that outlived the program and had no right to.
    pub(crate) orphans: Vec<String>,
    /// Names of processes that ended and were not reaped by their parent.
    pub(crate) zombies: Vec<String>,
    /// Ids of workers that began their work and never finished it.
    pub(crate) unfinished: Vec<String>,
    /// How many did finish it.
    pub(crate) finished: usize,
    /// From the kill to the end of the last that was not a worker.
    pub(crate) gone_after: Option<Duration>,
}

/// Plants a tree, kills its main process and looks at what is left after `patience` at the most.
///
/// The calling process must be the reaper of all orphans among its descendants
/// (`PR_SET_CHILD_SUBREAPER`) and have no other children.
pub(crate) fn round(campaign: Campaign, moments: &mut Moments, patience: Duration) -> Remains {
    let own = std::env::current_exe().expect("/proc is mounted");
    let mut command = Command::new(own);
    command.args(["--host", campaign.tree().name()]).stdin(Stdio::null());
    let mut program = Program::start(&mut command);
    wait_for_moment(campaign, &mut program, moments);
    kill(campaign, &mut program, moments);
    let killed = Instant::now();
    let status = program.wait();
    assert_eq!(status.signal(), Some(9), "the program is to live until it is killed: {status}");

    // What may not survive, and then whoever has work to finish.
    let gone = program.observed.wait_until_gone(&[LEAKER, WORKER], killed + patience);
    let mut remains = Remains { gone_after: gone.at.map(|at| at - killed), ..Remains::default() };
    remains.orphans.extend(gone.left.into_iter().map(put_down));
    let rest = program.observed.wait_until_gone(&[LEAKER], Instant::now() + patience);
    remains.orphans.extend(rest.left.into_iter().map(put_down));
    for leaker in program.observed.alive() {
        put_down(leaker);
    }
    judge_workers(program.all_lines(), &mut remains);
    reap_orphans();
    let of_the_tree = |stat: &Stat| stat.session == program.pid();
    for stat in Stat::all().filter(of_the_tree) {
        let list = if stat.state == 'Z' { &mut remains.zombies } else { &mut remains.orphans };
        list.push(stat.name);
    }
    remains
}

/// Ends a process and gives its name.
fn put_down(member: Member) -> String {
    member.signal(Signal::KILL);
    assert!(member.wait_for_end(Instant::now() + PATIENCE), "a killed process ends");
    member.name
}

fn wait_for_moment(campaign: Campaign, program: &mut Program, moments: &mut Moments) {
    match campaign {
        // From the exec on, or from where the first process is being started.
        Campaign::StartingUp if moments.coin() => program.wait_for("up", 1),
        Campaign::StartingUp => {}
        Campaign::Nested if moments.coin() => program.wait_for("deep", 1),
        Campaign::LeakedDescriptors => {
            program.wait_for("ready", 1);
            program.wait_for("leaking", LEAKERS);
        }
        _ => program.wait_for("ready", 1),
    }
    pause(program, moments);
}

/// Lets a random part of the window pass.
fn pause(program: &Program, moments: &mut Moments) {
    let ended = program.has_ended_by(Instant::now() + moments.below(WINDOW));
    assert!(!ended, "the program is to live until it is killed");
}

fn kill(campaign: Campaign, program: &mut Program, moments: &mut Moments) {
    let with_server = matches!(campaign, Campaign::Server | Campaign::Both);
    let main = program.pid();
    let mut members = if with_server { program.observed.alive() } else { Vec::new() };
    members.retain(|member| member.name == "forkserver" && member.parent == main);
    assert_eq!(members.len(), usize::from(with_server), "one fork server: {members:?}");
    if campaign == Campaign::Both && moments.coin() {
        program.signal(Signal::KILL);
    }
    for server in &members {
        server.signal(Signal::KILL);
    }
    if campaign == Campaign::Server {
        pause(program, moments);
    }
    program.signal(Signal::KILL);
}

fn judge_workers(lines: &[String], remains: &mut Remains) {
    let those = |verb: &str| -> BTreeSet<&str> {
        lines.iter().filter_map(|line| line.strip_prefix(verb)?.strip_prefix(' ')).collect()
    };
    let (begun, finished) = (those("begun"), those("finished"));
    remains.unfinished = begun.difference(&finished).map(ToString::to_string).collect();
    remains.finished = finished.len();
}

/// Reaps whoever has ended among the processes whose parents died before them.
fn reap_orphans() {
    while let Ok(Some(_reaped)) = wait(WaitOptions::NOHANG) {}
}

/// A source of random moments: the splitmix64 generator.
pub(crate) struct Moments(u64);

impl Moments {
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn coin(&mut self) -> bool {
        self.next() % 2 == 0
    }

    fn below(&mut self, window: Duration) -> Duration {
        let window = u64::try_from(window.as_nanos()).expect("a short window");
        Duration::from_nanos(self.next() % window)
    }
}
