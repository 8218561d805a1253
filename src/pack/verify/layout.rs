//! Which files a pack has, and which of them have no business there.

use std::{collections::BTreeMap, ops::Range};

use crate::{
    ledger::{
        finding::{Finding, FindingKind},
        position::TreeSize,
        tile::{Span, TileId},
    },
    pack::{
        manifest::{
            CHECKPOINT, EVENTS_CSV, EVENTS_JSONL, KEY_HISTORY, MANIFEST, Manifest, README,
            VERIFIER_KEY,
        },
        tiles::holds_tile,
    },
};

/// The bundles of a pack, in order, at most one of each number.
pub(super) struct Layout {
    pub(super) spans: Vec<Span>,
}

impl Layout {
    /// Finds the entry bundles among the paths. Where there are two of one number, the one that a tree of this size
    /// has is meant.
    pub(super) fn of(paths: &[String], size: Option<TreeSize>) -> Self {
        let mut spans: BTreeMap<u64, Span> = BTreeMap::new();
        for path in paths {
            let Some(span) = entry_span(path) else {
                continue;
            };
            let meant = size.and_then(|size| Span::of(span.number, size.value()));
            let kept = spans.entry(span.number).or_insert(span);
            if Some(*kept) != meant && (Some(span) == meant || span.width > kept.width) {
                *kept = span;
            }
        }
        Self {
            spans: spans.into_values().collect(),
        }
    }

    /// The numbers of the bundles.
    pub(super) fn bundles(&self) -> Range<u64> {
        match (self.spans.first(), self.spans.last()) {
            (Some(first), Some(last)) => first.number..last.number.saturating_add(1),
            _ => 0..0,
        }
    }

    fn has(&self, span: Span) -> bool {
        self.spans
            .binary_search_by_key(&span.number, |span| span.number)
            .ok()
            .and_then(|at| self.spans.get(at))
            == Some(&span)
    }

    /// The files that are not of this layout, of a tree of this size, and not in the manifest.
    pub(super) fn unexpected<'a>(
        &'a self,
        paths: &'a [String],
        size: Option<TreeSize>,
        manifest: Option<&'a Manifest>,
    ) -> impl Iterator<Item = Finding> + 'a {
        let bundles = self.bundles();
        let belongs = move |path: &str| {
            let named = [
                CHECKPOINT,
                EVENTS_CSV,
                EVENTS_JSONL,
                KEY_HISTORY,
                MANIFEST,
                README,
                VERIFIER_KEY,
            ];
            if named.contains(&path) || manifest.is_some_and(|m| m.files.contains_key(path)) {
                return true;
            }
            let payload = path.strip_prefix("payload/");
            if let Some(span) = entry_span(path).or_else(|| payload?.parse().ok()) {
                return self.has(span);
            }
            path.parse::<TileId>().is_ok_and(|id| {
                size.is_none_or(|size| holds_tile(id, &bundles, size))
                    || (id.level == 0 && self.has(id.span))
            })
        };
        paths.iter().filter(move |path| !belongs(path)).map(|path| {
            Finding::new(FindingKind::UnexpectedFile, "no such file", "a file").in_place(path)
        })
    }
}

fn entry_span(path: &str) -> Option<Span> {
    path.strip_prefix("tile/entries/")?.parse().ok()
}
