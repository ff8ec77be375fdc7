//! A length of time as people write it: `60s`, `5m`, `1h30m`.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Hours, minutes and seconds in that order, each at most once and none of them zero.
pub(crate) const PATTERN: &str = "^([1-9][0-9]{0,4}h)?([1-9][0-9]{0,4}m)?([1-9][0-9]{0,4}s)?$";

/// A length of time such as `60s`, `5m`, `24h` or `1h30m`. Never zero and never negative.
///
/// It prints as it was written; two periods are equal if they are equally long.
#[derive(Clone, Debug)]
pub struct Period {
    text: Cow<'static, str>,
    length: Duration,
}

/// The text is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a length of time: write hours, minutes and seconds such as 60s, 5m, 24h or 1h30m, above zero"
)]
pub struct NotAPeriod(String);

impl Period {
    /// A period of whole seconds, known when the program is built.
    pub const fn known(text: &'static str, seconds: u64) -> Self {
        Self {
            text: Cow::Borrowed(text),
            length: Duration::from_secs(seconds),
        }
    }

    /// How long it is.
    #[must_use]
    pub const fn length(&self) -> Duration {
        self.length
    }

    /// How long it is, to calculate with timestamps.
    #[must_use]
    pub const fn signed(&self) -> SignedDuration {
        // The pattern allows at most 99999 hours, far below the limit of i64 seconds.
        SignedDuration::new(self.length.as_secs().cast_signed(), 0)
    }
}

impl FromStr for Period {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        let refuse = || NotAPeriod(text.to_owned());
        let (mut rest, mut seconds) = (text, 0_u64);
        for (unit, length) in [('h', 3600), ('m', 60), ('s', 1)] {
            let Some((number, after)) = rest.split_once(unit) else {
                continue;
            };
            let digits =
                (1..=5).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
            if !digits || number.starts_with('0') {
                return Err(refuse());
            }
            seconds += number.parse::<u64>().map_err(|_| refuse())? * length;
            rest = after;
        }
        if seconds == 0 || !rest.is_empty() {
            return Err(refuse());
        }
        Ok(Self {
            text: Cow::Owned(text.to_owned()),
            length: Duration::from_secs(seconds),
        })
    }
}

impl PartialEq for Period {
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length
    }
}

impl Eq for Period {}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl JsonSchema for Period {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 2, "maxLength": 18, "pattern": PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hours_minutes_and_seconds() {
        for (text, seconds) in [
            ("60s", 60),
            ("5m", 300),
            ("24h", 86_400),
            ("1h30m", 5_400),
            ("1h1m1s", 3_661),
        ] {
            let period: Period = text.parse().unwrap();
            assert_eq!(
                (period.length().as_secs(), period.to_string()),
                (seconds, text.to_owned())
            );
        }
        assert_eq!("60s".parse::<Period>(), "1m".parse::<Period>());
    }

    #[test]
    fn pattern_and_parser_agree_on_what_is_refused() {
        let pattern = regex::Regex::new(PATTERN).unwrap();
        for text in [
            "", "0s", "-5m", "5", "m", "5 m", "5M", "05m", "5m1h", "1.5h", "7d", "123456s", "5mm",
            "+5m", "5m ",
        ] {
            assert!(text.parse::<Period>().is_err(), "{text:?} must be refused");
            assert!(
                text.is_empty() || !pattern.is_match(text),
                "{text:?} must not match"
            );
        }
    }

    #[test]
    fn the_longest_period_still_calculates() {
        let longest: Period = "99999h99999m99999s".parse().unwrap();
        assert_eq!(longest.signed().as_secs(), 99_999 * 3_661);
    }
}
