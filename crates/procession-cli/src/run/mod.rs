//! `procession run`: any program in any language, with liveness.
//!
//! Two processes of this command stand above the program, so that one is there whatever happens to
//! the other:
//!
//! ```text
//! outer   the process that was called: passes signals on, gives the program's exit code
//!   inner   supervises: output, sd_notify, limits, reports to the monitor
//!     program   and all that it starts
//! ```
//!
//! If the outer is killed, the inner ends the program with everything it started and reports so; if
//! the inner is killed, the kernel kills the program and the outer ends the rest. Nothing is left,
//! but for what `--keep` leaves.
//!
//! | room | what is in it |
//! |---|---|
//! | `options` | what is asked for |
//! | `outer`, `inner` | the two processes |
//! | `name` | the name of a program that was given none: pure |
//! | `program` | becoming the program |
//! | `family` | ending all that the program has started |
//! | `signals` | which signals are passed on, and which came from a terminal |
//! | `notify` | what an `sd_notify` datagram says: pure |
//! | `socket` | where such datagrams arrive, and from whom |
//! | `manager` | what a service manager has given to the program |
//! | `relay` | passing on to it what the program says |
//! | `suspend` | whether the machine was suspended: pure |
//! | `life` | what is reported when: pure |
//! | `output`, `tail` | passing output through, and keeping its end |
//! | `report` | sending beats, without holding anybody up |
//! | `spool` | ends that could not be reported, kept for the next run |

pub(crate) mod family;
mod inner;
mod life;
mod manager;
mod name;
mod notify;
mod options;
mod outer;
mod output;
pub(crate) mod program;
mod relay;
mod report;
mod signals;
pub(crate) mod socket;
mod spool;
mod suspend;
mod tail;

pub(crate) use options::{LeftOut, Options};

use crate::output::complain;
use options::UNREPORTED;
use std::error::Error;
use std::process::ExitCode;

/// Runs the program; gives its exit code. What is wrong with its reports is said, and it runs.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    if let Some(outer) = options.inside {
        return inner::supervise(options, outer);
    }
    let what_comes = if options.has_no_address() { UNREPORTED } else { "it is left out" };
    for why in &options.left_out.why {
        complain!("procession run: {why}; {what_comes}");
    }
    outer::stand(options.keep)
}
