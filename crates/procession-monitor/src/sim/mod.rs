//! A seeded world in which the judge is tried: thousands of servers, weeks of virtual time.
//!
//! In: how big the world is, what goes wrong how often, a seed, and optionally one [`Flaw`] that a
//! monitor could have. Out: a [`Report`]: how soon each death was found, and every false alarm.
//! Always: the same seed gives the same report; the world knows the truth and the judge only hears
//! what reaches it, with loss, repetition, delay, partitions and the monitor's own absences.
//!
//! | room | what is in it |
//! |---|---|
//! | [`world`] | the servers, the network and the monitor's misfortunes |
//! | [`receiver`] | what a receiver of the messages knows |
//! | [`truth`] | what really happened, beside what the judge said |

pub mod receiver;
pub mod truth;
pub mod world;

pub use receiver::Receiver;
pub use truth::Report;
pub use world::simulate;

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many servers, in groups of forty.
    pub servers: usize,
    /// How much virtual time, in hours.
    pub hours: u64,
    /// Everything random follows from this.
    pub seed: u64,
    /// How many of a thousand sendings are lost, and as many answers.
    pub loss_per_mille: u64,
    /// A rule that the monitor or the heartbeats do not keep.
    pub flaw: Option<Flaw>,
}

/// A rule left out, to show that the simulator notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// R1: beats are timed by the sender's clock.
    SendersClock,
    /// R2: a repeated beat counts as a new one.
    NoFreshness,
    /// R4: the judge does not notice that it slept.
    NoBlindWindow,
    /// R6: a beat is sent once and not again.
    OneTry,
    /// R7: a planned stop says nothing.
    NoGoodbye,
    /// Mass silence is not looked for.
    NoMass,
    /// An incident is told when it begins and when it is over, and not what changes meanwhile.
    OnlyFirstAndLast,
}
