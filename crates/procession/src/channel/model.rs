//! The steps of README.md, every one of their orders, and a death between any two.
//!
//! The protocol is small enough to be tried out completely: a few processes, each at one step; every
//! state that any order of steps and deaths leads to is visited once. What is checked in each of
//! them is what README.md argues. The last tests change one step and expect to be told.
//!
//! One step here is one access to something shared. Locks are one step, handed on at death, as
//! `procession_sys::robust` promises; memory has one order, as the locks and the release of `tail`
//! and `head` give it.

use std::collections::HashSet;

/// How many messages a channel holds in the model.
const CAPACITY: u8 = 1;

/// Where a process is. A step's name says what it does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    /// S1, S2.
    SendLock,
    /// S4, S5: write, look at `armed`, ring.
    Ring,
    /// S5: clear `armed`.
    Disarm,
    /// S6.
    Publish,
    /// S7.
    SendUnlock,
    /// W1, W2, having found the channel full with this head.
    RoomLock(u8),
    /// W3: set `armed`.
    RoomArm,
    /// W3: silence.
    RoomSilence,
    /// W4: give the lock back.
    RoomUnlock,
    /// W4: sleep.
    RoomSleep,
    /// R1, R2.
    TakeLock,
    /// R3, R5: copy out, look at `armed`, ring.
    TakeRing,
    /// R5: clear `armed`.
    TakeDisarm,
    /// R6.
    TakePublish,
    /// R7.
    TakeUnlock,
    /// A1, A2.
    ArmLock,
    /// A3: set `armed`.
    Arm,
    /// A3: silence.
    Silence,
    /// A4: give the lock back.
    ArmUnlock,
    /// A4: sleep.
    Sleep,
    /// It has done all it wanted to.
    Done,
    Dead,
}

/// One side's words: its lock's holder, `armed`, and whether the bell is ready that this flag is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Side {
    holder: Option<u8>,
    armed: bool,
    ringing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State<const N: usize> {
    at: [At; N],
    /// How many messages each sender wants to send yet.
    wants: [u8; N],
    tail: u8,
    head: u8,
    /// With the senders' lock: receivers are rung. With the receivers' lock: senders.
    messages: Side,
    room: Side,
    /// Messages that were received, and those that died with their receiver after R6.
    taken: u8,
}

/// A change of the protocol that must be noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    None,
    /// S6 before S5: publish, then ring.
    RingLast,
    /// S5 the wrong way round: clear `armed`, then ring.
    DisarmFirst,
    /// A3 the wrong way round: silence, then set `armed`.
    SilenceFirst,
    /// A2 left out.
    ArmBlindly,
    /// W2 left out.
    WaitBlindly,
}

impl<const N: usize> State<N> {
    /// The first half sends, the other receives.
    const SENDERS: usize = N / 2;

    fn new(each: u8) -> Self {
        let mut at = [At::TakeLock; N];
        at[..Self::SENDERS].fill(At::SendLock);
        let mut wants = [0; N];
        wants[..Self::SENDERS].fill(each);
        let messages = Side { armed: true, ..Side::default() };
        Self { at, wants, tail: 0, head: 0, messages, room: Side::default(), taken: 0 }
    }

    /// The state after one more step of a process; none where it waits.
    fn step(mut self, who: usize, change: Change) -> Option<Self> {
        let me = Some(u8::try_from(who).expect("few processes"));
        let at = self.at[who];
        let next = self.send(at, who, me, change);
        let next = next.or_else(|| self.wait_for_room(at, me, change));
        let next = next.or_else(|| self.take(at, me));
        self.at[who] = next.or_else(|| self.arm(at, me, change))?;
        // Without receivers a sender is told so, at S5 or W3.
        let sending = matches!(self.at[who], At::SendLock | At::Ring | At::RoomArm);
        if sending && !self.has_receivers() {
            return Some(self.without(who, At::Done));
        }
        Some(self)
    }

    /// S1 to S7: where the process is next; none where it is elsewhere, or waits.
    fn send(&mut self, at: At, who: usize, me: Option<u8>, change: Change) -> Option<At> {
        Some(match at {
            At::SendLock if self.messages.holder.is_none() => {
                if self.tail - self.head >= CAPACITY {
                    At::RoomLock(self.head)
                } else {
                    self.messages.holder = me;
                    match change {
                        Change::RingLast => At::Publish,
                        Change::DisarmFirst => At::Disarm,
                        _ => At::Ring,
                    }
                }
            }
            At::Ring => {
                let armed = self.messages.armed || change == Change::DisarmFirst;
                self.messages.ringing |= armed;
                match change {
                    Change::DisarmFirst => At::Publish,
                    _ if armed => At::Disarm,
                    Change::RingLast => At::SendUnlock,
                    _ => At::Publish,
                }
            }
            At::Disarm => {
                let was = std::mem::take(&mut self.messages.armed);
                match change {
                    Change::DisarmFirst if was => At::Ring,
                    Change::RingLast => At::SendUnlock,
                    _ => At::Publish,
                }
            }
            At::Publish => {
                self.tail += 1;
                if change == Change::RingLast { At::Ring } else { At::SendUnlock }
            }
            At::SendUnlock => {
                self.messages.holder = None;
                self.wants[who] -= 1;
                if self.wants[who] == 0 { At::Done } else { At::SendLock }
            }
            _ => return None,
        })
    }

    /// W1 to W4.
    fn wait_for_room(&mut self, at: At, me: Option<u8>, change: Change) -> Option<At> {
        Some(match at {
            At::RoomLock(full) if self.room.holder.is_none() => {
                if self.head != full && change != Change::WaitBlindly {
                    At::SendLock
                } else {
                    self.room.holder = me;
                    At::RoomArm
                }
            }
            At::RoomArm => {
                self.room.armed = true;
                At::RoomSilence
            }
            At::RoomSilence => {
                self.room.ringing = false;
                At::RoomUnlock
            }
            At::RoomUnlock => {
                self.room.holder = None;
                At::RoomSleep
            }
            At::RoomSleep if self.room.ringing || !self.has_receivers() => At::SendLock,
            _ => return None,
        })
    }

    /// R1 to R7.
    fn take(&mut self, at: At, me: Option<u8>) -> Option<At> {
        Some(match at {
            At::TakeLock if self.room.holder.is_none() => {
                if self.head == self.tail {
                    At::ArmLock
                } else {
                    self.room.holder = me;
                    At::TakeRing
                }
            }
            At::TakeRing => {
                self.room.ringing |= self.room.armed;
                if self.room.armed { At::TakeDisarm } else { At::TakePublish }
            }
            At::TakeDisarm => {
                self.room.armed = false;
                At::TakePublish
            }
            At::TakePublish => {
                self.head += 1;
                self.taken += 1;
                At::TakeUnlock
            }
            At::TakeUnlock => {
                self.room.holder = None;
                At::TakeLock
            }
            _ => return None,
        })
    }

    /// A1 to A4.
    fn arm(&mut self, at: At, me: Option<u8>, change: Change) -> Option<At> {
        Some(match at {
            At::ArmLock if self.messages.holder.is_none() => {
                if self.head != self.tail && change != Change::ArmBlindly {
                    At::TakeLock
                } else {
                    self.messages.holder = me;
                    if change == Change::SilenceFirst { At::Silence } else { At::Arm }
                }
            }
            At::Arm => {
                self.messages.armed = true;
                if change == Change::SilenceFirst { At::ArmUnlock } else { At::Silence }
            }
            At::Silence => {
                self.messages.ringing = false;
                if change == Change::SilenceFirst { At::Arm } else { At::ArmUnlock }
            }
            At::ArmUnlock => {
                self.messages.holder = None;
                if self.has_senders() { At::Sleep } else { At::Done }
            }
            At::Sleep if self.messages.ringing || !self.has_senders() => At::TakeLock,
            _ => return None,
        })
    }

    /// The process is gone, or goes: its locks are handed on.
    fn without(mut self, who: usize, as_what: At) -> Self {
        self.at[who] = as_what;
        for side in [&mut self.messages, &mut self.room] {
            side.holder = side.holder.filter(|&holder| usize::from(holder) != who);
        }
        self
    }

    fn is_sender(at: At, wants: u8) -> bool {
        wants > 0 && at != At::Done && at != At::Dead
    }

    fn has_senders(&self) -> bool {
        (0..N).any(|who| Self::is_sender(self.at[who], self.wants[who]))
    }

    fn has_receivers(&self) -> bool {
        (0..N).any(|who| {
            let gone = matches!(self.at[who], At::Done | At::Dead);
            Self::receives(who) && !gone
        })
    }

    fn receives(who: usize) -> bool {
        who >= Self::SENDERS
    }

    /// What must hold in every state.
    fn check(&self) -> Result<(), String> {
        if self.head > self.tail || self.tail - self.head > CAPACITY {
            return Err(format!("more taken than sent, or more under way than fits: {self:?}"));
        }
        if self.taken != self.head {
            return Err(format!("a message was taken twice: {self:?}"));
        }
        let free = self.messages.holder.is_none();
        if free && self.head != self.tail && !self.messages.ringing {
            return Err(format!("a message is there and the bell is not ready: {self:?}"));
        }
        Ok(())
    }
}

/// Visits every state; gives their number, or what is wrong in one of them.
fn explore<const N: usize>(each: u8, deaths: u8, change: Change) -> Result<usize, String> {
    let first = (State::<N>::new(each), deaths);
    let (mut seen, mut next) = (HashSet::from([first]), vec![first]);
    while let Some((state, deaths)) = next.pop() {
        state.check()?;
        let steps: Vec<State<N>> = (0..N).filter_map(|who| state.step(who, change)).collect();
        if steps.is_empty() {
            let stuck = |at: &At| !matches!(at, At::Done | At::Dead);
            if state.at.iter().any(stuck) {
                return Err(format!("nobody can go on: {state:?}"));
            }
        }
        let dying =
            (0..N).filter(|&who| deaths > 0 && !matches!(state.at[who], At::Done | At::Dead));
        let dying = dying.map(|who| (state.without(who, At::Dead), deaths - 1));
        for reached in steps.into_iter().map(|step| (step, deaths)).chain(dying) {
            if seen.insert(reached) {
                next.push(reached);
            }
        }
    }
    Ok(seen.len())
}

#[test]
fn one_sender_and_one_receiver_never_get_stuck_whoever_dies() {
    let states = explore::<2>(4, 1, Change::None).expect("the protocol holds");
    assert!(states > 500, "{states} states");
}

#[test]
fn two_senders_and_two_receivers_never_get_stuck_whoever_dies() {
    let states = explore::<4>(2, 2, Change::None).expect("the protocol holds");
    assert!(states > 10_000, "{states} states");
}

#[test]
fn every_step_that_is_changed_is_missed() {
    for change in [
        Change::RingLast,
        Change::DisarmFirst,
        Change::SilenceFirst,
        Change::ArmBlindly,
        Change::WaitBlindly,
    ] {
        let found = explore::<4>(2, 2, change);
        assert!(found.is_err(), "{change:?} changes nothing in {found:?} states");
    }
}
