//! The kernel's door.
