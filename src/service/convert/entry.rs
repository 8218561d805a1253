//! Entries with their payloads, as the API carries them.

use prost::bytes::Bytes;

use crate::{
    ledger::{
        event::InvalidEvent,
        hash::PartCommitment,
        payload::{DisclosedPart, LOST, MalformedPayload, Part, Salt, decode_kept, encode_parts},
    },
    service::proto::{self, payload_part::State},
};

/// An entry as a client received it: bytes as the ledger stores them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedEntry {
    /// The entry's bytes.
    pub entry: Vec<u8>,
    /// Its payload as [`encode_parts`] writes it, or [`LOST`]; empty where the answer came without.
    pub payload: Vec<u8>,
}

/// Writes a stored entry for the API, and its payload unless that is to be left out. The contents of the parts share
/// the payload's memory.
///
/// # Errors
/// Refuses bytes that are not one payload.
pub fn entry_to_proto(
    entry: impl Into<Bytes>,
    payload: Option<Bytes>,
) -> Result<proto::Entry, MalformedPayload> {
    let mut parts = Vec::new();
    let mut payload_lost = false;
    if let Some(payload) = payload {
        let (decoded, rest) = decode_kept(&payload)?;
        payload_lost = decoded.is_empty();
        if !rest.is_empty() {
            return Err(MalformedPayload::TrailingBytes(rest.len()));
        }
        parts.extend(decoded.iter().map(|part| part_to_proto(part, &payload)));
    }
    Ok(proto::Entry {
        entry: entry.into(),
        parts,
        payload_lost,
    })
}

/// Reads an entry of an answer. What it says is yet to be verified against its commitment.
///
/// # Errors
/// Names the part that has no state, or a salt or a commitment that is not 32 bytes, or parts that are no payload.
pub fn entry_from_proto(entry: &proto::Entry) -> Result<ReceivedEntry, InvalidEvent> {
    let parts: Vec<Part<'_>> = entry
        .parts
        .iter()
        .enumerate()
        .map(|(position, part)| {
            part_from_proto(part)
                .map_err(|problem| InvalidEvent::new(format!("entry.parts[{position}]"), problem))
        })
        .collect::<Result<_, _>>()?;
    let mut payload = Vec::new();
    if entry.payload_lost {
        payload.extend_from_slice(&LOST);
    } else if !parts.is_empty() {
        encode_parts(&parts, &mut payload)
            .map_err(|error| InvalidEvent::new("entry.parts", error.to_string()))?;
    }
    Ok(ReceivedEntry {
        entry: entry.entry.to_vec(),
        payload,
    })
}

fn part_to_proto(part: &Part<'_>, payload: &Bytes) -> proto::PayloadPart {
    let state = match part {
        Part::Withheld(commitment) => {
            State::WithheldCommitment(Bytes::copy_from_slice(commitment.as_bytes()))
        }
        Part::Disclosed(part) => State::Disclosed(proto::DisclosedPart {
            salt: Bytes::copy_from_slice(part.salt.as_bytes()),
            name: part.name.to_owned(),
            content_type: part.content_type.to_owned(),
            content: payload.slice_ref(part.content),
        }),
    };
    proto::PayloadPart { state: Some(state) }
}

fn part_from_proto(part: &proto::PayloadPart) -> Result<Part<'_>, &'static str> {
    let bytes = |bytes: &Bytes| <[u8; 32]>::try_from(bytes.as_ref());
    match &part.state {
        None => Err("is neither disclosed nor withheld; this client may be too old for the server"),
        Some(State::WithheldCommitment(commitment)) => bytes(commitment)
            .map(|bytes| Part::Withheld(PartCommitment::from_bytes(bytes)))
            .map_err(|_| "has a commitment that is not 32 bytes"),
        Some(State::Disclosed(part)) => Ok(Part::Disclosed(DisclosedPart {
            salt: Salt::from_bytes(
                bytes(&part.salt).map_err(|_| "has a salt that is not 32 bytes")?,
            ),
            name: &part.name,
            content_type: &part.content_type,
            content: &part.content,
        })),
    }
}
