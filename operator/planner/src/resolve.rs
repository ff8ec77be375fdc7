//! From names a manager writes to uuids, once, with pins.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use uuid::Uuid;

use crate::ids::{DoorUuid, PartnerUuid};
use crate::ledger::{Ledger, PartnerRecord};
use crate::observed::{DoorRow, Observed};
use crate::reasons::Reason;

/// Why a name could not be used, with the words for a person.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unresolved {
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

/// Doors of one building by name.
pub(crate) struct DoorNames<'a> {
    /// One row of each name, as its place among the rows: with the names themselves the table would be
    /// five times as large, and a property may have a hundred thousand.
    by_name: HashTable<u32>,
    hasher: RandomState,
    doubles: HashMap<&'a str, Vec<&'a DoorRow>>,
    observed: &'a Observed,
    /// How many names may still be compared for a suggestion.
    comparisons: Cell<usize>,
}

/// Names compared for suggestions in one pass: a file full of wrong names must not cost a pass its
/// second.
const MOST_COMPARISONS: usize = 200_000;

impl<'a> DoorNames<'a> {
    pub(crate) fn new(observed: &'a Observed) -> Self {
        let hasher = RandomState::new();
        let mut by_name: HashTable<u32> = HashTable::with_capacity(observed.doors.len());
        let mut doubles: HashMap<&str, Vec<&DoorRow>> = HashMap::new();
        let hash_of = |at: &u32| hasher.hash_one(name_at(observed, *at));
        for (at, row) in (0_u32..).zip(&observed.doors) {
            let hash = hasher.hash_one(&*row.name);
            match by_name.find(hash, |known| *name_at(observed, *known) == *row.name) {
                Some(first) => doubles
                    .entry(&row.name)
                    .or_insert_with(|| row_at(observed, *first).into_iter().collect())
                    .push(row),
                None => {
                    by_name.insert_unique(hash, at, hash_of);
                }
            }
        }
        Self {
            by_name,
            hasher,
            doubles,
            observed,
            comparisons: Cell::new(MOST_COMPARISONS),
        }
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &'a DoorRow> {
        let many = self.doubles.get(name);
        let one = if many.is_some() {
            None
        } else {
            let hash = self.hasher.hash_one(name);
            let is_it = |known: &u32| name_at(self.observed, *known) == name;
            let found = self.by_name.find(hash, is_it);
            found.and_then(|at| row_at(self.observed, *at))
        };
        one.into_iter().chain(many.into_iter().flatten().copied())
    }

    /// The door a text means: a uuid, a name pinned to a door, or a name that only one door has. A look
    /// that does not show every door cannot tell that a name is only one's.
    pub(crate) fn resolve(
        &self,
        text: &str,
        pinned: Option<DoorUuid>,
    ) -> Result<DoorUuid, Unresolved> {
        if let Ok(uuid) = text.parse::<Uuid>() {
            let uuid = DoorUuid(uuid);
            return if self.observed.door(uuid).is_some() {
                Ok(uuid)
            } else {
                Err(self.not_found(text))
            };
        }
        if let Some(pinned) = pinned {
            return self.follow_pin(text, pinned);
        }
        let mut rows = self.named(text);
        match (rows.next(), rows.next()) {
            (Some(row), None) if self.observed.incomplete.is_none() => Ok(row.uuid),
            (None, _) | (Some(_), None) => Err(self.not_found(text)),
            (Some(_), Some(_)) => Err(self.ambiguous(text)),
        }
    }

    /// The doors that a text may mean of which it cannot be told which one it means.
    pub(crate) fn candidates(
        &self,
        text: &str,
        pinned: Option<DoorUuid>,
    ) -> impl Iterator<Item = DoorUuid> {
        let named = self.named(text).map(|row| row.uuid);
        pinned.into_iter().chain(named)
    }

    fn follow_pin(&self, text: &str, pinned: DoorUuid) -> Result<DoorUuid, Unresolved> {
        let mut others = false;
        for row in self.named(text) {
            if row.uuid == pinned {
                return Ok(pinned);
            }
            others = true;
        }
        // A door that an incomplete look does not show may still have its name.
        let shown = self.observed.door(pinned).is_some();
        if others && (shown || self.observed.incomplete.is_none()) {
            let now = self.named(text).next().map(|row| row.uuid.to_string());
            return Err(Unresolved {
                reason: Reason::IdentityChanged,
                message: format!(
                    "\"{text}\" was the door {pinned} when it was accepted and is now the door {}. \
                     Neither is changed. Look at both in DOOR OS and write the uuid of the one that is meant.",
                    now.unwrap_or_default()
                ),
            });
        }
        if shown {
            return Ok(pinned);
        }
        Err(self.not_found(text))
    }

    fn not_found(&self, text: &str) -> Unresolved {
        let left = self.comparisons.get().checked_sub(self.by_name.len());
        self.comparisons.set(left.unwrap_or_default());
        let mut near: Vec<(f64, &str)> = self
            .by_name
            .iter()
            .filter(|_| left.is_some())
            .map(|at| name_at(self.observed, *at))
            .map(|name| (strsim::jaro_winkler(name, text), name))
            .filter(|(score, _)| *score > 0.8)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        let near: Vec<String> = near
            .iter()
            .take(3)
            .map(|(_, name)| format!("\"{name}\""))
            .collect();
        let hint = if near.is_empty() {
            String::from("Write the door's name as DOOR OS shows it, or its uuid.")
        } else {
            format!("Did you mean {}?", near.join(" or "))
        };
        Unresolved {
            reason: Reason::DoorNotFound,
            message: format!(
                "no door \"{text}\" is in {}. {hint}",
                self.observed.building_name
            ),
        }
    }

    fn ambiguous(&self, text: &str) -> Unresolved {
        let candidates: Vec<String> = self
            .named(text)
            .take(5)
            .map(|row| match &row.unit {
                Some(unit) => format!("{} (unit {})", row.uuid, unit.name),
                None => row.uuid.to_string(),
            })
            .collect();
        Unresolved {
            reason: Reason::DoorAmbiguous,
            message: format!(
                "{} doors are named \"{text}\": {}. Write the uuid of the one that is meant.",
                self.named(text).count(),
                candidates.join(", ")
            ),
        }
    }
}

fn row_at(observed: &Observed, at: u32) -> Option<&DoorRow> {
    observed.doors.get(usize::try_from(at).ok()?)
}

fn name_at(observed: &Observed, at: u32) -> &str {
    row_at(observed, at).map_or("", |row| &row.name)
}

/// How a partner that an object names stands at the property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Standing {
    /// Listed and authorised.
    Usable(PartnerUuid),
    /// Listed; DOOR has not authorised it (any more).
    Awaiting,
    /// Not to be used.
    Refused(Unresolved),
}

/// The partner a text means, by the property's records.
pub(crate) fn standing(ledger: &Ledger, observed: &Observed, text: &str) -> Standing {
    let by_uuid = text.parse::<Uuid>().ok().map(PartnerUuid);
    let found = ledger.head.partners.iter().find(|(name, record)| {
        record.listed && (name.as_str() == text || (by_uuid.is_some() && record.uuid == by_uuid))
    });
    let Some((name, record)) = found else {
        let listed: Vec<&str> = ledger
            .head
            .partners
            .iter()
            .filter(|(_, record)| record.listed)
            .map(|(name, _)| name.as_str())
            .collect();
        let near = listed
            .iter()
            .find(|name| strsim::jaro_winkler(name, text) > 0.85);
        let hint = near.map_or_else(
            || {
                String::from(
                    "Add it there (that asks for DOOR's authorisation), or correct the name.",
                )
            },
            |near| format!("Did you mean \"{near}\"?"),
        );
        return Standing::Refused(Unresolved {
            reason: Reason::PartnerNotListed,
            message: format!(
                "the partner \"{text}\" is not in spec.partners of the Property. {hint}"
            ),
        });
    };
    if let Some(changed) = identity_changed(observed, name, record) {
        return Standing::Refused(changed);
    }
    match record.uuid {
        Some(uuid) if record.authorized => Standing::Usable(uuid),
        _ => Standing::Awaiting,
    }
}

/// The uuid a partner's name was resolved to, whatever its standing.
pub(crate) fn known_uuid(ledger: &Ledger, text: &str) -> Option<PartnerUuid> {
    match ledger.head.partners.get(text) {
        Some(record) => record.uuid,
        None => text.parse::<Uuid>().ok().map(PartnerUuid),
    }
}

/// A listed name that DOOR now uses for another partner.
pub(crate) fn identity_changed(
    observed: &Observed,
    name: &str,
    record: &PartnerRecord,
) -> Option<Unresolved> {
    let pinned = record.uuid?;
    let same_still_there = observed
        .partners
        .iter()
        .any(|partner| partner.uuid == pinned);
    let now = observed
        .partners
        .iter()
        .find(|partner| partner.name == name && partner.uuid != pinned)?;
    let pinned_has_name = observed
        .partners
        .iter()
        .any(|partner| partner.uuid == pinned && partner.name == name);
    let may_be_there = same_still_there || observed.incomplete.is_none();
    if pinned_has_name || !may_be_there {
        return None;
    }
    Some(Unresolved {
        reason: Reason::IdentityChanged,
        message: format!(
            "\"{name}\" was the partner {pinned} when it was accepted and is now the partner {}{}. \
             Nothing is granted or taken away. Write the uuid of the one that is meant in spec.partners of the Property.",
            now.uuid,
            if same_still_there {
                " (the first one is still there under another name)"
            } else {
                ""
            }
        ),
    })
}
