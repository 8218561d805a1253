//! An entry with its payload, as it was read and as it is printed.

use std::io::{self, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

use super::{
    output::{Render, field_table, fields},
    text::{self, safe},
};
use crate::ledger::{
    entry::{Entry, MalformedEntry},
    hash::{ChainHash, LeafHash, PartCommitment},
    payload::{DisclosedPart, MalformedPayload, Part, Salt, decode_kept},
    position::UnixNanos,
};

/// An entry's bytes, and its payload where that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReadEntry {
    /// The entry's bytes.
    pub(super) bytes: Vec<u8>,
    /// The parts of its payload.
    pub(super) parts: Vec<ReadPart>,
    /// Whether the payload was lost.
    lost: bool,
}

/// A part of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadPart {
    /// Withheld or erased.
    Withheld(PartCommitment),
    /// With its content.
    Disclosed {
        /// Its salt.
        salt: Salt,
        /// Its name.
        name: String,
        /// Its media type.
        content_type: String,
        /// Its content.
        content: Vec<u8>,
    },
}

impl ReadEntry {
    /// Takes an entry, and its payload from the front of a bundle; gives what is left of that.
    pub(super) fn stored(bytes: Vec<u8>, bundle: &[u8]) -> Result<(Self, &[u8]), MalformedPayload> {
        let (parts, rest) = decode_kept(bundle)?;
        let lost = parts.is_empty();
        let parts = parts.iter().map(ReadPart::of).collect();
        Ok((Self { bytes, parts, lost }, rest))
    }

    /// Takes an entry and its payload, which may have been left out.
    pub(super) fn received(bytes: Vec<u8>, payload: &[u8]) -> Result<Self, MalformedPayload> {
        if payload.is_empty() {
            return Ok(Self {
                bytes,
                parts: Vec::new(),
                lost: false,
            });
        }
        Self::stored(bytes, payload).map(|(entry, _)| entry)
    }

    /// Reads the entry's fields.
    pub(super) fn shown(&self) -> Result<ShownEntry<'_>, MalformedEntry> {
        Ok(ShownEntry {
            entry: Entry::decode(&self.bytes)?,
            read: self,
        })
    }

    /// The content of a part.
    pub(super) fn content(&self, wanted: &str) -> Option<&[u8]> {
        self.parts.iter().find_map(|part| match part {
            ReadPart::Disclosed { name, content, .. } if name == wanted => Some(content.as_slice()),
            _ => None,
        })
    }
}

impl ReadPart {
    fn of(part: &Part<'_>) -> Self {
        match part {
            Part::Withheld(commitment) => Self::Withheld(*commitment),
            Part::Disclosed(part) => Self::Disclosed {
                salt: part.salt,
                name: part.name.to_owned(),
                content_type: part.content_type.to_owned(),
                content: part.content.to_vec(),
            },
        }
    }

    fn commitment(&self) -> PartCommitment {
        match self {
            Self::Withheld(commitment) => *commitment,
            Self::Disclosed {
                salt,
                name,
                content_type,
                content,
            } => DisclosedPart {
                salt: *salt,
                name,
                content_type,
                content,
            }
            .commitment(),
        }
    }

    fn json(&self) -> Value {
        let commitment = self.commitment().to_string();
        match self {
            Self::Withheld(_) => json!({ "withheld": true, "commitment": commitment }),
            Self::Disclosed {
                salt,
                name,
                content_type,
                content,
            } => {
                let (field, content) = match std::str::from_utf8(content) {
                    Ok(text) => ("content", text.to_owned()),
                    Err(_) => ("content_base64", BASE64.encode(content)),
                };
                json!({
                    "name": name,
                    "content_type": content_type,
                    "salt": hex::encode(salt.as_bytes()),
                    "commitment": commitment,
                    field: content,
                })
            }
        }
    }
}

/// What is shown where the payload should be.
const LOST: &str =
    "payload lost: the ledger's disk damaged it; `exhibit break list` says what is known of it";

/// An entry, as it is printed.
pub(super) struct ShownEntry<'a> {
    entry: Entry<'a>,
    read: &'a ReadEntry,
}

impl<'a> ShownEntry<'a> {
    /// The entry's fields.
    pub(super) fn entry(&self) -> &Entry<'a> {
        &self.entry
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let entry = &self.entry;
        let mut fields = vec![
            ("index", entry.index.to_string()),
            ("type", entry.event_type.to_owned()),
            ("subject", entry.subject.to_owned()),
            ("source", entry.source.to_owned()),
            ("event id", entry.event_id.to_owned()),
            ("recorded at", entry.recorded_at.to_rfc3339()),
        ];
        if entry.occurred_at != UnixNanos::default() {
            fields.push(("occurred at", entry.occurred_at.to_rfc3339()));
        }
        if entry.source_sequence > 0 {
            fields.push(("source sequence", entry.source_sequence.to_string()));
        }
        fields.extend([
            ("producer", entry.producer.to_owned()),
            (
                "leaf hash",
                LeafHash::of_entry(&self.read.bytes).to_string(),
            ),
            (
                "chain hash",
                ChainHash::of_entry(&self.read.bytes).to_string(),
            ),
            ("previous", entry.previous.to_string()),
            ("commitment", entry.commitment.to_string()),
        ]);
        fields
    }
}

impl Render for ShownEntry<'_> {
    const FORMAT: &'static str = "exhibit-entry/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        fields(out, &self.fields())?;
        if self.read.lost {
            writeln!(out, "\n{LOST}")?;
        }
        for part in &self.read.parts {
            match part {
                ReadPart::Withheld(commitment) => {
                    writeln!(
                        out,
                        "\npart withheld or erased; its commitment is {commitment}"
                    )?;
                }
                ReadPart::Disclosed {
                    name,
                    content_type,
                    content,
                    ..
                } => {
                    writeln!(out, "\npart {} ({})", safe(name), safe(content_type))?;
                    writeln!(out, "{}", readable(content_type, content))?;
                }
            }
        }
        Ok(())
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "### Entry {}\n", self.entry.index)?;
        field_table(out, &self.fields())?;
        if self.read.lost {
            writeln!(out, "\nThis {LOST}")?;
        }
        for part in &self.read.parts {
            match part {
                ReadPart::Withheld(commitment) => {
                    writeln!(
                        out,
                        "\nA part is withheld or erased; its commitment is `{commitment}`."
                    )?;
                }
                ReadPart::Disclosed {
                    name,
                    content_type,
                    content,
                    ..
                } => {
                    let (name, kind) = (text::markdown(name), text::markdown(content_type));
                    writeln!(out, "\nPart **{name}** ({kind}):\n")?;
                    for line in readable(content_type, content).lines() {
                        // Indented, no text can end the block.
                        writeln!(out, "    {line}")?;
                    }
                }
            }
        }
        Ok(())
    }

    fn json(&self) -> serde_json::Result<Value> {
        let entry = &self.entry;
        let occurred =
            (entry.occurred_at != UnixNanos::default()).then(|| entry.occurred_at.to_rfc3339());
        Ok(json!({
            "index": entry.index.value(),
            "event_type": entry.event_type,
            "source": entry.source,
            "event_id": entry.event_id,
            "subject": entry.subject,
            "producer": entry.producer,
            "recorded_at": entry.recorded_at.to_rfc3339(),
            "occurred_at": occurred,
            "source_sequence": entry.source_sequence,
            "previous": entry.previous.to_string(),
            "commitment": entry.commitment.to_string(),
            "leaf_hash": LeafHash::of_entry(&self.read.bytes).to_string(),
            "chain_hash": ChainHash::of_entry(&self.read.bytes).to_string(),
            "entry_base64": BASE64.encode(&self.read.bytes),
            "payload_lost": self.read.lost,
            "parts": self.read.parts.iter().map(ReadPart::json).collect::<Vec<_>>(),
        }))
    }
}

/// Content as people read it: JSON indented, other text as it is, anything else by its size.
fn readable(content_type: &str, content: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(content) else {
        return format!("{} bytes that are not text", content.len());
    };
    let is_json = content_type.ends_with("json")
        && serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok();
    let shown = if is_json {
        text::indented(text)
    } else {
        text.to_owned()
    };
    text::safe_lines(&shown).into_owned()
}
