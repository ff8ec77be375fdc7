//! A simulated DOOR OS, served on loopback, with hands, phones and locks to reach into.

use std::net::TcpListener as StdListener;

use bytes::Bytes;
use http::Request;
use opendoor_simulator::{Clock, Outcome, Simulator, WorldFile, serve};
use serde_json::{Value, json};

pub struct Served {
    pub simulator: Simulator,
    url: String,
}

impl Served {
    pub fn of(world: &str) -> Self {
        Self::serving(WorldFile::parse(world).unwrap())
    }

    pub fn serving(world: WorldFile) -> Self {
        let simulator = Simulator::new(world, 1, Clock::default()).unwrap();
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = simulator.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                serve(served, listener, std::future::pending::<()>())
                    .await
                    .unwrap();
            });
        });
        Self { simulator, url }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        match self.simulator.handle(request) {
            Outcome::Respond { response, .. } => {
                assert!(response.status().is_success(), "{:?}", response.body());
                serde_json::from_slice(response.body()).unwrap_or(Value::Null)
            }
            Outcome::Lost { .. } => panic!("{method} {path} was lost"),
        }
    }

    /// A door of Harbor Point.
    pub fn door(&self, door: &str) -> String {
        let uuid = self.simulator.door_uuid("Harbor Point", door).unwrap();
        uuid.to_string()
    }

    pub fn sync(&self, door: &str, kind: &str) {
        let path = format!("/app/v1/doors/{}/sync", self.door(door));
        self.call("POST", &path, &json!({ "kind": kind }));
    }

    pub fn opens(&self, door: &str, partner: &str) -> bool {
        let partner = self.simulator.partner_uuid(partner).unwrap();
        let path = format!("/locks/{}/try", self.door(door));
        self.call("POST", &path, &json!({ "partnerUuid": partner }))["opens"]
            .as_bool()
            .unwrap()
    }

    pub fn edit_door(&self, door: &str, change: &Value) {
        self.call(
            "PATCH",
            &format!("/sim/v1/doors/{}", self.door(door)),
            change,
        );
    }
}
