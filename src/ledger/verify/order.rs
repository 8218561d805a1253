//! The order of entries: what can only be seen from one entry to the next.
//!
//! Entries come one after the other, and each says its index and the chain hash of the one before. Where index and
//! chain agree, an entry stands in its place. Where they don't, the entries after it decide what happened, so a
//! finding may be put right until [`LedgerCheck::finish`]: a gap is missing entries, unless they turn up later.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ChunkReport, Counts, Line};
use crate::ledger::{
    breaks::{KNOWN_MAX, confirmable},
    finding::{Finding, FindingKind},
    hash::ChainHash,
    position::{EntryIndex, UnixNanos},
    tile::TILE_HEIGHT,
    tree::Frontier,
};

/// The most stretches of passed-over entries that are remembered, so that memory stays bounded.
const GAPS_MAX: usize = 4096;

/// Checks chunks against each other, in order.
pub struct LedgerCheck {
    next: EntryIndex,
    /// What the next entry continues; `None` where that is not known.
    end: Option<End>,
    /// The last entry whose index was not its place: what it said, and the finding's place in the list.
    misnumbered: Option<(EntryIndex, Option<usize>)>,
    gaps: Gaps,
    misplaced: bool,
    tree: Option<Frontier>,
    findings: Findings,
    counts: Counts,
}

/// Findings up to a limit, and how many there were.
///
/// Until it is known what the ledger itself admits, as many are held as can be confirmed and those to list besides, so that
/// damage beside confirmed damage is always listed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Findings {
    /// The first ones.
    pub listed: Vec<Finding>,
    /// All, the ones not listed too.
    pub total: u64,
    /// How many of the list can never be confirmed.
    #[serde(skip)]
    firm: usize,
    /// Held, and not listed.
    #[serde(skip)]
    beyond: Vec<Finding>,
}

impl Findings {
    /// The most that are listed: a rewritten ledger would otherwise list every entry.
    pub const LISTED_MAX: usize = 1000;
    /// The most that are held of kinds that can be confirmed: when all confirmations there may be are taken away, there
    /// still are enough to list.
    pub const HELD_MAX: usize = KNOWN_MAX.saturating_add(Self::LISTED_MAX);

    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        self.place(finding);
    }

    /// All that are held, the listed ones first.
    pub fn held(&self) -> impl Iterator<Item = &Finding> {
        self.listed.iter().chain(&self.beyond)
    }

    /// Keeps of those that are held the ones that should stay. The others don't count either.
    pub fn retain(&mut self, stays: impl FnMut(&Finding) -> bool) {
        let held = self.listed.len();
        self.listed.retain(stays);
        let gone = held.saturating_sub(self.listed.len());
        self.total = self
            .total
            .saturating_sub(crate::ledger::position::count(gone));
    }

    /// Lists no more than [`Findings::LISTED_MAX`]; the others are still held.
    pub fn cut(&mut self) {
        if self.listed.len() > Self::LISTED_MAX {
            let mut beyond = self.listed.split_off(Self::LISTED_MAX);
            beyond.append(&mut self.beyond);
            self.beyond = beyond;
        }
    }

    /// Adds those of another check, the ones it did not list too.
    pub fn join(&mut self, other: Self) {
        let listed = crate::ledger::position::count(other.listed.len());
        let unlisted = other.total.saturating_sub(listed);
        self.extend(other.listed);
        self.total = self.total.saturating_add(unlisted);
    }

    /// Puts those that are listed in the order of their entries, the ones that name none first.
    pub fn sort(&mut self) {
        self.listed.sort_by_key(|finding| finding.index);
    }

    /// Adds one, and gives its place in the list, where it still got one.
    fn place(&mut self, finding: Finding) -> Option<usize> {
        self.total = self.total.saturating_add(1);
        let place = self.listed.len();
        let has_room = if confirmable(finding.kind).is_ok() {
            place.saturating_sub(self.firm) < Self::HELD_MAX
        } else {
            self.firm < Self::LISTED_MAX
        };
        has_room.then(|| {
            self.firm = self
                .firm
                .saturating_add(usize::from(confirmable(finding.kind).is_err()));
            self.listed.push(finding);
            place
        })
    }

    fn amend(&mut self, place: Option<usize>, amend: impl FnOnce(&mut Finding)) {
        if let Some(finding) = place.and_then(|place| self.listed.get_mut(place)) {
            amend(finding);
        }
    }
}

impl Extend<Finding> for Findings {
    fn extend<T: IntoIterator<Item = Finding>>(&mut self, findings: T) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }
}

/// Where the entries in order end so far.
#[derive(Debug, Clone, Copy)]
struct End {
    /// The last entry; `None` before the first.
    index: Option<EntryIndex>,
    recorded_at: UnixNanos,
    chain: ChainHash,
    /// The chain hash of another entry that claims the same index: the next one tells which was put in.
    rival: Option<ChainHash>,
}

impl End {
    fn is_continued_by(&self, line: &Line) -> bool {
        line.previous == self.chain || self.rival == Some(line.previous)
    }
}

impl LedgerCheck {
    /// Starts at an index of the ledger with this origin. From index 0 the chain's genesis is checked too, and the
    /// tree is made, whose root is to be compared with a checkpoint's.
    pub fn starting_at(first: EntryIndex, origin: &str) -> Self {
        let from_start = first == EntryIndex::default();
        Self {
            next: first,
            end: from_start.then(|| End {
                index: None,
                recorded_at: UnixNanos::default(),
                chain: ChainHash::genesis(origin),
                rival: None,
            }),
            misnumbered: None,
            gaps: Gaps::default(),
            misplaced: false,
            tree: from_start.then(Frontier::new),
            findings: Findings::default(),
            counts: Counts::default(),
        }
    }

    /// What was found so far; kinds may still be put right.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Whether anything was found so far.
    pub fn has_findings(&self) -> bool {
        self.findings.total > 0
    }

    /// Takes the next chunk's report.
    pub fn absorb(&mut self, report: ChunkReport) {
        self.counts.add(&report.counts);
        self.findings.extend(report.findings);
        if let Some(tree) = &mut self.tree {
            let root = report.tile_root;
            if !root.is_some_and(|root| tree.push_subtree(TILE_HEIGHT, root)) {
                let leaves = report.leaves.iter();
                leaves.for_each(|leaf| tree.push(*leaf, |_, _| {}));
            }
        }
        for line in report.lines {
            match line {
                Some(line) => self.follow(&line),
                None => {
                    self.end = None;
                    self.misnumbered = None;
                    self.next = self.next.plus(1);
                }
            }
        }
    }

    /// Goes on at an index after entries that could not be read; what is wrong with them has been said.
    pub fn skip_to(&mut self, index: EntryIndex) {
        self.next = index;
        self.end = None;
        self.misnumbered = None;
        self.tree = None;
    }

    /// The tree over all entries so far; `None` unless they began at index 0 and none was skipped.
    pub fn tree(&self) -> Option<&Frontier> {
        self.tree.as_ref()
    }

    /// Whether an entry said another index than its place gives it.
    pub fn has_misplaced(&self) -> bool {
        self.misplaced
    }

    /// The index that the next entry should have.
    pub fn expected(&self) -> EntryIndex {
        self.next
    }

    /// How much was looked at so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Adds what was found elsewhere.
    pub fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// What was found, and how much was looked at.
    pub fn finish(mut self) -> (Findings, Counts) {
        self.gaps.settle(&mut self.findings);
        (self.findings, self.counts)
    }

    fn follow(&mut self, line: &Line) {
        self.settle_number(line);
        self.misplaced |= line.index != self.next;
        let continues = self.end.map(|end| end.is_continued_by(line));
        if line.index == self.next {
            if continues == Some(false) {
                self.broken_chain(line);
            }
            self.take(line, line.index);
        } else if continues == Some(true) {
            let finding = self.misplaced(FindingKind::EntryAltered, self.next, line);
            let place = self.findings.place(finding);
            self.misnumbered = Some((line.index, place));
            self.take(line, self.next);
        } else if line.index > self.next {
            let finding = self.misplaced(FindingKind::MissingEntries, self.next, line);
            let place = self.findings.place(finding);
            self.gaps.open(self.next, line.index, place);
            self.take(line, line.index);
        } else if !self.gaps.fill(line.index, &mut self.findings) {
            self.superfluous(line);
        }
    }

    /// Takes an entry as the one at this index, and checks its time against the one before.
    fn take(&mut self, line: &Line, index: EntryIndex) {
        let before = self.end.map_or(UnixNanos::default(), |end| end.recorded_at);
        if line.recorded_at < before {
            let expected = format!("{} or later", before.to_rfc3339());
            let found = line.recorded_at.to_rfc3339();
            self.findings.push(Finding::at(
                FindingKind::ClockBackwards,
                index,
                expected,
                found,
            ));
        }
        self.end = Some(End {
            index: Some(index),
            recorded_at: line.recorded_at,
            chain: line.chain,
            rival: None,
        });
        self.next = index.plus(1);
    }

    fn broken_chain(&mut self, line: &Line) {
        if let Some(end) = self.end {
            self.findings.push(Finding::at(
                FindingKind::ChainBroken,
                line.index,
                end.chain,
                line.previous,
            ));
        }
    }

    fn misplaced(&self, kind: FindingKind, at: EntryIndex, line: &Line) -> Finding {
        let (expected, found) = (self.next, line.index);
        Finding::at(
            kind,
            at,
            format!("entry {expected}"),
            format!("entry {found}"),
        )
    }

    /// An entry whose index has been taken, and which no gap waits for.
    fn superfluous(&mut self, line: &Line) {
        let mut kind = FindingKind::EntryInserted;
        if let Some(end) = self
            .end
            .as_mut()
            .filter(|end| end.index == Some(line.index))
        {
            if end.chain == line.chain {
                kind = FindingKind::EntryRepeated;
            } else {
                end.rival = Some(line.chain);
            }
        }
        let finding = self.misplaced(kind, line.index, line);
        self.findings.push(finding);
    }

    /// The entry after one with a wrong number shows whether that one alone was changed, or whether entries were
    /// taken out or put in there and the chain made anew.
    fn settle_number(&mut self, line: &Line) {
        let Some((said, place)) = self.misnumbered.take() else {
            return;
        };
        if line.index == self.next || line.index != said.plus(1) {
            return;
        }
        let kind = if said >= self.next {
            FindingKind::MissingEntries
        } else {
            FindingKind::EntryInserted
        };
        self.findings.amend(place, |finding| finding.kind = kind);
        self.next = line.index;
    }
}

/// Entries that were passed over and may still turn up.
#[derive(Default)]
struct Gaps {
    /// From the first entry of a stretch to the one after its last, and the place of its finding.
    open: BTreeMap<u64, (u64, usize)>,
    /// How many entries of a finding's gap are still missing, where some have turned up.
    turned_up: BTreeMap<usize, TurnedUp>,
}

struct TurnedUp {
    first: u64,
    stretches: usize,
}

impl Gaps {
    fn open(&mut self, from: EntryIndex, until: EntryIndex, finding: Option<usize>) {
        if let Some(place) = finding.filter(|_| self.open.len() < GAPS_MAX) {
            self.open.insert(from.value(), (until.value(), place));
        }
    }

    /// Takes an entry out of the gap it is missing from; `false` when it is missing from none.
    fn fill(&mut self, index: EntryIndex, findings: &mut Findings) -> bool {
        let index = index.value();
        let around = self.open.range(..=index).next_back();
        let Some((&from, &(until, place))) = around.filter(|(_, (until, _))| index < *until) else {
            return false;
        };
        self.open.remove(&from);
        let after = index.saturating_add(1);
        let left = [(from, index), (after, until)]
            .into_iter()
            .filter(|(from, until)| from < until);
        let up = self.turned_up.entry(place).or_insert(TurnedUp {
            first: index,
            stretches: 1,
        });
        up.stretches = up.stretches.saturating_sub(1);
        for (from, until) in left {
            if self.open.len() < GAPS_MAX {
                self.open.insert(from, (until, place));
            }
            up.stretches = up.stretches.saturating_add(1);
        }
        if up.stretches == 0 {
            findings.amend(Some(place), |finding| {
                finding.kind = FindingKind::EntriesReordered;
            });
        }
        true
    }

    /// Says of gaps that were filled in part what is missing and what stood elsewhere.
    fn settle(&mut self, findings: &mut Findings) {
        for (place, up) in &self.turned_up {
            let mut left = self.open.iter().filter(|(_, (_, of))| of == place);
            let Some((&missing, _)) = left.next() else {
                continue;
            };
            let index = EntryIndex::new(missing);
            findings.amend(Some(*place), |finding| {
                finding.index = Some(index);
                finding.expected = format!("entry {index}");
            });
            let index = EntryIndex::new(up.first);
            findings.push(Finding::at(
                FindingKind::EntriesReordered,
                index,
                format!("entry {index} before the entries that follow it"),
                "it stands behind them",
            ));
        }
    }
}
