//! `events.jsonl`: a line an entry, with its hashes and its payload as far as it is disclosed.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::de::IgnoredAny;

use super::{
    moment::Moments,
    text::{hex, json_string as string, number},
};
use crate::ledger::{
    entry::Entry,
    hash::LeafHash,
    payload::{DisclosedPart, Part},
    position::UnixNanos,
};

/// Makes the lines of `events.jsonl`.
#[derive(Default)]
pub struct JsonLines {
    recorded: Moments,
    occurred: Moments,
    base64: String,
}

impl JsonLines {
    /// Appends the line of one entry, its newline included.
    pub fn line(
        &mut self,
        entry: &Entry<'_>,
        leaf: &LeafHash,
        parts: &[Part<'_>],
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(b"{\"index\":");
        number(entry.index.value(), out);
        time("recorded_at", entry.recorded_at, &mut self.recorded, out);
        time("occurred_at", entry.occurred_at, &mut self.occurred, out);
        out.extend_from_slice(b",\"source_sequence\":");
        match entry.source_sequence {
            0 => out.extend_from_slice(b"null"),
            sequence => number(sequence, out),
        }
        for (name, value) in [
            ("event_type", entry.event_type),
            ("source", entry.source),
            ("event_id", entry.event_id),
            ("subject", entry.subject),
            ("producer", entry.producer),
        ] {
            key(name, out);
            string(value, out);
        }
        hash("previous", entry.previous.as_bytes(), out);
        hash("commitment", entry.commitment.as_bytes(), out);
        hash("leaf_hash", leaf.as_bytes(), out);
        out.extend_from_slice(b",\"parts\":[");
        for (place, part) in parts.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            match part {
                Part::Withheld(commitment) => {
                    out.extend_from_slice(b"{\"withheld\":\"");
                    hex(commitment.as_bytes(), out);
                    out.push(b'"');
                }
                Part::Disclosed(part) => self.disclosed(part, out),
            }
            out.push(b'}');
        }
        out.extend_from_slice(b"]}\n");
    }

    /// A disclosed part: as JSON where it is JSON on one line, as text where it is text, in base64 otherwise.
    fn disclosed(&mut self, part: &DisclosedPart<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"name\":");
        string(part.name, out);
        key("content_type", out);
        string(part.content_type, out);
        if is_json_line(part) {
            out.extend_from_slice(b",\"json\":");
            out.extend_from_slice(part.content);
        } else if let Ok(text) = std::str::from_utf8(part.content) {
            key("text", out);
            string(text, out);
        } else {
            out.extend_from_slice(b",\"base64\":\"");
            self.base64.clear();
            BASE64.encode_string(part.content, &mut self.base64);
            out.extend_from_slice(self.base64.as_bytes());
            out.push(b'"');
        }
    }
}

/// Whether the part says it is JSON, is, and fits a line.
fn is_json_line(part: &DisclosedPart<'_>) -> bool {
    let media_type = part
        .content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    (media_type == "application/json" || media_type.ends_with("+json"))
        && !part
            .content
            .iter()
            .any(|byte| matches!(byte, b'\n' | b'\r'))
        && std::str::from_utf8(part.content)
            .is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

fn key(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// The time twice: as text for people, and as nanoseconds, in quotes because many programs read JSON numbers as
/// floating point.
fn time(name: &str, time: UnixNanos, moments: &mut Moments, out: &mut Vec<u8>) {
    key(name, out);
    if time.value() == 0 {
        out.extend_from_slice(b"null");
        return;
    }
    out.push(b'"');
    moments.write(time, out);
    out.extend_from_slice(b"\",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"_nanos\":\"");
    number(time.value(), out);
    out.push(b'"');
}

fn hash(name: &str, bytes: &[u8; 32], out: &mut Vec<u8>) {
    key(name, out);
    out.push(b'"');
    hex(bytes, out);
    out.push(b'"');
}
