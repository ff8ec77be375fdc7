//! What a table leaves open, filled in from the declarations, so that nothing is planned from a blank.

use std::collections::{BTreeMap, BTreeSet};

use opendoor_api::{PartnerKeySpec, PropertyPartner, Resource};
use opendoor_planner::ids::{DoorUuid, KeyUuid, PartnerUuid};
use opendoor_planner::observed::{Holder, KeyDoor, KeyRow, Observed, Partner};
use opendoor_planner::schedule::schedule;
use uuid::Uuid;

use super::{Said, finish, identity, key_row, partner_of};
use crate::snapshot::Snapshot;

/// What is declared for one building, now and at the base.
#[derive(Debug, Default)]
pub(super) struct Declarations<'a> {
    /// Partners that a Property of the building lists.
    pub(super) listed: Vec<&'a PropertyPartner>,
    /// Keys by name: at the base, and now.
    keys: BTreeMap<String, [Option<&'a PartnerKeySpec>; 2]>,
}

impl<'a> Declarations<'a> {
    /// Gathers what some snapshots, the base first, declare for a building.
    pub(super) fn of(snapshots: [Option<&'a Snapshot>; 2], building: &str, uuid: Uuid) -> Self {
        let mut found = Self::default();
        for (at, snapshot) in snapshots.into_iter().enumerate() {
            let Some(snapshot) = snapshot else {
                continue;
            };
            let mut here: BTreeSet<&str> = BTreeSet::new();
            for object in &snapshot.objects {
                if let Resource::Property(property) = &object.resource {
                    let written = property.spec.building.as_str();
                    if written == building || written.parse() == Ok(uuid) {
                        here.insert(object.resource.name());
                        found.listed.extend(&property.spec.partners);
                    }
                }
            }
            for object in &snapshot.objects {
                if let Resource::PartnerKey(key) = &object.resource
                    && here.contains(key.spec.property_ref.name.as_str())
                {
                    let both = found.keys.entry(key.key_name()).or_default();
                    if let Some(place) = both.get_mut(at) {
                        *place = Some(&key.spec);
                    }
                }
            }
        }
        found
    }
}

/// Partners that a Property lists are taken to be authorised. Where it writes their uuid, that is theirs.
pub(super) fn partners(
    observed: &mut Observed,
    declared: &Declarations<'_>,
    file: &str,
) -> Vec<String> {
    let mut notes = Vec::new();
    for listed in &declared.listed {
        let made = partner_of(&listed.name);
        let written = listed.uuid.as_deref().and_then(|uuid| uuid.parse().ok());
        let uuid = written.map_or(made, PartnerUuid);
        let known = |partner: &Partner| partner.uuid == made || partner.uuid == uuid;
        if !observed.partners.iter().any(known) {
            let note = format!(
                "{file} cannot say whether DOOR has authorised {} at {}; the plan takes it that it has. It is, if the \
                 partner is in the dropdown there.",
                listed.name, observed.building_name
            );
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        observed.partners.retain(|partner| !known(partner));
        observed.partners.push(Partner {
            uuid,
            name: listed.name.clone(),
        });
        for row in &mut observed.doors {
            if row.holder == Holder::Partner(made) {
                row.holder = Holder::Partner(uuid);
            }
        }
        for row in &mut observed.keys {
            if row.partner == Some(made) {
                row.partner = Some(uuid);
            }
        }
    }
    finish(observed);
    notes
}

/// Fills in the keys: what the table does not say of them is as the base declares it, else as declared now.
pub(super) fn keys(
    observed: &mut Observed,
    said: &Said,
    declared: &Declarations<'_>,
    file: &str,
) -> Vec<String> {
    let mut fill = Fill {
        doors: observed
            .doors
            .iter()
            .map(|row| (row.name.to_string(), row.uuid))
            .collect(),
        said,
        file,
        notes: Vec::new(),
    };
    for (name, [base, now]) in &declared.keys {
        let at = observed.keys.iter().position(|row| row.name == *name);
        match (at, base.or(*now)) {
            (Some(at), Some(first)) => fill.known(observed, at, first, *base, *now),
            (None, Some(_)) => fill.absent(observed, name, *base, *now),
            (_, None) => {}
        }
    }
    finish(observed);
    fill.notes
}

/// The building as if its keys were as the base declares them: what became of a key since then is a change of a
/// key of ours, and no key of somebody else's.
pub(super) fn keys_as_at_base(observed: &Observed, base: &Snapshot) -> Observed {
    let declared = Declarations::of(
        [Some(base), None],
        &observed.building_name,
        observed.building.0,
    );
    let mut observed = observed.clone();
    let doors: BTreeMap<String, DoorUuid> = observed
        .doors
        .iter()
        .map(|row| (row.name.to_string(), row.uuid))
        .collect();
    for (name, [base, _]) in &declared.keys {
        let Some(base) = base else { continue };
        let partner = partner_named(&observed, &base.partner);
        let same = |row: &&mut KeyRow| row.name == *name && row.partner == partner;
        if let Some(row) = observed.keys.iter_mut().find(same) {
            let entries = base.doors.iter().filter_map(|entry| {
                Some(KeyDoor {
                    door: *doors.get(&entry.name)?,
                    doorcodes: entry.provide_doorcodes,
                })
            });
            row.doors = entries.collect();
            row.schedule = schedule(base);
        }
    }
    finish(&mut observed);
    observed
}

struct Fill<'a> {
    doors: BTreeMap<String, DoorUuid>,
    said: &'a Said,
    file: &'a str,
    notes: Vec<String>,
}

impl Fill<'_> {
    /// A key that the table names.
    fn known(
        &mut self,
        observed: &mut Observed,
        at: usize,
        first: &PartnerKeySpec,
        base: Option<&PartnerKeySpec>,
        now: Option<&PartnerKeySpec>,
    ) {
        let partner = partner_named(observed, &first.partner);
        let Some(row) = observed.keys.get_mut(at) else {
            return;
        };
        let name = row.name.clone();
        let adopt = now.and_then(|now| now.adopt.as_ref());
        if self.said.partner_unknown.contains(&row.uuid) {
            if base.is_some() || adopt.is_none() {
                row.partner = partner;
            }
            if base.is_none() {
                let taken = match adopt {
                    None => format!("{}'s, as declared", first.partner),
                    Some(_) => String::from("an ordinary one, which spec.adopt converts"),
                };
                self.note(format!(
                    "does not say whose key \"{name}\" is; the plan takes it to be {taken}."
                ));
            }
        }
        if let Some(uuid) = adopt.and_then(|adopt| adopt.key_uuid.as_deref()?.parse().ok()) {
            row.uuid = KeyUuid(uuid);
        }
        let mut assumed = Vec::new();
        for entry in &first.doors {
            if let Some(door) = self.unsaid(&entry.name)
                && row.door(door).is_none()
            {
                row.doors.push(KeyDoor {
                    door,
                    doorcodes: false,
                });
                row.doors.sort_unstable();
                assumed.push(format!("\"{}\"", entry.name));
            }
        }
        if !assumed.is_empty() {
            let known = if base.is_some() {
                "as it was declared at the base"
            } else {
                "as declared"
            };
            self.note(format!(
                "does not say which keys {} are in; the plan takes them to be on \"{name}\", {known}.",
                assumed.join(", ")
            ));
        }
        for spec in [now, Some(first)].into_iter().flatten() {
            for entry in &spec.doors {
                let door = self.doors.get(&entry.name);
                let live = row.doors.iter_mut().find(|live| Some(&live.door) == door);
                if let Some(live) = live {
                    live.doorcodes = entry.provide_doorcodes;
                }
            }
        }
        row.schedule = schedule(first);
    }

    /// A key that the table does not name: where it says nothing of the keys of some of its doors, it may
    /// be there all the same.
    fn absent(
        &mut self,
        observed: &mut Observed,
        name: &str,
        base: Option<&PartnerKeySpec>,
        now: Option<&PartnerKeySpec>,
    ) {
        let declared = base.or(now);
        let open: BTreeSet<DoorUuid> = declared
            .iter()
            .flat_map(|spec| &spec.doors)
            .filter_map(|entry| self.unsaid(&entry.name))
            .collect();
        if open.is_empty() {
            return;
        }
        match (base, now) {
            (Some(base), Some(now)) => {
                let Some(partner) = partner_named(observed, &base.partner) else {
                    return;
                };
                let uuid = KeyUuid(identity("key", &observed.building_name, name));
                let row = key_row(uuid, name, Some(partner), open);
                observed.keys.push(row);
                let at = observed.keys.len() - 1;
                self.note(format!(
                    "does not name the key \"{name}\"; the plan takes it to be there, as it was declared at the base."
                ));
                self.known(observed, at, base, Some(base), Some(now));
            }
            (Some(_), None) => self.note(format!(
                "does not say whether the key \"{name}\" is still there; nothing is planned for it. Write its name in the rows \
                 of its doors, or none."
            )),
            (None, Some(_)) => self.note(format!(
                "does not say which keys there are at all doors of \"{name}\". If there is a key of that name already, do not \
                 add a second one: write its name in the rows of its doors."
            )),
            (None, None) => {}
        }
    }

    /// The door of a name, if the table does not say which keys it is in.
    fn unsaid(&self, name: &str) -> Option<DoorUuid> {
        let door = self.doors.get(name)?;
        self.said.keys_unknown.contains(door).then_some(*door)
    }

    fn note(&mut self, what: String) {
        self.notes.push(format!("{} {what}", self.file));
    }
}

fn partner_named(observed: &Observed, written: &str) -> Option<PartnerUuid> {
    let uuid = written.parse().ok().map(PartnerUuid);
    observed
        .partners
        .iter()
        .find(|partner| partner.name == written || Some(partner.uuid) == uuid)
        .map(|partner| partner.uuid)
}
