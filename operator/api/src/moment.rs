//! A moment in time as people write it: RFC 3339 with an offset.

use std::{borrow::Cow, fmt, str::FromStr, sync::LazyLock};

use jiff::Timestamp;
use regex::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Date, `T`, time with seconds, and an offset: without one, nobody could say when it is.
pub(crate) const PATTERN: &str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$";

/// A moment in time such as `2026-06-01T09:00:00+02:00` or `2026-06-01T07:00:00Z`.
///
/// It prints as it was written; two moments are equal if they are the same point in time.
#[derive(Clone, Debug)]
pub struct Moment {
    text: Box<str>,
    at: Timestamp,
}

/// The text is no moment in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time: write date, time and offset such as 2026-06-01T09:00:00+02:00")]
pub struct NotAMoment(String);

impl Moment {
    /// The point in time.
    #[must_use]
    pub const fn timestamp(&self) -> Timestamp {
        self.at
    }
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self {
            text: at.to_string().into(),
            at,
        }
    }
}

impl FromStr for Moment {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        static SHAPE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(PATTERN).ok());
        let at = SHAPE
            .as_ref()
            .filter(|shape| shape.is_match(text))
            .and_then(|_| text.parse().ok());
        match at {
            Some(at) => Ok(Self {
                text: text.into(),
                at,
            }),
            None => Err(NotAMoment(text.to_owned())),
        }
    }
}

impl PartialEq for Moment {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Moment {}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Moment {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time", "maxLength": 35, "pattern": PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rfc_3339_and_prints_it_as_written() {
        let moment: Moment = "2026-06-01T09:00:00+02:00".parse().unwrap();
        assert_eq!(moment, "2026-06-01T07:00:00Z".parse().unwrap());
        assert_eq!(moment.to_string(), "2026-06-01T09:00:00+02:00");
        assert_eq!(
            Moment::from(moment.timestamp()).to_string(),
            "2026-06-01T07:00:00Z"
        );
    }

    #[test]
    fn refuses_what_has_no_offset_or_is_no_date() {
        for text in [
            "",
            "2026-06-01",
            "2026-06-01T09:00:00",
            "2026-06-01 09:00:00Z",
            "2026-06-01T09:00Z",
            "2026-13-01T09:00:00Z",
            "2026-02-30T09:00:00Z",
            "2026-06-01T25:00:00Z",
            "2026-06-01T09:00:00Z[Europe/Berlin]",
            "2026-06-01T09:00:00+99:99",
            "tomorrow",
        ] {
            assert!(text.parse::<Moment>().is_err(), "{text:?} must be refused");
        }
    }
}
