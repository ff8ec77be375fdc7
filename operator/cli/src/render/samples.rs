//! Plans and rounds for the tests of what is printed.

mod rounds;

pub use rounds::{failed, looked, not_passed, nothing, pass, round, row, store_failed, troubled};

use jiff::Timestamp;
use opendoor_planner::ids::{DoorUuid, KeyUuid};
use opendoor_planner::owner::{Cause, OwnerId, OwnerKind};
use opendoor_planner::plan::{
    Action, HandMade, KeyDoorSetting, KeySettings, Named, Plan, Refusal, Step, Summary, Value,
    Waiting, WaitingKind,
};
use opendoor_planner::reasons::Reason;
use opendoor_planner::writes::Write;
use opendoor_reconciler::table::TablePlan;
use uuid::Uuid;

/// A moment.
pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A door, by a number.
pub fn door(number: u128, name: &str) -> Named<DoorUuid> {
    Named {
        uuid: Some(DoorUuid(Uuid::from_u128(number))),
        name: name.to_owned(),
    }
}

/// Where something is declared.
pub fn cause(kind: &str, name: &str, line: u32, column: Option<u32>) -> Cause {
    Cause {
        kind: kind.to_owned(),
        name: name.to_owned(),
        file: Some(format!("{name}.yaml")),
        line: Some(line),
        column,
    }
}

/// A step at a door.
pub fn door_step(action: Action, number: u128, name: &str, before: Value, after: Value) -> Step {
    let door = door(number, name);
    let partner = match (&after, &before) {
        (Value::Partner(partner), _) | (_, Value::Partner(partner)) => partner.clone(),
        _ => String::new(),
    };
    Step {
        action,
        write: Write::SetDoorPartner {
            door: DoorUuid(Uuid::from_u128(number)),
            partner: None,
            if_match: 1,
        },
        door: Some(door),
        key: None,
        partner,
        holder: None,
        before,
        after,
        irreversible: false,
        holders_affected: None,
        visits: Vec::new(),
        offline: true,
        held: None,
        still_opens_by: Vec::new(),
        cause: cause("DoorAssignment", "parcel-runner", 7, None),
        owner: owner(OwnerKind::DoorAssignment, "parcel-runner"),
        shared_with: Vec::new(),
        fingerprint: format!("f-{number}"),
        losses: Vec::new(),
        grants: Vec::new(),
        uncharged: false,
        widens: Vec::new(),
        restores: false,
    }
}

/// A step at a key.
pub fn key_step(action: Action, name: &str, before: Value, after: Value) -> Step {
    let number = u128::from(name.len() as u64) + 1000;
    let uuid = (action != Action::CreateKey).then(|| KeyUuid(Uuid::from_u128(number)));
    let partner = match (&after, &before) {
        (Value::Key(key), _) | (_, Value::Key(key)) => key.partner.clone().unwrap_or_default(),
        _ => String::new(),
    };
    Step {
        door: None,
        key: Some(Named {
            uuid,
            name: name.to_owned(),
        }),
        partner,
        write: Write::DeleteKey {
            key: KeyUuid(Uuid::from_u128(number)),
            if_match: 1,
        },
        cause: cause(
            "PartnerKey",
            &name.to_lowercase().replace(' ', "-"),
            1,
            None,
        ),
        owner: owner(OwnerKind::PartnerKey, &name.to_lowercase()),
        fingerprint: format!("f-{name}"),
        ..door_step(action, 0, "", before, after)
    }
}

/// A partner on a door.
pub fn partner(name: &str) -> Value {
    Value::Partner(name.to_owned())
}

/// A key's settings.
pub fn key(name: &str, partner: Option<&str>, doors: &[(&str, bool)], schedule: &[&str]) -> Value {
    Value::Key(KeySettings {
        name: name.to_owned(),
        partner: partner.map(str::to_owned),
        doors: doors
            .iter()
            .map(|(name, provide_doorcodes)| KeyDoorSetting {
                name: (*name).to_owned(),
                provide_doorcodes: *provide_doorcodes,
            })
            .collect(),
        schedule: schedule
            .iter()
            .map(|interval| (*interval).to_owned())
            .collect(),
    })
}

/// An object.
pub fn owner(kind: OwnerKind, name: &str) -> OwnerId {
    OwnerId::new(kind, name, None)
}

/// An empty plan.
pub fn empty() -> Plan {
    Plan {
        name: String::from("harbor-point"),
        building: String::from("Harbor Point"),
        plan_id: String::from("p-0123456789ab"),
        complete: true,
        doors: 28,
        keys: 2,
        ..Plan::default()
    }
}

/// The plan of the design: two additions, a removal, a refusal.
pub fn day() -> Plan {
    let six = ["A", "B", "C", "D", "E", "F"].map(|name| (name, false));
    let mut removal = door_step(
        Action::RemoveDoor,
        2,
        "Garage Gate",
        partner("Parcel Runner"),
        Value::None,
    );
    removal.visits = vec![door(2, "Garage Gate")];
    Plan {
        summary: Summary {
            grants: 7,
            removals: 1,
            key_creates: 1,
            refused: 1,
            door_visits: 1,
            ..Summary::default()
        },
        steps: vec![
            removal,
            door_step(
                Action::AssignDoor,
                1,
                "Front Entrance",
                Value::None,
                partner("Parcel Runner"),
            ),
            key_step(
                Action::CreateKey,
                "Vacant tours",
                Value::None,
                key(
                    "Vacant tours",
                    Some("TourPass"),
                    &six,
                    &["Mon Tue 09:00-17:00"],
                ),
            ),
        ],
        refusals: vec![Refusal {
            cause: cause("PartnerKey", "cleaners", 7, Some(12)),
            reason: Reason::PartnerImmutable,
            message: String::from(
                "DOOR OS never changes a key's partner. Create a new key, move its 5 holders, then delete this one; their \
                 doorcodes go with it.",
            ),
            owner: Some(owner(OwnerKind::PartnerKey, "cleaners")),
        }],
        ..empty()
    }
}

/// A plan with something held, a key that changes, and people's errands.
pub fn busy() -> Plan {
    let mut moved = door_step(
        Action::ChangeDoor,
        3,
        "Mail Room",
        partner("OldCo"),
        partner("Parcel Runner"),
    );
    moved.held = Some(Reason::DoorHeldByOther);
    let mut narrowed = key_step(
        Action::UpdateKey,
        "Cleaners",
        key(
            "Cleaners",
            Some("CleanCo"),
            &[("Gate", true), ("Hall", false)],
            &[],
        ),
        key(
            "Cleaning",
            Some("CleanCo"),
            &[("Gate", false)],
            &["Mon 09:00-12:00"],
        ),
    );
    narrowed.holders_affected = Some(5);
    narrowed.still_opens_by = vec![String::from("its assignment to Hall")];
    let mut gone = key_step(
        Action::DeleteKey,
        "Old",
        key("Old", Some("OldCo"), &[("Gate", false)], &[]),
        Value::None,
    );
    gone.irreversible = true;
    gone.holders_affected = Some(1);
    gone.held = Some(Reason::HoldersAffected);
    Plan {
        hold_id: Some(String::from("h-77aa")),
        summary: Summary {
            key_updates: 1,
            key_deletes: 1,
            grants: 1,
            removals: 3,
            held: 2,
            ..Summary::default()
        },
        steps: vec![moved, gone, narrowed],
        waiting: waiting(),
        unmanaged: vec![HandMade {
            what: String::from("Side Door"),
            door: Some(DoorUuid(Uuid::from_u128(9))),
            partner: String::from("OldCo"),
            change: String::from("partner put on the door by hand"),
            owner: None,
            key: None,
        }],
        drifted: vec![HandMade {
            what: String::from("Lobby"),
            door: Some(DoorUuid(Uuid::from_u128(8))),
            partner: String::from("Parcel Runner"),
            change: String::from("partner taken off the door"),
            owner: Some(owner(OwnerKind::DoorAssignment, "parcel-runner")),
            key: None,
        }],
        notes: vec![String::from(
            "3 locks have a history that is not known here.",
        )],
        ..empty()
    }
}

/// A Door Sync, an e-mail for two doors, and a withdrawal.
pub fn waiting() -> Vec<Waiting> {
    let base = Waiting {
        kind: WaitingKind::Sync,
        door: Some(door(2, "Garage Gate")),
        partner: String::from("Parcel Runner"),
        via: Some("door"),
        since: Some(at("2026-06-01T07:00:00Z")),
        deadline: Some(at("2026-06-02T07:00:00Z")),
        reason: Reason::DoorSyncRequired,
        owner: None,
    };
    let email = Waiting {
        kind: WaitingKind::Email,
        door: None,
        partner: String::from("CleanCo"),
        via: None,
        deadline: None,
        reason: Reason::AwaitingAuthorization,
        ..base.clone()
    };
    let authorization = |number, name| Waiting {
        kind: WaitingKind::Authorization,
        door: Some(door(number, name)),
        via: Some("door"),
        since: None,
        ..email.clone()
    };
    vec![
        base,
        email.clone(),
        Waiting {
            partner: String::from("OldCo"),
            reason: Reason::InUse,
            ..email.clone()
        },
        authorization(4, "Pool"),
        authorization(5, "Gym"),
    ]
}

/// A plan made against a table of doors.
pub fn tabled(plan: Plan) -> TablePlan {
    TablePlan {
        plans: vec![plan],
        ..TablePlan::default()
    }
}
