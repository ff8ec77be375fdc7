//! What a cell of a table says.

use uuid::Uuid;

/// What a partner cell says.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Written {
    /// Nothing: not known.
    #[default]
    Blank,
    /// `none` and the like.
    Nobody,
    /// A name, or a uuid.
    Partner(String),
}

/// What the key cells of a row say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys {
    /// Whether they say anything: blank is not known.
    pub(super) said: bool,
    /// The keys the door is in.
    pub(super) names: Vec<String>,
    /// The row is about one way in: its partner is the key's.
    pub(super) is_path: bool,
}

/// A name as it is written. A uuid can be written in several ways, and all of them are one name.
pub(super) fn spelt(name: &str) -> String {
    name.parse::<Uuid>()
        .map_or_else(|_| name.to_owned(), |uuid| uuid.to_string())
}

/// `none`, as people and spreadsheets write it.
fn is_none(lower: &str) -> bool {
    matches!(lower, "none" | "-" | "\u{2013}" | "\u{2014}")
}

/// What neither is a name nor says clearly that there is none.
fn is_unclear(lower: &str) -> bool {
    matches!(
        lower,
        "n/a" | "na" | "null" | "nil" | "0" | "no" | "yes" | "#n/a" | "#ref!"
    )
}

fn is_unknown(lower: &str) -> bool {
    matches!(lower, "" | "?" | "unknown")
}

pub(super) fn holder(cell: &str) -> Result<Written, String> {
    let lower = cell.to_lowercase();
    if is_unknown(&lower) {
        Ok(Written::Blank)
    } else if is_none(&lower) || matches!(lower.as_str(), "no partner" | "nobody") {
        Ok(Written::Nobody)
    } else if is_unclear(&lower) {
        Err(format!(
            "has \"{cell}\" as its partner; write the partner's name, or none, or leave the cell blank if it is not known"
        ))
    } else {
        Ok(Written::Partner(spelt(cell)))
    }
}

pub(super) fn connected(cell: &str) -> Result<Option<bool>, String> {
    match cell.to_lowercase().as_str() {
        "yes" | "y" | "true" | "1" | "connected" | "online" => Ok(Some(true)),
        "no" | "n" | "false" | "0" | "not connected" | "disconnected" | "offline" => {
            Ok(Some(false))
        }
        lower if is_unknown(lower) => Ok(None),
        _ => Err(format!(
            "has \"{cell}\" where it says whether the door is connected; write yes, no, or leave the cell blank"
        )),
    }
}

/// A column `key` holds one key. A column `keys` may hold several, with `;` or `|` between them.
pub(super) fn keys(one: &str, several: &str) -> Result<Keys, String> {
    let mut keys = Keys::default();
    for name in several.split([';', '|']).chain([one]).map(str::trim) {
        let lower = name.to_lowercase();
        if is_unknown(&lower) {
            continue;
        }
        if is_unclear(&lower) {
            return Err(format!(
                "has \"{name}\" as its key; write the key's name, or none, or leave the cell blank if it is not known"
            ));
        }
        keys.said = true;
        if !is_none(&lower) && !matches!(lower.as_str(), "no key" | "no keys") {
            keys.names.push(spelt(name));
        }
    }
    keys.is_path = several.is_empty() && !keys.names.is_empty();
    Ok(keys)
}
