//! One try to send a beat, over HTTP.
//!
//! In: a beat, and how long the try may take. Out: the monitor's receipt, or why there is none and
//! whether another try can help. Always: it blocks its caller for at most the given time; when to
//! try again is [`Plan`](crate::Plan)'s to say.

use crate::{Beat, Route};
use serde::Deserialize;
use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;
use ureq::config::ConfigBuilder;
#[cfg(feature = "tls")]
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::typestate::AgentScope;

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
    route: Route,
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
    /// It changed nothing, because a newer run of the program has reported since.
    #[serde(default)]
    pub overtaken: bool,
}

/// Why a beat was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// Who answered could not show that it is the monitor, over TLS: try again, its certificate may
    /// be renewed.
    Untrusted(String),
    /// The monitor was not reached, or did not answer in time: try again.
    Unreachable(String),
    /// It answered that it cannot take the beat now: try again.
    Busy(u16),
    /// It answered that it will never take this beat; its words.
    Refused(u16, String),
}

impl Client {
    /// A client for the monitor at `url` (its root), with a token for beats if it wants one.
    ///
    /// It uses the proxy that the environment names for `url`, see [`Route`].
    pub fn new(url: &str, token: Option<String>) -> Client {
        let route = Route::from_environment(url);
        let url = format!("{}/api/beat", url.trim_end_matches('/'));
        Client { agent: configuration(&route).build().into(), route, url, token }
    }

    /// Trusts only the authorities in these PEM texts, in place of those that browsers trust: for a
    /// monitor whose certificate a private authority has signed.
    ///
    /// # Errors
    /// [`NoCertificate`] where there is none in it, or one is cut off.
    #[cfg(feature = "tls")]
    pub fn trusting(self, pem: &[u8]) -> Result<Client, NoCertificate> {
        let tls = TlsConfig::builder().root_certs(authorities(pem)?).build();
        let config = configuration(&self.route).tls_config(tls).build();
        Ok(Client { agent: config.into(), ..self })
    }

    /// Sends a beat once, within `limit`.
    ///
    /// # Errors
    /// [`SendError`] says whether another try can help.
    pub fn send(&self, beat: &Beat, limit: Duration) -> Result<Receipt, SendError> {
        self.route.proxy().map_err(SendError::Unreachable)?;
        self.try_send(beat, limit).map_err(|error| match error {
            SendError::Unreachable(why) => SendError::Unreachable(self.route.explain(why)),
            other => other,
        })
    }

    fn try_send(&self, beat: &Beat, limit: Duration) -> Result<Receipt, SendError> {
        let mut request = self.agent.post(&self.url).header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.config().timeout_global(Some(limit)).build();
        let mut answer = request.send(&beat.encode()[..])?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().with_config().limit(64 * 1024).read_to_string()?;
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

fn configuration(route: &Route) -> ConfigBuilder<AgentScope> {
    ureq::Agent::config_builder()
        // `send` refuses a route whose proxy cannot be used.
        .proxy(route.proxy().unwrap_or_default())
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("procession-beat/", env!("CARGO_PKG_VERSION")))
}

/// The certificates of authorities in PEM texts, for a client over TLS.
///
/// # Errors
/// [`NoCertificate`] where there is none in them, or one is cut off.
#[cfg(feature = "tls")]
pub fn authorities(pem: &[u8]) -> Result<RootCerts, NoCertificate> {
    let mut certificates = Vec::new();
    for item in parse_pem(pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(NoCertificate(Some(error.to_string()))),
        }
    }
    if certificates.is_empty() { Err(NoCertificate(None)) } else { Ok(certificates.into()) }
}

/// A request that had no answer.
impl From<ureq::Error> for SendError {
    fn from(error: ureq::Error) -> Self {
        match error {
            // What rustls objects to comes as such an error of I/O; a network makes no other.
            ureq::Error::Io(why) if why.kind() == ErrorKind::InvalidData => {
                let why = why.to_string();
                // The first bytes of the answer are no record of TLS.
                if why.contains("InvalidContentType") {
                    SendError::Unreachable(
                        "it speaks no TLS: does its URL begin with http://?".into(),
                    )
                } else {
                    SendError::Untrusted(why)
                }
            }
            ureq::Error::Protocol(why) if why.to_string().contains("http parse fail") => {
                SendError::Unreachable(
                    "it speaks no HTTP: does its URL begin with https://?".into(),
                )
            }
            ureq::Error::Tls(why) => SendError::Untrusted(why.to_owned()),
            why => SendError::Unreachable(why.to_string()),
        }
    }
}

/// A text in which certificates of authorities were looked for has none.
#[cfg(feature = "tls")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoCertificate(Option<String>);

#[cfg(feature = "tls")]
impl fmt::Display for NoCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("there is no certificate in it; PEM is expected"),
            Some(why) => write!(f, "a certificate in it cannot be read: {why}"),
        }
    }
}

#[cfg(feature = "tls")]
impl std::error::Error for NoCertificate {}

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
            SendError::Untrusted(why) => write!(
                f,
                "the monitor could not prove who it is: {why}; if a private authority signed its \
                 certificate, name that authority"
            ),
            SendError::Busy(status) => write!(f, "the monitor cannot take it now: HTTP {status}"),
            SendError::Refused(status, why) => {
                write!(f, "the monitor refuses it: HTTP {status}: {why}")
            }
        }
    }
}

impl std::error::Error for SendError {}
