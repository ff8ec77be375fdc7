//! Where DOOR OS is, checked once when it is parsed.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

/// The address of something that serves the manager contract: https, or http to loopback only.
///
/// A path is kept as a prefix of every call, so `https://rest.example/manager` works.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    base: String,
    loopback: bool,
}

/// Why a text is not an [`Endpoint`]. Never repeats the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not an absolute URL.
    #[error("the DOOR OS address is not a URL: write it like https://door-os.example")]
    NotAUrl,
    /// Neither https nor http.
    #[error("the DOOR OS address must start with https:// (http:// only to this machine)")]
    Scheme,
    /// Plain http to another machine would show the secret to the network.
    #[error(
        "the DOOR OS address is plain http to another machine, which would show the client secret \
         to the network: use https:// (http:// is for localhost only)"
    )]
    PlainHttp,
    /// User or password in the URL.
    #[error(
        "the DOOR OS address holds a user name or password: remove it, and give the client id and \
         secret separately"
    )]
    UserInfo,
    /// A query or a fragment.
    #[error("the DOOR OS address has a part after '?' or '#': remove it")]
    QueryOrFragment,
    /// No host.
    #[error("the DOOR OS address names no host: write it like https://door-os.example")]
    NoHost,
}

impl Endpoint {
    /// An address for transports that stay in this process and open no socket.
    ///
    /// # Errors
    ///
    /// None in practice; the address is a constant.
    pub fn in_process() -> Result<Self, EndpointError> {
        "http://localhost".parse()
    }

    /// Whether it is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether it is plain http (then [`Self::is_loopback`]).
    #[must_use]
    pub fn is_plain_http(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// The address it is written with, if it is one and no name. Every spelling of an IPv4 address
    /// (decimal, octal, hexadecimal) was understood when it was parsed.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.url.host()? {
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
            Host::Domain(_) => None,
        }
    }

    /// Scheme, host and port: the default OAuth audience.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The address of a call, whose path starts with a slash and may carry a query.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let url = Url::parse(text.trim()).map_err(|_| EndpointError::NotAUrl)?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(EndpointError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::UserInfo);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(EndpointError::QueryOrFragment);
        }
        let loopback = match url.host().ok_or(EndpointError::NoHost)? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        if url.scheme() == "http" && !loopback {
            return Err(EndpointError::PlainHttp);
        }
        let base = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self {
            url,
            base,
            loopback,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> EndpointError {
        text.parse::<Endpoint>().expect_err(text)
    }

    #[test]
    fn https_is_accepted_anywhere_and_a_path_is_kept_as_a_prefix() {
        let endpoint: Endpoint = "https://rest.example:8443/access/".parse().unwrap();
        assert_eq!(
            endpoint.join("/v1/doors"),
            "https://rest.example:8443/access/v1/doors"
        );
        assert_eq!(endpoint.origin(), "https://rest.example:8443");
        assert!(!endpoint.is_loopback());
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for text in [
            "http://localhost:8080",
            "http://127.0.0.1",
            "http://127.9.9.9:1",
            "http://[::1]:9",
        ] {
            assert!(text.parse::<Endpoint>().unwrap().is_loopback(), "{text}");
        }
        for text in [
            "http://door-os.example",
            "http://10.0.0.1",
            "http://localhost.evil.example",
            "http://[::2]",
        ] {
            assert_eq!(fault(text), EndpointError::PlainHttp, "{text}");
        }
    }

    #[test]
    fn a_password_is_refused_and_never_repeated() {
        let error = fault("https://me:hunter2@door-os.example");
        assert_eq!(error, EndpointError::UserInfo);
        assert!(
            !fault("https://me:hunter2@:x")
                .to_string()
                .contains("hunter2")
        );
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn other_schemes_queries_and_fragments_are_refused() {
        assert_eq!(fault("ftp://door-os.example"), EndpointError::Scheme);
        assert_eq!(fault("door-os.example"), EndpointError::NotAUrl);
        assert_eq!(
            fault("https://door-os.example?x=1"),
            EndpointError::QueryOrFragment
        );
        assert_eq!(
            fault("https://door-os.example#x"),
            EndpointError::QueryOrFragment
        );
    }
}
