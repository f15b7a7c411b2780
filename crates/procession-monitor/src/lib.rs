//! The monitor of procession: who reports, who fell silent, and who is told.
pub mod clock;
pub mod intake;
pub mod judge;
pub mod registry;
pub mod sim;
pub mod store;
