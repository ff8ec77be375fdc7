//! One call of the contract, before it is a request.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, IF_MATCH, USER_AGENT};
use http::{HeaderValue, Method, Request};
use tokio::time::Instant;

use crate::endpoint::Endpoint;

/// What happens to a call whose answer is missing or bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Reading twice does no harm.
    Read,
    /// Only if the answer says that nothing was done.
    Write,
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Method and path template, for messages: never a uuid or a token.
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) body: Option<Bytes>,
    pub(crate) if_match: Option<i64>,
    pub(crate) repeat: Repeat,
    /// It must not leave us later than this.
    pub(crate) not_after: Option<Instant>,
}

impl Call {
    pub(crate) fn get(name: &'static str, path: String) -> Self {
        Self {
            name,
            method: Method::GET,
            path,
            body: None,
            if_match: None,
            repeat: Repeat::Read,
            not_after: None,
        }
    }

    /// The request to send. An error would be a path or header that HTTP cannot carry.
    pub(crate) fn request(
        &self,
        endpoint: &Endpoint,
        bearer: Option<&HeaderValue>,
    ) -> Result<Request<Bytes>, http::Error> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(endpoint.join(&self.path))
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("opendoor/", env!("CARGO_PKG_VERSION")));
        if let Some(bearer) = bearer {
            request = request.header(AUTHORIZATION, bearer);
        }
        if let Some(revision) = self.if_match {
            request = request.header(IF_MATCH, format!("\"{revision}\""));
        }
        if self.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(self.body.clone().unwrap_or_default())
    }
}
