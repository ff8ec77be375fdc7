//! Who can open a door and how, or where a partner is.

use jiff::Timestamp;
use opendoor_planner::exposure::{Tri, debts, verdict, view_of};
use opendoor_planner::ids::{DoorUuid, PartnerUuid};
use opendoor_planner::ledger::Ledger;
use opendoor_planner::observed::{Observed, Via};
use opendoor_planner::reasons::Reason;
use opendoor_planner::steps::{key_name, name_of_door, partner_name};
use opendoor_reconciler::round::RoundReport;
use serde::Serialize;

/// The answer to `who`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// What was asked for, as it is called.
    pub of: String,
    /// Whether that is a partner; else it is a door.
    pub is_partner: bool,
    /// One row per partner (of a door) or door (of a partner).
    pub rows: Vec<Row>,
    /// Locks of which it is not known who else they accept.
    pub unknown: Vec<String>,
    /// What may be missing from the rows, for a person.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One partner at one door.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The property.
    pub property: String,
    /// The door.
    pub door: String,
    /// The partner.
    pub partner: String,
    /// The ways DOOR OS grants it now.
    pub granted_by: Vec<String>,
    /// The objects that declare it, where that was asked of a cluster.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub declared_by: Vec<String>,
    /// Whether the partner may open the lock: yes, no longer in DOOR OS but still at the lock, or not to be told; of a
    /// cluster also not yet.
    pub opens: &'static str,
    /// Why.
    pub reason: Reason,
    /// Since when access is owed, where it is.
    pub since: Option<Timestamp>,
}

/// What is known of a property: its last look and its ledger.
#[derive(Clone, Copy)]
struct Known<'a> {
    property: &'a str,
    ledger: &'a Ledger,
    observed: &'a Observed,
}

/// Finds a door or a partner by name or uuid. What was not looked at is there as last known.
#[must_use]
pub fn find(report: &RoundReport, what: &str, now: Timestamp) -> Option<Answer> {
    let passes = report.passes.iter();
    let seen = passes.filter_map(|(_, pass)| pass.as_ref().ok());
    let seen = seen.map(|pass| Known {
        property: &pass.plan.name,
        ledger: &pass.ledger,
        observed: &pass.observed,
    });
    let unseen = report.unseen.iter().map(|unseen| Known {
        property: &unseen.property,
        ledger: &unseen.ledger,
        observed: &unseen.observed,
    });
    let mut doors: Vec<(Known<'_>, DoorUuid)> = Vec::new();
    let mut partners: Vec<(Known<'_>, PartnerUuid)> = Vec::new();
    for known in seen.chain(unseen) {
        for door in known_doors(known) {
            if name_of(known, door) == what || door.to_string() == what {
                doors.push((known, door));
            }
        }
        for partner in known_partners(known) {
            let name = partner_name(known.ledger, known.observed, partner);
            if name == what || partner.to_string() == what {
                partners.push((known, partner));
            }
        }
    }
    if doors.is_empty() && partners.is_empty() {
        return None;
    }
    let is_partner = doors.is_empty();
    let mut rows = Vec::new();
    let mut unknown = Vec::new();
    if is_partner {
        for (known, partner) in partners {
            for door in known_doors(known) {
                rows.extend(row_of(known, door, partner, now));
            }
        }
    } else {
        for (known, door) in doors {
            for partner in known_partners(known) {
                rows.extend(row_of(known, door, partner, now));
            }
            let history = known.ledger.doors.get(&door);
            if history.is_some_and(|record| record.unknown.is_some()) {
                unknown.push(what.to_owned());
            }
        }
    }
    rows.sort_by(|a: &Row, b: &Row| {
        (&a.property, &a.door, &a.partner).cmp(&(&b.property, &b.door, &b.partner))
    });
    Some(Answer {
        of: what.to_owned(),
        is_partner,
        rows,
        unknown,
        notes: Vec::new(),
    })
}

/// The doors that were seen, those of the ledger whose absence is not proven, and those whose locks may still open.
fn known_doors(known: Known<'_>) -> Vec<DoorUuid> {
    let mut doors: Vec<DoorUuid> = known.observed.doors.iter().map(|row| row.uuid).collect();
    let incomplete = known.observed.incomplete.is_some();
    let of_ledger = known.ledger.doors.iter();
    // A door that left DOOR OS still has its lock.
    let unseen = of_ledger.filter(|(_, record)| incomplete || !record.may_open.is_empty());
    doors.extend(unseen.map(|(door, _)| *door));
    doors.sort_unstable();
    doors.dedup();
    doors
}

/// A door's name: as DOOR has it, else as we last knew it, else as it is declared, else its uuid.
fn name_of(known: Known<'_>, door: DoorUuid) -> String {
    let name = name_of_door(known.ledger, known.observed, door);
    let mut pins = known.ledger.head.door_pins.iter();
    match pins.find(|(_, pinned)| **pinned == door) {
        Some((declared, _)) if name == door.to_string() => declared.to_string(),
        _ => name,
    }
}

/// Every partner that is authorised, holds something, or may still open a lock.
fn known_partners(known: Known<'_>) -> Vec<PartnerUuid> {
    let mut partners: Vec<PartnerUuid> = known
        .observed
        .partners
        .iter()
        .map(|partner| partner.uuid)
        .chain(
            known
                .observed
                .doors
                .iter()
                .flat_map(|row| row.access.iter().map(|access| access.partner)),
        )
        .chain(
            known
                .ledger
                .doors
                .values()
                .flat_map(|record| record.may_open.iter().map(|entry| entry.partner)),
        )
        .collect();
    partners.sort_unstable();
    partners.dedup();
    partners
}

fn row_of(known: Known<'_>, door: DoorUuid, partner: PartnerUuid, now: Timestamp) -> Option<Row> {
    let (ledger, observed) = (known.ledger, known.observed);
    let record = ledger.doors.get(&door)?;
    let row = observed.door(door);
    let granted_by: Vec<String> = row
        .iter()
        .flat_map(|row| &row.access)
        .filter(|access| access.partner == partner)
        .map(|access| match access.via {
            Via::Door => String::from("door"),
            Via::Key(key) => format!("key \"{}\"", key_name(ledger, observed, key)),
        })
        .collect();
    // Of a door that was not seen, nobody knows whether DOOR OS still grants what it did; nor of a write that was
    // begun and is not settled.
    let mut entries = record.may_open.iter();
    let may = entries.any(|entry| {
        let in_doubt = row.is_none() || entry.intent().is_some();
        entry.partner == partner && (entry.gone.is_some() || in_doubt)
    });
    if granted_by.is_empty() && !may {
        return None;
    }
    let view = view_of(ledger, observed, &[], door, record);
    let verdict = verdict(view, partner, now);
    let opens = match (granted_by.is_empty(), verdict.enforced) {
        (false, _) => "yes",
        (true, Tri::Unknown) => "cannot tell",
        (true, _) => "STILL",
    };
    let since = debts(ledger, observed, &[], now)
        .into_iter()
        .find(|debt| debt.door == door && debt.partner == partner)
        .map(|debt| debt.since);
    Some(Row {
        property: known.property.to_owned(),
        door: name_of(known, door),
        partner: partner_name(ledger, observed, partner),
        granted_by,
        declared_by: Vec::new(),
        opens,
        reason: verdict.reason,
        since,
    })
}
