//! JSON of somebody else's, to be kept verbatim: checked, so that every reader understands the same by it.

use std::{borrow::Cow, fmt};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::ledger::payload::PAYLOAD_BYTES_MAX;

/// How deep objects and arrays may be nested. Common readers stop at 127 levels; this leaves them room for what an
/// export puts around the document.
pub const JSON_DEPTH_MAX: usize = 100;

/// Checks that bytes are one JSON object: in UTF-8, nested at most [`JSON_DEPTH_MAX`] levels deep, without an object
/// that names a key twice, and without text or numbers that readers take differently (half a surrogate pair, a number
/// beyond a 64-bit float).
///
/// # Errors
/// Says what is wrong, and what would be right.
pub fn check_json_object(json: &[u8]) -> Result<(), String> {
    if json.is_empty() {
        return Err(EMPTY.to_owned());
    }
    if json.len() > PAYLOAD_BYTES_MAX {
        let length = json.len();
        return Err(format!(
            "has {length} bytes; send at most {PAYLOAD_BYTES_MAX}, and name larger files by their digest"
        ));
    }
    let text = std::str::from_utf8(json)
        .map_err(|error| format!("is not UTF-8 at byte {}", error.valid_up_to()))?;
    check_begins_object(json)?;
    check_depth(json)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Unambiguous
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| format!("is not a JSON object: {error}"))
}

const EMPTY: &str = "is empty; give a JSON object";

/// Checks that bytes begin as a JSON object does.
///
/// # Errors
/// Says what is wrong, and what would be right.
pub fn check_begins_object(json: &[u8]) -> Result<(), &'static str> {
    match json.iter().find(|byte| !b" \t\n\r".contains(byte)) {
        Some(b'{') => Ok(()),
        Some(_) => Err("is not a JSON object; it must begin with `{`"),
        None => Err(EMPTY),
    }
}

/// Counts brackets outside strings, before anything recurses. On malformed input the count may be too high or too
/// low; the parser has its own bound, and refuses that input anyway.
fn check_depth(json: &[u8]) -> Result<(), String> {
    let mut depth = 0usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth = depth.saturating_add(1);
                if depth > JSON_DEPTH_MAX {
                    return Err(format!(
                        "is nested over {JSON_DEPTH_MAX} levels deep; flatten it"
                    ));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Visits a value and all in it, and refuses an object that names a key twice.
struct Unambiguous;

impl<'de> DeserializeSeed<'de> for Unambiguous {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unambiguous {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut keys: Vec<Cow<'de, str>> = Vec::new();
        while let Some(key) = members.next_key_seed(Key)? {
            keys.push(key);
            members.next_value_seed(Self)?;
        }
        keys.sort_unstable();
        let twice = keys
            .iter()
            .zip(keys.iter().skip(1))
            .find(|(one, next)| one == next);
        twice.map_or(Ok(()), |(key, _)| {
            let shown: String = key.chars().take(80).collect();
            Err(de::Error::custom(format_args!(
                "an object names the key {shown:?} twice"
            )))
        })
    }
}

/// Reads a key, borrowed where it has no escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}
