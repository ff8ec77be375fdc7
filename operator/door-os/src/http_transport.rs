//! Requests over the network.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};

use crate::addresses::{Addresses, Guarded, NotPermitted};
use crate::endpoint::Endpoint;
use crate::transport::{Left, Transport, TransportError, TransportFault};

/// Bounds of [`HttpTransport`].
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// How long a connection, TLS included, may take to stand.
    pub connect_timeout: Duration,
    /// How long a request may take in all.
    pub total_timeout: Duration,
    /// The largest answer read. 500 door rows are about 400 KiB; a page of keys that name hundreds
    /// of doors each can exceed it, and is then asked for in smaller pages.
    pub max_body: usize,
    /// Where it may connect to.
    pub addresses: Addresses,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(30),
            max_body: 4 << 20,
            addresses: Addresses::default(),
        }
    }
}

/// HTTP/1.1 with TLS checked against the machine's certificate store. Follows no redirect, uses no
/// proxy and repeats nothing by itself.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    client: reqwest::Client,
    max_body: usize,
}

impl HttpTransport {
    /// A transport for one endpoint. Connections are kept between requests.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up on this machine, or the endpoint is an address that is not permitted.
    pub fn new(endpoint: &Endpoint, options: &HttpOptions) -> Result<Self, TransportError> {
        let HttpOptions {
            connect_timeout,
            total_timeout,
            max_body,
            ref addresses,
        } = *options;
        // A literal address is never resolved, so it is looked at here.
        if endpoint.address().is_some_and(|ip| !addresses.permit(ip)) {
            let host = endpoint.to_string();
            return Err(TransportError::connect(NotPermitted { host }.to_string()));
        }
        let client = reqwest::Client::builder()
            .user_agent(concat!("opendoor/", env!("CARGO_PKG_VERSION")))
            // A redirect could carry the token to another host.
            .redirect(reqwest::redirect::Policy::none())
            // A proxy from the environment would see plain http and could answer for DOOR OS.
            .no_proxy()
            // Repeating is the client's decision, which knows reads from writes.
            .retry(reqwest::retry::never())
            .referer(false)
            .https_only(!endpoint.is_plain_http())
            .connect_timeout(connect_timeout)
            .timeout(total_timeout)
            // Shorter than what servers and load balancers keep: a request on a connection that the
            // other side is closing fails in a way that does not say whether it arrived.
            .pool_idle_timeout(Duration::from_secs(20))
            .dns_resolver(Arc::new(Guarded(addresses.clone())))
            .build()
            .map_err(|error| TransportError::connect(describe(error)))?;
        Ok(Self { client, max_body })
    }
}

impl Transport for HttpTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let request = reqwest::Request::try_from(request)
            .map_err(|error| TransportError::connect(describe(error)))?;
        let mut response = self.client.execute(request).await.map_err(classify)?;
        if response
            .content_length()
            .is_some_and(|length| length > self.max_body as u64)
        {
            return Err(TransportError::too_large(self.max_body));
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(classify)? {
            if body.len() + chunk.len() > self.max_body {
                return Err(TransportError::too_large(self.max_body));
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = Response::new(body.freeze());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

fn classify(error: reqwest::Error) -> TransportError {
    let (left, fault) = if error.is_connect() || error.is_builder() {
        (Left::No, TransportFault::Connect)
    } else if error.is_timeout() {
        (Left::Maybe, TransportFault::Timeout)
    } else {
        (Left::Maybe, TransportFault::Broken)
    };
    TransportError {
        left,
        fault,
        detail: describe(error),
    }
}

/// The innermost cause ("connection refused") says more than reqwest's own words, and the URL is
/// left out because it carries page tokens.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut inner: &dyn std::error::Error = &error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let (outer, inner) = (error.to_string(), inner.to_string());
    if outer == inner {
        outer
    } else {
        format!("{outer}: {inner}")
    }
}
