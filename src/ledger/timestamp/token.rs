//! Reading an answer: TimeStampResp and TSTInfo of RFC 3161, SignedData of RFC 5652.
//!
//! Reading trusts nothing and checks no signature; `verify` does.

use der::{Tag, oid::ObjectIdentifier};

use super::{
    TIMESTAMP_BYTES_MAX, TimestampError,
    certificate::Certificate,
    element::{Element, Elements, explicit, implicit},
    moment,
};
use crate::ledger::position::UnixNanos;

pub(super) const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
pub(super) const TST_INFO: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
/// More certificates than any chain has.
const CERTIFICATES_MAX: usize = 16;
/// The most characters of an authority's words that are worth repeating.
const TOLD_CHARS_MAX: usize = 200;

const RESPONSE: &str = "the answer";
const SIGNED: &str = "the signed data";
const SIGNER: &str = "the signer's part";
const INFO: &str = "the stamped information";

/// A time stamp as it was read: nothing in it is to be trusted before [`Timestamp::verify`] has been asked.
#[derive(Debug, Clone)]
pub struct Timestamp<'a> {
    pub(super) info: Info<'a>,
    /// The bytes of TSTInfo, which the signature is over by way of their digest.
    pub(super) content: &'a [u8],
    pub(super) certificates: Vec<Certificate<'a>>,
    pub(super) signer: SignerInfo<'a>,
}

/// TSTInfo: what the authority states.
#[derive(Debug, Clone, Copy)]
pub(super) struct Info<'a> {
    pub(super) policy: ObjectIdentifier,
    pub(super) digest_algorithm: ObjectIdentifier,
    pub(super) digest: &'a [u8],
    pub(super) serial: &'a [u8],
    pub(super) time: UnixNanos,
    pub(super) accuracy_nanos: u64,
    pub(super) nonce: Option<&'a [u8]>,
}

/// An algorithm with its parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Algorithm<'a> {
    pub(super) id: ObjectIdentifier,
    pub(super) parameters: Option<Element<'a>>,
}

/// SignerInfo: who signed, how, and what beside the content.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignerInfo<'a> {
    pub(super) who: SignerId<'a>,
    pub(super) digest: Algorithm<'a>,
    /// The signed attributes with the tag they are written with, `[0]`; what is signed has the tag of a SET instead.
    pub(super) attributes: Element<'a>,
    pub(super) algorithm: Algorithm<'a>,
    pub(super) signature: &'a [u8],
}

#[derive(Debug, Clone, Copy)]
pub(super) enum SignerId<'a> {
    Issued { issuer: &'a [u8], serial: &'a [u8] },
    Key(&'a [u8]),
}

impl<'a> Timestamp<'a> {
    /// Reads an authority's answer, the content of a `.tsr` file.
    ///
    /// # Errors
    /// When it is not one, or says that the request was refused.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, TimestampError> {
        if bytes.len() > TIMESTAMP_BYTES_MAX {
            return Err(TimestampError::TooLong(bytes.len()));
        }
        let mut outer = Elements::of(bytes, RESPONSE);
        let mut response = outer.sequence(RESPONSE)?;
        outer.end()?;
        let mut status_info = response.sequence(RESPONSE)?;
        let status = status_info.number()?;
        let told = told(status_info)?;
        let token = response.take_if(Tag::Sequence)?;
        response.end()?;
        match (status, token) {
            // Granted, and granted with changes, which are for the other checks to judge.
            (0 | 1, Some(token)) => Self::parse_token(token),
            (0 | 1, None) => Err(TimestampError::NoToken),
            (status, _) => Err(TimestampError::Refused { status, told }),
        }
    }

    fn parse_token(token: Element<'a>) -> Result<Self, TimestampError> {
        let mut content_info = token.elements(SIGNED);
        if content_info.oid()? != SIGNED_DATA {
            return Err(TimestampError::Malformed(SIGNED));
        }
        let mut wrapped = content_info.take(explicit(0))?.elements(SIGNED);
        content_info.end()?;
        let mut data = wrapped.sequence(SIGNED)?;
        wrapped.end()?;
        data.number()?;
        data.take(Tag::Set)?;
        let mut inner = data.sequence(SIGNED)?;
        if inner.oid()? != TST_INFO {
            return Err(TimestampError::Malformed("the kind of the signed data"));
        }
        let mut octets = inner.take(explicit(0))?.elements(SIGNED);
        inner.end()?;
        let content = octets.take(Tag::OctetString)?.content;
        octets.end()?;
        let certificates = match data.take_if(explicit(0))? {
            Some(set) => certificates(set)?,
            None => Vec::new(),
        };
        data.take_if(explicit(1))?;
        let mut signers = data.take(Tag::Set)?.elements(SIGNER);
        data.end()?;
        let signer = signer_info(signers.sequence(SIGNER)?)?;
        if signers.end().is_err() {
            return Err(TimestampError::Malformed("the number of signers"));
        }
        Ok(Self {
            info: info(content)?,
            content,
            certificates,
            signer,
        })
    }

    /// When the authority says that it made the time stamp.
    pub fn time(&self) -> UnixNanos {
        self.info.time
    }
}

/// What an authority says about its status.
fn told(mut status_info: Elements<'_>) -> Result<String, TimestampError> {
    let mut words = Vec::new();
    if let Some(texts) = status_info.take_if(Tag::Sequence)? {
        let mut texts = texts.elements(RESPONSE);
        while let Some(text) = texts.take_if(Tag::Utf8String)? {
            words.push(String::from_utf8_lossy(text.content).into_owned());
        }
        texts.end()?;
    }
    status_info.take_if(Tag::BitString)?;
    status_info.end()?;
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    Ok(words
        .join("; ")
        .chars()
        .map(plain)
        .take(TOLD_CHARS_MAX)
        .collect())
}

fn certificates(set: Element<'_>) -> Result<Vec<Certificate<'_>>, TimestampError> {
    let mut elements = set.elements(SIGNED);
    let mut found = Vec::new();
    while let Some(element) = elements.next()? {
        // Other forms of certificate than X.509 have other tags, and are no use here.
        if element.tag != Tag::Sequence {
            continue;
        }
        if found.len() >= CERTIFICATES_MAX {
            return Err(TimestampError::Malformed("the number of certificates"));
        }
        found.push(Certificate::parse(element.whole)?);
    }
    Ok(found)
}

impl<'a> Algorithm<'a> {
    pub(super) fn parse(mut fields: Elements<'a>) -> Result<Self, TimestampError> {
        let id = fields.oid()?;
        let parameters = fields.next()?.filter(|element| element.tag != Tag::Null);
        fields.end()?;
        Ok(Self { id, parameters })
    }
}

fn signer_info(mut fields: Elements<'_>) -> Result<SignerInfo<'_>, TimestampError> {
    fields.number()?;
    let who = if let Some(key) = fields.take_if(implicit(0))? {
        SignerId::Key(key.content)
    } else {
        let mut issued = fields.sequence(SIGNER)?;
        let issuer = issued.take(Tag::Sequence)?.whole;
        let serial = issued.take(Tag::Integer)?.content;
        issued.end()?;
        SignerId::Issued { issuer, serial }
    };
    let digest = Algorithm::parse(fields.sequence(SIGNER)?)?;
    let attributes = fields.take(explicit(0))?;
    let algorithm = Algorithm::parse(fields.sequence(SIGNER)?)?;
    let signature = fields.take(Tag::OctetString)?.content;
    fields.take_if(explicit(1))?;
    fields.end()?;
    Ok(SignerInfo {
        who,
        digest,
        attributes,
        algorithm,
        signature,
    })
}

fn info(content: &[u8]) -> Result<Info<'_>, TimestampError> {
    let mut outer = Elements::of(content, INFO);
    let mut fields = outer.sequence(INFO)?;
    outer.end()?;
    if fields.number()? != 1 {
        return Err(TimestampError::Malformed(
            "the version of the stamped information",
        ));
    }
    let policy = fields.oid()?;
    let mut imprint = fields.sequence(INFO)?;
    let digest_algorithm = Algorithm::parse(imprint.sequence(INFO)?)?.id;
    let digest = imprint.take(Tag::OctetString)?.content;
    imprint.end()?;
    let serial = fields.take(Tag::Integer)?.content;
    let time = moment::generalized(fields.take(Tag::GeneralizedTime)?.content)
        .ok_or(TimestampError::Malformed("the stamped time"))?;
    let accuracy_nanos = match fields.take_if(Tag::Sequence)? {
        Some(accuracy) => accuracy_nanos(accuracy.elements("the accuracy"))?,
        None => 0,
    };
    fields.take_if(Tag::Boolean)?;
    let nonce = fields.take_if(Tag::Integer)?.map(|nonce| nonce.content);
    fields.take_if(explicit(0))?;
    // No extension of TSTInfo is in use; one that must be understood would be a reason to refuse it.
    fields.end()?;
    Ok(Info {
        policy,
        digest_algorithm,
        digest,
        serial,
        time,
        accuracy_nanos,
        nonce,
    })
}

fn accuracy_nanos(mut fields: Elements<'_>) -> Result<u64, TimestampError> {
    const WRONG: TimestampError = TimestampError::Malformed("the accuracy");
    let part = |element: Option<Element<'_>>, nanos: u64, most: u64| match element {
        None => Ok(0),
        Some(element) => element
            .number()
            .filter(|number| *number <= most)
            .and_then(|number| number.checked_mul(nanos))
            .ok_or(WRONG),
    };
    let seconds = part(fields.take_if(Tag::Integer)?, 1_000_000_000, u64::MAX)?;
    let millis = part(fields.take_if(implicit(0))?, 1_000_000, 999)?;
    let micros = part(fields.take_if(implicit(1))?, 1_000, 999)?;
    fields.end()?;
    Ok(seconds.saturating_add(millis).saturating_add(micros))
}
