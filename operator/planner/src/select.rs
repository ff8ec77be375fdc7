//! Which doors a selector means.

use opendoor_api::DoorSelector;

use crate::observed::{Accessibility, DoorRow, DoorType, Vacancy};

/// Whether a selector means a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// It does not, whatever else is not known of the door.
    No,
    /// DOOR OS does not say what it asks for, so it neither grants nor revokes.
    CannotTell,
    /// It does.
    Yes,
}

impl Fit {
    /// Whether what is known of a door is what is asked for, if anything is.
    fn of<T: PartialEq>(wanted: Option<T>, known: Option<T>) -> Self {
        match (wanted, known) {
            (None, _) => Self::Yes,
            (Some(_), None) => Self::CannotTell,
            (Some(wanted), Some(known)) => Self::from(wanted == known),
        }
    }
}

impl From<bool> for Fit {
    fn from(fits: bool) -> Self {
        if fits { Self::Yes } else { Self::No }
    }
}

/// Whether a door has the type, accessibility, name and vacancy that a selector asks for. Since when a unit
/// must have been vacant is not asked here.
pub(crate) fn fits(selector: &DoorSelector, row: &DoorRow) -> Fit {
    let door_type = selector.door_type.map(|wanted| match wanted {
        opendoor_api::DoorType::BuildingEntrance => DoorType::BuildingEntrance,
        opendoor_api::DoorType::Residence => DoorType::Residence,
        opendoor_api::DoorType::Service => DoorType::Service,
        opendoor_api::DoorType::Communal => DoorType::Communal,
    });
    let accessibility = selector.accessibility.map(|wanted| match wanted {
        opendoor_api::Accessibility::Communal => Accessibility::Communal,
        opendoor_api::Accessibility::Private => Accessibility::Private,
    });
    let pattern = selector.name_pattern.as_deref();
    Fit::from(pattern.is_none_or(|pattern| matches_pattern(pattern, &row.name)))
        .min(Fit::of(door_type, row.door_type))
        .min(Fit::of(accessibility, row.accessibility))
        .min(vacancy_fits(selector, row))
}

/// Whether somebody lives behind a door, if a selector asks for it.
pub(crate) fn vacancy_fits(selector: &DoorSelector, row: &DoorRow) -> Fit {
    let vacancy = selector.vacancy.map(|wanted| match wanted {
        opendoor_api::Vacancy::Vacant => Vacancy::Vacant,
        opendoor_api::Vacancy::Occupied => Vacancy::Occupied,
    });
    Fit::of(vacancy, row.unit.as_ref().and_then(|unit| unit.vacancy))
}

/// Whether a door's name fits a pattern in which `*` stands for any text.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else {
        return false;
    };
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            match rest.find(middle) {
                Some(at) => rest = rest.get(at + middle.len()..).unwrap_or_default(),
                None => return false,
            }
        }
    }
    match last {
        None => rest.is_empty(),
        Some(tail) => rest.ends_with(tail),
    }
}

#[cfg(test)]
mod tests {
    use super::matches_pattern;

    #[test]
    fn patterns() {
        for (pattern, name, fits) in [
            ("Garage *", "Garage Gate", true),
            ("Garage *", "Garage", false),
            ("Unit 1*", "Unit 101", true),
            ("*Room", "Mail Room", true),
            ("*Room", "Mail Room 2", false),
            ("U*t*1", "Unit 101", true),
            ("U*t*2", "Unit 101", false),
            ("Lobby", "Lobby", true),
            ("Lobby", "Lobby 2", false),
            ("*", "anything", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches_pattern(pattern, name), fits, "{pattern} on {name}");
        }
    }
}
