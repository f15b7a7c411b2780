//! The proxy that the environment names for a request, if any.
//!
//! The variables are those of curl: `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in
//! lower case or else in upper case.
//!
//! # Invariants
//! - A request to this machine's loopback interface never goes through a proxy.
//! - A proxy that cannot be used is an error; it is not passed by.
//! - No text names a proxy's password.

use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use ureq::http::Uri;
use ureq::{Proxy, ProxyProtocol};

/// How requests to one URL leave this machine.
///
/// ```
/// use procession_beat::Route;
///
/// let environment = |name: &str| match name {
///     "https_proxy" => Some("http://user:secret@proxy.example:3128".to_owned()),
///     "no_proxy" => Some("intern.example, 10.0.0.0/8".to_owned()),
///     _ => None,
/// };
/// let route = |url| Route::new(url, environment);
/// let through = route("https://monitor.example");
/// assert_eq!(through.to_string(), "through the proxy http://proxy.example:3128 (https_proxy)");
/// assert_eq!(route("https://a.intern.example"), Route::Direct);
/// assert_eq!(route("https://10.1.2.3"), Route::Direct);
/// assert_eq!(route("https://127.0.0.1:8420"), Route::Direct);
/// assert_eq!(route("http://monitor.example"), Route::Direct);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// Without a proxy.
    Direct,
    /// Through the proxy that this variable names.
    Through(&'static str, Proxy),
    /// The proxy that this variable names cannot be used; why.
    Unusable(&'static str, &'static str),
}

/// The variables of a scheme, the first that is set counts.
const HTTP: &[&str] = &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
const HTTPS: &[&str] = &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

impl Route {
    /// The route to `url` by this process's environment.
    pub fn from_environment(url: &str) -> Route {
        Route::new(url, |name| std::env::var(name).ok())
    }

    /// The route to `url` by the given variables. An empty variable counts as unset.
    pub fn new(url: &str, variable: impl Fn(&str) -> Option<String>) -> Route {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        // What is no URL of a host is an error of the request itself.
        let Some(target) = Target::of(url) else { return Route::Direct };
        let names = if target.is_https { HTTPS } else { HTTP };
        // A web server gives the header `Proxy:` of any request to its CGI programs as HTTP_PROXY.
        let forged = |name: &str| name == "HTTP_PROXY" && variable("REQUEST_METHOD").is_some();
        let mut names = names.iter().filter(|name| !forged(name));
        let found = names.find_map(|name| Some((*name, variable(name)?)));
        let Some((name, value)) = found else { return Route::Direct };
        let exceptions = variable("no_proxy").or_else(|| variable("NO_PROXY"));
        if target.is_loopback() || exceptions.is_some_and(|list| target.is_among(&list)) {
            return Route::Direct;
        }
        match Proxy::new(value.trim()) {
            Ok(proxy) => match proxy.protocol() {
                ProxyProtocol::Http | ProxyProtocol::Https => Route::Through(name, proxy),
                _ => Route::Unusable(name, "only HTTP proxies are spoken to, not SOCKS"),
            },
            Err(_) => Route::Unusable(name, "it is no proxy's URL, such as http://HOST:PORT"),
        }
    }

    /// The proxy for the client.
    ///
    /// # Errors
    /// It cannot be used; what to tell the user.
    pub fn proxy(&self) -> Result<Option<Proxy>, String> {
        match self {
            Route::Direct => Ok(None),
            Route::Through(_, proxy) => Ok(Some(proxy.clone())),
            Route::Unusable(..) => Err(self.to_string()),
        }
    }

    /// Adds the proxy, if there is one, to the reason why a request had no answer.
    pub fn explain(&self, why: String) -> String {
        match self {
            Route::Through(..) => format!("{self}: {why}"),
            Route::Direct | Route::Unusable(..) => why,
        }
    }
}

/// Without the proxy's user and password.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Route::Direct => f.write_str("directly"),
            Route::Through(name, proxy) => {
                let scheme = proxy.uri().scheme_str().unwrap_or("http");
                let (host, port) = (proxy.host(), proxy.port());
                write!(f, "through the proxy {scheme}://{host}:{port} ({name})")
            }
            Route::Unusable(name, why) => write!(f, "the proxy in {name} cannot be used: {why}"),
        }
    }
}

/// The host that a request is for.
struct Target {
    is_https: bool,
    /// In lower case, without brackets and without a dot at its end.
    host: String,
    address: Option<IpAddr>,
    port: u16,
}

impl Target {
    fn of(url: &str) -> Option<Target> {
        let uri: Uri = url.parse().ok()?;
        let is_https = uri.scheme_str()? == "https";
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let host = bare(uri.host()?);
        let address = host.parse().ok().map(|address: IpAddr| address.to_canonical());
        Some(Target { is_https, host, address, port })
    }

    fn is_loopback(&self) -> bool {
        let named = self.host == "localhost" || self.host.ends_with(".localhost");
        named || self.address.is_some_and(|address| address.is_loopback())
    }

    /// Whether an entry of the list `no_proxy` means this host.
    fn is_among(&self, list: &str) -> bool {
        let entries = list.split(|between: char| between == ',' || between.is_whitespace());
        entries.filter(|entry| !entry.is_empty()).any(|entry| self.is_meant_by(entry))
    }

    fn is_meant_by(&self, entry: &str) -> bool {
        if entry == "*" {
            return true;
        }
        if let (Ok(network), Some(address)) = (entry.parse::<IpNet>(), self.address) {
            return network.contains(&address);
        }
        let (host, port) = split_port(entry);
        if port.is_some_and(|port| port != self.port) {
            return false;
        }
        let host = bare(host);
        match (self.address, host.parse::<IpAddr>()) {
            (Some(address), Ok(other)) => address == other.to_canonical(),
            (Some(_), Err(_)) | (None, Ok(_)) => false,
            (None, Err(_)) => is_within(&self.host, host.trim_start_matches("*.")),
        }
    }
}

/// Whether `host` is `domain` or lies in it.
fn is_within(host: &str, domain: &str) -> bool {
    let domain = domain.trim_start_matches('.');
    let before = host.strip_suffix(domain);
    !domain.is_empty() && before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn bare(host: &str) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    host.to_ascii_lowercase()
}

/// Splits the port off an entry: `host:1`, `[::1]:1`, but not `::1`.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    if entry.parse::<Ipv6Addr>().is_ok() {
        return (entry, None);
    }
    match entry.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
        Some((host, Ok(port))) => (host, Some(port)),
        _ => (entry, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "http://user:secret@proxy.example:3128";

    /// Whether the route to `url` with these variables leads through `variable`'s proxy.
    fn leads_through(url: &str, variables: &[(&str, &str)], variable: Option<&str>) {
        let get = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let used = match Route::new(url, get) {
            Route::Direct => None,
            Route::Through(name, _) => Some(name),
            unusable @ Route::Unusable(..) => panic!("{url}: {unusable}"),
        };
        assert_eq!(used, variable, "{url} with {variables:?}");
    }

    #[test]
    fn loopback_never_goes_through_a_proxy() {
        let all = [("http_proxy", PROXY), ("https_proxy", PROXY), ("all_proxy", PROXY)];
        for host in [
            "127.0.0.1",
            "127.8.7.6:8420",
            "[::1]",
            "[::1]:1",
            "localhost",
            "LOCALHOST:8420",
            "localhost.",
            "a.localhost",
            "[::ffff:127.0.0.1]",
        ] {
            leads_through(&format!("http://{host}/"), &all, None);
            leads_through(&format!("https://{host}"), &all, None);
        }
        leads_through("http://128.0.0.1", &all, Some("http_proxy"));
        leads_through("http://localhost.example", &all, Some("http_proxy"));
    }

    #[test]
    fn each_scheme_has_its_variable_and_all_proxy_is_for_the_rest() {
        let (http, https) = ("http://m.example", "https://m.example");
        leads_through(http, &[("https_proxy", PROXY), ("HTTPS_PROXY", PROXY)], None);
        leads_through(https, &[("http_proxy", PROXY), ("HTTP_PROXY", PROXY)], None);
        leads_through(http, &[("HTTP_PROXY", PROXY)], Some("HTTP_PROXY"));
        leads_through(https, &[("HTTPS_PROXY", PROXY)], Some("HTTPS_PROXY"));
        let both = [("http_proxy", PROXY), ("HTTP_PROXY", "http://other")];
        leads_through(http, &both, Some("http_proxy"));
        for url in [http, https] {
            leads_through(url, &[("all_proxy", PROXY)], Some("all_proxy"));
            leads_through(url, &[("ALL_PROXY", PROXY)], Some("ALL_PROXY"));
            leads_through(url, &[("http_proxy", " "), ("https_proxy", "")], None);
            leads_through(url, &[], None);
        }
        let specific = [("all_proxy", "http://other"), ("https_proxy", PROXY)];
        leads_through(https, &specific, Some("https_proxy"));
    }

    #[test]
    fn a_header_that_a_web_server_passes_on_is_no_proxy() {
        let forged = [("HTTP_PROXY", PROXY), ("REQUEST_METHOD", "GET")];
        leads_through("http://m.example", &forged, None);
    }

    #[test]
    fn no_proxy_names_domains_addresses_networks_and_ports() {
        let cases: &[(&str, &str, bool)] = &[
            ("*", "m.example", true),
            ("example", "m.example", true),
            (".example", "m.example", true),
            ("*.example", "m.example", true),
            ("m.example", "m.example", true),
            ("M.Example.", "m.EXAMPLE", true),
            ("ple", "m.example", false),
            ("a.m.example", "m.example", false),
            ("other, m.example", "m.example", true),
            ("other m.example", "m.example", true),
            ("m.example:8420", "m.example:8420", true),
            ("m.example:8420", "m.example:8421", false),
            ("m.example:80", "m.example", true),
            ("10.0.0.0/8", "10.200.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.1", "10.0.0.1:99", true),
            ("10.0.0.1:98", "10.0.0.1:99", false),
            ("0.0.0.1", "10.0.0.1", false),
            ("fd00::/8", "[fd12::1]:8420", true),
            ("fd00::/8", "[fe80::1]", false),
            ("fd12::1", "[fd12::1]", true),
            ("[fd12::1]:8420", "[fd12::1]:8420", true),
            ("10.0.0.0/8", "10.example", false),
            ("10.0.0.0/33, ,", "10.0.0.1", false),
            (".", "m.example", false),
        ];
        for (list, host, is_direct) in cases {
            for name in ["no_proxy", "NO_PROXY"] {
                let variables = [("http_proxy", PROXY), (name, *list)];
                let used = (!is_direct).then_some("http_proxy");
                leads_through(&format!("http://{host}/"), &variables, used);
            }
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_said_and_no_text_has_its_password() {
        for value in ["socks5://user:secret@proxy.example", "ftp://user:secret@proxy.example", "%"]
        {
            let get = |name: &str| (name == "https_proxy").then(|| value.to_owned());
            let route = Route::new("https://m.example", get);
            let error = route.proxy().expect_err("no HTTP proxy");
            assert!(error.contains("https_proxy"), "{error}");
            assert!(
                !error.contains("secret") && !format!("{route:?}").contains("secret"),
                "{error}"
            );
        }
        let route = Route::new("https://m.example", |_| Some(PROXY.to_owned()));
        // `no_proxy` had the same value, which names no host of ours.
        for text in [route.to_string(), format!("{route:?}"), route.explain("why".into())] {
            assert!(text.contains("proxy.example:3128") && !text.contains("secret"), "{text}");
        }
    }
}
