//! The client against the simulator, which shares no code with it, only the contract.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use opendoor_door_os::{
    Building, Client, Config, Credentials, DoorOs, Endpoint, FnTransport, Secret, Transport,
    TransportError,
};
use opendoor_planner::ids::{DoorUuid, PartnerUuid};
use opendoor_planner::observed::{Holder, KeyDoor, Observed, Via};
use opendoor_planner::writes::{Answer, KeyPatch, Write};
use opendoor_simulator::contract_check::check_exchange;
use opendoor_simulator::{Clock, Fault, Outcome, Simulator, WorldFile};
use tokio::time::Instant;

use crate::script::NOON;

const MAX_BODY: usize = 4 << 20;

fn world(doors: usize) -> Simulator {
    let mut yaml = String::from(
        "partners:\n  - { name: Parcel Runner, authorizedAt: [Harbor Point] }\n  - { name: CleanCo }\n\
         buildings:\n  - name: Harbor Point\n    timezone: America/New_York\n    doors:\n",
    );
    for door in 1..=doors {
        yaml.push_str(&format!("      - {{ name: Door {door} }}\n"));
    }
    yaml.push_str(
        "    keys:\n      - { name: Staff, doors: [Door 1], holders: { RESIDENT: 2 } }\n",
    );
    let noon: Timestamp = NOON.parse().unwrap();
    Simulator::new(WorldFile::parse(&yaml).unwrap(), 7, Clock::manual(noon)).unwrap()
}

/// A client of a simulated world, and the exchanges that break the contract.
fn connect(world: &Simulator) -> (Client<impl Transport>, Arc<Mutex<Vec<String>>>) {
    connect_with(world, true)
}

fn connect_with(
    world: &Simulator,
    follow_simulated_time: bool,
) -> (Client<impl Transport>, Arc<Mutex<Vec<String>>>) {
    let breaches = Arc::new(Mutex::new(Vec::new()));
    let (kept, world) = (breaches.clone(), world.clone());
    let transport = FnTransport(move |request: Request<Bytes>| {
        let asked = (
            request.method().to_string(),
            request.uri().path().to_owned(),
            request.body().clone(),
        );
        let outcome = world.handle(request);
        let kept = kept.clone();
        async move {
            match outcome {
                Outcome::Lost { delay } => {
                    tokio::time::sleep(delay).await;
                    Err(TransportError::broken("connection reset by peer"))
                }
                Outcome::Respond { delay, response } => {
                    tokio::time::sleep(delay).await;
                    if response.body().len() > MAX_BODY {
                        return Err(TransportError::too_large(MAX_BODY));
                    }
                    let (method, path, body) = &asked;
                    let status = response.status().as_u16();
                    if let Err(breach) = check_exchange(method, path, status, body, response.body())
                    {
                        kept.lock().unwrap().push(breach);
                    }
                    Ok(response)
                }
            }
        }
    });
    let origin = Instant::now();
    let noon: Timestamp = NOON.parse().unwrap();
    let config = Config {
        seed: 7,
        wall_clock: Arc::new(move || noon + origin.elapsed()),
        follow_simulated_time,
        ..Config::default()
    };
    let demo = Credentials {
        client_id: "demo".to_owned(),
        secret: Secret::new("demo"),
    };
    let client = Client::new(Endpoint::in_process().unwrap(), transport, demo, config);
    (client, breaches)
}

fn faults(world: &Simulator, faults: &str) {
    let faults: Vec<Fault> = serde_json::from_str(faults).unwrap();
    world.set_faults(faults).unwrap();
}

/// A look at the only building.
async fn look(client: &impl DoorOs) -> (Building, Observed) {
    let building = client.buildings().await.unwrap().remove(0);
    let observed = client.observe(&building).await.unwrap();
    (building, observed)
}

fn door(world: &Simulator, name: &str) -> DoorUuid {
    DoorUuid(world.door_uuid("Harbor Point", name).unwrap())
}

fn partner(world: &Simulator, name: &str) -> PartnerUuid {
    PartnerUuid(world.partner_uuid(name).unwrap())
}

#[tokio::test(start_paused = true)]
async fn every_call_of_the_contract_does_what_it_says() {
    let world = world(3);
    let (client, breaches) = connect(&world);
    let (building, observed) = look(&client).await;
    assert_eq!(building.name, "Harbor Point");
    assert_eq!(observed.incomplete, None);
    assert_eq!((observed.doors.len(), observed.keys.len()), (3, 1));
    assert_eq!(observed.partners[0].name, "Parcel Runner");
    assert_eq!(observed.keys[0].holders, Some(2));
    assert_eq!(observed.at.to_string(), NOON);

    let (runner, front) = (partner(&world, "Parcel Runner"), door(&world, "Door 1"));
    let row = observed.door(front).unwrap();
    let assign = |partner, if_match| Write::SetDoorPartner {
        door: front,
        partner,
        if_match,
    };
    let Answer::Applied { doors, .. } = client
        .send(&assign(Some(runner), row.revision.unwrap()))
        .await
    else {
        panic!("not assigned");
    };
    assert_eq!(doors[0].holder, Holder::Partner(runner));
    assert_eq!(doors[0].access[0].via, Via::Door);
    let refused = |code: &str| Answer::Refused {
        code: code.to_owned(),
    };
    let stale = client.send(&assign(None, row.revision.unwrap())).await;
    assert_eq!(stale, refused("REVISION_MISMATCH"));
    let unknown = partner(&world, "CleanCo");
    let now = doors[0].revision.unwrap();
    let refusal = client.send(&assign(Some(unknown), now)).await;
    assert_eq!(refusal, refused("PARTNER_NOT_AUTHORIZED"));

    let create = Write::CreateKey {
        building: building.uuid,
        name: "Tours".to_owned(),
        partner: runner,
        doors: vec![KeyDoor {
            door: door(&world, "Door 2"),
            doorcodes: true,
        }],
        schedule: vec![],
        client_ref: "ref".to_owned(),
    };
    let Answer::Applied {
        key: Some(key),
        doors,
    } = client.send(&create).await
    else {
        panic!("not created");
    };
    assert_eq!((key.partner, doors.len()), (Some(runner), 1));
    let Answer::Applied { key: again, doors } = client.send(&create).await else {
        panic!("not recognised");
    };
    assert_eq!((again.as_ref(), doors.len()), (Some(&key), 0));
    let edit = Write::UpdateKey {
        key: key.uuid,
        if_match: key.revision.unwrap(),
        patch: KeyPatch {
            name: Some("Tours and viewings".to_owned()),
            add_doors: vec![KeyDoor {
                door: front,
                doorcodes: false,
            }],
            ..KeyPatch::default()
        },
    };
    assert!(matches!(client.send(&edit).await, Answer::Applied { .. }));
    let key = client.key(key.uuid).await.unwrap().unwrap();
    assert_eq!(key.doors.len(), 2);
    let delete = Write::DeleteKey {
        key: key.uuid,
        if_match: key.revision.unwrap(),
    };
    let Answer::Applied { key: None, doors } = client.send(&delete).await else {
        panic!("not deleted");
    };
    assert_eq!(doors.len(), 2);
    assert_eq!(client.key(key.uuid).await, Ok(None));
    assert!(client.door(front).await.unwrap().is_some());
    assert_eq!(client.send(&create).await, refused("KEY_DELETED"));
    assert_eq!(*breaches.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_look_costs_its_pages_and_three_calls() {
    let world = world(1200);
    let (client, _) = connect(&world);
    let (_, observed) = look(&client).await;
    assert_eq!((observed.incomplete, observed.doors.len()), (None, 1200));
    // Token, buildings, partners; three pages of doors, one of keys.
    assert_eq!(world.calls().values().sum::<u64>(), 7);
    assert_eq!(client.counters().requests, 7);
}

#[tokio::test(start_paused = true)]
async fn no_damaged_list_passes_for_a_complete_one() {
    let world = world(1200);
    let (_, all) = look(&connect(&world).0).await;
    for (kind, more) in [
        ("truncatedList", ""),
        ("lostPage", ""),
        ("repeatedPage", ""),
        ("shiftingPages", r#","mode":"skip""#),
        ("shiftingPages", r#","mode":"duplicate""#),
        ("reorderedPage", ""),
    ] {
        for after in 0..2 {
            let (client, _) = connect(&world);
            faults(
                &world,
                &format!(
                    r#"[{{"kind":"{kind}","path":"/v1/doors","after":{after},"count":1{more}}}]"#
                ),
            );
            let (_, observed) = look(&client).await;
            let fault = observed.incomplete.unwrap_or_default();
            assert!(
                fault.starts_with("doors: "),
                "{kind} {more} after {after}: {} of {} rows, {fault:?}",
                observed.doors.len(),
                all.doors.len()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn oddities_that_lose_nothing_leave_the_look_complete() {
    let world = world(600);
    for fault in [
        r#"{"kind":"unknownEnum"}"#,
        r#"{"kind":"extraNulls"}"#,
        r#"{"kind":"leakResidents"}"#,
        r#"{"kind":"noLockRevision"}"#,
        r#"{"kind":"malformedJson","count":1}"#,
        r#"{"kind":"expiredTokens","count":1}"#,
        r#"{"kind":"throttled","count":2,"retryAfter":3}"#,
        r#"{"kind":"serverError","count":2,"body":"html"}"#,
        r#"{"kind":"latency","seconds":5}"#,
        r#"{"kind":"hugeBody","count":1,"path":"/v1/doors"}"#,
    ] {
        let (client, _) = connect(&world);
        faults(&world, &format!("[{fault}]"));
        let (_, observed) = look(&client).await;
        assert_eq!(observed.incomplete, None, "{fault}");
        assert_eq!(observed.doors.len(), 600, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_that_stay_too_large_make_the_look_incomplete() {
    let world = world(3);
    let (client, _) = connect(&world);
    faults(&world, r#"[{"kind":"hugeBody","path":"/v1/doors"}]"#);
    let (_, observed) = look(&client).await;
    let fault = observed.incomplete.unwrap();
    assert!(fault.contains("too large to read"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_unknown_and_the_write_is_sent_once() {
    let world = world(1);
    let (client, _) = connect(&world);
    let (_, observed) = look(&client).await;
    faults(&world, r#"[{"kind":"lostAnswer","method":"PUT"}]"#);
    let write = Write::SetDoorPartner {
        door: observed.doors[0].uuid,
        partner: Some(partner(&world, "Parcel Runner")),
        if_match: observed.doors[0].revision.unwrap(),
    };
    let answer = client.send(&write).await;
    assert!(matches!(answer, Answer::Unknown { .. }), "{answer:?}");
    assert_eq!(world.calls()["PUT /v1/doors/{uuid}/partner"], 1);
    let row = client.door(observed.doors[0].uuid).await.unwrap().unwrap();
    assert!(row.revision > observed.doors[0].revision);
}

#[tokio::test(start_paused = true)]
async fn attempts_stay_within_a_tenth_of_the_calls_when_every_tenth_fails() {
    let world = world(1);
    let (client, _) = connect(&world);
    let (_, observed) = look(&client).await;
    faults(&world, r#"[{"kind":"serverError","probability":0.1}]"#);
    for _ in 0..500 {
        let _ = client.door(observed.doors[0].uuid).await;
    }
    let counters = client.counters();
    assert!(counters.retries <= 37, "{counters:?}");
}

#[tokio::test(start_paused = true)]
async fn a_skewed_server_is_noticed_by_a_caller_with_its_own_clock() {
    let world = world(1);
    let (client, _) = connect_with(&world, false);
    faults(&world, r#"[{"kind":"skewedDate","seconds":300}]"#);
    look(&client).await;
    assert!(client.time().unwrap().skewed());
}
