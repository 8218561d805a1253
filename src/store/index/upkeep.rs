//! Upkeep: full tails become runs, and runs are merged, a small step at a time.
//!
//! A new run has level 0. As soon as there are enough neighbours of one level, they are merged into one of the
//! next level, so each posting is rewritten once a level and a log of any size has a few dozen runs at most.
//! Tails go before merges: they hold memory, and appending waits when too many of them have queued up.

use std::sync::Arc;

use super::{
    HASH_BYTES,
    error::IndexError,
    page::Posting,
    pages::{Key, Pages, RunId},
    run::{Run, RunReader, RunWriter},
    shared::Shared,
    tail::Tail,
};
use crate::ledger::{position::length, tile::TILE_WIDTH};

/// Postings merged in one step: some milliseconds.
const POSTINGS_PER_STEP: usize = 65_536;

/// What is being done, and what is to be tidied up.
#[derive(Default)]
pub(super) struct Upkeep {
    merge: Option<Merge>,
    /// Runs that were merged away. Their pages go as soon as no query holds them.
    retired: Vec<Arc<Run>>,
}

impl Upkeep {
    /// Does the most urgent piece of work; `false` when there is none.
    pub(super) fn step(&mut self, shared: &Shared) -> Result<bool, IndexError> {
        self.remove_retired(shared)?;
        let tail = shared.read().frozen.front().cloned();
        if let Some(tail) = tail {
            seal(shared, &tail)?;
            return Ok(true);
        }
        if self.merge.is_none() {
            let sealed = shared.read().sealed.clone();
            self.merge =
                due(&sealed.runs, shared.options.fan_in).map(|inputs| Merge::new(shared, inputs));
        }
        let Some(merge) = &mut self.merge else {
            return Ok(false);
        };
        let pages = Arc::clone(&shared.read().sealed.pages);
        if merge.step(&pages)? {
            self.finish_merge(shared, &pages)?;
        }
        Ok(true)
    }

    fn finish_merge(&mut self, shared: &Shared, pages: &Pages) -> Result<(), IndexError> {
        let Some(Merge { inputs, writer, .. }) = self.merge.take() else {
            return Ok(());
        };
        let merged = Arc::new(writer.finish(pages)?);
        let old: Vec<Arc<Run>> = inputs.iter().map(|input| Arc::clone(input.run())).collect();
        let mut sealed = shared.read().sealed.clone();
        let mut runs: Vec<Arc<Run>> = sealed.runs.to_vec();
        runs.retain(|run| !old.iter().any(|old| old.id == run.id));
        runs.push(merged);
        runs.sort_by_key(|run| run.id);
        sealed.runs = Arc::new(runs);
        sealed.manifest(&shared.origin).write(pages)?;
        shared.write().sealed = sealed;
        self.retired.extend(old);
        Ok(())
    }

    fn remove_retired(&mut self, shared: &Shared) -> Result<(), IndexError> {
        if self.retired.is_empty() {
            return Ok(());
        }
        let pages = Arc::clone(&shared.read().sealed.pages);
        let free: Vec<Arc<Run>> = self
            .retired
            .extract_if(.., |run| Arc::strong_count(run) == 1)
            .collect();
        free.iter().try_for_each(|run| pages.remove_run(run.id))
    }
}

/// Stores a full tail: tiles, summary and run first, the manifest that names them after.
fn seal(shared: &Shared, tail: &Tail) -> Result<(), IndexError> {
    let (mut sealed, summary) = {
        let view = shared.read();
        let tiles = tail.len() / TILE_WIDTH;
        let summary = view.summary(tail.first() / TILE_WIDTH, tiles);
        (view.sealed.clone(), summary)
    };
    write_tiles(&sealed.pages, tail)?;
    let summary_key = Key::Summary(tail.first() / TILE_WIDTH);
    sealed.pages.write(summary_key, summary)?;
    let id = RunId {
        first: tail.first(),
        entries: tail.len(),
    };
    let (postings, terms) = tail.postings();
    let mut writer = shared.options.run_writer(id, 0, terms);
    for posting in postings {
        writer.push(&sealed.pages, posting)?;
    }
    let run = Arc::new(writer.finish(&sealed.pages)?);
    let mut runs = sealed.runs.to_vec();
    runs.push(run);
    sealed.runs = Arc::new(runs);
    sealed.entries = tail.end();
    sealed.manifest(&shared.origin).write(&sealed.pages)?;
    let mut view = shared.write();
    view.sealed = sealed;
    view.frozen.pop_front();
    Ok(())
}

fn write_tiles(pages: &Pages, tail: &Tail) -> Result<(), IndexError> {
    let leaves = tail.leaves(tail.first()..tail.end()).unwrap_or_default();
    let bytes: Vec<u8> = leaves.iter().flat_map(|leaf| *leaf.as_bytes()).collect();
    let tiles = bytes.chunks_exact(length(TILE_WIDTH).saturating_mul(HASH_BYTES));
    pages.tiles.write(tail.first() / TILE_WIDTH, tiles)?;
    pages.tiles.sync()
}

/// The oldest neighbours of the lowest level that has enough of them.
fn due(runs: &[Arc<Run>], fan_in: usize) -> Option<Vec<Arc<Run>>> {
    runs.chunk_by(|a, b| a.level == b.level)
        .rev()
        .find_map(|same| same.get(..fan_in))
        .map(<[_]>::to_vec)
}

/// A merge of neighbouring runs into one.
struct Merge {
    /// In the order of their entries, so that of equal terms the earlier input has the lower indexes.
    inputs: Vec<RunReader>,
    heads: Vec<Option<Posting>>,
    writer: RunWriter,
}

impl Merge {
    fn new(shared: &Shared, runs: Vec<Arc<Run>>) -> Self {
        let id = RunId {
            first: runs.first().map_or(0, |run| run.id.first),
            entries: runs.iter().map(|run| run.id.entries).sum(),
        };
        let level = runs.first().map_or(0, |run| run.level).saturating_add(1);
        let terms = runs.iter().map(|run| run.terms).sum();
        Self {
            inputs: runs.into_iter().map(RunReader::new).collect(),
            heads: Vec::new(),
            writer: shared.options.run_writer(id, level, terms),
        }
    }

    /// Merges some postings; `true` when there are no more.
    fn step(&mut self, pages: &Pages) -> Result<bool, IndexError> {
        if self.heads.is_empty() {
            for input in &mut self.inputs {
                self.heads.push(input.next(pages)?);
            }
        }
        for _ in 0..POSTINGS_PER_STEP {
            let least = self
                .heads
                .iter_mut()
                .zip(&mut self.inputs)
                .filter_map(|(head, input)| (*head).map(|posting| (posting, head, input)))
                .min_by_key(|(posting, ..)| *posting);
            let Some((posting, head, input)) = least else {
                return Ok(true);
            };
            self.writer.push(pages, posting)?;
            *head = input.next(pages)?;
        }
        Ok(false)
    }
}
