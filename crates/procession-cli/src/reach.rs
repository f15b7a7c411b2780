//! Asking a monitor something.
//!
//! In: its address, a token, a request. Out: the answer, or why there is none and what to do.
//! Always: an answer is waited for ten seconds at most, and read to a limit.

use procession_beat::{Client, NoCertificate, Route, SendError, authorities};
use serde_json::Value;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use ureq::tls::{RootCerts, TlsConfig};

/// Where `procession monitor` listens.
const DEFAULT_URL: &str = "http://127.0.0.1:8420";
/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(10);
/// The longest answer that is read: a page of a hundred thousand checks.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Where the monitor is, and what opens it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Reach {
    /// The monitor's address; else port 8420 of this machine, over plain HTTP
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A token of the monitor; better in the file or the environment than on the command line
    #[arg(long, value_name = "TOKEN", hide_env_values = true, hide_default_value = true)]
    pub(crate) token: Option<String>,
    /// The same in a file, on its first line; --token goes before it
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Trust only the authorities in this file (PEM), for a monitor with a private certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

/// What the monitor answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The body.
    pub(crate) text: String,
    /// When it was sent, by the monitor's clock.
    pub(crate) date: Option<String>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum ReachError {
    /// The URL names no protocol that a monitor speaks.
    NoProtocol(String),
    /// The URL is none; why.
    NoUrl(String, String),
    /// Nobody answered.
    Unreachable(String, String),
    /// Who answered could not prove that it is the monitor; why.
    Untrusted(String, String),
    /// There are no certificates in this file; why.
    Authorities(PathBuf, String),
    /// There is no token in this file; why.
    TokenFile(PathBuf, String),
    /// The token opens nothing, or there is none.
    Token(String, bool),
    /// It answered that it will not; its words.
    Refused(String, u16, String),
    /// The answer is not a monitor's.
    Strange(String, String),
}

impl Reach {
    /// The monitor's address.
    pub(crate) fn url(&self) -> &str {
        self.url.as_deref().unwrap_or(DEFAULT_URL)
    }

    /// Whether a token is given, itself or by its file.
    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some() || self.token_file.is_some()
    }

    /// The token, if one is given.
    fn token(&self) -> Result<Option<String>, ReachError> {
        let (None, Some(path)) = (&self.token, &self.token_file) else {
            return Ok(self.token.clone());
        };
        let tokens = crate::token_file::read(path);
        let tokens = tokens.map_err(|why| ReachError::TokenFile(path.clone(), why))?;
        Ok(tokens.into_iter().next())
    }

    /// A client that sends beats there.
    pub(crate) fn client(&self) -> Result<Client, ReachError> {
        check_url(self.url())?;
        let client = Client::new(self.url(), self.token()?);
        self.trusted(|pem| client.clone().trusting(pem)).map(|one| one.unwrap_or(client.clone()))
    }

    /// What is made of the file of authorities, if one is named.
    fn trusted<T>(
        &self,
        make: impl Fn(&[u8]) -> Result<T, NoCertificate>,
    ) -> Result<Option<T>, ReachError> {
        let Some(path) = &self.ca else { return Ok(None) };
        let wrong = |why: String| ReachError::Authorities(path.clone(), why);
        let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        make(&pem).map(Some).map_err(|error| wrong(error.to_string()))
    }

    /// Asks; a body makes it a POST unless the method says otherwise.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, ReachError> {
        check_url(self.url())?;
        let url = format!("{}{path}", self.url().trim_end_matches('/'));
        let route = Route::from_environment(self.url());
        let unreachable =
            |why: String| ReachError::Unreachable(self.url().to_owned(), route.explain(why));
        let failed = |error: ureq::Error| match error.into() {
            SendError::Untrusted(why) => ReachError::Untrusted(self.url().to_owned(), why),
            SendError::Unreachable(why) => unreachable(why),
            other => unreachable(other.to_string()),
        };
        let mut request = ureq::http::Request::builder().method(method).uri(&url);
        if let Some(token) = self.token()? {
            request = request.header("x-api-key", token);
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.header("content-type", "application/json").body(body);
        let request = request.map_err(|error| unreachable(error.to_string()))?;
        let roots = self.trusted(authorities)?.unwrap_or(RootCerts::WebPki);
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .proxy(route.proxy().map_err(unreachable)?)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .timeout_global(Some(LIMIT))
            .http_status_as_error(false)
            .max_redirects(0)
            .allow_non_standard_methods(false)
            .user_agent(concat!("procession/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let mut answer = agent.run(request).map_err(failed)?;
        let status = answer.status().as_u16();
        let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
        let date = date.map(str::to_owned);
        let text = answer.body_mut().with_config().limit(LONGEST).read_to_string();
        let text = text.map_err(failed)?;
        match status {
            200..=299 => Ok(Answer { text, date }),
            401 | 403 => Err(ReachError::Token(self.url().to_owned(), self.has_token())),
            _ => Err(ReachError::Refused(self.url().to_owned(), status, said(&text))),
        }
    }

    /// Asks for JSON.
    pub(crate) fn json(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, ReachError> {
        let answer = self.ask(method, path, body)?;
        serde_json::from_str(&answer.text)
            .map_err(|error| ReachError::Strange(self.url().to_owned(), error.to_string()))
    }
}

/// Refuses a URL that no request can be made with.
pub(crate) fn check_url(url: &str) -> Result<(), ReachError> {
    let begins =
        |scheme: &str| url.get(..scheme.len()).is_some_and(|b| b.eq_ignore_ascii_case(scheme));
    if !begins("http://") && !begins("https://") {
        return Err(ReachError::NoProtocol(url.to_owned()));
    }
    match url.parse::<ureq::http::Uri>() {
        Ok(uri) if uri.host().is_some_and(|host| !host.is_empty()) => Ok(()),
        Ok(_) => Err(ReachError::NoUrl(url.to_owned(), "it names no host".into())),
        Err(why) => Err(ReachError::NoUrl(url.to_owned(), why.to_string())),
    }
}

/// The words of a refusal.
fn said(text: &str) -> String {
    let json: Option<Value> = serde_json::from_str(text).ok();
    let words = json.as_ref().and_then(|json| json["error"].as_str()).unwrap_or(text);
    crate::text::plain(words.trim()).chars().take(300).collect()
}

impl fmt::Display for ReachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReachError::NoProtocol(url) if url.is_empty() || url.contains("://") => {
                write!(f, "--url `{url}`: a monitor's URL begins with http:// or https://")
            }
            ReachError::NoProtocol(url) => write!(
                f,
                "--url `{url}` names no protocol: write http://{url}, or https://{url} for a \
                 monitor with a certificate"
            ),
            ReachError::NoUrl(url, why) => write!(f, "--url `{url}` is no URL: {why}"),
            ReachError::Unreachable(url, why) => write!(
                f,
                "no monitor answers at {url}: {why}; start one with `procession monitor`, or name \
                 another with --url"
            ),
            ReachError::Untrusted(url, why) => write!(
                f,
                "{url} could not prove that it is the monitor: {why}; if a private authority signed \
                 its certificate, name that authority's with --ca"
            ),
            ReachError::Authorities(path, why) => {
                write!(f, "--ca: the certificates to trust in {}: {why}", path.display())
            }
            ReachError::TokenFile(path, why) => {
                write!(f, "--token-file: the token in {}: {why}", path.display())
            }
            ReachError::Token(url, true) => {
                write!(
                    f,
                    "the monitor at {url} refuses this token (--token): give one that may do this"
                )
            }
            ReachError::Token(url, false) => {
                write!(
                    f,
                    "the monitor at {url} wants a token: give it in PROCESSION_TOKEN or --token"
                )
            }
            ReachError::Refused(url, status, why) => {
                write!(f, "the monitor at {url} refuses: HTTP {status}: {why}")
            }
            ReachError::Strange(url, why) => {
                write!(f, "the answer of {url} is not a monitor's ({why}): is --url right?")
            }
        }
    }
}

impl std::error::Error for ReachError {}
