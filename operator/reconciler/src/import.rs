//! The live state of a building as YAML that plans to zero changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use opendoor_planner::ids::{DoorUuid, PartnerUuid};
use opendoor_planner::observed::{Day, Holder, KeyRow, Observed, Partner};
use serde_json::{Value, json};
use uuid::Uuid;

/// Most doors of one DoorAssignment.
const DOORS_EACH: usize = 100;

/// Most doors of one PartnerKey.
const KEY_DOORS: usize = 250;

/// Most partners of one Property.
const PARTNERS: usize = 64;

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
    let mut notes = texts.undeclared_partners();
    let property = names.object("Property", &observed.building_name);
    let mut documents = vec![property_of(&texts, &property)];
    documents.extend(assignments(&texts, &property, &mut names));
    for key in &observed.keys {
        let Some(partner) = key.partner else {
            continue;
        };
        let why = if key.doors.is_empty() || key.doors.len() > KEY_DOORS {
            format!(
                "has {} doors (1 to {KEY_DOORS} can be declared)",
                key.doors.len()
            )
        } else if !may_be_written(&key.name) {
            String::from("has a name that cannot be declared")
        } else if !texts.listed.contains_key(&partner) {
            String::from("is of a partner that cannot be declared")
        } else {
            documents.push(partner_key(&texts, key, &property, &mut names));
            continue;
        };
        notes.push(format!(
            "The key \"{}\" {why}; it is left unmanaged.",
            key.name.escape_debug()
        ));
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

/// Whether a name of DOOR OS can stand in YAML for what it names.
fn may_be_written(name: &str) -> bool {
    opendoor_api::is_name(name) && name.parse::<Uuid>().is_err()
}

fn property_of(texts: &Texts<'_>, name: &str) -> Value {
    let observed = texts.observed;
    let partners: Vec<Value> = observed
        .partners
        .iter()
        .filter_map(|partner| {
            let text = texts.listed.get(&partner.uuid)?;
            Some(if *text == partner.name {
                json!({ "name": partner.name })
            } else {
                json!({ "name": partner.name, "uuid": partner.uuid.to_string() })
            })
        })
        .collect();
    let building = if may_be_written(&observed.building_name) {
        observed.building_name.clone()
    } else {
        observed.building.to_string()
    };
    let mut spec = json!({ "building": building });
    if !partners.is_empty()
        && let Some(spec) = spec.as_object_mut()
    {
        spec.insert(String::from("partners"), Value::Array(partners));
    }
    object("Property", name, &spec)
}

fn assignments(texts: &Texts<'_>, property: &str, names: &mut Names) -> Vec<Value> {
    let mut held: BTreeMap<(String, PartnerUuid), Vec<String>> = BTreeMap::new();
    for row in &texts.observed.doors {
        if let Holder::Partner(partner) = row.holder
            && let Some(text) = texts.listed.get(&partner)
        {
            held.entry((text.clone(), partner))
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
    let partner = key.partner.and_then(|partner| texts.listed.get(&partner));
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
    /// Partners that hold a door or a key.
    used: BTreeSet<PartnerUuid>,
    /// Partners that the Property lists, as objects write them.
    listed: BTreeMap<PartnerUuid, String>,
}

impl<'a> Texts<'a> {
    fn of(observed: &'a Observed) -> Self {
        let on_doors = observed.doors.iter().filter_map(|row| match row.holder {
            Holder::Partner(partner) => Some(partner),
            Holder::Nobody | Holder::Unknown => None,
        });
        let on_keys = observed.keys.iter().filter_map(|key| key.partner);
        let used: BTreeSet<PartnerUuid> = on_doors.chain(on_keys).collect();
        let names = counted(
            observed
                .partners
                .iter()
                .map(|partner| partner.name.as_str()),
        );
        let mut partners: Vec<&Partner> = observed
            .partners
            .iter()
            .filter(|partner| may_be_written(&partner.name))
            .collect();
        partners.sort_by_key(|partner| !used.contains(&partner.uuid));
        let listed = partners.into_iter().take(PARTNERS).map(|partner| {
            let text = if names.get(partner.name.as_str()) == Some(&1) {
                partner.name.clone()
            } else {
                partner.uuid.to_string()
            };
            (partner.uuid, text)
        });
        Self {
            observed,
            doors: counted(observed.doors.iter().map(|row| &*row.name)),
            used,
            listed: listed.collect(),
        }
    }

    /// What is said of partners whose doors and keys are left as they are.
    fn undeclared_partners(&self) -> Vec<String> {
        let left = self
            .used
            .iter()
            .filter(|used| !self.listed.contains_key(used));
        left.map(|partner| match self.observed.partner_name(*partner) {
            None => format!(
                "DOOR has not authorised the partner {partner} here (any more), so it cannot be declared; its doors are left \
                 unmanaged."
            ),
            Some(name) if may_be_written(name) => format!(
                "A Property lists at most {PARTNERS} partners, so \"{name}\" is not declared; its doors are left unmanaged."
            ),
            Some(name) => format!(
                "The partner \"{}\" ({partner}) has a name that cannot be declared; its doors are left unmanaged.",
                name.escape_debug()
            ),
        })
        .collect()
    }

    fn door(&self, door: DoorUuid) -> String {
        self.observed
            .door(door)
            .map(|row| &*row.name)
            .filter(|name| self.doors.get(name) == Some(&1) && may_be_written(name))
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
