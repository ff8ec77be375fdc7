//! OAuth client credentials, and the bearer token on every call.

use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use crate::agenda::later;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::world::{Token, World};

/// The client whose token a request carries.
pub(crate) fn authenticate(world: &World, headers: &HeaderMap) -> Result<String, Refusal> {
    let token = bearer(headers).ok_or(Refusal::Unauthorized)?;
    world
        .tokens
        .get(token)
        .filter(|token| token.expires > world.now)
        .map(|token| token.client.clone())
        .ok_or(Refusal::Unauthorized)
}

/// The token a request carries.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}

/// `POST /oauth/token`.
pub(super) fn create_token(world: &mut World, body: &[u8]) -> Reply {
    let Ok(Value::Object(request)) = serde_json::from_slice(body) else {
        return refused(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "a JSON object is expected",
        );
    };
    let text = |name: &str| {
        request
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let (Some(id), Some(secret)) = (text("client_id"), text("client_secret")) else {
        return refused(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "client_id and client_secret are required",
        );
    };
    if text("grant_type") != Some("client_credentials") {
        return refused(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "grant_type must be client_credentials",
        );
    }
    if text("audience").is_none() {
        return refused(
            StatusCode::FORBIDDEN,
            "access_denied",
            "audience is required",
        );
    }
    if !world
        .clients
        .iter()
        .any(|client| client.id == id && client.secret == secret)
    {
        return refused(StatusCode::UNAUTHORIZED, "access_denied", "Unauthorized");
    }
    world.tokens_issued += 1;
    let token = format!(
        "{}",
        world
            .uuid_of(&format!("token/{}", world.tokens_issued))
            .simple()
    );
    let lifetime = world.parameters.token_lifetime_seconds;
    let now = world.now;
    world.tokens.retain(|_, token| token.expires > now);
    let expires = later(now, u64::from(lifetime));
    world.tokens.insert(
        token.clone(),
        Token {
            client: id.to_owned(),
            expires,
        },
    );
    Reply::json(
        StatusCode::OK,
        &json!({ "access_token": token, "expires_in": lifetime.max(1), "token_type": "Bearer" }),
    )
}

pub(super) fn refused(status: StatusCode, error: &str, description: &str) -> Reply {
    Reply::json(
        status,
        &json!({ "error": error, "error_description": description }),
    )
}
