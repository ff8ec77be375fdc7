//! An API server that is too busy, which must be noticed and never taken for one that has nothing to say.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, Config};
use opendoor_api::Kind;
use opendoor_kubernetes::boottime;
use opendoor_kubernetes::client::client_of;
use opendoor_kubernetes::watch::{Change, changes};
use serde_json::json;
use tokio::time::timeout;

/// Long enough on a loaded machine, and much less than the server asks for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many requests it still turns away, of those whose address contains a word.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<(usize, &'static str)>>);

impl Server {
    fn turns_away(&self, requests: usize, of: &'static str) {
        *self.0.lock().unwrap() = (requests, of);
    }

    async fn client(&self) -> Client {
        let router = Router::new().fallback(answer).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        client_of(Config::new(url.parse().unwrap()), PATIENCE).unwrap()
    }
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let address = request.uri().to_string();
    {
        let mut turned_away = server.0.lock().unwrap();
        if turned_away.0 > 0 && address.contains(turned_away.1) {
            turned_away.0 -= 1;
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 429, "message": "too many requests",
            });
            let later = [("retry-after", "3600")];
            return (StatusCode::TOO_MANY_REQUESTS, later, axum::Json(status)).into_response();
        }
    }
    if address.contains("watch=true") {
        return axum::body::Body::from_stream(futures::stream::pending::<Result<String, String>>())
            .into_response();
    }
    let list = json!({
        "apiVersion": "v1", "kind": "List", "metadata": { "resourceVersion": "7" }, "items": [],
    });
    axum::Json(list).into_response()
}

#[tokio::test]
async fn a_call_is_sent_again_a_few_times_and_then_fails_whatever_the_server_asks_for() {
    let server = Server::default();
    let api: Api<Namespace> = Api::all(server.client().await);
    server.turns_away(2, "namespaces");
    let listed = timeout(PATIENCE, api.list(&Default::default())).await;
    assert!(listed.unwrap().is_ok());
    server.turns_away(usize::MAX, "namespaces");
    let listed = timeout(PATIENCE, api.list(&Default::default())).await;
    let error = listed.expect("it does not wait for an hour").unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.code == 429));
}

#[tokio::test]
async fn a_watch_that_cannot_be_opened_says_so_and_one_that_is_open_too() {
    let server = Server::default();
    server.turns_away(usize::MAX, "properties?&watch=true");
    let mut changes = changes(&server.client().await, &[String::from("n")]);
    let mut next = async || timeout(PATIENCE, changes.next()).await.unwrap().unwrap();
    let mut listed = false;
    loop {
        match next().await {
            Change::Listed(Kind::Property, ..) => listed = true,
            Change::Failed(Kind::Property, ..) => break,
            _ => {}
        }
    }
    assert!(listed, "the list was given");
    let failed = boottime::now();
    server.turns_away(0, "");
    loop {
        match next().await {
            Change::Heard(Kind::Property, _, at) if at > failed => break,
            _ => {}
        }
    }
}
