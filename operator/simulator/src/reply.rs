//! An answer before it becomes an HTTP response.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;
use serde::Serialize;

/// The header that says that no real door is behind an answer.
pub const SIMULATED_HEADER: &str = "opendoor-simulated";

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// Status, body and the few headers that vary.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    content_type: Option<HeaderValue>,
    pub(crate) retry_after: Option<String>,
}

impl Reply {
    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self {
                status,
                body: body.into(),
                content_type: Some(JSON),
                retry_after: None,
            },
            Err(_) => Self::empty(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    pub(crate) fn html(status: StatusCode, body: &'static str) -> Self {
        Self {
            status,
            body: Bytes::from_static(body.as_bytes()),
            content_type: Some(HTML),
            retry_after: None,
        }
    }

    pub(crate) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            body: Bytes::new(),
            content_type: None,
            retry_after: None,
        }
    }

    /// The response, dated with simulated time.
    pub(crate) fn into_response(self, date: Timestamp) -> Response<Bytes> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            HeaderName::from_static(SIMULATED_HEADER),
            HeaderValue::from_static("true"),
        );
        if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(date.into())) {
            headers.insert(header::DATE, date);
        }
        if let Some(content_type) = self.content_type {
            headers.insert(header::CONTENT_TYPE, content_type);
        }
        if let Some(retry_after) = self
            .retry_after
            .and_then(|text| HeaderValue::from_str(&text).ok())
        {
            headers.insert(header::RETRY_AFTER, retry_after);
        }
        response
    }
}
