//! From a document as it is written to values, guided by the schema of its kind.

use serde_json::{Map, Number, Value};

use super::tree::{Data, Field, Node};
use crate::{
    fault::{Fault, FaultKind, join},
    wording::{shortened, word_for},
};

/// The value of `node`. What cannot be the value its schema asks for is reported and kept as text.
pub(super) fn value(schema: Option<&Value>, node: &Node) -> (Value, Vec<Fault>) {
    let mut faults = Vec::new();
    let value = value_at("", schema, node, &mut faults);
    (value, faults)
}

fn value_at(path: &str, schema: Option<&Value>, node: &Node, faults: &mut Vec<Fault>) -> Value {
    match &node.data {
        Data::Scalar { text, plain: false } => Value::String(text.clone()),
        Data::Scalar { text, plain: true } => plain(path, schema, text, faults),
        Data::List(items) => {
            let schema = schema.and_then(|schema| schema.get("items"));
            let item = |(index, item)| value_at(&format!("{path}[{index}]"), schema, item, faults);
            Value::Array(items.iter().enumerate().map(item).collect())
        }
        Data::Fields(fields) => {
            let known = schema.and_then(|schema| schema.get("properties"));
            let others = schema.and_then(|schema| schema.get("additionalProperties"));
            let mut values = Map::new();
            for Field {
                name,
                position: _,
                value,
            } in fields
            {
                let schema = known.and_then(|known| known.get(name)).or(others);
                values.insert(
                    name.clone(),
                    value_at(&join(path, name), schema, value, faults),
                );
            }
            Value::Object(values)
        }
    }
}

/// A text without quotes is what its field asks for. Only where nobody asks is it guessed.
fn plain(path: &str, schema: Option<&Value>, text: &str, faults: &mut Vec<Fault>) -> Value {
    if is_null(text) {
        return Value::Null;
    }
    match schema
        .and_then(|schema| schema.get("type"))
        .and_then(Value::as_str)
    {
        Some("string") => {
            if let Some(reading) = misreading(text) {
                let message = format!(
                    "`{0}` must be quoted, because unquoted it can be read as {reading}: write \"{0}\"",
                    shortened(text)
                );
                faults.push(Fault::new(path, FaultKind::Unquoted, message));
            }
            Value::String(text.to_owned())
        }
        Some("boolean") => match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => refused(path, "boolean", text, faults),
        },
        Some("integer") => match whole_number(text) {
            Some(number) => Value::Number(number.into()),
            None => refused(path, "integer", text, faults),
        },
        Some(wanted) => refused(path, wanted, text, faults),
        None => guess(text),
    }
}

/// The fault is reported here with the text as it was written, so the value is one the schema will not report again.
fn refused(path: &str, wanted: &str, text: &str, faults: &mut Vec<Fault>) -> Value {
    let message = format!("must be {}, not `{}`", word_for(wanted), shortened(text));
    faults.push(Fault::new(path, FaultKind::WrongType, message));
    Value::String(text.to_owned())
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// What some reader of YAML 1.1 or 1.2 takes an unquoted text for, if not for text.
fn misreading(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "true" | "yes" | "on" | "y" => Some("true"),
        "false" | "no" | "off" | "n" => Some("false"),
        ".inf" | "+.inf" | "-.inf" | ".nan" => Some("a number"),
        _ => is_number(&lower).then_some("a number"),
    }
}

/// Decimal, octal, hexadecimal, binary, with fraction, exponent or `_`: whatever any reader calls a number.
fn is_number(lower: &str) -> bool {
    let unsigned = lower.strip_prefix(['+', '-']).unwrap_or(lower);
    let digits = |text: &str, radix: u32| {
        text.chars().any(|c| c.is_digit(radix))
            && text.chars().all(|c| c.is_digit(radix) || c == '_')
    };
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = unsigned.strip_prefix(prefix) {
            return digits(rest, radix);
        }
    }
    let (mantissa, exponent) = match unsigned.split_once('e') {
        Some((mantissa, exponent)) => (
            mantissa,
            Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        ),
        None => (unsigned, None),
    };
    let mantissa_is_number = match mantissa.split_once('.') {
        Some((whole, part)) => {
            (whole.is_empty() || digits(whole, 10))
                && (part.is_empty() || digits(part, 10))
                && mantissa != "."
        }
        None => digits(mantissa, 10),
    };
    mantissa_is_number && exponent.is_none_or(|exponent| digits(exponent, 10))
}

/// Without leading zeros, which some readers take for octal.
fn whole_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let clean = digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    if clean { text.parse().ok() } else { None }
}

fn guess(text: &str) -> Value {
    match text {
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if let Some(number) = whole_number(text) {
        return Value::Number(number.into());
    }
    let fraction = is_number(&text.to_ascii_lowercase())
        .then(|| text.parse::<f64>().ok())
        .flatten();
    fraction
        .and_then(Number::from_f64)
        .map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_other_readers_take_for_no_text() {
        for text in [
            "no",
            "No",
            "OFF",
            "y",
            "N",
            "true",
            "yes",
            "101",
            "-1",
            "+1",
            "010",
            "0x1f",
            "0o17",
            "0b1",
            "1.5",
            "1.",
            ".5",
            "1e3",
            "1.5E-3",
            "1_000",
            ".inf",
            "-.INF",
            ".nan",
            "12345678901234567890123",
        ] {
            assert!(misreading(text).is_some(), "{text}");
        }
        for text in [
            "Front Entrance",
            "12A",
            "1-2",
            "e3",
            "1e",
            "0x",
            "nope",
            "08:00",
            "2026-06-01T09:00:00Z",
            ".",
            "-",
            "_",
            "5m",
            "0b8f3a52-3c1e-4f6a-9d52-6f1f0a7c9e11",
            "1.2.3",
        ] {
            assert_eq!(misreading(text), None, "{text}");
        }
    }

    #[test]
    fn a_whole_number_has_no_leading_zero() {
        assert_eq!(whole_number("25"), Some(25));
        assert_eq!(whole_number("-1"), Some(-1));
        for text in ["025", "", "-", "1.0", "1e3", "99999999999999999999", "0x10"] {
            assert_eq!(whole_number(text), None, "{text}");
        }
    }
}
