//! How messages get out.
//!
//! In: letters, as the store commits them. Out: deliveries. Always: a letter is delivered at least
//! once and under one name, in order within its incident, until a day has passed; a receiver that
//! is slow or gone holds up nobody else.
//!
//! | room | what is in it |
//! |---|---|
//! | [`words`] | what a letter says, in a line and in Alertmanager's JSON: pure |
//! | [`queue`] | which letter is next, and what becomes of it: pure |
//! | [`receiver`] | one attempt: a webhook or a command |
//! | [`command`] | one run of a command, with the end of all that it has started |
//! | [`sender`] | a thread for each receiver |
//! | `standing` | whether a receiver takes what it is told: pure |
//! | [`tally`] | what one receiver was told, in numbers |
//! | `trial` | a message that says it is a test |
//! | [`deadman`] | the ping out that says that all of this works |

pub mod command;
pub mod deadman;
pub mod queue;
pub mod receiver;
pub mod sender;
mod standing;
pub mod tally;
mod trial;
pub mod words;

pub use receiver::Receiver;
pub use sender::Senders;
pub use tally::Tally;
