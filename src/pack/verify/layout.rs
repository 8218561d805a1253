//! Which files a pack has, and which of them have no business there.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
};

use crate::{
    ledger::{
        finding::{Finding, FindingKind},
        position::TreeSize,
        tile::{Span, TILE_WIDTH, TileId},
    },
    pack::{
        carried::CARRIED,
        manifest::{
            CHECKPOINT, EVENTS_CSV, EVENTS_JSONL, INDEX_HTML, KEY_HISTORY, MANIFEST, Manifest,
            README, VERIFIER_KEY, timestamp::TimestampPath,
        },
        tiles::holds_tile,
    },
};

/// The bundles of a pack, in order, at most one of each number.
pub(super) struct Layout {
    bundles: Bundles,
}

enum Bundles {
    /// Those that are there.
    Listed(Vec<Span>),
    /// All that a tree of this size has, there or not: a log gives no list, and the size is no more than a claim.
    Claimed(TreeSize),
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
            bundles: Bundles::Listed(spans.into_values().collect()),
        }
    }

    /// What a log of this size should have. Nothing is made of it before it is asked for.
    pub(super) fn claimed(size: TreeSize) -> Self {
        Self {
            bundles: Bundles::Claimed(size),
        }
    }

    /// The bundles, in order.
    pub(super) fn spans(&self) -> Box<dyn Iterator<Item = Span> + Send + '_> {
        match &self.bundles {
            Bundles::Listed(spans) => Box::new(spans.iter().copied()),
            Bundles::Claimed(size) => Box::new(Span::cover(size.value())),
        }
    }

    /// The first of them.
    pub(super) fn first(&self) -> Option<Span> {
        self.spans().next()
    }

    /// The last of them.
    pub(super) fn last(&self) -> Option<Span> {
        match &self.bundles {
            Bundles::Listed(spans) => spans.last().copied(),
            Bundles::Claimed(size) => {
                let last = size.last()?.value() / TILE_WIDTH;
                Span::of(last, size.value())
            }
        }
    }

    /// How many entries they are said to have.
    pub(super) fn entries(&self) -> u64 {
        match &self.bundles {
            Bundles::Listed(spans) => {
                let widths = spans.iter().map(|span| u64::from(span.width));
                widths.fold(0, u64::saturating_add)
            }
            Bundles::Claimed(size) => size.value(),
        }
    }

    /// The numbers of the bundles.
    pub(super) fn bundles(&self) -> Range<u64> {
        match (self.first(), self.last()) {
            (Some(first), Some(last)) => first.number..last.number.saturating_add(1),
            _ => 0..0,
        }
    }

    /// The numbers of the bundles, as runs of consecutive ones.
    pub(super) fn runs(&self) -> Vec<Range<u64>> {
        let Bundles::Listed(spans) = &self.bundles else {
            return vec![self.bundles()];
        };
        let mut runs: Vec<Range<u64>> = Vec::new();
        for number in spans.iter().map(|span| span.number) {
            let next = number.saturating_add(1);
            match runs.last_mut().filter(|run| run.end == number) {
                Some(run) => run.end = next,
                None => runs.push(number..next),
            }
        }
        runs
    }

    fn has(&self, span: Span) -> bool {
        let spans = match &self.bundles {
            Bundles::Listed(spans) => spans,
            Bundles::Claimed(size) => return Span::of(span.number, size.value()) == Some(span),
        };
        let at = spans.binary_search_by_key(&span.number, |span| span.number);
        at.ok().and_then(|at| spans.get(at)) == Some(&span)
    }

    /// The files that are not of this layout, of a tree of this size, and no extra files of the manifest either.
    pub(super) fn unexpected<'a>(
        &'a self,
        paths: &'a [String],
        size: Option<TreeSize>,
        manifest: Option<&'a Manifest>,
    ) -> impl Iterator<Item = Finding> + 'a {
        let bundles = self.bundles();
        let extra = extra_files(paths, manifest);
        let belongs = move |path: &str| match place_of(path) {
            Place::Fixed => true,
            Place::Named => manifest.is_some_and(|manifest| manifest.files.contains_key(path)),
            Place::Other => extra.contains(path),
            Place::Tree => {
                let payload = path.strip_prefix("payload/");
                if let Some(span) = entry_span(path).or_else(|| payload?.parse().ok()) {
                    return self.has(span);
                }
                path.parse::<TileId>().is_ok_and(|id| {
                    size.is_none_or(|size| holds_tile(id, &bundles, size))
                        || (id.level == 0 && self.has(id.span))
                })
            }
        };
        paths.iter().filter(move |path| !belongs(path)).map(|path| {
            Finding::new(FindingKind::UnexpectedFile, "no such file", "a file").in_place(path)
        })
    }
}

/// What a file of a pack is by its path.
enum Place {
    /// A file of every pack, or of any that has such a thing.
    Fixed,
    /// A file that a pack may have, named in the manifest.
    Named,
    /// A bundle or a hash tile.
    Tree,
    /// Nothing that the form of a pack knows.
    Other,
}

fn place_of(path: &str) -> Place {
    let fixed = [
        CHECKPOINT,
        EVENTS_CSV,
        EVENTS_JSONL,
        KEY_HISTORY,
        MANIFEST,
        README,
        VERIFIER_KEY,
    ];
    let named = |path: &str| {
        path == INDEX_HTML
            || CARRIED.iter().any(|carried| carried.path == path)
            || path.parse::<TimestampPath>().is_ok()
    };
    if fixed.contains(&path) {
        Place::Fixed
    } else if path.starts_with("tile/") || path.starts_with("payload/") {
        Place::Tree
    } else if named(path) {
        Place::Named
    } else {
        Place::Other
    }
}

/// Whether the form of a pack knows nothing of a file with this path, and only its digest can be checked.
pub(super) fn is_extra(path: &str) -> bool {
    matches!(place_of(path), Place::Other)
}

/// The files that only the manifest accounts for. Each has a strict name that no system takes for that of another file,
/// so that what is unpacked is what was verified.
fn extra_files<'a>(paths: &'a [String], manifest: Option<&'a Manifest>) -> HashSet<&'a str> {
    let named: Vec<&str> = manifest
        .into_iter()
        .flat_map(|manifest| manifest.files.keys())
        .map(String::as_str)
        .filter(|path| is_extra(path) && is_strict(path))
        .collect();
    let mut folded: HashMap<String, u64> = named
        .iter()
        .map(|path| (path.to_ascii_lowercase(), 0))
        .collect();
    for path in paths.iter().filter(|_| !named.is_empty()) {
        if let Some(times) = folded.get_mut(&path.to_ascii_lowercase()) {
            *times = times.saturating_add(1);
        }
    }
    let once = |path: &&str| folded.get(&path.to_ascii_lowercase()) == Some(&1);
    named.into_iter().filter(once).collect()
}

/// Whether a name is one everywhere: of ASCII letters, digits and `-_.`, in parts between `/` that are not empty and
/// don't end in a dot.
fn is_strict(path: &str) -> bool {
    path.split('/').all(|part| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !part.is_empty() && !part.ends_with('.') && part.bytes().all(plain)
    })
}

fn entry_span(path: &str) -> Option<Span> {
    path.strip_prefix("tile/entries/")?.parse().ok()
}
