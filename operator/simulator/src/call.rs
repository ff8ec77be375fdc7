//! One call of the contract: counted, struck by faults, authenticated, performed, and its answer distorted or lost.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use jiff::{SignedDuration, Timestamp};

use crate::agenda::{Event, later};
use crate::contract::{self, Operation, Write, authenticate, bearer, message, refuse, route};
use crate::distortions::Scene;
use crate::faults::{ErrorBody, Fault, FaultKind};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::simulator::Outcome;
use crate::world::World;

/// Answers a call of the contract.
pub(crate) fn answer(world: &mut World, request: &Request<Bytes>) -> Outcome {
    let (method, path) = (request.method(), request.uri().path());
    let Some(route) = route(method, path) else {
        *world
            .calls
            .entry(format!("{method} (unknown)"))
            .or_default() += 1;
        return Outcome::at_once(refuse(&Refusal::NotFound), world.now);
    };
    *world
        .calls
        .entry(format!("{method} {}", route.template))
        .or_default() += 1;
    let writes = method != Method::GET && route.template != "/oauth/token";
    if writes {
        world.writes += 1;
    }
    let faults = world.strike(method, path, route.template);
    let delay = delay(world, &faults);
    let date = skewed(world.now, &faults);

    if let Some(reply) = faults
        .iter()
        .find_map(|fault| refused_by_fault(world, fault, request))
    {
        return Outcome::Respond {
            delay,
            response: reply.into_response(date),
        };
    }
    let query = request.uri().query().unwrap_or("");
    let scene = Scene {
        query,
        operation: route.operation.as_ref().ok().copied(),
    };
    let performed = match route.operation {
        Ok(Operation::CreateToken) => {
            contract::read(world, Operation::CreateToken, query, request.body())
        }
        operation => match authenticate(world, request.headers()) {
            Err(refusal) => Err(refusal),
            Ok(client) if writes => {
                let write = Write::new(client, method, path, request.headers(), request.body());
                if let Some(fault) = faults
                    .iter()
                    .find(|fault| fault.kind == FaultKind::LateWrite)
                {
                    let due = later(world.now, whole_seconds(fault.seconds));
                    world.agenda.add(due, Event::LateWrite(write));
                    world.dirty = true;
                    return Outcome::Lost { delay };
                }
                write.perform(world, false)
            }
            Ok(_) => operation
                .and_then(|operation| contract::read(world, operation, query, request.body())),
        },
    };
    let mut reply = performed.unwrap_or_else(|refusal| refuse(&refusal));
    for fault in &faults {
        reply = scene.distort(world, fault, reply);
    }
    if faults
        .iter()
        .any(|fault| fault.kind == FaultKind::LostAnswer)
    {
        return Outcome::Lost { delay };
    }
    Outcome::Respond {
        delay,
        response: reply.into_response(date),
    }
}

/// The answer of a fault that keeps the call from being performed.
fn refused_by_fault(world: &mut World, fault: &Fault, request: &Request<Bytes>) -> Option<Reply> {
    let reply = match fault.kind {
        FaultKind::Unauthorized => refuse(&Refusal::Unauthorized),
        FaultKind::Forbidden => Reply::empty(StatusCode::FORBIDDEN),
        FaultKind::Throttled => throttled(world.now, fault),
        FaultKind::ServerError if fault.applied != Some(true) => server_error(fault),
        FaultKind::SecretChanged => contract::denied(),
        FaultKind::ExpiredTokens => {
            if let Some(token) = bearer(request.headers()) {
                world.tokens.remove(token);
            }
            match fault.status {
                Some(403) => Reply::empty(StatusCode::FORBIDDEN),
                _ => refuse(&Refusal::Unauthorized),
            }
        }
        _ => return None,
    };
    Some(reply)
}

fn throttled(now: Timestamp, fault: &Fault) -> Reply {
    let mut reply = message(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS");
    reply.retry_after = match (fault.retry_after, fault.retry_after_date) {
        (Some(seconds), _) => Some(seconds.to_string()),
        (None, Some(ahead)) => Some(httpdate::fmt_http_date(later(now, ahead).into())),
        (None, None) => None,
    };
    reply
}

/// A 5xx answer.
pub(crate) fn server_error(fault: &Fault) -> Reply {
    let status = fault
        .status
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match fault.body.unwrap_or_default() {
        ErrorBody::Json => message(status, "INTERNAL_SERVER_ERROR"),
        ErrorBody::Html => Reply::html(status, "<html><body><h1>Bad gateway</h1></body></html>"),
        ErrorBody::Empty => Reply::empty(status),
    }
}

fn delay(world: &mut World, faults: &[Fault]) -> Duration {
    let seconds: f64 = faults
        .iter()
        .filter(|fault| fault.kind == FaultKind::Latency)
        .map(|fault| {
            let jitter = fault
                .jitter_seconds
                .map_or(0.0, |most| world.random(|random| random.f64() * most));
            fault.seconds.unwrap_or(0.0) + jitter
        })
        .sum();
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn skewed(now: Timestamp, faults: &[Fault]) -> Timestamp {
    faults
        .iter()
        .filter(|fault| fault.kind == FaultKind::SkewedDate)
        .filter_map(|fault| SignedDuration::try_from_secs_f64(fault.seconds.unwrap_or(0.0)).ok())
        .fold(now, |date, skew| date.checked_add(skew).unwrap_or(date))
}

fn whole_seconds(seconds: Option<f64>) -> u64 {
    Duration::try_from_secs_f64(seconds.unwrap_or(0.0))
        .unwrap_or_default()
        .as_secs()
}
