//! DoorSyncOrders: what the ledger owes at locks, written beside the Property it is about. A projection:
//! made again when it is deleted, and gone when nothing is owed.

use jiff::Timestamp;
use kube::api::{DeleteParams, DynamicObject, PostParams, Preconditions};
use kube::{Api, Client};
use opendoor_api::{DoorSyncOrderStatus, DoorToVisit, GROUP_VERSION, Kind, Via, condition};
use opendoor_planner::conditions::Condition as Finding;
use opendoor_planner::plan::Plan;
use opendoor_planner::reasons::Reason;
use serde_json::{Value, json};

use crate::objects::{Name, Seen};
use crate::report::{bounded, conditions, conditions_only, count, json_of, visits, write};
use crate::watch::resource_of;

/// Most doors in an order.
const SHOWN: usize = 100;
const LONGEST_NAME: usize = 200;

/// What became of a Property's order.
pub(crate) enum Order {
    /// It is as it should be already.
    AsItWas,
    /// It was written.
    Written(Box<DynamicObject>),
    /// It was deleted.
    Deleted,
}

/// Brings the order of a Property in line with what is owed.
///
/// # Errors
/// The API server refused; a namespace that is going takes no new order, which is no error.
pub(crate) async fn bring_in_line(
    client: &Client,
    property: &Name,
    order: Option<&Seen>,
    plan: &Plan,
    now: Timestamp,
) -> Result<Order, kube::Error> {
    let owed = doors(plan);
    let api: Api<DynamicObject> = Api::namespaced_with(
        client.clone(),
        &property.namespace,
        &resource_of(Kind::DoorSyncOrder),
    );
    if owed.is_empty() {
        let Some(order) = order else {
            return Ok(Order::AsItWas);
        };
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(order.uid.clone()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        let deleted = api.delete(&property.name, &params).await;
        return crate::unless_overtaken(deleted).map(|_| Order::Deleted);
    }
    let made;
    let seen = match order {
        Some(seen) => seen,
        None => {
            let body = json!({
                "apiVersion": GROUP_VERSION,
                "kind": "DoorSyncOrder",
                "metadata": {"name": property.name, "namespace": property.namespace,
                    "labels": {"app.kubernetes.io/managed-by": "opendoor"}},
            });
            let Ok(body) = serde_json::from_value(body) else {
                return Ok(Order::AsItWas);
            };
            match api.create(&PostParams::default(), &body).await {
                Ok(object) => {
                    made = Seen::read(Kind::DoorSyncOrder, object);
                    &made
                }
                // The namespace is going, or another wrote it; the next pass sees which.
                Err(kube::Error::Api(status))
                    if status.is_forbidden() || status.is_already_exists() =>
                {
                    return Ok(Order::AsItWas);
                }
                Err(error) => return Err(error),
            }
        }
    };
    let total = owed.len();
    let required = Finding {
        kind: condition::SYNC_REQUIRED.to_owned(),
        status: String::from("True"),
        reason: String::from("DoorSyncRequired"),
        message: format!(
            "{total} {} proof at a lock. Perform a Door Sync at each door in the DOOR App.",
            if total == 1 {
                "removal lacks"
            } else {
                "removals lack"
            }
        ),
    };
    let status = DoorSyncOrderStatus {
        observed_generation: Some(seen.generation),
        conditions: conditions(&seen.status, &[required], seen.generation, now),
        total: Some(count(total)),
        doors: owed.into_iter().take(SHOWN).collect(),
    };
    match write(client, seen, &json_of(&status)).await? {
        Some(object) => Ok(Order::Written(Box::new(object))),
        None => Ok(Order::AsItWas),
    }
}

/// The status of an order whose Property is gone and cannot be looked at: its doors stay, and nobody can tell whether
/// somebody was there.
pub(crate) fn out_of_sight(order: &Seen, reason: Reason, message: &str, now: Timestamp) -> Value {
    let unknown = Finding {
        kind: condition::SYNC_REQUIRED.to_owned(),
        status: String::from("Unknown"),
        reason: reason.as_str().to_owned(),
        message: bounded(
            &format!("Nobody can see any more whether this was done: {message}"),
            1000,
        ),
    };
    conditions_only(order, &[unknown], order.generation, now)
}

/// The visits that are owed, soonest deadline first.
fn doors(plan: &Plan) -> Vec<DoorToVisit> {
    let mut doors: Vec<(Option<Timestamp>, DoorToVisit)> = visits(plan)
        .filter_map(|waiting| {
            Some((
                waiting.deadline,
                DoorToVisit {
                    door: bounded(&waiting.door.as_ref()?.name, LONGEST_NAME),
                    partner: bounded(&waiting.partner, LONGEST_NAME),
                    via: match waiting.via {
                        Some("key") => Via::Key,
                        // Both, where the partner had both.
                        Some(_) | None => Via::Door,
                    },
                    reason: waiting.reason.as_str().to_owned(),
                    since: waiting.since?.into(),
                    deadline: waiting.deadline.map(Into::into),
                },
            ))
        })
        .collect();
    doors.sort_by(|(a, door), (b, other)| {
        (a, &door.door, &door.partner, door.via).cmp(&(b, &other.door, &other.partner, other.via))
    });
    doors.into_iter().map(|(_, door)| door).collect()
}
