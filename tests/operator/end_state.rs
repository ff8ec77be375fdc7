//! How a site stands when all is done, in words that do not depend on when it came there or how often it was
//! interrupted on the way: DOOR OS with its locks, the objects with their finalizers and statuses, and the ledger.

use std::fs;
use std::io::Read;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use opendoor_reconciler::record::decode;
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::control_plane::{ADMIN, ControlPlane};
use crate::operator::Site;

const KINDS: [&str; 5] = [
    "portfolios",
    "properties",
    "doorassignments",
    "partnerkeys",
    "doorsyncorders",
];

/// Everything that must be the same in the end, as text with a line for each thing.
pub fn end_state(site: &Site) -> String {
    let mut door_os = site.call("GET", "/sim/v1/state", &Value::Null)["buildings"].take();
    for building in door_os.as_array_mut().unwrap() {
        // Which marks keys were made with differs; how many does not.
        let marks = building["clientRefs"].as_object().unwrap().len();
        building["clientRefs"] = json!(marks);
    }
    let mut state = json!({
        "doorOs": door_os,
        // Also a write that changes nothing is one too many.
        "writes": site.writes(),
        "objects": objects(site),
        "ledgers": ledgers(site),
    });
    timeless(&mut state);
    serde_json::to_string_pretty(&state).unwrap()
}

/// Reasons of all Events about the objects of a site.
pub fn event_reasons(site: &Site) -> Vec<String> {
    let namespace = &site.namespace.name;
    let path = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
    let events = listed(&path);
    let reason = |event: &Value| event["reason"].as_str().unwrap_or_default().to_owned();
    events.iter().map(reason).collect()
}

fn objects(site: &Site) -> Value {
    let namespace = &site.namespace.name;
    let of = |kind: &str| {
        let path = format!("/apis/opendoor.dev/v1alpha1/namespaces/{namespace}/{kind}");
        let objects = listed(&path).into_iter().map(|mut object| {
            let metadata = object["metadata"].take();
            json!({
                "name": metadata["name"],
                "generation": metadata["generation"],
                "deletionTimestamp": metadata["deletionTimestamp"],
                "finalizers": metadata["finalizers"],
                "status": object["status"].take(),
            })
        });
        (kind.to_owned(), objects.collect())
    };
    Value::Object(KINDS.into_iter().map(of).collect::<Map<_, _>>())
}

fn ledgers(site: &Site) -> Value {
    let namespace = &site.system.name;
    let path =
        format!("/api/v1/namespaces/{namespace}/configmaps?labelSelector=opendoor.dev/ledger");
    let ledgers = listed(&path).into_iter().map(|map| {
        let packed = map["binaryData"]["ledger"].as_str().unwrap();
        let packed = STANDARD.decode(packed).unwrap();
        let mut record = Vec::new();
        DeflateDecoder::new(packed.as_slice())
            .read_to_end(&mut record)
            .unwrap();
        let ledger = decode(&record).unwrap();
        let settled = ledger.is_settled();
        json!({ "settled": settled, "ledger": serde_json::to_value(&ledger).unwrap() })
    });
    ledgers.collect()
}

/// Takes out times, uids that the API server made up, and numbers that count attempts.
fn timeless(value: &mut Value) {
    static TIME: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").unwrap());
    // Those of the simulated DOOR OS are of version 5, and the same each time.
    static UID: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}").unwrap()
    });
    let plain = |text: &str| {
        let text = TIME.replace_all(text, "TIME");
        UID.replace_all(&text, "UID").into_owned()
    };
    match value {
        Value::String(text) => *text = plain(text),
        Value::Array(items) => items.iter_mut().for_each(timeless),
        Value::Object(fields) => {
            let all = std::mem::take(fields);
            for (name, mut inner) in all {
                timeless(&mut inner);
                let counts = ["nextNumber", "intent", "clientRef"].contains(&name.as_str());
                if counts && !inner.is_null() {
                    inner = json!("SOME");
                }
                fields.insert(plain(&name), inner);
            }
        }
        // DOOR OS says times as seconds, too.
        Value::Number(number) if number.as_u64().is_some_and(|number| number > 1_000_000_000) => {
            *value = json!("TIME");
        }
        _ => {}
    }
}

/// What the API server lists at a path.
fn listed(path: &str) -> Vec<Value> {
    match asked("GET", path, "")["items"].take() {
        Value::Array(items) => items,
        other => panic!("{path} lists {other}"),
    }
}

/// What the API server answers to a request, with YAML as its body. kubectl takes too long to ask often or quickly.
pub fn asked(method: &str, path: &str, yaml: &str) -> Value {
    static WAY: LazyLock<(reqwest::blocking::Client, String)> = LazyLock::new(|| {
        let server = ControlPlane::shared();
        let authority = fs::read(server.ca_file()).unwrap();
        let authority = reqwest::Certificate::from_pem(&authority).unwrap();
        let client = reqwest::blocking::Client::builder()
            .tls_certs_only([authority])
            .build()
            .unwrap();
        let kubeconfig = fs::read(server.kubeconfig(ADMIN)).unwrap();
        let kubeconfig: Value = serde_json::from_slice(&kubeconfig).unwrap();
        let token = kubeconfig["users"][0]["user"]["token"].as_str().unwrap();
        (client, token.to_owned())
    });
    let (client, token) = &*WAY;
    let url = format!("{}{path}", ControlPlane::shared().url());
    let answer = client
        .request(method.parse().unwrap(), url)
        .bearer_auth(token)
        .header("content-type", "application/yaml")
        .body(yaml.to_owned())
        .send()
        .unwrap();
    let (status, body) = (answer.status(), answer.bytes().unwrap());
    assert!(status.is_success(), "{method} {path}: {status} {body:?}");
    serde_json::from_slice(&body).unwrap()
}
