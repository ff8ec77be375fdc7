//! Who opens a door, or where a partner is: by what is declared, what DOOR OS was found to grant beside it, and what
//! locks still owe.

use std::collections::{BTreeMap, BTreeSet};

use opendoor_api::{
    DoorAssignmentStatus, DoorToVisit, Kind, PartnerKeyStatus, PlannedStep, PropertyStatus,
    Resource,
};
use opendoor_kubernetes::objects::{Name, Objects, Seen};
use opendoor_planner::plan::Action;
use opendoor_planner::reasons::Reason;

use super::standing::{Standing, standing_at_door, standing_by_key};
use super::{order_of, status_of};
use crate::who::{Answer, Row};

/// Who opens a door, or where a partner is. `Err`: nothing here names it; with what is not named here.
///
/// # Errors
/// No object names such a door or partner.
pub fn who(objects: &Objects, what: &str) -> Result<Answer, Vec<String>> {
    let mut found = Found::new(objects, what);
    for kind in [Kind::DoorAssignment, Kind::PartnerKey] {
        objects.all(kind).for_each(|seen| found.declared(seen));
    }
    for (name, status) in found.properties.clone() {
        found.undeclared(&name, &status);
        for visit in order_of(objects, &name).doors {
            found.owed(&name, visit);
        }
    }
    found.answer()
}

/// One pair of a property: its name, the door, the partner.
type Key = (Name, String, String);

struct Found<'a> {
    what: &'a str,
    /// What was said of every Property.
    properties: BTreeMap<Name, PropertyStatus>,
    rows: BTreeMap<Key, Row>,
    door_known: bool,
    partner_known: bool,
    /// Doors by selector that are not named: where, for whom, and in words.
    unnamed: Vec<(Name, String, String)>,
}

impl<'a> Found<'a> {
    fn new(objects: &Objects, what: &'a str) -> Self {
        let mut found = Self {
            what,
            properties: BTreeMap::new(),
            rows: BTreeMap::new(),
            door_known: false,
            partner_known: false,
            unnamed: Vec::new(),
        };
        for seen in objects.all(Kind::Property) {
            let status: PropertyStatus = status_of(seen).unwrap_or_default();
            found.partner_known |= status
                .partners
                .iter()
                .any(|partner| partner.name == what || partner.uuid.as_deref() == Some(what));
            found.properties.insert(seen.name.clone(), status);
        }
        found
    }

    /// A partner as DOOR OS names it, where it was found under its uuid.
    fn partner_name(&self, property: &Name, partner: &str) -> String {
        self.properties
            .get(property)
            .into_iter()
            .flat_map(|status| &status.partners)
            .find(|listed| listed.uuid.as_deref() == Some(partner))
            .map_or_else(|| partner.to_owned(), |listed| listed.name.clone())
    }

    /// Whether a door or a partner is what was asked for.
    fn is_about(&self, property: &Name, door: &str, partner: &str) -> bool {
        door == self.what || partner == self.partner_name(property, self.what)
    }

    fn add(&mut self, property: &Name, row: Row) {
        if !self.is_about(property, &row.door, &row.partner) {
            return;
        }
        self.door_known |= row.door == self.what;
        self.partner_known |= row.door != self.what || row.partner == self.what;
        let key = (property.clone(), row.door.clone(), row.partner.clone());
        match self.rows.get_mut(&key) {
            Some(known) => join(known, row),
            None => {
                self.rows.insert(key, row);
            }
        }
    }

    /// The doors of an assignment or a key.
    fn declared(&mut self, seen: &Seen) {
        let Some(property) = &seen.property else {
            return;
        };
        let property = Name::new(&seen.name.namespace, property);
        let plan = self
            .properties
            .get(&property)
            .and_then(|status| status.plan.clone());
        let object = format!("{}/{}", seen.kind, seen.name.name);
        match &seen.content {
            Ok(Resource::DoorAssignment(assignment)) => {
                let status: DoorAssignmentStatus = status_of(seen).unwrap_or_default();
                let partner = self.partner_name(&property, &assignment.spec.partner);
                let doors = match &assignment.spec.doors {
                    Some(doors) => doors,
                    None => {
                        self.not_named(&property, &partner, &object, &status);
                        &status.selected_doors
                    }
                };
                for door in doors {
                    if !self.is_about(&property, door, &partner) {
                        continue;
                    }
                    let said = standing_at_door(seen, &status, plan.as_ref(), door, &partner);
                    self.add(
                        &property,
                        row(&property, door, &partner, &object, "door", said),
                    );
                }
            }
            Ok(Resource::PartnerKey(key)) => {
                let status: PartnerKeyStatus = status_of(seen).unwrap_or_default();
                let partner = self.partner_name(&property, &key.spec.partner);
                let name = key.spec.key_name.as_ref().unwrap_or(&seen.name.name);
                let said = standing_by_key(seen, &status);
                for door in &key.spec.doors {
                    self.add(
                        &property,
                        row(
                            &property,
                            &door.name,
                            &partner,
                            &object,
                            &format!("key \"{name}\""),
                            said,
                        ),
                    );
                }
            }
            _ => {}
        }
    }

    fn not_named(
        &mut self,
        property: &Name,
        partner: &str,
        object: &str,
        status: &DoorAssignmentStatus,
    ) {
        let more = match status.more_selected_doors {
            Some(more) => more,
            // What an operator wrote that did not name them yet.
            None if status.selected_doors.is_empty() => status.declared_doors.unwrap_or_default(),
            None => 0,
        };
        if more > 0 {
            let words = format!(
                "{} not named: {object}.",
                more_words(more, "door by selector", "doors by selector")
            );
            self.unnamed
                .push((property.clone(), partner.to_owned(), words));
        }
    }

    /// What DOOR OS grants beside what is declared: by hand, and what is still to be taken away.
    fn undeclared(&mut self, property: &Name, status: &PropertyStatus) {
        for access in &status.unmanaged {
            self.partner_known |= access.partner == self.what;
            let Some(door) = &access.door else {
                continue;
            };
            let reason = access.reason.parse().unwrap_or(Reason::Unmanaged);
            self.add(
                property,
                granted(property, door, &access.partner, &access.via, reason),
            );
        }
        let plan = status.plan.iter();
        for step in plan.flat_map(|plan| plan.steps.iter().chain(&plan.held)) {
            if let Some((door, loser)) = taken_away(step) {
                let reason = step.reason.as_deref().and_then(|word| word.parse().ok());
                let reason = reason.unwrap_or(Reason::Progressing);
                self.add(property, granted(property, door, loser, "door", reason));
            }
        }
    }

    /// What a lock still owes.
    fn owed(&mut self, property: &Name, visit: DoorToVisit) {
        let reason = visit.reason.parse().unwrap_or(Reason::DoorSyncRequired);
        let opens = match reason {
            Reason::Attested | Reason::HistoryUnknown | Reason::OutcomeUnknown => "cannot tell",
            _ => "STILL",
        };
        let row = Row {
            property: property.name.clone(),
            door: visit.door,
            partner: visit.partner,
            granted_by: Vec::new(),
            declared_by: Vec::new(),
            opens,
            reason,
            since: Some(visit.since.timestamp()),
        };
        self.add(property, row);
    }

    fn answer(self) -> Result<Answer, Vec<String>> {
        let is_partner = !self.door_known;
        if is_partner && !self.partner_known {
            return Err(self.notes(|_, _| true));
        }
        let is_asked = |key: &Key, row: &Row| {
            if is_partner {
                row.partner == self.partner_name(&key.0, self.what)
            } else {
                row.door == self.what
            }
        };
        let asked: Vec<(&Key, &Row)> = self
            .rows
            .iter()
            .filter(|(key, row)| is_asked(key, row))
            .collect();
        let here: BTreeSet<&Name> = asked.iter().map(|(key, _)| &key.0).collect();
        let notes = self.notes(|property, partner| {
            if is_partner {
                partner.is_none_or(|partner| partner == self.partner_name(property, self.what))
            } else {
                here.contains(property)
            }
        });
        let mut rows: Vec<Row> = asked.into_iter().map(|(_, row)| row.clone()).collect();
        rows.sort_by(|a, b| {
            (&a.property, &a.door, &a.partner).cmp(&(&b.property, &b.door, &b.partner))
        });
        let unknown = rows
            .iter()
            .any(|row| !is_partner && row.reason == Reason::HistoryUnknown);
        Ok(Answer {
            of: self.what.to_owned(),
            is_partner,
            rows,
            unknown: unknown.then(|| self.what.to_owned()).into_iter().collect(),
            notes,
        })
    }

    /// What is not named, where it may matter: of a property, and of a partner where it is one's.
    fn notes(&self, matters: impl Fn(&Name, Option<&str>) -> bool) -> Vec<String> {
        let selected = self
            .unnamed
            .iter()
            .filter(|(property, partner, _)| matters(property, Some(partner)))
            .map(|(_, _, words)| words.clone());
        let by_hand = self
            .properties
            .iter()
            .filter(|(property, _)| matters(property, None))
            .filter_map(|(property, status)| Some((property, status.more_unmanaged?)))
            .map(|(property, more)| {
                format!(
                    "{} not named: Property/{}.",
                    more_words(
                        more,
                        "partner at a door that nobody declared",
                        "partners at doors that nobody declared"
                    ),
                    property.name
                )
            });
        selected.chain(by_hand).collect()
    }
}

fn more_words(more: u32, one: &str, many: &str) -> String {
    if more == 1 {
        format!("1 more {one} is")
    } else {
        format!("{more} more {many} are")
    }
}

/// The door and the partner that a step takes off it.
fn taken_away(step: &PlannedStep) -> Option<(&str, &str)> {
    let takes = matches!(
        Action::named(&step.action),
        Some(Action::RemoveDoor | Action::ChangeDoor)
    );
    let pair = (step.door.as_deref()?, step.before.as_deref()?);
    takes.then_some(pair)
}

fn row(property: &Name, door: &str, partner: &str, object: &str, way: &str, said: Standing) -> Row {
    Row {
        property: property.name.clone(),
        door: door.to_owned(),
        partner: partner.to_owned(),
        granted_by: said.granted().then(|| way.to_owned()).into_iter().collect(),
        declared_by: vec![object.to_owned()],
        opens: said.opens(),
        reason: said.reason,
        since: None,
    }
}

fn granted(property: &Name, door: &str, partner: &str, way: &str, reason: Reason) -> Row {
    Row {
        property: property.name.clone(),
        door: door.to_owned(),
        partner: partner.to_owned(),
        granted_by: vec![way.to_owned()],
        declared_by: Vec::new(),
        opens: "yes",
        reason,
        since: None,
    }
}

/// How much an answer says: what surely opens goes before what may.
fn weight(opens: &str) -> u8 {
    match opens {
        "yes" => 3,
        "STILL" => 2,
        "cannot tell" => 1,
        _ => 0,
    }
}

/// Two things known of one pair.
fn join(known: &mut Row, other: Row) {
    if weight(other.opens) > weight(known.opens) {
        known.opens = other.opens;
        known.reason = other.reason;
    }
    for (into, from) in [
        (&mut known.granted_by, other.granted_by),
        (&mut known.declared_by, other.declared_by),
    ] {
        into.extend(from);
        into.sort();
        into.dedup();
    }
    known.since = known.since.or(other.since);
}

#[cfg(test)]
mod tests;
