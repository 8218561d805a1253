//! Runs: the sorted postings of consecutive entries, immutable once written.
//!
//! A run's pages lie in the database. Its directory, a fence (the first posting) for each page and a Bloom
//! filter over its terms, is held in memory and stored beside the pages, so that opening reads no page.

use std::sync::Arc;

use super::{
    bloom::Bloom,
    error::IndexError,
    page::{MalformedPage, PageReader, PageWriter, Posting},
    pages::{Key, Pages, RunId, VALUE_BYTES},
    term::Term,
};
use crate::ledger::position::count;

const FENCE_BYTES: usize = 16;

/// A run whose pages are stored.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) id: RunId,
    /// How many times its postings were merged.
    pub(super) level: u32,
    /// Different terms in it.
    pub(super) terms: u64,
    fences: Vec<Posting>,
    bloom: Bloom,
}

impl Run {
    /// The entry after its last.
    pub(super) fn end(&self) -> u64 {
        self.id.first.saturating_add(self.id.entries)
    }

    pub(super) fn pages(&self) -> usize {
        self.fences.len()
    }

    pub(super) fn may_hold(&self, term: Term) -> bool {
        self.bloom.may_hold(term)
    }

    /// Reads the directory of a run, and looks whether its first and last page are there.
    pub(super) fn load(
        pages: &Pages,
        id: RunId,
        level: u32,
        terms: u64,
    ) -> Result<Self, IndexError> {
        let damaged = || IndexError::Damaged(format!("{id:?}: its directory does not fit"));
        let mut bytes = Vec::new();
        for number in 0.. {
            let piece = pages.read(Key::Directory(id, number))?;
            bytes.extend_from_slice(&piece);
            if piece.len() < VALUE_BYTES {
                break;
            }
        }
        let (fences, bloom) = decode_directory(&bytes).ok_or_else(damaged)?;
        let run = Self {
            id,
            level,
            terms,
            fences,
            bloom,
        };
        let last = run.pages().checked_sub(1).ok_or_else(damaged)?;
        for number in [0, last] {
            pages.read(run.page_key(number))?;
        }
        Ok(run)
    }

    /// The entries with a term, from an index on, as far as one page goes; nothing when there are none.
    pub(super) fn postings(
        &self,
        pages: &Pages,
        term: Term,
        from: u64,
    ) -> Result<Vec<u64>, IndexError> {
        let sought = Posting { term, index: from };
        let after = self.fences.partition_point(|fence| *fence <= sought);
        for number in after.saturating_sub(1)..self.pages() {
            if self
                .fences
                .get(number)
                .is_none_or(|fence| fence.term > term)
            {
                break;
            }
            let page = pages.read_cached(self.page_key(number))?;
            let mut found = Vec::new();
            for posting in PageReader::new(self.id.first, page) {
                let posting = posting.map_err(|_| self.malformed(number))?;
                if posting.term > term {
                    break;
                }
                if posting >= sought {
                    found.push(posting.index);
                }
            }
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    fn page_key(&self, number: usize) -> Key {
        Key::Postings(self.id, u32::try_from(number).unwrap_or(u32::MAX))
    }

    fn malformed(&self, number: usize) -> IndexError {
        IndexError::Damaged(format!("{:?}: malformed", self.page_key(number)))
    }
}

/// Reads all postings of a run, in order.
pub(super) struct RunReader {
    run: Arc<Run>,
    next_page: usize,
    page: Option<PageReader<Arc<[u8]>>>,
}

impl RunReader {
    pub(super) fn new(run: Arc<Run>) -> Self {
        Self {
            run,
            next_page: 0,
            page: None,
        }
    }

    pub(super) fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// The next posting; `None` after the last.
    pub(super) fn next(&mut self, pages: &Pages) -> Result<Option<Posting>, IndexError> {
        loop {
            match self.page.as_mut().and_then(Iterator::next) {
                Some(Ok(posting)) => return Ok(Some(posting)),
                Some(Err(MalformedPage)) => {
                    return Err(self.run.malformed(self.next_page.saturating_sub(1)));
                }
                None if self.next_page == self.run.pages() => return Ok(None),
                None => {
                    let page = pages.read(self.run.page_key(self.next_page))?;
                    self.page = Some(PageReader::new(self.run.id.first, page));
                    self.next_page = self.next_page.saturating_add(1);
                }
            }
        }
    }
}

/// Writes a run from its postings, given in order.
pub(super) struct RunWriter {
    run: Run,
    page: PageWriter,
    page_bytes: usize,
    last: Option<Term>,
}

impl RunWriter {
    /// A run with room for so many different terms.
    pub(super) fn new(
        id: RunId,
        level: u32,
        terms: u64,
        page_bytes: usize,
        bits_per_term: usize,
    ) -> Self {
        let terms = crate::ledger::position::length(terms);
        Self {
            run: Run {
                id,
                level,
                terms: 0,
                fences: Vec::new(),
                bloom: Bloom::with_capacity(terms, bits_per_term),
            },
            page: PageWriter::new(id.first, page_bytes),
            page_bytes,
            last: None,
        }
    }

    pub(super) fn push(&mut self, pages: &Pages, posting: Posting) -> Result<(), IndexError> {
        if self.last != Some(posting.term) {
            self.run.bloom.insert(posting.term);
            self.run.terms = self.run.terms.saturating_add(1);
            self.last = Some(posting.term);
        }
        if self.page.is_full() {
            self.write_page(pages)?;
        }
        self.page.push(posting);
        Ok(())
    }

    /// Writes the last page and the directory.
    pub(super) fn finish(mut self, pages: &Pages) -> Result<Run, IndexError> {
        self.write_page(pages)?;
        let directory = encode_directory(&self.run.fences, &self.run.bloom);
        let mut pieces: Vec<&[u8]> = directory.chunks(VALUE_BYTES).collect();
        // The last piece is shorter than the others: that is how reading knows it.
        if pieces.last().is_none_or(|last| last.len() == VALUE_BYTES) {
            pieces.push(&[]);
        }
        for (number, piece) in (0..).zip(pieces) {
            pages.write(Key::Directory(self.run.id, number), piece.to_vec())?;
        }
        Ok(self.run)
    }

    fn write_page(&mut self, pages: &Pages) -> Result<(), IndexError> {
        let next = PageWriter::new(self.run.id.first, self.page_bytes);
        let page = std::mem::replace(&mut self.page, next);
        let Some(first) = page.first() else {
            return Ok(());
        };
        pages.write(self.run.page_key(self.run.pages()), page.finish())?;
        self.run.fences.push(first);
        Ok(())
    }
}

fn encode_directory(fences: &[Posting], bloom: &Bloom) -> Vec<u8> {
    let mut bytes = count(fences.len()).to_le_bytes().to_vec();
    for fence in fences {
        bytes.extend_from_slice(&fence.term.0.to_le_bytes());
        bytes.extend_from_slice(&fence.index.to_le_bytes());
    }
    bytes.extend(bloom.bytes());
    bytes
}

fn decode_directory(bytes: &[u8]) -> Option<(Vec<Posting>, Bloom)> {
    let (fences, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*fences)).ok()?;
    let (fences, bloom) = rest.split_at_checked(length.checked_mul(FENCE_BYTES)?)?;
    let fences = fences
        .as_chunks::<FENCE_BYTES>()
        .0
        .iter()
        .map(|fence| {
            let (term, index) = fence.split_first_chunk()?;
            Some(Posting {
                term: Term(u64::from_le_bytes(*term)),
                index: u64::from_le_bytes(*index.first_chunk()?),
            })
        })
        .collect::<Option<_>>()?;
    Some((fences, Bloom::from_bytes(bloom)?))
}
