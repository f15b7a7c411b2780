//! Multiprocessing for Rust, with every process accounted for.
