//! The floor plan as data: which crate and which module stands on which floor.
//!
//! An arrow (a module using another) may point to a lower floor or stay on its own; never up.
//! A module inherits the floor of the module it lies in unless it has a row of its own.

/// The crates from the ground to the roof.
pub(crate) const CRATES: &[&str] =
    &["procession-sys", "procession-beat", "procession", "procession-monitor", "procession-cli"];

/// Some modules of one crate that stand on the same floor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Storey {
    /// The crate's name in Cargo.toml.
    pub(crate) package: &'static str,
    /// Height; greater is higher.
    pub(crate) floor: u8,
    /// Modules by their path in the crate (`process`, `process::plan`).
    pub(crate) modules: &'static [&'static str],
}

/// The floors inside of crates. A crate with a row here must have one for all its modules.
pub(crate) const STOREYS: &[Storey] = &[
    // What may cross.
    Storey {
        package: "procession",
        floor: 2,
        modules: &[
            "arguments",
            "bulk",
            "channel",
            "codec",
            "codec_tests",
            "connection",
            "failure",
            "fd",
            "frame",
            "function",
            "memory",
            "parcel",
            "refusal",
            "sync",
            "value",
            "value_error",
            "watch",
            "wire",
        ],
    },
    // One process.
    Storey {
        package: "procession",
        floor: 3,
        modules: &[
            "assignment",
            "asynchronous",
            "child",
            "closing",
            "corridor",
            "current",
            "defaults",
            "ending",
            "entry",
            "family",
            "forked",
            "forking",
            "handle",
            "handover",
            "join",
            "launch",
            "limits",
            "link",
            "look",
            "output",
            "panic_hook",
            "plan",
            "privileges",
            "process",
            "scope",
            "select",
            "server",
            "settle",
            "setup",
            "start_error",
            "stdio",
            "turn",
            "usage",
            "wait_any",
            "without_tokio",
            "world",
        ],
    },
    // Many.
    Storey {
        package: "procession",
        floor: 4,
        modules: &["actor", "heartbeat", "pool", "supervisor"],
    },
];
