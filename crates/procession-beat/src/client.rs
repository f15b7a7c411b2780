//! One try to send a beat, over HTTP.
//!
//! In: a beat, and how long the try may take. Out: the monitor's receipt, or why there is none and
//! whether another try can help. Always: it blocks its caller for at most the given time; when to
//! try again is [`Plan`](crate::Plan)'s to say.

use crate::Beat;
use serde::Deserialize;
use std::fmt;
use std::time::Duration;

/// A monitor to send to.
///
/// ```no_run
/// use procession_beat::{Beat, Client, Instance, Kind};
/// use std::time::Duration;
///
/// let client = Client::new("http://127.0.0.1:8420", None);
/// let instance = Instance { boot: "b7e1".into(), pid: 4711, started: 90_210 };
/// let beat = Beat::new("crawler", "web-3", instance, 1, Kind::Alive);
/// let receipt = client.send(&beat, Duration::from_secs(10))?;
/// assert!(receipt.fresh);
/// # Ok::<(), procession_beat::SendError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
    url: String,
    token: Option<String>,
}

/// What a monitor answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Receipt {
    /// The check that the beat counts for.
    pub check: String,
    /// The beat was news.
    pub fresh: bool,
    /// It is in the monitor's database, and not in its memory only.
    pub durable: bool,
}

/// Why a beat was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The monitor was not reached, or did not answer in time: try again.
    Unreachable(String),
    /// It answered that it cannot take the beat now: try again.
    Busy(u16),
    /// It answered that it will never take this beat; its words.
    Refused(u16, String),
}

impl Client {
    /// A client for the monitor at `url` (its root), with a token for beats if it wants one.
    pub fn new(url: &str, token: Option<String>) -> Client {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("procession-beat/", env!("CARGO_PKG_VERSION")));
        Client {
            agent: config.build().into(),
            url: format!("{}/api/beat", url.trim_end_matches('/')),
            token,
        }
    }

    /// Sends a beat once, within `limit`.
    ///
    /// # Errors
    /// [`SendError`] says whether another try can help.
    pub fn send(&self, beat: &Beat, limit: Duration) -> Result<Receipt, SendError> {
        let unreachable = |error: ureq::Error| SendError::Unreachable(error.to_string());
        let mut request = self.agent.post(&self.url).header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.config().timeout_global(Some(limit)).build();
        let mut answer = request.send(&beat.encode()[..]).map_err(unreachable)?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().with_config().limit(64 * 1024).read_to_string();
        let text = text.map_err(unreachable)?;
        match status {
            200 => serde_json::from_str(&text).map_err(|_| {
                let what = "the answer is not a monitor's: is the URL right?";
                SendError::Refused(status, what.into())
            }),
            408 | 429 | 500.. => Err(SendError::Busy(status)),
            _ => Err(SendError::Refused(status, text)),
        }
    }
}

impl SendError {
    /// Whether another try can help.
    pub fn may_pass(&self) -> bool {
        !matches!(self, SendError::Refused(..))
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Unreachable(why) => write!(f, "the monitor cannot be reached: {why}"),
            SendError::Busy(status) => write!(f, "the monitor cannot take it now: HTTP {status}"),
            SendError::Refused(status, why) => {
                write!(f, "the monitor refuses it: HTTP {status}: {why}")
            }
        }
    }
}

impl std::error::Error for SendError {}
