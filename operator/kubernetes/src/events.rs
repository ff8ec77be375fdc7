//! Events: what a person sees in `kubectl describe`, one for each change of an outcome.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use opendoor_api::GROUP_VERSION;
use opendoor_planner::conditions::bounded;

use crate::objects::Seen;

/// How much an Event wants to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Good or neutral news.
    Normal,
    /// Somebody should look.
    Warning,
}

/// One thing to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// How.
    pub tone: Tone,
    /// In one word, in the past tense.
    pub reason: &'static str,
    /// In a sentence.
    pub note: String,
}

/// Writes Events.
#[derive(Clone)]
pub struct Events {
    client: Client,
    instance: String,
}

impl Events {
    /// Events in the name of this replica.
    #[must_use]
    pub fn new(client: Client, instance: &str) -> Self {
        Self {
            client,
            instance: instance.chars().take(128).collect(),
        }
    }

    /// Says something about one of our objects. An Event that cannot be written is not worth more than
    /// a line in the log: conditions carry the same.
    pub async fn say(&self, seen: &Seen, said: &Said) {
        let about = ObjectReference {
            api_version: Some(GROUP_VERSION.to_owned()),
            kind: Some(seen.kind.as_str().to_owned()),
            name: Some(seen.name.name.clone()),
            namespace: Some(seen.name.namespace.clone()),
            uid: Some(seen.uid.clone()),
            ..ObjectReference::default()
        };
        self.write(about, &seen.name.namespace, said).await;
    }

    /// Says something about any object.
    pub async fn write(&self, about: ObjectReference, namespace: &str, said: &Said) {
        let now = Timestamp::now();
        let name = about.name.clone().unwrap_or_default();
        let event = Event {
            metadata: ObjectMeta {
                name: Some(format!(
                    "{}.{:x}",
                    name.chars().take(200).collect::<String>(),
                    now.as_nanosecond()
                )),
                namespace: Some(namespace.to_owned()),
                ..ObjectMeta::default()
            },
            action: Some(String::from("Reconcile")),
            event_time: Some(MicroTime(now)),
            note: Some(bounded(&said.note)),
            reason: Some(said.reason.to_owned()),
            regarding: Some(about),
            reporting_controller: Some(String::from("opendoor.dev/operator")),
            reporting_instance: Some(self.instance.clone()),
            type_: Some(String::from(match said.tone {
                Tone::Normal => "Normal",
                Tone::Warning => "Warning",
            })),
            ..Event::default()
        };
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        if let Err(error) = api.create(&PostParams::default(), &event).await {
            tracing::debug!(reason = said.reason, error = %crate::said(&error), "an event was not written");
        }
    }
}
