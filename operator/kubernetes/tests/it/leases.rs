//! Shards that are gained and lost while the API server answers only now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use kube::{Client, Config};
use opendoor_kubernetes::shards::{Renewal, Shards};
use serde_json::{Value, json};

/// Leases by name, and one that cannot be written.
#[derive(Default)]
struct Kept {
    leases: BTreeMap<String, Value>,
    version: u64,
    broken: Option<&'static str>,
}

#[derive(Clone, Default)]
struct Server(Arc<Mutex<Kept>>);

type Answer = Result<Json<Value>, (StatusCode, Json<Value>)>;

fn refusal(code: StatusCode) -> (StatusCode, Json<Value>) {
    let status =
        json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code.as_u16() });
    (code, Json(status))
}

impl Server {
    async fn client(&self) -> Client {
        let one = "/apis/coordination.k8s.io/v1/namespaces/n/leases/{name}";
        let all = "/apis/coordination.k8s.io/v1/namespaces/n/leases";
        let router = Router::new()
            .route(all, get(list).post(create))
            .route(one, put(replace).delete(delete))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Client::try_from(Config::new(url.parse().unwrap())).unwrap()
    }

    fn write(&self, name: &str, mut lease: Value) -> Answer {
        let mut kept = self.0.lock().unwrap();
        if kept.broken == Some(name) {
            return Err(refusal(StatusCode::INTERNAL_SERVER_ERROR));
        }
        let before = kept.leases.get(name);
        let expected = before.map(|before| &before["metadata"]["resourceVersion"]);
        if expected.unwrap_or(&Value::Null) != &lease["metadata"]["resourceVersion"] {
            return Err(refusal(StatusCode::CONFLICT));
        }
        kept.version += 1;
        lease["metadata"]["resourceVersion"] = json!(kept.version.to_string());
        kept.leases.insert(name.to_owned(), lease.clone());
        Ok(Json(lease))
    }

    fn broken(&self, name: Option<&'static str>) {
        self.0.lock().unwrap().broken = name;
    }

    /// As another replica would that had it meanwhile.
    fn pass_on(&self, name: &str, holder: &str) {
        let mut lease = self.0.lock().unwrap().leases[name].clone();
        lease["spec"]["holderIdentity"] = json!(holder);
        let _ = self.write(name, lease).unwrap();
    }
}

async fn list(State(server): State<Server>) -> Json<Value> {
    let kept = server.0.lock().unwrap();
    let items: Vec<&Value> = kept.leases.values().collect();
    Json(json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "LeaseList", "metadata": {}, "items": items,
    }))
}

async fn create(State(server): State<Server>, Json(lease): Json<Value>) -> Answer {
    let name = lease["metadata"]["name"].as_str().unwrap().to_owned();
    server.write(&name, lease)
}

async fn replace(
    State(server): State<Server>,
    Path(name): Path<String>,
    Json(lease): Json<Value>,
) -> Answer {
    server.write(&name, lease)
}

async fn delete(State(server): State<Server>, Path(name): Path<String>) -> Json<Value> {
    server.0.lock().unwrap().leases.remove(&name);
    Json(json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" }))
}

fn set(shards: &[u8]) -> BTreeSet<u8> {
    shards.iter().copied().collect()
}

fn news(gained: &[u8], lost: &[u8]) -> Renewal {
    Renewal {
        gained: set(gained),
        lost: set(lost),
    }
}

async fn replica(server: &Server) -> Shards {
    let client = server.client().await;
    Shards::new(client, "n", String::from("a"), Duration::from_secs(9))
}

#[tokio::test]
async fn what_a_renewal_changed_before_it_failed_is_told_all_the_same() {
    let server = Server::default();
    let mut shards = replica(&server).await;
    server.broken(Some("opendoor-shard-05"));
    let needed = set(&[3, 5]);
    assert!(shards.renew(&needed, &set(&[])).await.is_err());
    assert!(shards.deadlines().holds(3) && !shards.deadlines().holds(5));
    assert_eq!(shards.news(), news(&[3], &[]));
    server.broken(None);
    shards.renew(&needed, &set(&[])).await.unwrap();
    assert_eq!(shards.news(), news(&[5], &[]), "each is told once");
    server.broken(Some("opendoor-shard-05"));
    assert!(shards.renew(&set(&[5]), &set(&[])).await.is_err());
    assert_eq!(shards.news(), news(&[], &[3]));
}

#[tokio::test]
async fn a_shard_that_was_anothers_in_between_is_lost_and_gained() {
    let server = Server::default();
    let mut shards = replica(&server).await;
    let needed = set(&[3]);
    shards.renew(&needed, &set(&[])).await.unwrap();
    assert_eq!(shards.news(), news(&[3], &[]));
    // It was taken, worked for, and given up again while we did not look.
    server.pass_on("opendoor-shard-03", "b");
    server.pass_on("opendoor-shard-03", "");
    shards.renew(&needed, &set(&[])).await.unwrap();
    assert_eq!(shards.news(), news(&[3], &[3]));
    assert!(shards.deadlines().holds(3));
}
