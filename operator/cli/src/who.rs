//! Who can open a door and how, or where a partner is.

use jiff::Timestamp;
use opendoor_planner::exposure::{Tri, debts, verdict, view_of};
use opendoor_planner::ids::{DoorUuid, PartnerUuid};
use opendoor_planner::observed::Via;
use opendoor_planner::reasons::Reason;
use opendoor_planner::steps::{key_name, partner_name};
use opendoor_reconciler::pass::PassReport;
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

/// Finds a door or a partner by name or uuid.
#[must_use]
pub fn find(report: &RoundReport, what: &str, now: Timestamp) -> Option<Answer> {
    let passes: Vec<&PassReport> = report
        .passes
        .iter()
        .filter_map(|(_, pass)| pass.as_ref().ok())
        .collect();
    let mut doors: Vec<(&PassReport, DoorUuid)> = Vec::new();
    let mut partners: Vec<(&PassReport, PartnerUuid)> = Vec::new();
    for pass in &passes {
        for row in &pass.observed.doors {
            if *row.name == *what || row.uuid.to_string() == what {
                doors.push((pass, row.uuid));
            }
        }
        for partner in known_partners(pass) {
            let name = partner_name(&pass.ledger, &pass.observed, partner);
            if name == what || partner.to_string() == what {
                partners.push((pass, partner));
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
        for (pass, partner) in partners {
            for row in &pass.observed.doors {
                rows.extend(row_of(pass, row.uuid, partner, now));
            }
        }
    } else {
        for (pass, door) in doors {
            for partner in known_partners(pass) {
                rows.extend(row_of(pass, door, partner, now));
            }
            let history = pass.ledger.doors.get(&door);
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

/// Every partner that is authorised, holds something, or may still open a lock.
fn known_partners(pass: &PassReport) -> Vec<PartnerUuid> {
    let mut partners: Vec<PartnerUuid> = pass
        .observed
        .partners
        .iter()
        .map(|partner| partner.uuid)
        .chain(
            pass.observed
                .doors
                .iter()
                .flat_map(|row| row.access.iter().map(|access| access.partner)),
        )
        .chain(
            pass.ledger
                .doors
                .values()
                .flat_map(|record| record.may_open.iter().map(|entry| entry.partner)),
        )
        .collect();
    partners.sort_unstable();
    partners.dedup();
    partners
}

fn row_of(pass: &PassReport, door: DoorUuid, partner: PartnerUuid, now: Timestamp) -> Option<Row> {
    let record = pass.ledger.doors.get(&door)?;
    let row = pass.observed.door(door)?;
    let granted_by: Vec<String> = row
        .access
        .iter()
        .filter(|access| access.partner == partner)
        .map(|access| match access.via {
            Via::Door => String::from("door"),
            Via::Key(key) => format!("key \"{}\"", key_name(&pass.ledger, &pass.observed, key)),
        })
        .collect();
    let owed = record
        .may_open
        .iter()
        .any(|entry| entry.partner == partner && entry.gone.is_some());
    if granted_by.is_empty() && !owed {
        return None;
    }
    let view = view_of(&pass.ledger, &pass.observed, &[], door, record);
    let verdict = verdict(view, partner, now);
    let opens = match (granted_by.is_empty(), verdict.enforced) {
        (false, _) => "yes",
        (true, Tri::Unknown) => "cannot tell",
        (true, _) => "STILL",
    };
    let since = debts(&pass.ledger, &pass.observed, &[], now)
        .into_iter()
        .find(|debt| debt.door == door && debt.partner == partner)
        .map(|debt| debt.since);
    Some(Row {
        property: pass.plan.name.clone(),
        door: row.name.to_string(),
        partner: partner_name(&pass.ledger, &pass.observed, partner),
        granted_by,
        declared_by: Vec::new(),
        opens,
        reason: verdict.reason,
        since,
    })
}
