//! The place a world is about, and what is declared of it at first, drawn from a seed.

use std::fmt::Write as _;

use fastrand::Rng;
use opendoor_simulator::{Clock, Simulator, WorldFile};

use crate::declare::{Assignment, Doc, File, Key, Looker, Repo, Says, Wanted};
use crate::themes::Themes;

pub const PARTNERS: [&str; 4] = ["Parcel Runner", "TourPass", "CleanCo", "Homely"];
const BUILDINGS: [&str; 2] = ["Harbor Point", "Elm Court"];
/// When every world begins.
const START: &str = "2026-03-02T09:00:00Z";

/// A building as the test knows it.
#[derive(Clone, Debug)]
pub struct Building {
    pub name: &'static str,
    pub property: String,
    /// Door names as they were at first; two may be equal.
    pub doors: Vec<String>,
    pub units: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Place {
    pub partners: Vec<&'static str>,
    /// Of the partners, in their order.
    pub uuids: Vec<uuid::Uuid>,
    pub buildings: Vec<Building>,
}

/// Draws a place, the simulator that holds it, and a repository about it.
pub fn draw(seed: u64) -> (Place, Simulator, Repo) {
    let mut rng = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let partners: Vec<&'static str> = PARTNERS[..rng.usize(2..=4)].to_vec();
    let mut yaml = String::from("partners:\n");
    let themes = Themes::of(seed);
    let houses = 1 + usize::from(rng.u8(0..3) == 0 && !themes.large);
    for (index, partner) in partners.iter().enumerate() {
        let at: Vec<&str> = BUILDINGS[..houses]
            .iter()
            .copied()
            .filter(|_| index == 0 || rng.u8(0..5) > 0)
            .collect();
        writeln!(
            yaml,
            "  - {{ name: {partner}, authorizedAt: [{}] }}",
            at.join(", ")
        )
        .unwrap();
    }
    writeln!(
        yaml,
        "parameters: {{ drainOnReconnect: {}, acceptOlderLists: {}, firstUseHeals: {}, withdrawalKeepsAssignments: {}, \
         logLimit: 100000 }}\nbuildings:",
        rng.u8(0..4) > 0,
        rng.u8(0..5) == 0,
        rng.u8(0..6) > 0,
        rng.u8(0..4) == 0,
    )
    .unwrap();
    let mut buildings = Vec::new();
    for name in &BUILDINGS[..houses] {
        buildings.push(building(name, &partners, &themes, &mut rng, &mut yaml));
    }
    let clock = Clock::manual(START.parse().unwrap());
    let file = WorldFile::parse(&yaml).unwrap();
    let simulator =
        Simulator::new(file, seed, clock).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    let uuids = partners
        .iter()
        .map(|name| simulator.partner_uuid(name).unwrap())
        .collect();
    let place = Place {
        partners,
        uuids,
        buildings,
    };
    let repo = repo(&place, &themes, &mut rng);
    (place, simulator, repo)
}

fn building(
    name: &'static str,
    partners: &[&str],
    themes: &Themes,
    rng: &mut Rng,
    yaml: &mut String,
) -> Building {
    writeln!(yaml, "  - name: {name}\n    doors:").unwrap();
    let mut doors: Vec<String> = Vec::new();
    let mut units = Vec::new();
    let count = match rng.usize(4..=14) {
        few if themes.large => 34 + few,
        few => few,
    };
    let twins = rng.u8(0..8) == 0;
    for number in 0..count {
        let unit = rng.u8(0..4) == 0;
        let name = match number {
            1 if twins => doors[0].clone(),
            _ if unit => format!("Unit {number:02}"),
            _ => format!("Door {number:02}"),
        };
        write!(
            yaml,
            "      - {{ name: {name}, connected: {}, activated: {}",
            rng.u8(0..2) == 0,
            rng.u8(0..10) > 0
        )
        .unwrap();
        if unit {
            let vacancy = ["Vacant", "Occupied"][rng.usize(0..2)];
            write!(
                yaml,
                ", doorType: Residence, unit: 'u{number}', vacancy: {vacancy}"
            )
            .unwrap();
            units.push(name.clone());
        }
        // The first partner is authorised everywhere.
        if rng.u8(0..5) == 0 {
            write!(yaml, ", partner: {}", partners[0]).unwrap();
        }
        writeln!(yaml, " }}").unwrap();
        doors.push(name);
    }
    let unique: Vec<&String> = doors
        .iter()
        .filter(|name| doors.iter().filter(|other| other == name).count() == 1)
        .collect();
    writeln!(yaml, "    keys:").unwrap();
    let staff = &unique[..unique.len().min(rng.usize(1..=3))];
    let list = |names: &[&String]| {
        names
            .iter()
            .map(|name| name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    writeln!(yaml, "      - {{ name: Staff, doors: [{}] }}", list(staff)).unwrap();
    if rng.bool() {
        let some = &unique[unique.len().saturating_sub(2)..];
        writeln!(
            yaml,
            "      - {{ name: Old key, partner: {}, doors: [{}] }}",
            partners[0],
            list(some)
        )
        .unwrap();
    }
    Building {
        name,
        property: name.to_lowercase().replace(' ', "-"),
        doors,
        units,
    }
}

fn repo(place: &Place, themes: &Themes, rng: &mut Rng) -> Repo {
    let mut repo = Repo::default();
    if rng.u8(0..3) == 0 {
        add(&mut repo, "portfolio.yaml", Doc::new("main", limits(rng)));
    }
    if themes.raised {
        let says = Says::Portfolio(Looker {
            removals: 1_000,
            percent: 100,
            ..Looker::usual()
        });
        repo.files.remove("portfolio.yaml");
        add(&mut repo, "portfolio.yaml", Doc::new("main", says));
    }
    for building in &place.buildings {
        let partners = place
            .partners
            .iter()
            .filter(|_| rng.u8(0..8) > 0)
            .map(|name| (*name).to_owned())
            .collect();
        let says = Says::Property {
            building: building.name.to_owned(),
            partners,
            removes_added: rng.u8(0..8) == 0,
            approve: None,
            suspend: false,
        };
        let folder = &building.property;
        add(
            &mut repo,
            &format!("{folder}/property.yaml"),
            Doc::new(building.property.clone(), says),
        );
        for number in 0..rng.usize(1..=3) {
            let mut doc = assignment(place, building, &format!("{folder}-da{number}"), rng);
            if let (true, 0, Says::Assignment(first)) = (themes.large, number, &mut doc.says) {
                place.partners[0].clone_into(&mut first.partner);
                first.doors = Wanted::Named(building.doors.clone());
            }
            add(
                &mut repo,
                &format!("{folder}/doors-{}.yaml", number % 2),
                doc,
            );
        }
        for number in 0..rng.usize(0..=2) {
            let doc = key(place, building, &format!("{folder}-pk{number}"), rng);
            add(&mut repo, &format!("{folder}/keys.yaml"), doc);
        }
    }
    repo
}

pub fn add(repo: &mut Repo, path: &str, doc: Doc) {
    let file: &mut File = repo.files.entry(path.to_owned()).or_default();
    file.docs.push(doc);
}

pub fn limits(rng: &mut Rng) -> Says {
    Says::Portfolio(Looker {
        removals: rng.u32(2..=30),
        percent: rng.u32(10..=100),
        ..Looker::usual()
    })
}

pub fn assignment(place: &Place, building: &Building, name: &str, rng: &mut Rng) -> Doc {
    let partner = place.partners[rng.usize(0..place.partners.len())].to_owned();
    let doors = if !building.units.is_empty() && rng.u8(0..7) == 0 {
        Wanted::VacantUnits
    } else {
        Wanted::Named(some_doors(building, rng))
    };
    let property = building.property.clone();
    let assignment = Assignment {
        property,
        partner,
        doors,
        until: None,
        retain: false,
    };
    Doc::new(name, Says::Assignment(assignment))
}

pub fn key(place: &Place, building: &Building, name: &str, rng: &mut Rng) -> Doc {
    let partner = place.partners[rng.usize(0..place.partners.len())].to_owned();
    let doors = some_doors(building, rng)
        .into_iter()
        .map(|name| (name, rng.bool()))
        .collect();
    // Rarely the name of a key that is there already.
    let (key_name, adopt) = match rng.u8(0..12) {
        0 => (String::from("Staff"), rng.bool()),
        1 => (String::from("Old key"), rng.bool()),
        _ => (format!("Key {name}"), false),
    };
    Doc::new(
        name,
        Says::Key(Key {
            property: building.property.clone(),
            partner,
            key_name,
            doors,
            mornings: rng.bool(),
            adopt,
            retain: false,
        }),
    )
}

pub fn some_doors(building: &Building, rng: &mut Rng) -> Vec<String> {
    let mut names: Vec<String> = building
        .doors
        .iter()
        .filter(|_| rng.u8(0..5) < 2)
        .cloned()
        .collect();
    if rng.u8(0..12) == 0 {
        names.push(String::from("No such door"));
    }
    if names.is_empty() {
        names.push(building.doors[rng.usize(0..building.doors.len())].clone());
    }
    names.sort();
    names.dedup();
    names
}
