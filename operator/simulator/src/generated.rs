//! Large worlds for measurements.

use crate::rows::{DoorType, Vacancy};
use crate::world_file::{BuildingFile, DoorFile, Name, PartnerFile, WorldFile};

/// Partners of a generated world, authorised everywhere.
const PARTNERS: [&str; 3] = ["Parcel Runner", "TourPass", "Homely"];

impl WorldFile {
    /// A world of `buildings` with `doors` each: two thirds are doors of units, mostly offline and a tenth of them
    /// vacant; the rest are shared and mostly connected. No door has a partner yet.
    pub fn generated(buildings: usize, doors: usize, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let names: Vec<String> = (1..=buildings)
            .map(|number| format!("Building {number:04}"))
            .collect();
        let authorized_at: Vec<Name> = names.iter().cloned().map(Name::from).collect();
        let partners = PARTNERS
            .into_iter()
            .map(|name| PartnerFile {
                name: name.into(),
                authorized_at: authorized_at.clone(),
            })
            .collect();
        let buildings = names
            .into_iter()
            .map(|name| BuildingFile {
                name: name.into(),
                timezone: Some("America/New_York".to_owned()),
                address: None,
                portfolio: Some("Generated".to_owned()),
                doors: (1..=doors)
                    .map(|number| door(number, &mut random))
                    .collect(),
                keys: Vec::new(),
            })
            .collect();
        Self {
            partners,
            buildings,
            ..Self::default()
        }
    }
}

fn door(number: usize, random: &mut fastrand::Rng) -> DoorFile {
    let shared = number.is_multiple_of(3);
    let (name, door_type) = if shared {
        (format!("Shared door {number:06}"), DoorType::Communal)
    } else {
        (format!("Unit {number:06}"), DoorType::Residence)
    };
    let vacancy = if random.u8(..10) == 0 {
        Vacancy::Vacant
    } else {
        Vacancy::Occupied
    };
    DoorFile {
        unit: (!shared).then(|| format!("{number:06}")),
        name: name.into(),
        door_type,
        accessibility: None,
        kind: crate::rows::DoorKind::Door,
        connected: random.u8(..10) < if shared { 9 } else { 1 },
        activated: true,
        serial_number: None,
        vacancy: (!shared).then_some(vacancy),
        vacancy_since: None,
        partner: None,
    }
}
