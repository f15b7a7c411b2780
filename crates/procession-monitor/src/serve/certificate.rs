//! The certificate that the monitor shows: read again when it changes, and told of before it ends.
//!
//! # Invariants
//! - A certificate or key that cannot be used replaces none that can: the old pair is shown on, and
//!   that is a trouble of the monitor's own.
//! - What is compared is the content of the files, so it does not matter how they are replaced. A pair
//!   of which only one file has been replaced yet is looked at a second time before it is a trouble.

use crate::clock::wall;
use crate::log::log;
use crate::registry::Registry;
use axum_server::tls_rustls::RustlsConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use x509_cert::Certificate as X509;
use x509_cert::der::Decode;
use x509_cert::time::Time;

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_secs(5);
/// The longest time before its end at which a certificate is told of: 14 days.
const SOON: u64 = 14 * 24 * 3600;
/// The name of the trouble that a certificate ends, and of the one that a new one cannot be used.
const TROUBLES: [&str; 2] = ["certificate", "new certificate"];

/// A certificate chain with its key, and when it ends.
#[derive(Debug)]
pub(crate) struct Certificate {
    files: [PathBuf; 2],
    config: RustlsConfig,
    loaded: Mutex<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    content: [Vec<u8>; 2],
    validity: Validity,
}

/// From when to when a chain is valid, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    from: u64,
    to: u64,
}

impl Certificate {
    /// Reads both files.
    pub(crate) async fn load(chain: &Path, key: &Path) -> io::Result<Certificate> {
        // A provider that is installed already may stay.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let files = [chain.to_owned(), key.to_owned()];
        let content = read(&files).await?;
        let [chain, key] = content.clone();
        let validity = validity(&chain)?;
        let config = RustlsConfig::from_pem(chain, key).await?;
        Ok(Certificate { files, config, loaded: Mutex::new(Loaded { content, validity }) })
    }

    /// What the server shows, at any time.
    pub(crate) fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// When it ends, in Unix seconds.
    pub(crate) fn ends(&self) -> u64 {
        self.with_loaded(|loaded| loaded.validity.to)
    }

    /// Looks at the files now and then, and when `reload` is notified.
    pub(crate) async fn watch(self: Arc<Self>, registry: Arc<Registry>, reload: Arc<Notify>) {
        let mut failures = 0;
        loop {
            let now = wall() / 1_000;
            let ends = self.with_loaded(|loaded| loaded.validity.trouble(now));
            registry.set_problem(TROUBLES[0], ends);
            let is_asked = tokio::select! {
                () = tokio::time::sleep(PERIOD) => false,
                () = reload.notified() => true,
            };
            match self.look().await {
                Ok(is_new) => {
                    failures = 0;
                    registry.set_problem(TROUBLES[1], None);
                    if is_new {
                        log!(Info, "a new certificate is used, from {}", self.files[0].display());
                    } else if is_asked {
                        log!(Info, "the certificate in {} is the same", self.files[0].display());
                    }
                }
                Err(why) => {
                    failures += 1;
                    if is_asked || failures > 1 {
                        let [chain, key] = self.files.each_ref().map(|file| file.display());
                        let why =
                            format!("{chain} and {key} cannot be used ({why}); the old one is");
                        registry.set_problem(TROUBLES[1], Some(why));
                    }
                }
            }
        }
    }

    /// Takes what the files hold, if that has changed.
    async fn look(&self) -> io::Result<bool> {
        let content = read(&self.files).await?;
        if self.with_loaded(|loaded| loaded.content == content) {
            return Ok(false);
        }
        let [chain, key] = content.clone();
        let validity = validity(&chain)?;
        self.config.reload_from_pem(chain, key).await?;
        self.with_loaded(|loaded| *loaded = Loaded { content, validity });
        Ok(true)
    }

    fn with_loaded<T>(&self, act: impl FnOnce(&mut Loaded) -> T) -> T {
        act(&mut self.loaded.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Validity {
    /// What is wrong if it has ended or ends soon: within 14 days, or a sixth of its time if that is
    /// less.
    fn trouble(self, now: u64) -> Option<String> {
        let soon = (self.to.saturating_sub(self.from) / 6).min(SOON);
        let ends = crate::clock::iso(self.to.saturating_mul(1_000));
        if now >= self.to {
            return Some(format!("it has ended at {ends}, and clients refuse it: renew it"));
        }
        (self.to - now < soon).then(|| format!("it ends at {ends}: renew it"))
    }
}

async fn read(files: &[PathBuf; 2]) -> io::Result<[Vec<u8>; 2]> {
    let [chain, key] = files.clone();
    let read = move || Ok([std::fs::read(chain)?, std::fs::read(key)?]);
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
}

/// When the first certificate of a chain ends to be valid, and when that one began to be.
fn validity(chain: &[u8]) -> io::Result<Validity> {
    let wrong = |why: &dyn std::fmt::Display| io::Error::other(format!("the certificate: {why}"));
    let mut all = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(chain) {
        let certificate = certificate.map_err(|why| wrong(&why))?;
        let certificate = X509::from_der(&certificate).map_err(|why| wrong(&why))?;
        let times = certificate.tbs_certificate.validity;
        let [from, to] = [times.not_before, times.not_after].map(Time::to_unix_duration);
        all.push(Validity { from: from.as_secs(), to: to.as_secs() });
    }
    let first = all.into_iter().min_by_key(|validity| validity.to);
    first.ok_or_else(|| wrong(&"there is none in the file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_told_of_two_weeks_or_a_sixth_of_its_time_before_its_end() {
        const DAY: u64 = 24 * 3600;
        let told = |days: u64, left: u64| {
            let validity = Validity { from: 1_000, to: 1_000 + days * DAY };
            validity.trouble(validity.to - left)
        };
        assert_eq!(told(3_650, 14 * DAY), None);
        let soon = told(3_650, 14 * DAY - 1).expect("soon");
        assert_eq!(soon, "it ends at 1979-12-30T00:16:40+00:00: renew it");
        assert_eq!(told(6, DAY), None);
        assert!(told(6, DAY - 1).is_some());
        assert!(told(90, 0).expect("ended").contains("has ended"));
    }
}
