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

/// The deepest that lists and objects nest in JSON which stands in a line as it is: many readers go no deeper.
const DEPTH_MAX: usize = 127;

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
        let names = [",\"recorded_at\":", ",\"recorded_at_nanos\":"];
        time(names, entry.recorded_at, &mut self.recorded, out);
        let names = [",\"occurred_at\":", ",\"occurred_at_nanos\":"];
        time(names, entry.occurred_at, &mut self.occurred, out);
        out.extend_from_slice(b",\"source_sequence\":");
        match entry.source_sequence {
            0 => out.extend_from_slice(b"null"),
            sequence => number(sequence, out),
        }
        for (name, value) in [
            (",\"event_type\":", entry.event_type),
            (",\"source\":", entry.source),
            (",\"event_id\":", entry.event_id),
            (",\"subject\":", entry.subject),
            (",\"producer\":", entry.producer),
        ] {
            out.extend_from_slice(name.as_bytes());
            string(value, out);
        }
        hash(",\"commitment\":\"", entry.commitment.as_bytes(), out);
        hash(",\"leaf_hash\":\"", leaf.as_bytes(), out);
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
        out.extend_from_slice(b",\"content_type\":");
        string(part.content_type, out);
        if is_json_line(part) {
            out.extend_from_slice(b",\"json\":");
            out.extend_from_slice(part.content);
        } else if let Ok(text) = std::str::from_utf8(part.content) {
            out.extend_from_slice(b",\"text\":");
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
    says_json(part.content_type)
        && memchr::memchr2(b'\n', b'\r', part.content).is_none()
        && depth(part.content) <= DEPTH_MAX
        && std::str::from_utf8(part.content)
            .is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

fn says_json(content_type: &str) -> bool {
    const JSON: &str = "application/json";
    // What nearly every part says, without looking for more.
    content_type == JSON || {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        media_type == JSON || media_type.ends_with("+json")
    }
}

/// How deep lists and objects nest, where the text is JSON; 0 where it has too few for the limit to matter.
fn depth(json: &[u8]) -> usize {
    // Counted in single bytes, piece by piece: the compiler makes vectors of that.
    let opens = |byte: &u8| u8::from(matches!(byte, b'[' | b'{'));
    let piece = |piece: &[u8]| piece.iter().map(opens).fold(0, u8::wrapping_add);
    let pieces = json.chunks(usize::from(u8::MAX)).map(piece);
    if pieces.map(usize::from).sum::<usize>() <= DEPTH_MAX {
        return 0;
    }
    let (mut now, mut deepest) = (0usize, 0usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                now = now.saturating_add(1);
                deepest = deepest.max(now);
            }
            b']' | b'}' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The time twice: as text for people, and as nanoseconds, in quotes because many programs read JSON numbers as
/// floating point.
fn time([name, nanos]: [&str; 2], time: UnixNanos, moments: &mut Moments, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    if time.value() == 0 {
        out.extend_from_slice(b"null");
        return;
    }
    out.push(b'"');
    moments.write(time, out);
    out.push(b'"');
    out.extend_from_slice(nanos.as_bytes());
    out.push(b'"');
    number(time.value(), out);
    out.push(b'"');
}

fn hash(name: &str, bytes: &[u8; 32], out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    hex(bytes, out);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::payload::Salt;

    fn is_line(content_type: &str, content: &str) -> bool {
        is_json_line(&DisclosedPart {
            salt: Salt::from_bytes([0; 32]),
            name: "body",
            content_type,
            content: content.as_bytes(),
        })
    }

    #[test]
    fn json_stands_in_a_line_as_it_is_only_to_the_depth_that_the_format_allows() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_line("application/json", &nested(127)));
        assert!(!is_line("application/json", &nested(128)));
        assert!(is_line(
            "application/json",
            &format!("[\"{}\\\"\"]", "[".repeat(500))
        ));
        assert!(is_line(
            "application/json",
            &format!("[{}0]", "[],".repeat(500))
        ));
    }

    #[test]
    fn what_does_not_say_it_is_json_or_is_not_is_text() {
        assert!(is_line(" application/json ; charset=utf-8", "{}"));
        assert!(is_line("application/cloudevents+json", "1e999"));
        for (content_type, content) in [
            ("text/plain", "{}"),
            ("application/json", ""),
            ("application/json", "{}\n"),
            ("application/json", "NaN"),
            ("application/json", "{}{}"),
        ] {
            assert!(!is_line(content_type, content), "{content_type}: {content}");
        }
    }
}
