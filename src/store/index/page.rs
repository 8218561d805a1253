//! Pages of postings: which entries have a term, packed.
//!
//! A posting is a term and the index of an entry that has it. A page holds postings in order, as groups of one
//! term each, in varints (LEB128):
//!
//! ```text
//! group:  term - term of the group before (the first: the term)
//!         (first index - base) * 2, plus 1 where more follow
//!         then, where more follow: index - index before, ..., 0
//! ```
//!
//! so that the one entry of a key takes about eight bytes, and one more entry of an event type takes one.

use super::term::Term;

/// A term, and the index of an entry that has it. They sort by term, then by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Posting {
    pub(super) term: Term,
    pub(super) index: u64,
}

/// The most bytes that one more posting and the end of a group can take.
const POSTING_BYTES_MAX: usize = 32;

/// Packs postings, given in order, into one page.
#[derive(Debug)]
pub(super) struct PageWriter {
    base: u64,
    bytes: Vec<u8>,
    bytes_max: usize,
    first: Option<Posting>,
    /// The term of the last group whose head is written.
    head: u64,
    /// The last posting, while it is not written: it is not known yet whether more of its term follow.
    pending: Option<Posting>,
    /// The last posting written, while its group is open.
    listing: Option<Posting>,
}

impl PageWriter {
    /// A page for entries from `base` on.
    pub(super) fn new(base: u64, bytes_max: usize) -> Self {
        Self {
            base,
            bytes: Vec::with_capacity(bytes_max),
            bytes_max,
            first: None,
            head: 0,
            pending: None,
            listing: None,
        }
    }

    /// Whether the next posting belongs on another page.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len().saturating_add(2 * POSTING_BYTES_MAX) > self.bytes_max
    }

    /// The first posting of the page.
    pub(super) fn first(&self) -> Option<Posting> {
        self.first
    }

    /// Adds a posting, which must not sort before the last one; the same one again is left out.
    pub(super) fn push(&mut self, posting: Posting) {
        self.first.get_or_insert(posting);
        if let Some(last) = self.pending.or(self.listing)
            && last.term == posting.term
        {
            if last.index == posting.index {
                return;
            }
            if self.pending.take().is_some() {
                self.write_head(last, true);
            }
            push_varint(&mut self.bytes, posting.index.saturating_sub(last.index));
            self.listing = Some(posting);
        } else {
            self.end_group();
            self.pending = Some(posting);
        }
    }

    /// The page's bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.end_group();
        self.bytes
    }

    fn end_group(&mut self) {
        if self.listing.take().is_some() {
            push_varint(&mut self.bytes, 0);
        }
        if let Some(single) = self.pending.take() {
            self.write_head(single, false);
        }
    }

    fn write_head(&mut self, posting: Posting, more: bool) {
        push_varint(&mut self.bytes, posting.term.0.saturating_sub(self.head));
        let offset = posting.index.saturating_sub(self.base);
        push_varint(&mut self.bytes, (offset << 1) | u64::from(more));
        self.head = posting.term.0;
    }
}

/// Reads the postings of a page, in order. A page that ends within a group gives an error, and then nothing.
#[derive(Debug)]
pub(super) struct PageReader<B> {
    base: u64,
    bytes: B,
    at: usize,
    last: Posting,
    listing: bool,
}

/// A page that its writer can't have made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MalformedPage;

impl<B: AsRef<[u8]>> PageReader<B> {
    pub(super) fn new(base: u64, bytes: B) -> Self {
        Self {
            base,
            bytes,
            at: 0,
            last: Posting {
                term: Term(0),
                index: 0,
            },
            listing: false,
        }
    }

    /// The next posting; `None` at the end, which is not within a group.
    fn read(&mut self) -> Result<Option<Posting>, MalformedPage> {
        if self.listing {
            let step = self.varint()?;
            if step > 0 {
                self.last.index = added(self.last.index, step)?;
                return Ok(Some(self.last));
            }
            self.listing = false;
        }
        if self.at == self.bytes.as_ref().len() {
            return Ok(None);
        }
        let step = self.varint()?;
        let offset = self.varint()?;
        self.listing = offset & 1 == 1;
        self.last = Posting {
            term: Term(added(self.last.term.0, step)?),
            index: added(self.base, offset >> 1)?,
        };
        Ok(Some(self.last))
    }

    fn varint(&mut self) -> Result<u64, MalformedPage> {
        let bytes = self.bytes.as_ref().get(self.at..).unwrap_or_default();
        let (value, length) = match bytes {
            [byte @ 0..=0x7f, ..] => (u64::from(*byte), 1),
            _ => read_varint(bytes).ok_or(MalformedPage)?,
        };
        self.at = self.at.saturating_add(length);
        Ok(value)
    }
}

impl<B: AsRef<[u8]>> Iterator for PageReader<B> {
    type Item = Result<Posting, MalformedPage>;

    fn next(&mut self) -> Option<Self::Item> {
        let posting = self.read();
        if posting.is_err() {
            self.at = self.bytes.as_ref().len();
            self.listing = false;
        }
        posting.transpose()
    }
}

fn added(number: u64, step: u64) -> Result<u64, MalformedPage> {
    number.checked_add(step).ok_or(MalformedPage)
}

fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

fn read_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let (mut value, mut shift) = (0_u64, 0_u32);
    for (length, byte) in (1_usize..).zip(bytes) {
        let bits = u64::from(byte & 0x7f);
        value |= bits.checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value, length));
        }
        shift = shift.saturating_add(7);
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn posting(term: u64, index: u64) -> Posting {
        Posting {
            term: Term(term),
            index,
        }
    }

    fn packed(postings: &[Posting]) -> Vec<u8> {
        let mut page = PageWriter::new(100, 1 << 20);
        for posting in postings {
            page.push(*posting);
        }
        page.finish()
    }

    proptest! {
        #[test]
        fn a_page_gives_back_its_postings(
            mut postings in proptest::collection::vec((0_u64..1 << 48, 100_u64..200), 0..200),
            lists in proptest::collection::vec((0_u64..4, 100_u64..1 << 40), 0..200),
        ) {
            postings.extend(lists);
            let mut postings: Vec<_> =
                postings.into_iter().map(|(term, index)| posting(term, index)).collect();
            postings.sort_unstable();
            postings.dedup();
            let bytes = packed(&postings);
            let read: Result<Vec<_>, _> = PageReader::new(100, bytes.as_slice()).collect();
            prop_assert_eq!(read, Ok(postings));
        }

        #[test]
        fn any_bytes_end_in_postings_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(PageReader::new(0, bytes).count() <= 101);
        }
    }

    #[test]
    fn a_page_cut_short_is_noticed() {
        let bytes = packed(&[posting(7, 300), posting(7, 301), posting(9_000, 400)]);
        // After the first group the bytes could be a whole page.
        let whole = [0, 5, bytes.len()];
        for end in (0..=bytes.len()).filter(|end| !whole.contains(end)) {
            let read: Result<Vec<_>, _> = PageReader::new(100, &bytes[..end]).collect();
            assert_eq!(read, Err(MalformedPage), "cut at {end}");
        }
    }

    #[test]
    fn a_full_page_still_takes_its_last_postings_within_its_size() {
        let mut page = PageWriter::new(0, 256);
        let mut number = 0;
        while !page.is_full() {
            page.push(posting(number << 40, u64::MAX >> 2));
            number = number.saturating_add(1);
        }
        assert!(page.finish().len() <= 256);
    }
}
