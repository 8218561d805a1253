//! What a certificate says that `webpki` does not tell: whose it is, from when to when, and what it is for.
//!
//! That it is signed by whom it says, and by a root that is trusted, is checked by `webpki`, not here.

use der::{Tag, oid::ObjectIdentifier};

use super::{
    TimestampError,
    element::{Element, Elements, explicit},
    moment,
};

const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const WHAT: &str = "a certificate";

/// A certificate of RFC 5280, as far as it is needed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Certificate<'a> {
    pub(super) whole: &'a [u8],
    /// The serial number, as DER has it.
    pub(super) serial: &'a [u8],
    /// The issuer's name, tag and length included.
    pub(super) issuer: &'a [u8],
    /// The subject's name.
    pub(super) subject: Element<'a>,
    /// The algorithm of its key.
    pub(super) key_algorithm: ObjectIdentifier,
    /// Valid from and until, in seconds since 1970.
    pub(super) valid: (u64, u64),
    pub(super) key_identifier: Option<&'a [u8]>,
    usage: Option<Usage<'a>>,
}

/// The extended key usage extension.
#[derive(Debug, Clone, Copy)]
struct Usage<'a> {
    critical: bool,
    purposes: Elements<'a>,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate.
    pub(super) fn parse(whole: &'a [u8]) -> Result<Self, TimestampError> {
        let mut outer = Elements::of(whole, WHAT);
        let mut signed = outer.sequence(WHAT)?;
        outer.end()?;
        let mut fields = signed.sequence(WHAT)?;
        fields.take_if(explicit(0))?;
        let serial = fields.take(Tag::Integer)?.content;
        fields.take(Tag::Sequence)?;
        let issuer = fields.take(Tag::Sequence)?.whole;
        let mut validity = fields.sequence(WHAT)?;
        let mut time = || {
            let element = validity.next()?;
            let seconds = element.and_then(|element| match element.tag {
                Tag::UtcTime => moment::utc_seconds(element.content),
                Tag::GeneralizedTime => moment::generalized_seconds(element.content),
                _ => None,
            });
            seconds.ok_or(TimestampError::Malformed("a certificate's validity"))
        };
        let valid = (time()?, time()?);
        let subject = fields.take(Tag::Sequence)?;
        let key_algorithm = fields.sequence(WHAT)?.sequence(WHAT)?.oid()?;
        let mut certificate = Self {
            whole,
            serial,
            issuer,
            subject,
            key_algorithm,
            valid,
            key_identifier: None,
            usage: None,
        };
        while let Some(field) = fields.next()? {
            if field.tag == explicit(3) {
                certificate.read_extensions(field.elements(WHAT).sequence(WHAT)?)?;
            }
        }
        Ok(certificate)
    }

    fn read_extensions(&mut self, mut extensions: Elements<'a>) -> Result<(), TimestampError> {
        while let Some(extension) = extensions.next()? {
            let mut fields = extension.elements(WHAT);
            let id = fields.oid()?;
            let critical = fields.take_if(Tag::Boolean)?;
            let critical = critical.is_some_and(|critical| critical.content == [0xff]);
            let value = fields.take(Tag::OctetString)?;
            if id == EXTENDED_KEY_USAGE {
                self.usage = Some(Usage {
                    critical,
                    purposes: value.elements(WHAT).sequence(WHAT)?,
                });
            } else if id == SUBJECT_KEY_IDENTIFIER {
                let identifier = value.elements(WHAT).take(Tag::OctetString)?;
                self.key_identifier = Some(identifier.content);
            }
        }
        Ok(())
    }

    /// Checks that its key is for time stamps and nothing else, as RFC 3161, section 2.3, has it.
    pub(super) fn check_usage(&self) -> Result<(), TimestampError> {
        let wrong = |why| Err(TimestampError::Usage(why));
        let Some(usage) = self.usage else {
            return wrong("its certificate does not say what its key is for");
        };
        let mut purposes = usage.purposes;
        let (mut stamping, mut other) = (false, false);
        while purposes.next()?.is_some_and(|purpose| {
            let id = ObjectIdentifier::from_bytes(purpose.content);
            let is = purpose.tag == Tag::ObjectIdentifier && id == Ok(TIME_STAMPING);
            stamping |= is;
            other |= !is;
            true
        }) {}
        match (stamping, other, usage.critical) {
            (false, ..) => wrong("its certificate is not for time stamping"),
            (true, true, _) => wrong("its certificate is for other things than time stamping too"),
            (true, false, false) => {
                wrong("its certificate does not say so in a critical extension")
            }
            (true, false, true) => Ok(()),
        }
    }

    /// Whose it is, such as `CN=Example TSA, O=Example`, most specific part first.
    pub(super) fn subject_text(&self) -> String {
        name_text(self.subject).unwrap_or_else(|_| "(a name that can't be read)".to_owned())
    }

    /// Its serial number in hexadecimal.
    pub(super) fn serial_text(&self) -> String {
        hex::encode(self.serial)
    }
}

fn name_text(name: Element<'_>) -> Result<String, TimestampError> {
    let mut parts = Vec::new();
    let mut sets = name.elements(WHAT);
    while let Some(set) = sets.next()? {
        let mut attributes = set.elements(WHAT);
        while let Some(attribute) = attributes.next()? {
            let mut fields = attribute.elements(WHAT);
            let id = fields.oid()?;
            let Some(value) = fields.next()? else {
                continue;
            };
            let text = match std::str::from_utf8(value.content) {
                Ok(text) if value.tag != Tag::BmpString => text.to_owned(),
                _ => hex::encode(value.content),
            };
            parts.push(format!("{}={text}", short_name(&id)));
        }
    }
    parts.reverse();
    Ok(parts.join(", "))
}

fn short_name(id: &ObjectIdentifier) -> String {
    let dotted = id.to_string();
    let name = match dotted.as_str() {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.97" => "organizationIdentifier",
        _ => return dotted,
    };
    name.to_owned()
}
