//! What comes in over HTTP.
//!
//! In: requests. Out: calls to the registry, and answers. Always: a request is stamped before
//! anything is read of it or waited for; a beat or a ping is answered after its commit; every body
//! has a limit and every read an end; what a stranger sends can be refused but cannot panic.
//!
//! | room | what it answers |
//! |---|---|
//! | [`mod@router`] | which path is answered where |
//! | [`app`] | what every handler is given |
//! | [`path`] | what a ping's path means: pure |
//! | [`ping`] | the healthchecks ping API |
//! | [`beat`] | our own beats |
//! | [`secret`] | who asks |
//! | `proxy` | the path of the monitor's URL, and who asks through a trusted proxy |
//! | `browser` | what pages of other sites may do with an open monitor: pure |
//! | `asking` | who asks the management API, and how every answer of it looks |
//! | [`manage`] | the healthchecks management API: checks |
//! | [`history`] | the same: pings, their bodies, changes of state |
//! | [`wish`] | what an operator's JSON wishes for: pure |
//! | [`check_json`] | a check as that API shows it |
//! | [`badge`] | the state of a check or a tag as a picture or a line |
//! | [`events`] | what changes, as it changes |
//! | [`metrics`] | Prometheus |
//! | [`status`] | the page, its data, and whether the monitor is well |

pub mod app;
mod asking;
pub mod badge;
pub mod beat;
mod browser;
pub mod check_json;
pub mod events;
pub mod history;
pub mod manage;
pub mod metrics;
pub mod path;
pub mod ping;
mod proxy;
pub mod router;
pub mod secret;
pub mod status;
pub mod wish;

pub use app::App;
pub use router::router;
