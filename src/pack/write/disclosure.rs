//! Whose payloads go into a pack, and which parts of them.
//!
//! An entry is never left out, so what is not to be seen stands as commitments. Bundles on the edges of a range are
//! whole, and so the entries around the range come along: of these no payload is disclosed, whatever the filter says.

use super::{PackError, PackRequest};
use crate::{
    ledger::{
        breaks::BreakConfirmation,
        entry::Entry,
        filter::Filter,
        payload::{Part, decode_kept, encode_kept},
        position::{EntryIndex, count},
    },
    pack::report::IndexRange,
};

/// What of the payloads a request lets be seen.
pub(super) struct Disclosure<'a> {
    /// The entries that were asked for.
    range: IndexRange,
    filter: &'a Filter,
    withhold_parts: &'a [String],
}

impl<'a> Disclosure<'a> {
    pub(super) fn of(request: &'a PackRequest) -> Self {
        Self {
            range: request.range(),
            filter: &request.filter,
            withhold_parts: &request.withhold_parts,
        }
    }

    /// The payload bundle of these entries with what is not to be disclosed replaced by its commitments.
    pub(super) fn apply(
        &self,
        first: EntryIndex,
        entries: &[&[u8]],
        payloads: Vec<u8>,
    ) -> Result<Vec<u8>, PackError> {
        let inside =
            self.range.start <= first && first.plus(count(entries.len())) <= self.range.end;
        if inside && self.filter.selects_all() && self.withhold_parts.is_empty() {
            return Ok(payloads);
        }
        let damaged = |error: &dyn std::fmt::Display| PackError::Damaged(error.to_string());
        let mut out = Vec::with_capacity(payloads.len());
        let mut rest = payloads.as_slice();
        for (place, bytes) in (0..).zip(entries) {
            let entry = Entry::decode(bytes).map_err(|error| damaged(&error))?;
            let (mut parts, left) = decode_kept(rest).map_err(|error| damaged(&error))?;
            rest = left;
            self.withhold(first.plus(place), &entry, &mut parts);
            encode_kept(&parts, &mut out).map_err(|error| damaged(&error))?;
        }
        out.extend_from_slice(rest);
        Ok(out)
    }

    fn withhold(&self, index: EntryIndex, entry: &Entry<'_>, parts: &mut [Part<'_>]) {
        let disclosed = self.range.contains(index) && self.filter.selects(entry);
        // Nobody could tell confirmed damage from other damage without it.
        let confirms = BreakConfirmation::is_claimed_by(entry);
        for (place, part) in parts.iter_mut().enumerate() {
            let withheld = match part {
                Part::Disclosed(_) if confirms && place == 0 => false,
                Part::Withheld(_) => true,
                Part::Disclosed(part) => {
                    !disclosed || self.withhold_parts.iter().any(|name| name == part.name)
                }
            };
            if withheld {
                *part = Part::Withheld(part.commitment());
            }
        }
    }
}
