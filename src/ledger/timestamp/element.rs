//! Reading DER, one element after the other.
//!
//! The crate `der` reads tag and length in their one form; what stands here keeps the bytes of an element at hand,
//! because signatures and digests are over them. Nothing is copied and nothing recurses, so memory and depth are those
//! of the callers' own structures.

use der::{Decode as _, Tag, TagNumber, asn1::AnyRef, oid::ObjectIdentifier};

use super::TimestampError;

/// One element: its tag, its content, and both together with the length as they were read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: Tag,
    pub(super) content: &'a [u8],
    pub(super) whole: &'a [u8],
}

/// Elements that follow each other. `what` is the structure they belong to, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elements<'a> {
    rest: &'a [u8],
    what: &'static str,
}

/// Context-specific and constructed, as in `[0] EXPLICIT`.
pub(super) const fn explicit(number: u32) -> Tag {
    Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(number),
    }
}

/// Context-specific and primitive, as in `[0] IMPLICIT INTEGER`.
pub(super) const fn implicit(number: u32) -> Tag {
    Tag::ContextSpecific {
        constructed: false,
        number: TagNumber(number),
    }
}

impl<'a> Elements<'a> {
    /// The elements in these bytes.
    pub(super) const fn of(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    fn malformed(&self) -> TimestampError {
        TimestampError::Malformed(self.what)
    }

    /// The next element, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<Element<'a>>, TimestampError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (any, rest) = AnyRef::from_der_partial(self.rest).map_err(|_| self.malformed())?;
        let length = self.rest.len().saturating_sub(rest.len());
        let whole = self.rest.get(..length).ok_or_else(|| self.malformed())?;
        self.rest = rest;
        Ok(Some(Element {
            tag: der::Tagged::tag(&any),
            content: any.value(),
            whole,
        }))
    }

    /// The next element, which must be there and have this tag.
    pub(super) fn take(&mut self, tag: Tag) -> Result<Element<'a>, TimestampError> {
        match self.next()? {
            Some(element) if element.tag == tag => Ok(element),
            _ => Err(self.malformed()),
        }
    }

    /// The next element if it has this tag.
    pub(super) fn take_if(&mut self, tag: Tag) -> Result<Option<Element<'a>>, TimestampError> {
        let before = *self;
        match self.next()? {
            Some(element) if element.tag == tag => Ok(Some(element)),
            _ => {
                *self = before;
                Ok(None)
            }
        }
    }

    /// The elements of the sequence that stands next.
    pub(super) fn sequence(&mut self, what: &'static str) -> Result<Self, TimestampError> {
        Ok(self.take(Tag::Sequence)?.elements(what))
    }

    /// That nothing is left.
    pub(super) fn end(&self) -> Result<(), TimestampError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.malformed())
        }
    }

    /// The object identifier that stands next.
    pub(super) fn oid(&mut self) -> Result<ObjectIdentifier, TimestampError> {
        let element = self.take(Tag::ObjectIdentifier)?;
        ObjectIdentifier::from_bytes(element.content).map_err(|_| self.malformed())
    }

    /// The small whole number, zero or more, that stands next.
    pub(super) fn number(&mut self) -> Result<u64, TimestampError> {
        let element = self.take(Tag::Integer)?;
        element.number().ok_or_else(|| self.malformed())
    }
}

impl<'a> Element<'a> {
    /// What it consists of.
    pub(super) const fn elements(&self, what: &'static str) -> Elements<'a> {
        Elements::of(self.content, what)
    }

    /// Its content as a whole number from zero up, in the one form DER has, if it is one of at most 63 bits.
    pub(super) fn number(&self) -> Option<u64> {
        let (first, more) = self.content.split_first()?;
        let second = more.first().copied().unwrap_or(0x80);
        if self.content.len() > 8 || *first >= 0x80 || (*first == 0 && second < 0x80) {
            return None;
        }
        let shifted = |value: u64, byte: &u8| value.checked_mul(256)?.checked_add(u64::from(*byte));
        self.content.iter().try_fold(0, shifted)
    }
}
