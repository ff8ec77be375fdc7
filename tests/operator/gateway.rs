//! A gateway before the API server and DOOR OS both, for an operator that knows no other way to either: it numbers
//! every effect in one common order, and can stop the world at any one of them.
//!
//! An effect is a request that changes something: a finalizer, a ledger, a status, a door, a key. Tokens, Leases and
//! Events are none: they pass without a number.

use std::fs;
use std::net::TcpListener as StdListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::channel::oneshot;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control_plane::ADMIN;
use crate::operator::{Operator, Site};

/// No request of ours comes near it.
const LARGEST: usize = 16 << 20;

/// On which side of an effect everything stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It never leaves the gateway.
    Before,
    /// It is done, and whoever asked for it never hears so.
    After,
}

/// Where everything stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    pub moment: Moment,
    /// The number of the effect, from 1.
    pub effect: usize,
}

/// A way to both sides, for one life of an operator: what a dead one had on its way is never taken for its
/// successor's.
pub struct Gateway {
    passage: Arc<Passage>,
    url: String,
    folder: TempDir,
    /// It ends when this is dropped.
    _open: oneshot::Sender<()>,
}

struct Passage {
    api_server: String,
    door_os: String,
    client: reqwest::Client,
    stop: Option<Stop>,
    so_far: Mutex<SoFar>,
}

#[derive(Default)]
struct SoFar {
    effects: Vec<String>,
    stopped: bool,
    /// When an effect or a call of DOOR OS last came.
    busy: Option<Instant>,
}

impl Gateway {
    /// Opens one to what a site has, with a place where everything stops, if any.
    pub fn open(site: &Site, stop: Option<Stop>) -> Self {
        let server = site.namespace.server;
        let authority = fs::read(server.ca_file()).unwrap();
        let authority = reqwest::Certificate::from_pem(&authority).unwrap();
        let passage = Arc::new(Passage {
            api_server: server.url(),
            door_os: site.url().to_owned(),
            client: reqwest::Client::builder()
                .tls_certs_only([authority])
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            stop,
            so_far: Mutex::default(),
        });
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .fallback(pass)
            .with_state(Arc::clone(&passage));
        let (open, closed) = oneshot::channel();
        // One thread: nothing else moves between the number of an effect and its first byte.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    served = axum::serve(listener, router) => served.unwrap(),
                    _ = closed => {}
                }
            });
        });
        Self {
            passage,
            url,
            folder: TempDir::new().unwrap(),
            _open: open,
        }
    }

    /// Starts a replica that knows this way only.
    pub fn operator(&self, site: &Site) -> Operator {
        let kubeconfig = fs::read(site.namespace.server.kubeconfig(ADMIN)).unwrap();
        let mut kubeconfig: Value = serde_json::from_slice(&kubeconfig).unwrap();
        kubeconfig["clusters"][0]["cluster"] = json!({ "server": self.url });
        let file = self.folder.path().join("kubeconfig");
        fs::write(&file, kubeconfig.to_string()).unwrap();
        site.configure_at(&self.url, "");
        // The same identity each time, as of a container that is started again: it need not wait for its own Leases.
        site.operator_with("a", &[("KUBECONFIG", file.to_str().unwrap())])
    }

    /// The effects so far, in their order. The one that everything stopped at is the last.
    pub fn effects(&self) -> Vec<String> {
        self.passage.so_far.lock().unwrap().effects.clone()
    }

    /// Whether everything has stopped.
    pub fn is_stopped(&self) -> bool {
        self.passage.so_far.lock().unwrap().stopped
    }

    /// Whether DOOR OS was looked at, and then nothing happened for so long.
    pub fn is_calm(&self, long: Duration) -> bool {
        let busy = self.passage.so_far.lock().unwrap().busy;
        busy.is_some_and(|busy| busy.elapsed() >= long)
    }
}

async fn pass(State(passage): State<Arc<Passage>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let number = passage.number(&parts);
    if passage.holds_at(number, Moment::Before) {
        return std::future::pending().await;
    }
    let answer = passage.forward(parts, body).await;
    if passage.holds_at(number, Moment::After) {
        return std::future::pending().await;
    }
    answer
}

impl Passage {
    /// The number of a request that is an effect.
    fn number(&self, parts: &Parts) -> Option<usize> {
        let path = parts.uri.path();
        let effect = is_effect(&parts.method, path);
        let mut so_far = self.so_far.lock().unwrap();
        if so_far.stopped {
            return None;
        }
        if effect || is_of_door_os(path) {
            so_far.busy = Some(Instant::now());
        }
        effect.then(|| {
            so_far.effects.push(format!("{} {path}", parts.method));
            so_far.effects.len()
        })
    }

    /// Stops everything if this is where. Whether a request, or its answer, goes no further.
    fn holds_at(&self, number: Option<usize>, moment: Moment) -> bool {
        let here = self
            .stop
            .is_some_and(|stop| stop.moment == moment && Some(stop.effect) == number);
        let mut so_far = self.so_far.lock().unwrap();
        so_far.stopped |= here;
        so_far.stopped
    }

    async fn forward(&self, parts: Parts, body: Bytes) -> Response {
        let base = if is_of_door_os(parts.uri.path()) {
            &self.door_os
        } else {
            &self.api_server
        };
        let url = format!("{base}{}", parts.uri);
        let mut headers = parts.headers;
        of_this_hop(&mut headers);
        let request = self.client.request(parts.method, url).headers(headers);
        match request.body(body).send().await {
            Ok(answer) => {
                let mut answer = http::Response::<reqwest::Body>::from(answer);
                of_this_hop(answer.headers_mut());
                // Piece by piece, as it comes: a watch does not end.
                answer.map(Body::new)
            }
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        }
    }
}

fn is_of_door_os(path: &str) -> bool {
    path.starts_with("/v1/") || path.starts_with("/oauth/")
}

fn is_effect(method: &Method, path: &str) -> bool {
    let changes = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(method);
    let passes = ["/oauth/token", "/leases", "/events"];
    changes && !passes.iter().any(|part| path.contains(part))
}

/// Takes out what each hop says anew.
fn of_this_hop(headers: &mut HeaderMap) {
    for name in [
        header::HOST,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
    ] {
        headers.remove(name);
    }
}
