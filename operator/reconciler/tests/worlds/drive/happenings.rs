//! What people, phones and DOOR's integrations team do, through the simulator's own calls.

use std::rc::Rc;

use bytes::Bytes;
use http::Request;
use opendoor_simulator::{Outcome, Simulator};
use serde_json::{Value, json};

use crate::events::{Happening, Pick};
use crate::world::Place;

/// A call of the simulator's own interface; what it refuses does not happen.
pub fn call(simulator: &Simulator, method: &str, path: &str, body: &Value) -> Value {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Bytes::from(body.to_string()))
        .unwrap();
    match simulator.handle(request) {
        Outcome::Respond { response, .. } => {
            serde_json::from_slice(response.body()).unwrap_or(Value::Null)
        }
        Outcome::Lost { .. } => Value::Null,
    }
}

/// The world as it is; its log since the last call of this.
pub fn state(simulator: &Simulator) -> Value {
    let state = call(simulator, "GET", "/sim/v1/state", &Value::Null);
    // The log starts anew, so that it is read once: an edit that changes nothing trims it.
    let mut parameters = state["parameters"].clone();
    let limit = parameters["logLimit"].clone();
    parameters["logLimit"] = json!(0);
    call(simulator, "PUT", "/sim/v1/parameters", &parameters);
    if let Some(door) = state["buildings"]
        .as_array()
        .into_iter()
        .flatten()
        .find_map(|building| building["doors"][0]["uuid"].as_str())
    {
        call(
            simulator,
            "PATCH",
            &format!("/sim/v1/doors/{door}"),
            &json!({}),
        );
    }
    parameters["logLimit"] = limit;
    call(simulator, "PUT", "/sim/v1/parameters", &parameters);
    state
}

/// What there is to pick from.
struct Stock {
    doors: Vec<String>,
    units: Vec<String>,
    keys: Vec<(String, Vec<String>)>,
    serials: u64,
}

fn stock(simulator: &Simulator) -> Stock {
    let state = call(simulator, "GET", "/sim/v1/state", &Value::Null);
    let mut stock = Stock {
        doors: Vec::new(),
        units: Vec::new(),
        keys: Vec::new(),
        serials: 0,
    };
    for building in state["buildings"].as_array().unwrap() {
        let mut doors = Vec::new();
        for door in building["doors"].as_array().unwrap() {
            let uuid = door["uuid"].as_str().unwrap().to_owned();
            if door["unit"].is_object() {
                stock.units.push(uuid.clone());
            }
            stock.serials += door["version"].as_u64().unwrap();
            doors.push(uuid);
        }
        for key in building["keys"].as_array().unwrap() {
            let uuid = key["uuid"].as_str().unwrap().to_owned();
            stock.keys.push((uuid, doors.clone()));
        }
        stock.doors.extend(doors);
    }
    stock
}

fn pick<T: Clone>(from: &[T], at: Pick) -> Option<T> {
    let count = u32::try_from(from.len()).unwrap();
    (count > 0).then(|| from[usize::try_from(at % count).unwrap()].clone())
}

/// Lets something happen.
pub fn happen(simulator: &Simulator, place: &Rc<Place>, happening: &Happening) {
    let stock = stock(simulator);
    let Some((method, path, body)) = request(place, &stock, happening) else {
        return;
    };
    call(simulator, method, &path, &body);
}

/// A person edits the doors and keys that writes under way are about.
pub fn overtake(simulator: &Simulator, place: &Place, under_way: &[String], partner: Option<Pick>) {
    for (number, path) in under_way.iter().enumerate() {
        let body = if path.starts_with("keys/") {
            json!({"schedule": [{"days": ["SATURDAY"], "from": "09:00", "to": "10:00"}]})
        } else if number % 2 == 1 {
            json!({"name": format!("Overtaken {number}")})
        } else {
            json!({"partner": partner.and_then(|at| pick(&place.partners, at))})
        };
        call(simulator, "PATCH", &format!("/sim/v1/{path}"), &body);
    }
}

fn request(
    place: &Place,
    stock: &Stock,
    happening: &Happening,
) -> Option<(&'static str, String, Value)> {
    let door = |at: Pick| pick(&stock.doors, at).map(|door| format!("/sim/v1/doors/{door}"));
    let key = |at: Pick| pick(&stock.keys, at).map(|(key, _)| format!("/sim/v1/keys/{key}"));
    let partner = |at: Pick| pick(&place.partners, at);
    let building = |at: Pick| pick(&place.buildings, at);
    Some(match happening {
        Happening::DoorPartner(at, wanted) => {
            let wanted = wanted.and_then(partner);
            ("PATCH", door(*at)?, json!({"partner": wanted}))
        }
        Happening::DoorName(at) => {
            let name = format!("Renamed {}", stock.serials);
            ("PATCH", door(*at)?, json!({"name": name}))
        }
        Happening::DoorRemoved(at) => ("DELETE", door(*at)?, Value::Null),
        Happening::KeyMade(at, owner, doors) => {
            let building = building(*at)?;
            let chosen: Vec<&String> = building
                .doors
                .iter()
                .enumerate()
                .filter(|(index, name)| {
                    doors >> (index % 60) & 3 == 3
                        && building.doors.iter().filter(|other| other == name).count() == 1
                })
                .map(|(_, name)| name)
                .collect();
            let body = json!({
                "building": building.name,
                "name": format!("By hand {}", stock.serials),
                "partner": owner.and_then(partner),
                "doors": chosen,
            });
            ("POST", String::from("/sim/v1/keys"), body)
        }
        Happening::KeyDoors(at, which, on) => {
            let (_, doors) = pick(&stock.keys, *at)?;
            let field = if *on { "addDoors" } else { "removeDoors" };
            ("PATCH", key(*at)?, json!({field: [pick(&doors, *which)?]}))
        }
        Happening::KeyDeleted(at) => ("DELETE", key(*at)?, Value::Null),
        Happening::KeyRenamed(at) => {
            let name = format!("Called {}", stock.serials);
            ("PATCH", key(*at)?, json!({"name": name}))
        }
        Happening::KeySchedule(at) => {
            let schedule = json!([{"days": ["SUNDAY"], "from": "10:00", "to": "11:00"}]);
            ("PATCH", key(*at)?, json!({"schedule": schedule}))
        }
        Happening::KeyHolders(at, count) => {
            let holders = json!({"RESIDENT": count});
            ("PATCH", key(*at)?, json!({"holders": holders}))
        }
        Happening::Connected(at, on) => ("PATCH", door(*at)?, json!({"connected": on})),
        Happening::Unreachable(at) => ("PATCH", door(*at)?, json!({"reachable": false})),
        Happening::DeviceSwapped(at) => {
            let serial = format!("S-{}", stock.serials);
            ("PATCH", door(*at)?, json!({"serialNumber": serial}))
        }
        Happening::DeviceTaken(at) => ("PATCH", door(*at)?, json!({"serialNumber": null})),
        Happening::LockRestored(at) => ("POST", format!("{}/restore-lock", door(*at)?), json!({})),
        Happening::Sync(at, kind, phase) => {
            let door = pick(&stock.doors, *at)?;
            let path = format!("/app/v1/doors/{door}/sync");
            ("POST", path, json!({"kind": kind, "phase": phase}))
        }
        Happening::FirstUse(at, who) => {
            let door = pick(&stock.doors, *at)?;
            let who = partner_uuid(place, *who)?;
            (
                "POST",
                format!("/locks/{door}/try"),
                json!({"partnerUuid": who}),
            )
        }
        Happening::Vacancy(at, vacant) => {
            let unit = pick(&stock.units, *at)?;
            let vacancy = if *vacant { "VACANT" } else { "OCCUPIED" };
            (
                "PATCH",
                format!("/sim/v1/doors/{unit}"),
                json!({"vacancy": vacancy}),
            )
        }
        Happening::Authorised(at, who) => {
            decision(building(*at)?.name, partner(*who)?, true, false)
        }
        Happening::Withdrawn(at, who, force) => {
            decision(building(*at)?.name, partner(*who)?, false, *force)
        }
    })
}

fn decision(
    building: &str,
    partner: &str,
    authorised: bool,
    force: bool,
) -> (&'static str, String, Value) {
    let state = if authorised {
        "Authorized"
    } else {
        "Withdrawn"
    };
    let body = json!({"building": building, "partner": partner, "state": state, "force": force});
    ("POST", String::from("/sim/v1/partners"), body)
}

fn partner_uuid(place: &Place, at: Pick) -> Option<uuid::Uuid> {
    let at = usize::try_from(at).unwrap() % place.partners.len();
    place.uuids.get(at).copied()
}
