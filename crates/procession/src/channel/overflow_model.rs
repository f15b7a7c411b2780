//! The steps O1 to O7 of README.md, every one of their orders, and a death between any two.
//!
//! As `model.rs`, for the positions and markers of the overflow: one sender and one receiver, each of
//! which may die at any step and is followed by another, to whom its lock is handed on. A message and
//! a marker take one place each. What is checked is that the messages that were published are
//! received, each once, in their order. The last test changes one step and expects to be told.

use std::collections::HashSet;

const PLACES: usize = 12;
/// How much the ring holds before it is full.
const CAPACITY: u8 = 2;
const MESSAGES: u8 = 6;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Cursor {
    place: u8,
    count: u8,
}

/// What stands at a place in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Item {
    Nothing,
    Message(u8),
    Marker { begin: u8, count: u8, end: u8 },
}

/// Where a sender is. A step's name says what it does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Sending {
    /// S1, S2.
    Begin,
    /// O1, at this position; whether an extent is open.
    WriteOverflow(u8, bool),
    /// O2.
    NotePosition(u8, bool),
    /// O3.
    WriteMarker(u8),
    NoteMarker,
    /// O4.
    NoteNext,
    WriteEnd,
    WriteRing(bool),
    /// S6; whether the extent that was open is to be cleared after it.
    Publish(Cursor, bool),
    Clear,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Receiving {
    /// R1 to R3, O5, O6.
    Begin,
    /// O7: the message, and the position behind it.
    Note(u8, u8),
    /// R6: the head, and the message.
    Publish(Cursor, u8),
}

/// A change of the protocol that must be noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    None,
    /// One position on each side, not two.
    OnePosition,
    /// O4: `last marker` is cleared before the end is written.
    ClearFirst,
    /// O4: no end in the marker.
    NoEnd,
    /// The place in `last marker` is not compared with the tail.
    MarkerUnchecked,
    /// A `last marker` that was not published is not cleared by the next sender.
    MarkerKept,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State {
    sender: Sending,
    receiver: Receiving,
    tail: Cursor,
    head: Cursor,
    ring: [Item; PLACES],
    /// Message and count at each position.
    overflow: [(u8, u8); PLACES],
    last_marker: Option<u8>,
    next: u8,
    /// Count and position, of the senders and of the receivers.
    positions: [[(u8, u8); 2]; 2],
    /// The message that is sent next: each attempt has its own number.
    attempt: u8,
    /// The attempt that was published for each count.
    published: [u8; MESSAGES as usize],
}

impl State {
    fn new() -> Self {
        Self {
            sender: Sending::Begin,
            receiver: Receiving::Begin,
            tail: Cursor::default(),
            head: Cursor::default(),
            ring: [Item::Nothing; PLACES],
            overflow: [(0, 0); PLACES],
            last_marker: None,
            next: 0,
            positions: [[(0, 0); 2]; 2],
            attempt: 1,
            published: [0; MESSAGES as usize],
        }
    }

    fn slot(count: u8, change: Change) -> usize {
        if change == Change::OnePosition { 0 } else { usize::from(count % 2) }
    }

    fn position(&self, side: usize, count: u8, change: Change) -> Result<u8, String> {
        let (counted, position) = self.positions[side][Self::slot(count, change)];
        if counted == count { Ok(position) } else { Err(format!("no position: {self:?}")) }
    }

    /// The state after one more step of the sender; `None` if it has sent all.
    fn send(mut self, change: Change) -> Result<Option<Self>, String> {
        let tail = self.tail;
        self.sender = match self.sender {
            Sending::Begin if tail.count == MESSAGES => return Ok(None),
            Sending::Begin => {
                let is_last = self.last_marker.is_some_and(|place| place + 1 == tail.place);
                let unchecked = change == Change::MarkerUnchecked && self.last_marker.is_some();
                let open = is_last || unchecked;
                if !open && change != Change::MarkerKept {
                    self.last_marker = None;
                }
                let full = tail.place - self.head.place >= CAPACITY;
                match (full, open) {
                    (true, true) => {
                        Sending::WriteOverflow(self.position(0, tail.count, change)?, true)
                    }
                    (true, false) => Sending::WriteOverflow(self.next, false),
                    (false, true) => Sending::NoteNext,
                    (false, false) => Sending::WriteRing(false),
                }
            }
            Sending::WriteOverflow(at, open) => {
                self.overflow[usize::from(at)] = (self.attempt, tail.count);
                Sending::NotePosition(at, open)
            }
            Sending::NotePosition(at, open) => {
                let slot = Self::slot(tail.count + 1, change);
                self.positions[0][slot] = (tail.count + 1, at + 1);
                if open {
                    Sending::Publish(Cursor { count: tail.count + 1, ..tail }, false)
                } else {
                    Sending::WriteMarker(at)
                }
            }
            Sending::WriteMarker(begin) => {
                let marker = Item::Marker { begin, count: tail.count, end: 0 };
                self.ring[usize::from(tail.place)] = marker;
                Sending::NoteMarker
            }
            Sending::NoteMarker => {
                self.last_marker = Some(tail.place);
                let behind = Cursor { place: tail.place + 1, count: tail.count + 1 };
                Sending::Publish(behind, false)
            }
            Sending::NoteNext => {
                self.next = self.position(0, tail.count, change)?;
                if change == Change::ClearFirst {
                    self.last_marker = None;
                }
                Sending::WriteEnd
            }
            Sending::WriteEnd => {
                let before = usize::from(tail.place).checked_sub(1).ok_or("no marker")?;
                match &mut self.ring[before] {
                    Item::Marker { end, .. } if change != Change::NoEnd => *end = tail.count,
                    Item::Marker { .. } => {}
                    other => return Err(format!("no marker but {other:?}")),
                }
                Sending::WriteRing(true)
            }
            Sending::WriteRing(ended) => {
                self.ring[usize::from(tail.place)] = Item::Message(self.attempt);
                let behind = Cursor { place: tail.place + 1, count: tail.count + 1 };
                Sending::Publish(behind, ended)
            }
            Sending::Publish(behind, ended) => {
                self.published[usize::from(tail.count)] = self.attempt;
                self.tail = behind;
                self.attempt += 1;
                if ended { Sending::Clear } else { Sending::Begin }
            }
            Sending::Clear => {
                self.last_marker = None;
                Sending::Begin
            }
        };
        Ok(Some(self))
    }

    /// The state after one more step of the receiver; `None` if nothing is there.
    fn receive(mut self, change: Change) -> Result<Option<Self>, String> {
        self.receiver = match self.receiver {
            Receiving::Begin => match self.look(change)? {
                None => return Ok(None),
                Some(next) => next,
            },
            Receiving::Note(message, behind) => {
                let count = self.head.count + 1;
                self.positions[1][Self::slot(count, change)] = (count, behind);
                Receiving::Publish(Cursor { count, ..self.head }, message)
            }
            Receiving::Publish(head, message) => {
                if self.published[usize::from(self.head.count)] != message {
                    return Err(format!("message {message} at {:?}: {self:?}", self.head));
                }
                self.head = head;
                Receiving::Begin
            }
        };
        Ok(Some(self))
    }

    fn look(&self, change: Change) -> Result<Option<Receiving>, String> {
        let (head, tail) = (self.head, self.tail);
        if head.place == tail.place {
            return if head == tail { Ok(None) } else { Err(format!("lost: {self:?}")) };
        }
        let behind = |place: u8| Cursor { place: place + 1, count: head.count + 1 };
        match self.ring[usize::from(head.place)] {
            Item::Nothing => Err(format!("nothing at the head: {self:?}")),
            Item::Message(message) => Ok(Some(Receiving::Publish(behind(head.place), message))),
            Item::Marker { begin, count, end } => {
                let open = head.place + 1 == tail.place;
                let end = if open { tail.count } else { end };
                if head.count == end {
                    return match self.ring[usize::from(head.place + 1)] {
                        _ if open => Ok(None),
                        Item::Message(message) => {
                            Ok(Some(Receiving::Publish(behind(head.place + 1), message)))
                        }
                        other => Err(format!("{other:?} behind a marker: {self:?}")),
                    };
                }
                let at =
                    if head.count == count { begin } else { self.position(1, head.count, change)? };
                let (message, counted) = self.overflow[usize::from(at)];
                if counted != head.count {
                    return Err(format!("another message at {at}: {self:?}"));
                }
                Ok(Some(Receiving::Note(message, at + 1)))
            }
        }
    }
}

/// Visits every state; gives their number, or what is wrong in one of them.
fn explore(deaths: u8, change: Change) -> Result<usize, String> {
    let first = (State::new(), deaths);
    let (mut seen, mut next) = (HashSet::from([first]), vec![first]);
    while let Some((state, deaths)) = next.pop() {
        let (sent, taken) = (state.send(change)?, state.receive(change)?);
        if sent.is_none() && taken.is_none() && state.head.count != MESSAGES {
            return Err(format!("messages that nobody receives: {state:?}"));
        }
        let mut reached: Vec<_> =
            sent.into_iter().chain(taken).map(|state| (state, deaths)).collect();
        if deaths > 0 {
            // The next sender has another message. A message whose receiver dies stays.
            let sender = State { sender: Sending::Begin, attempt: state.attempt + 1, ..state };
            let receiver = State { receiver: Receiving::Begin, ..state };
            reached.extend([(sender, deaths - 1), (receiver, deaths - 1)]);
        }
        next.extend(reached.into_iter().filter(|&reached| seen.insert(reached)));
    }
    Ok(seen.len())
}

#[test]
fn every_message_that_is_published_is_received_once_in_its_order_whoever_dies() {
    let states = explore(2, Change::None).expect("the protocol holds");
    assert!(states > 10_000, "{states} states");
}

#[test]
fn every_step_of_the_overflow_that_is_changed_is_missed() {
    for change in [Change::OnePosition, Change::ClearFirst, Change::NoEnd, Change::MarkerUnchecked]
    {
        let found = explore(2, change);
        assert!(found.is_err(), "{change:?} changes nothing in {found:?} states");
    }
}
