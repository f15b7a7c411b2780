//! The monitor of procession: who reports, who fell silent, and who is told.
pub mod judge;
pub mod sim;
