//! Everything the monitor knows, behind one short lock.
//!
//! In: pings, beats, operators' wishes, the ticking of the clock. Out: what the judge made of
//! them, handed to the store in the order in which it happened. Always: memory is the truth; the
//! lock is held for microseconds and never across a wait; a change and the messages it brings are
//! in one batch.
//!
//! | room | what is in it |
//! |---|---|
//! | [`desk`] | the state and its lock: what happens on a tick |
//! | [`hear`] | what a beat or a ping does |
//! | [`manage`] | what an operator does |
//! | [`news`] | what has changed since somebody looked |
//! | [`reading`] | what was received and is not yet applied |
//! | [`access`] | who may do what |
//! | [`schedule`] | when a check with a schedule is due next: pure |
//! | [`calendar`] | systemd's calendar expressions: pure |
//! | [`view`] | what is shown of a check |

pub mod access;
pub mod calendar;
pub mod desk;
pub mod hear;
pub mod manage;
pub mod news;
pub mod reading;
pub mod schedule;
pub mod view;

pub use access::{Access, NotRevoked, Scope, TokenView};
pub use desk::Registry;
pub use hear::{Beaten, PingIn, Pinged};
pub use manage::{Change, Wish};
pub use news::{Changed, Follower};
pub use reading::{InHand, Reading};
pub use schedule::Schedule;
pub use view::{Matching, View};
