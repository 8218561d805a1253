//! Any other event: a JSON object of the producer's own, kept verbatim, with parts beside it.

use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

use super::{
    OWN_TYPE_PREFIX,
    check::{Check, Path},
    json::check_json_object,
    posted::LINKS,
};
use crate::ledger::{
    entry::EVENT_TYPE,
    payload::{BODY, PART_NAME_BYTES_MAX, PARTS_MAX},
};

/// The most parts of a custom event: what a payload may have, without the body and the links.
const CUSTOM_PARTS_MAX: usize = PARTS_MAX.saturating_sub(2);

/// Any other event, kept verbatim.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custom {
    /// The entry's event type, 1 to 255 bytes; not one that begins with [`OWN_TYPE_PREFIX`]. `type` in JSON.
    #[serde(rename = "type")]
    pub event_type: String,
    /// A JSON object that [`check_json_object`] accepts. Its bytes are kept as they are.
    #[serde(with = "verbatim")]
    pub json: Vec<u8>,
    /// Personal content kept out of the JSON; at most 30.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<CustomPart>,
}

/// A part of a custom event's payload. In JSON its content is `text`, or `base64` where it is not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomPart {
    /// Unique within the event, 1 to 255 bytes; neither `body` nor `links`.
    pub name: String,
    /// A media type such as `text/plain`, 1 to 255 bytes.
    pub content_type: String,
    /// The content, kept as it is.
    pub content: Vec<u8>,
}

impl Custom {
    pub(super) fn check(&self, at: Path<'_>, check: &mut Check) {
        check.line(at.field("type"), &self.event_type, EVENT_TYPE.bytes_max);
        if self.event_type.starts_with(OWN_TYPE_PREFIX) {
            check.refuse(
                at.field("type"),
                "begins with `exhibit.`, which is the ledger's own; use the typed event or another name",
            );
        }
        if let Err(problem) = check_json_object(&self.json) {
            check.refuse(at.field("json"), problem);
        }
        let mut names = HashSet::new();
        check.list(
            at.field("parts"),
            &self.parts,
            CUSTOM_PARTS_MAX,
            |part, at, check| {
                part.check(at, check);
                if !names.insert(part.name.as_str()) {
                    check.refuse(
                        at.field("name"),
                        "is the name of an earlier part; name each differently",
                    );
                }
            },
        );
    }
}

impl CustomPart {
    fn check(&self, at: Path<'_>, check: &mut Check) {
        check.line(at.field("name"), &self.name, PART_NAME_BYTES_MAX);
        if [BODY, LINKS].contains(&self.name.as_str()) {
            check.refuse(
                at.field("name"),
                "is one of the ledger's own parts, `body` and `links`; choose another",
            );
        }
        check.line(
            at.field("content_type"),
            &self.content_type,
            PART_NAME_BYTES_MAX,
        );
        let media_type = self.content_type.split_once('/');
        if !self.content_type.is_empty()
            && !matches!(media_type, Some((kind, rest)) if !kind.is_empty() && !rest.is_empty())
        {
            check.refuse(
                at.field("content_type"),
                "is not a media type such as `text/plain`",
            );
        }
    }
}

/// A [`CustomPart`] as it stands in JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartDocument {
    name: String,
    content_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl Serialize for CustomPart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = std::str::from_utf8(&self.content).ok();
        PartDocument {
            name: self.name.clone(),
            content_type: self.content_type.clone(),
            text: text.map(str::to_owned),
            base64: text.is_none().then(|| BASE64.encode(&self.content)),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for CustomPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let part = PartDocument::deserialize(deserializer)?;
        let content = match (part.text, part.base64) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(encoded)) => BASE64.decode(encoded).map_err(de::Error::custom)?,
            _ => {
                return Err(de::Error::custom(
                    "a part has its content as either `text` or `base64`",
                ));
            }
        };
        Ok(Self {
            name: part.name,
            content_type: part.content_type,
            content,
        })
    }
}

/// JSON within JSON, byte for byte but for the white space around it.
mod verbatim {
    use super::{Deserialize, Deserializer, RawValue, Serialize, Serializer, ser};

    pub(super) fn serialize<S: Serializer>(json: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let value: &RawValue = serde_json::from_slice(json).map_err(ser::Error::custom)?;
        value.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let value = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Box::<str>::from(value).into_string().into_bytes())
    }
}
