//! Partners of a property: authorised by DOOR's integrations team after an e-mail, withdrawn the same
//! way (DOMAIN 3.1, 3.4). Nothing here grants anything; it says who may be used and which e-mails are due.

use jiff::Timestamp;
use uuid::Uuid;

use crate::ids::PartnerUuid;
use crate::intake::Taken;
use crate::ledger::{Ledger, PartnerRecord};
use crate::observed::{Holder, Observed};
use crate::plan::{Refusal, Waiting, WaitingKind};
use crate::reasons::Reason;
use crate::resolve::identity_changed;
use crate::steps::name_of_door;

/// Brings the records of the property's partners up to date with its list and DOOR's.
pub(crate) fn take_in_partners(
    ledger: &mut Ledger,
    observed: &Observed,
    taken: &mut Taken,
    now: Timestamp,
) {
    let Some(property) = &ledger.head.property else {
        return;
    };
    let listed = property.spec.partners.clone();
    let mut records = ledger.head.partners.clone();
    for partner in &listed {
        let written = partner
            .uuid
            .as_deref()
            .and_then(|uuid| uuid.parse::<Uuid>().ok())
            .map(PartnerUuid);
        let before = records.get(&partner.name);
        let uuid = written
            .or_else(|| before.and_then(|record| record.uuid))
            .or_else(|| by_name(observed, &partner.name));
        let authorized = is_authorized(observed, uuid, before);
        update(&mut records, &partner.name, uuid, true, authorized, now);
    }
    let unlisted: Vec<(String, Option<PartnerUuid>)> = records
        .iter()
        .filter(|(name, _)| listed.iter().all(|partner| partner.name != **name))
        .map(|(name, record)| (name.clone(), record.uuid))
        .collect();
    for (name, uuid) in unlisted {
        // The same partner listed under another name or by its uuid is no withdrawal.
        let renamed = uuid.is_none()
            || records
                .iter()
                .any(|(other, record)| *other != name && record.listed && record.uuid == uuid);
        if renamed {
            records.remove(&name);
            continue;
        }
        let authorized = is_authorized(observed, uuid, records.get(&name));
        update(&mut records, &name, uuid, false, authorized, now);
    }
    for (name, record) in &records {
        let another_has_the_name = identity_changed(observed, name, record).is_some();
        if record.listed && !record.authorized && !another_has_the_name {
            taken.waiting.push(Waiting {
                kind: WaitingKind::Email,
                door: None,
                partner: name.clone(),
                via: None,
                since: Some(record.since),
                deadline: None,
                reason: Reason::AwaitingAuthorization,
                owner: None,
            });
        }
    }
    if records != ledger.head.partners {
        ledger.head_mut().partners = records;
    }
}

/// The partner that alone has a name. The name is bound to it for good, so an incomplete look, which may
/// not show another of that name, does not say.
fn by_name(observed: &Observed, name: &str) -> Option<PartnerUuid> {
    if observed.incomplete.is_some() {
        return None;
    }
    let mut found = observed
        .partners
        .iter()
        .filter(|partner| partner.name == name);
    match (found.next(), found.next()) {
        (Some(partner), None) => Some(partner.uuid),
        _ => None,
    }
}

/// Whether a look shows a partner of a listed name that was not bound to anybody yet. From an incomplete
/// look it is not bound, but DOOR has authorised it or another of its name.
pub(crate) fn is_shown_unbound(ledger: &Ledger, observed: &Observed, name: &str) -> bool {
    let record = ledger.head.partners.get(name);
    record.is_some_and(|record| record.uuid.is_none())
        && observed.partners.iter().any(|partner| partner.name == name)
}

/// Whether DOOR has a partner authorised here. What an incomplete look does not show has not ended.
fn is_authorized(
    observed: &Observed,
    uuid: Option<PartnerUuid>,
    before: Option<&PartnerRecord>,
) -> bool {
    let Some(uuid) = uuid else {
        return false;
    };
    let seen = observed.partners.iter().any(|partner| partner.uuid == uuid);
    let was = before.is_some_and(|record| record.uuid == Some(uuid) && record.authorized);
    seen || (observed.incomplete.is_some() && was)
}

fn update(
    records: &mut std::collections::BTreeMap<String, PartnerRecord>,
    name: &str,
    uuid: Option<PartnerUuid>,
    listed: bool,
    authorized: bool,
    now: Timestamp,
) {
    let since = records
        .get(name)
        .filter(|record| record.listed == listed && record.authorized == authorized)
        .map_or(now, |record| record.since);
    records.insert(
        name.to_owned(),
        PartnerRecord {
            uuid,
            listed,
            authorized,
            since,
        },
    );
}

/// Partners no longer listed: refused while something references them, then an e-mail, then done.
pub(crate) fn withdrawals(ledger: &Ledger, observed: &Observed) -> (Vec<Refusal>, Vec<Waiting>) {
    let mut refusals = Vec::new();
    let mut waiting = Vec::new();
    let Some(property) = &ledger.head.property else {
        return (refusals, waiting);
    };
    // What was not seen may be what still references it.
    if observed.incomplete.is_some() {
        return (refusals, waiting);
    }
    for (name, record) in &ledger.head.partners {
        let Some(uuid) = record.uuid.filter(|_| !record.listed) else {
            continue;
        };
        let uses = references(ledger, observed, uuid);
        if !uses.is_empty() {
            refusals.push(Refusal {
                cause: property.cause.clone(),
                reason: Reason::InUse,
                message: format!(
                    "{name} cannot be withdrawn from {} yet: {}. Remove these first; the e-mail to DOOR follows by itself.",
                    observed.building_name,
                    listing(&uses, 10)
                ),
                owner: None,
            });
        } else if record.authorized {
            waiting.push(Waiting {
                kind: WaitingKind::Email,
                door: None,
                partner: name.clone(),
                via: None,
                since: Some(record.since),
                deadline: None,
                reason: Reason::InUse,
                owner: None,
            });
        }
    }
    (refusals, waiting)
}

/// Forgets partners that were withdrawn and that DOOR no longer has.
pub(crate) fn forget_withdrawn(ledger: &mut Ledger, observed: &Observed) {
    if observed.incomplete.is_some() {
        return;
    }
    let done: Vec<String> = ledger
        .head
        .partners
        .iter()
        .filter(|(_, record)| {
            !record.listed
                && !record.authorized
                && record
                    .uuid
                    .is_none_or(|uuid| references(ledger, observed, uuid).is_empty())
        })
        .map(|(name, _)| name.clone())
        .collect();
    for name in done {
        ledger.head_mut().partners.remove(&name);
    }
}

fn references(ledger: &Ledger, observed: &Observed, partner: PartnerUuid) -> Vec<String> {
    let mut uses: Vec<String> = Vec::new();
    for row in &observed.doors {
        if row.holder == Holder::Partner(partner) {
            uses.push(format!("the door \"{}\"", row.name));
        }
    }
    for row in &observed.keys {
        if row.partner == Some(partner) {
            uses.push(format!("the key \"{}\"", row.name));
        }
    }
    for (door, record) in &ledger.doors {
        let owed = record.may_open.iter().any(|entry| {
            entry.partner == partner && (entry.gone.is_some() || entry.revision().is_none())
        });
        if owed {
            let name = name_of_door(ledger, observed, *door);
            uses.push(format!("the lock of \"{name}\", not proven synced"));
        }
    }
    uses
}

/// The first few of a list, and how many more there are.
pub(crate) fn listing(items: &[String], most: usize) -> String {
    let shown: Vec<&str> = items.iter().take(most).map(String::as_str).collect();
    let more = items.len().saturating_sub(most);
    if more == 0 {
        shown.join(", ")
    } else {
        format!("{} and {more} more", shown.join(", "))
    }
}
