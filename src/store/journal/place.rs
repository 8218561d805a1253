//! Where something stands in the journal, to be named in errors.

use std::sync::Arc;

use crate::ledger::position::EntryIndex;

use super::error::{Damage, DamageKind};

/// A frame's place: segment, offset and first entry, and what is known to follow it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// File name of the segment.
    pub(super) segment: Arc<str>,
    /// Offset of the frame.
    pub(super) offset: u64,
    /// First entry of the frame.
    pub(super) index: EntryIndex,
    /// First entry of the good frame that follows.
    pub(super) next: Option<EntryIndex>,
}

impl Place {
    /// Says what is wrong here.
    pub(super) fn damaged(&self, kind: DamageKind) -> Box<Damage> {
        Box::new(Damage {
            segment: self.segment.to_string(),
            offset: self.offset,
            index: self.index,
            kind,
            resumes_at: self.next,
            torn: false,
        })
    }
}
