//! Until when entries existed, by all time stamps together.

use std::collections::BTreeMap;

use crate::{
    ledger::position::TreeSize,
    pack::report::{Existed, IndexRange, TimestampReport},
};

/// The earliest time for each entry: of all time stamps that cover it.
pub(super) fn existed(stamps: &[TimestampReport], range: IndexRange) -> Vec<Existed> {
    let mut best: BTreeMap<TreeSize, &TimestampReport> = BTreeMap::new();
    for stamp in stamps {
        let kept = best.entry(stamp.tree_size).or_insert(stamp);
        if stamp.latest < kept.latest {
            *kept = stamp;
        }
    }
    // From the largest tree down, so that a later, larger one that states an earlier time counts for the smaller too.
    let mut earliest: Option<&TimestampReport> = None;
    for stamp in best.values_mut().rev() {
        match earliest {
            Some(earlier) if earlier.latest <= stamp.latest => *stamp = earlier,
            _ => earliest = Some(stamp),
        }
    }
    let mut found: Vec<Existed> = Vec::new();
    let mut start = range.start;
    for (size, stamp) in best {
        let end = size.next_index().min(range.end);
        if end <= start {
            continue;
        }
        match found.last_mut() {
            Some(last) if last.time_stamp == stamp.place => last.entries.end = end,
            _ => found.push(Existed {
                entries: IndexRange { start, end },
                no_later_than: stamp.no_later_than.clone(),
                authority: stamp.authority.clone(),
                certificate_serial: stamp.certificate_serial.clone(),
                time_stamp: stamp.place.clone(),
            }),
        }
        start = end;
    }
    found
}
