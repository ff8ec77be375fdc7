//! Lenient JSON: a field of the wrong shape spoils itself, never the row or the page around it.
//!
//! Values are decoded straight into typed structs, without an intermediate tree; what nobody asked
//! for is skipped without being kept. Depth is bounded by serde_json's recursion limit.

use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use opendoor_planner::observed::{Accessibility, Day, DoorType, Vacancy};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use uuid::Uuid;

/// A field as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Field<T> {
    /// Not sent, or null, which the contract says is the same.
    #[default]
    Absent,
    /// Sent, but not in a form we understand.
    Malformed,
    /// Sent.
    Value(T),
}

impl<T> Field<T> {
    /// The value, where not knowing and not being said come to the same.
    pub(crate) fn ok(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Malformed => None,
        }
    }

    /// The value or `None` if absent; an error if it was sent and not understood.
    pub(crate) fn strict(self) -> Result<Option<T>, ()> {
        match self {
            Self::Value(value) => Ok(Some(value)),
            Self::Absent => Ok(None),
            Self::Malformed => Err(()),
        }
    }
}

/// A type that one kind of JSON value can mean; every other kind is malformed.
pub(crate) trait FromJson: Sized {
    /// From a string.
    fn from_text(_: &str) -> Option<Self> {
        None
    }

    /// From a whole number that fits.
    fn from_integer(_: i64) -> Option<Self> {
        None
    }

    /// From true or false.
    fn from_bool(_: bool) -> Option<Self> {
        None
    }

    /// From an array, which must be read to its end.
    fn from_array<'de, A: SeqAccess<'de>>(mut array: A) -> Result<Option<Self>, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    /// From an object, which must be read to its end.
    fn from_object<'de, A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

impl<'de, T: FromJson> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor(PhantomData))
    }
}

struct FieldVisitor<T>(PhantomData<T>);

impl<T> FieldVisitor<T> {
    fn field(value: Option<T>) -> Field<T> {
        value.map_or(Field::Malformed, Field::Value)
    }
}

impl<'de, T: FromJson> Visitor<'de> for FieldVisitor<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Field::Absent)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Self::field(T::from_bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Self::field(T::from_integer(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Self::field(
            i64::try_from(value).ok().and_then(T::from_integer),
        ))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Field::Malformed)
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Self::field(T::from_text(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<Self::Value, A::Error> {
        T::from_array(array).map(Self::field)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        T::from_object(object).map(Self::field)
    }
}

/// Lets a struct with derived `Deserialize`, all of whose fields are [`Field`]s with a default, be
/// the content of a [`Field`].
macro_rules! from_object {
    ($($name:ty),* $(,)?) => {$(
        impl $crate::wire::FromJson for $name {
            fn from_object<'de, A: ::serde::de::MapAccess<'de>>(
                object: A,
            ) -> Result<Option<Self>, A::Error> {
                $crate::wire::object(object)
            }
        }
    )*};
}
pub(crate) use from_object;

pub(crate) fn object<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    object: A,
) -> Result<Option<T>, A::Error> {
    T::deserialize(MapAccessDeserializer::new(object)).map(Some)
}

impl<T: FromJson> FromJson for Vec<Field<T>> {
    fn from_array<'de, A: SeqAccess<'de>>(mut array: A) -> Result<Option<Self>, A::Error> {
        // serde_json knows no length beforehand, so nothing is reserved on the sender's word.
        let mut values = Vec::new();
        while let Some(value) = array.next_element()? {
            values.push(value);
        }
        Ok(Some(values))
    }
}

impl FromJson for String {
    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl FromJson for i64 {
    fn from_integer(number: i64) -> Option<Self> {
        Some(number)
    }
}

/// A counter of the contract: a whole number, not negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counter(pub(crate) i64);

impl FromJson for Counter {
    fn from_integer(number: i64) -> Option<Self> {
        (number >= 0).then_some(Self(number))
    }
}

impl FromJson for bool {
    fn from_bool(value: bool) -> Option<Self> {
        Some(value)
    }
}

impl FromJson for Uuid {
    fn from_text(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok()
    }
}

impl FromJson for Timestamp {
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromJson for DoorType {
    fn from_text(text: &str) -> Option<Self> {
        Some(match text {
            "BUILDING_ENTRANCE" => Self::BuildingEntrance,
            "RESIDENCE" => Self::Residence,
            "SERVICE" => Self::Service,
            "COMMUNAL" => Self::Communal,
            _ => return None,
        })
    }
}

impl FromJson for Accessibility {
    fn from_text(text: &str) -> Option<Self> {
        Some(match text {
            "COMMUNAL" => Self::Communal,
            "PRIVATE" => Self::Private,
            _ => return None,
        })
    }
}

impl FromJson for Vacancy {
    fn from_text(text: &str) -> Option<Self> {
        Some(match text {
            "VACANT" => Self::Vacant,
            "OCCUPIED" => Self::Occupied,
            _ => return None,
        })
    }
}

impl FromJson for Day {
    fn from_text(text: &str) -> Option<Self> {
        Some(match text {
            "MONDAY" => Self::Monday,
            "TUESDAY" => Self::Tuesday,
            "WEDNESDAY" => Self::Wednesday,
            "THURSDAY" => Self::Thursday,
            "FRIDAY" => Self::Friday,
            "SATURDAY" => Self::Saturday,
            "SUNDAY" => Self::Sunday,
            _ => return None,
        })
    }
}

/// The codes of the contract and of OAuth that may appear in our messages as they are.
const CODES: &[&str] = &[
    "access_denied",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "internal_server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
];

/// What stands for a code that we do not repeat.
pub(crate) const UNRECOGNISED: &str = "unrecognised";

#[derive(serde::Deserialize)]
struct ErrorBody {
    #[serde(default)]
    message: Field<String>,
    #[serde(default)]
    error: Field<String>,
}

/// The code in the body of an error. Bodies can hold anything (a proxy's HTML, residents' data), so
/// only what looks like a code is kept, and not much of it.
pub(crate) fn error_code(status: u16, body: &[u8]) -> String {
    let sent = serde_json::from_slice::<ErrorBody>(body)
        .ok()
        .and_then(|ErrorBody { message, error }| message.ok().or(error.ok()));
    match (sent, status) {
        (Some(code), _) if CODES.contains(&code.as_str()) => code,
        (Some(mut code), _)
            if !code.is_empty() && code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') =>
        {
            code.truncate(64);
            code
        }
        // DOOR documents no body for a 403.
        (None, 401) => "UNAUTHORIZED".to_owned(),
        (None, 403) => "FORBIDDEN".to_owned(),
        _ => UNRECOGNISED.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Row {
        #[serde(default)]
        uuid: Field<Uuid>,
        #[serde(default)]
        count: Field<Counter>,
        #[serde(default)]
        names: Field<Vec<Field<String>>>,
    }

    fn row(json: &str) -> Row {
        serde_json::from_str(json).expect(json)
    }

    #[test]
    fn null_is_absent_and_a_wrong_shape_spoils_only_its_own_field() {
        let row = row(r#"{"uuid": {"deep": [1, {"x": null}]}, "count": null, "names": ["a", 7]}"#);
        assert_eq!(row.uuid, Field::Malformed);
        assert_eq!(row.count, Field::Absent);
        assert_eq!(
            row.names,
            Field::Value(vec![Field::Value("a".to_owned()), Field::Malformed])
        );
    }

    #[test]
    fn a_counter_is_a_whole_number_that_fits() {
        for json in [
            "-1",
            "7.5",
            "1e300",
            "18446744073709551615",
            "\"7\"",
            "true",
        ] {
            let row = row(&format!(r#"{{"count": {json}}}"#));
            assert_eq!(row.count, Field::Malformed, "{json}");
        }
        assert_eq!(row(r#"{"count": 7}"#).count, Field::Value(Counter(7)));
    }

    #[test]
    fn a_bomb_of_brackets_is_an_error_and_not_a_stack_overflow() {
        let bomb = format!(r#"{{"uuid": {}"#, "[".repeat(1_000_000));
        serde_json::from_str::<Row>(&bomb).expect_err("too deep");
        let unknown = format!(r#"{{"other": {}"#, "[".repeat(1_000_000));
        serde_json::from_str::<Row>(&unknown).expect_err("cut off");
    }

    #[test]
    fn only_what_looks_like_a_code_is_repeated() {
        assert_eq!(
            error_code(409, br#"{"message": "PARTNER_IMMUTABLE"}"#),
            "PARTNER_IMMUTABLE"
        );
        assert_eq!(
            error_code(
                401,
                br#"{"error": "access_denied", "error_description": "x"}"#
            ),
            "access_denied"
        );
        for body in [
            r#"{"message": "Jane Doe lives in 4B"}"#.as_bytes(),
            b"<html>Jane Doe</html>",
            b"\xff\xfe\x00",
            b"",
            br#"{"message": 7}"#,
        ] {
            assert_eq!(error_code(400, body), UNRECOGNISED);
        }
        let long = format!(r#"{{"message": "{}"}}"#, "A".repeat(500));
        assert_eq!(error_code(400, long.as_bytes()).len(), 64);
        assert_eq!(error_code(403, b""), "FORBIDDEN");
    }
}
