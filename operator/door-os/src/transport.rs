//! The seam between the client and whatever carries its requests.

use std::fmt;
use std::future::Future;

use bytes::Bytes;
use http::{Request, Response};

/// Carries one request and brings back one whole answer. Never retries and never follows a
/// redirect: both are decisions of the client.
#[allow(async_fn_in_trait, reason = "the program runs on one thread")]
pub trait Transport {
    /// Sends a request whose URI is absolute.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError>;
}

/// Whether a request that got no answer may have reached the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Not a byte of it left: no name, no connection, no TLS session.
    No,
    /// Some or all of it may have arrived.
    Maybe,
}

/// What went wrong underneath HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportFault {
    /// No connection: name not found, refused, TLS not agreed.
    Connect,
    /// No answer in time.
    Timeout,
    /// The connection broke, or spoke something else than HTTP.
    Broken,
    /// The answer is larger than we are willing to read.
    TooLarge,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    /// Whether the request may have left us.
    pub left: Left,
    /// What happened.
    pub fault: TransportFault,
    /// For a person; holds no URL, header or body.
    pub detail: String,
}

impl TransportError {
    /// No connection was made; nothing was sent.
    #[must_use]
    pub fn connect(detail: impl Into<String>) -> Self {
        Self {
            left: Left::No,
            fault: TransportFault::Connect,
            detail: detail.into(),
        }
    }

    /// No answer in time; the request may have arrived.
    #[must_use]
    pub fn timeout(detail: impl Into<String>) -> Self {
        Self {
            left: Left::Maybe,
            fault: TransportFault::Timeout,
            detail: detail.into(),
        }
    }

    /// The connection broke; the request may have arrived.
    #[must_use]
    pub fn broken(detail: impl Into<String>) -> Self {
        Self {
            left: Left::Maybe,
            fault: TransportFault::Broken,
            detail: detail.into(),
        }
    }

    /// The answer exceeds the bound; the request did arrive.
    #[must_use]
    pub fn too_large(bound: usize) -> Self {
        Self {
            left: Left::Maybe,
            fault: TransportFault::TooLarge,
            detail: format!("the answer is larger than {bound} bytes"),
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for TransportError {}

/// A transport made from a closure: a world in this process, or a script in a test.
#[derive(Clone, Debug)]
pub struct FnTransport<F>(pub F);

impl<F, Fut> Transport for FnTransport<F>
where
    F: Fn(Request<Bytes>) -> Fut,
    Fut: Future<Output = Result<Response<Bytes>, TransportError>>,
{
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        (self.0)(request).await
    }
}
