//! The live state of a building as YAML that plans to zero changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use opendoor_planner::ids::{DoorUuid, PartnerUuid};
use opendoor_planner::observed::{Day, Holder, KeyRow, Observed};
use serde_json::{Value, json};

/// Most doors of one DoorAssignment.
const DOORS_EACH: usize = 100;

/// Most doors of one PartnerKey.
const KEY_DOORS: usize = 250;

/// What was written, and what could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// YAML documents.
    pub yaml: String,
    /// What could not be expressed.
    pub notes: Vec<String>,
}

/// YAML could not be written.
#[derive(Debug, thiserror::Error)]
#[error("an object cannot be written as YAML: {0}")]
pub struct ImportError(#[from] serde_saphyr::ser::Error);

/// Writes a look at a building as YAML.
///
/// # Errors
/// A name cannot be written as YAML.
pub fn import(observed: &Observed) -> Result<Imported, ImportError> {
    let texts = Texts::of(observed);
    let mut names = Names::default();
    let mut notes = Vec::new();
    let property = names.object("Property", &observed.building_name);
    let mut documents = vec![property_of(observed, &property)];
    documents.extend(assignments(observed, &texts, &property, &mut names));
    for key in observed.keys.iter().filter(|key| key.partner.is_some()) {
        if key.doors.is_empty() || key.doors.len() > KEY_DOORS {
            notes.push(format!(
                "The key \"{}\" has {} doors and cannot be declared (1 to {KEY_DOORS} can); it is left unmanaged.",
                key.name,
                key.doors.len()
            ));
            continue;
        }
        documents.push(partner_key(&texts, key, &property, &mut names));
    }
    let mut yaml = String::new();
    for document in documents {
        if !yaml.is_empty() {
            yaml.push_str("---\n");
        }
        yaml.push_str(&serde_saphyr::to_string(&document)?);
        if !yaml.ends_with('\n') {
            yaml.push('\n');
        }
    }
    Ok(Imported { yaml, notes })
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": opendoor_api::GROUP_VERSION,
        "kind": kind,
        "metadata": { "name": name },
        "spec": spec,
    })
}

fn property_of(observed: &Observed, name: &str) -> Value {
    let partners: Vec<Value> = observed
        .partners
        .iter()
        .map(|partner| {
            let alone = observed
                .partners
                .iter()
                .filter(|other| other.name == partner.name)
                .count()
                == 1;
            if alone {
                json!({ "name": partner.name })
            } else {
                json!({ "name": partner.name, "uuid": partner.uuid.to_string() })
            }
        })
        .collect();
    let mut spec = json!({ "building": observed.building_name });
    if !partners.is_empty()
        && let Some(spec) = spec.as_object_mut()
    {
        spec.insert(String::from("partners"), Value::Array(partners));
    }
    object("Property", name, &spec)
}

fn assignments(
    observed: &Observed,
    texts: &Texts<'_>,
    property: &str,
    names: &mut Names,
) -> Vec<Value> {
    let mut held: BTreeMap<(String, PartnerUuid), Vec<String>> = BTreeMap::new();
    for row in &observed.doors {
        if let Holder::Partner(partner) = row.holder {
            held.entry((texts.partner(partner), partner))
                .or_default()
                .push(texts.door(row.uuid));
        }
    }
    let mut documents = Vec::new();
    for ((partner, _), mut doors) in held {
        doors.sort();
        for doors in doors.chunks(DOORS_EACH) {
            let name = names.object("DoorAssignment", &partner);
            documents.push(object(
                "DoorAssignment",
                &name,
                &json!({
                    "propertyRef": { "name": property },
                    "partner": partner,
                    "doors": doors,
                }),
            ));
        }
    }
    documents
}

fn partner_key(texts: &Texts<'_>, key: &KeyRow, property: &str, names: &mut Names) -> Value {
    let name = names.object("PartnerKey", &key.name);
    let partner = key
        .partner
        .map_or_else(String::new, |partner| texts.partner(partner));
    let doors: Vec<Value> = key
        .doors
        .iter()
        .map(|entry| {
            let door = texts.door(entry.door);
            if entry.doorcodes {
                json!({ "name": door, "provideDoorcodes": true })
            } else {
                json!({ "name": door })
            }
        })
        .collect();
    let mut spec = json!({
        "propertyRef": { "name": property },
        "partner": partner,
        "keyName": key.name,
        "doors": doors,
    });
    if !key.schedule.is_empty()
        && let Some(spec) = spec.as_object_mut()
    {
        let schedule = key
            .schedule
            .iter()
            .map(|interval| {
                let days: Vec<&str> = interval.days.iter().map(|day| day_text(*day)).collect();
                json!({ "days": days, "from": interval.from, "to": interval.to })
            })
            .collect();
        spec.insert(String::from("schedule"), Value::Array(schedule));
    }
    object("PartnerKey", &name, &spec)
}

/// How doors and partners are written: by name where only one has it, else by uuid.
struct Texts<'a> {
    observed: &'a Observed,
    doors: HashMap<&'a str, usize>,
    partners: HashMap<&'a str, usize>,
}

impl<'a> Texts<'a> {
    fn of(observed: &'a Observed) -> Self {
        Self {
            observed,
            doors: counted(observed.doors.iter().map(|row| &*row.name)),
            partners: counted(
                observed
                    .partners
                    .iter()
                    .map(|partner| partner.name.as_str()),
            ),
        }
    }

    fn partner(&self, partner: PartnerUuid) -> String {
        self.observed
            .partner_name(partner)
            .filter(|name| self.partners.get(name) == Some(&1))
            .map_or_else(|| partner.to_string(), str::to_owned)
    }

    fn door(&self, door: DoorUuid) -> String {
        self.observed
            .door(door)
            .map(|row| &*row.name)
            .filter(|name| {
                self.doors.get(name) == Some(&1) && name.trim() == *name && !name.is_empty()
            })
            .map_or_else(|| door.to_string(), str::to_owned)
    }
}

fn counted<'a>(names: impl Iterator<Item = &'a str>) -> HashMap<&'a str, usize> {
    let mut counts = HashMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

fn day_text(day: Day) -> &'static str {
    match day {
        Day::Monday => "Monday",
        Day::Tuesday => "Tuesday",
        Day::Wednesday => "Wednesday",
        Day::Thursday => "Thursday",
        Day::Friday => "Friday",
        Day::Saturday => "Saturday",
        Day::Sunday => "Sunday",
    }
}

/// Object names made from names of DOOR OS: lower case, digits and dashes, none twice per kind.
#[derive(Default)]
struct Names(BTreeSet<(String, String)>);

impl Names {
    fn object(&mut self, kind: &str, from: &str) -> String {
        let mut base = String::new();
        for part in from
            .to_lowercase()
            .split(|character: char| !character.is_ascii_alphanumeric())
            .filter(|part| !part.is_empty())
        {
            if !base.is_empty() {
                base.push('-');
            }
            base.push_str(part);
        }
        base.truncate(50);
        let base = match base.trim_end_matches('-') {
            "" => kind.to_lowercase(),
            base => base.to_owned(),
        };
        let mut name = base.clone();
        let mut number = 2;
        while !self.0.insert((kind.to_owned(), name.clone())) {
            name = format!("{base}-{number}");
            number += 1;
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn names_are_valid_and_differ() {
        let mut names = Names::default();
        assert_eq!(names.object("PartnerKey", "Vacant tours!"), "vacant-tours");
        assert_eq!(names.object("PartnerKey", "vacant Tours"), "vacant-tours-2");
        assert_eq!(names.object("Property", "vacant tours"), "vacant-tours");
        assert_eq!(names.object("PartnerKey", "\u{fc}"), "partnerkey");
    }
}
