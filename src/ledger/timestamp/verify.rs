//! Whether a time stamp holds: what it is of, who signed it, and whether that was an authority to be trusted.

use der::{Tag, oid::ObjectIdentifier};
use ring::digest::{self, digest};
use rustls_pki_types::{
    CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime, pem::PemObject as _,
};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring as algorithms};

use super::{
    TimestampError, TimestampNonce,
    certificate::Certificate,
    element::{Element, Elements},
    imprint_of,
    token::{Algorithm, SHA256, SignerId, TST_INFO, Timestamp},
};
use crate::ledger::position::UnixNanos;

const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_CERTIFICATE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
const EC_KEY: &str = "1.2.840.10045.2.1";
/// id-kp-timeStamping, the content of the object identifier.
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];
const ATTRIBUTES: &str = "the signed attributes";
const NANOS: u64 = 1_000_000_000;

/// What a certificate may be signed with.
static CHAIN_ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 14] = [
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::ED25519,
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    algorithms::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    algorithms::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

/// Certificates of authorities that are trusted: the roots that a time stamp's chain has to end at.
#[derive(Debug, Clone)]
pub struct TimestampRoots {
    certificates: Vec<CertificateDer<'static>>,
}

/// A time stamp that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedTimestamp {
    /// When the authority says that it made it.
    pub time: UnixNanos,
    /// By how much that may be off, in nanoseconds.
    pub accuracy_nanos: u64,
    /// Whose certificate signed it, such as `CN=Example TSA, O=Example`.
    pub authority: String,
    /// The serial number of that certificate, in hexadecimal.
    pub certificate_serial: String,
    /// The serial number of the time stamp, in hexadecimal.
    pub serial: String,
    /// The authority's policy, an object identifier.
    pub policy: String,
}

impl VerifiedTimestamp {
    /// The time at which what was stamped existed at the latest: the authority's, and its inaccuracy added.
    pub fn no_later_than(&self) -> UnixNanos {
        UnixNanos::new(self.time.value().saturating_add(self.accuracy_nanos))
    }
}

impl TimestampRoots {
    /// Reads the certificates in a PEM file.
    ///
    /// # Errors
    /// When there is none, or one is not a certificate.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TimestampError> {
        let mut certificates = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate: CertificateDer<'static> =
                certificate.map_err(|_| TimestampError::Roots("the PEM is damaged"))?;
            let unusable = TimestampError::Roots("a certificate in it can't be read");
            if anchor_from_trusted_cert(&certificate).is_err()
                || Certificate::parse(&certificate).is_err()
            {
                return Err(unusable);
            }
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(TimestampError::Roots("there is no certificate in it"));
        }
        Ok(Self { certificates })
    }

    /// Adds those of another file.
    pub fn join(&mut self, other: Self) {
        self.certificates.extend(other.certificates);
    }
}

impl Timestamp<'_> {
    /// Checks that it is of this text.
    ///
    /// # Errors
    /// When it is of something else, or of another digest than SHA-256.
    pub fn check_imprint(&self, text: &str) -> Result<(), TimestampError> {
        if self.info.digest_algorithm != SHA256 {
            return Err(TimestampError::OtherDigest(
                self.info.digest_algorithm.to_string(),
            ));
        }
        let expected = imprint_of(text);
        if self.info.digest == expected {
            return Ok(());
        }
        Err(TimestampError::OtherImprint {
            expected: hex::encode(expected),
            found: hex::encode(self.info.digest),
        })
    }

    /// Checks that it is the answer to the query with this nonce.
    ///
    /// # Errors
    /// When it has another nonce or none.
    pub fn check_nonce(&self, nonce: &TimestampNonce) -> Result<(), TimestampError> {
        if self.info.nonce == Some(nonce.as_bytes().as_slice()) {
            Ok(())
        } else {
            Err(TimestampError::OtherNonce)
        }
    }

    /// Checks that its authority signed it: digest, signed attributes, certificate and what that is for. Says nothing
    /// about who the authority is.
    ///
    /// # Errors
    /// Says which check fails.
    pub fn check_signature(&self) -> Result<(), TimestampError> {
        let signer = self.signer_certificate()?;
        self.check_attributes(signer)?;
        signer.check_usage()?;
        let mut signed = self.signer.attributes.whole.to_vec();
        if let Some(tag) = signed.first_mut() {
            // RFC 5652, section 5.4: signed as SET OF, not with the tag they are written with.
            *tag = 0x31;
        }
        let der = CertificateDer::from(signer.whole);
        let certificate = EndEntityCert::try_from(&der)
            .map_err(|_| TimestampError::Malformed("the signer's certificate"))?;
        let candidates = candidates(&self.signer.algorithm, &self.signer.digest, signer)?;
        let holds = candidates.iter().any(|algorithm| {
            let checked = certificate.verify_signature(*algorithm, &signed, self.signer.signature);
            checked.is_ok()
        });
        if holds {
            Ok(())
        } else {
            Err(TimestampError::Signature("the signature does not verify"))
        }
    }

    /// Checks everything: that it is of this text, that its authority signed it, and that one of these roots vouched
    /// for the authority at the time it states. Whether a certificate was revoked is not looked at.
    ///
    /// # Errors
    /// Says which check fails.
    pub fn verify(
        &self,
        text: &str,
        roots: &TimestampRoots,
    ) -> Result<VerifiedTimestamp, TimestampError> {
        self.check_imprint(text)?;
        self.check_signature()?;
        self.check_chain(roots)?;
        let signer = self.signer_certificate()?;
        Ok(VerifiedTimestamp {
            time: self.info.time,
            accuracy_nanos: self.info.accuracy_nanos,
            authority: signer.subject_text(),
            certificate_serial: signer.serial_text(),
            serial: hex::encode(self.info.serial),
            policy: self.info.policy.to_string(),
        })
    }

    /// Whose certificate signed it, as it says itself: not to be trusted before it is verified.
    pub fn claimed_authority(&self) -> Option<String> {
        self.signer_certificate()
            .ok()
            .map(Certificate::subject_text)
    }

    fn signer_certificate(&self) -> Result<&Certificate<'_>, TimestampError> {
        let is = |certificate: &&Certificate<'_>| match self.signer.who {
            SignerId::Issued { issuer, serial } => {
                certificate.issuer == issuer && certificate.serial == serial
            }
            SignerId::Key(key) => certificate.key_identifier == Some(key),
        };
        let found = self.certificates.iter().find(is);
        found.ok_or(TimestampError::Signature(
            "the signer's certificate is not in it; the authority has to be asked for certificates",
        ))
    }

    /// Checks the signed attributes: kind and digest of the content, and which certificate signed.
    fn check_attributes(&self, signer: &Certificate<'_>) -> Result<(), TimestampError> {
        let mut attributes = self.signer.attributes.elements(ATTRIBUTES);
        let (mut kind, mut digested, mut bound) = (None, None, Vec::new());
        while let Some(attribute) = attributes.next()? {
            let mut fields = attribute.elements(ATTRIBUTES);
            let id = fields.oid()?;
            let mut values = fields.take(Tag::Set)?.elements(ATTRIBUTES);
            fields.end()?;
            let Some(value) = values.next()? else {
                return Err(TimestampError::Malformed(ATTRIBUTES));
            };
            let twice = match id {
                CONTENT_TYPE => kind.replace(value).is_some(),
                MESSAGE_DIGEST => digested.replace(value).is_some(),
                SIGNING_CERTIFICATE | SIGNING_CERTIFICATE_V2 => {
                    bound.push((id, value));
                    bound.len() > 2
                }
                _ => continue,
            };
            if twice || values.next()?.is_some() {
                return Err(TimestampError::Malformed(ATTRIBUTES));
            }
        }
        let kind = kind.filter(|kind| kind.content == TST_INFO.as_bytes());
        if kind.is_none() {
            return Err(TimestampError::Signature("it is signed as something else"));
        }
        let content = digest(hash(self.signer.digest.id)?, self.content);
        if digested.is_none_or(|found| found.content != content.as_ref()) {
            return Err(TimestampError::Signature(
                "what is stamped is not what was signed",
            ));
        }
        if bound.is_empty() {
            return Err(TimestampError::Signature(
                "it does not say which certificate it is signed with",
            ));
        }
        for (id, value) in bound {
            check_bound(id, value, signer)?;
        }
        Ok(())
    }

    /// Checks that the signer's certificate was valid at the stamped time.
    ///
    /// # Errors
    /// When it was not.
    pub fn check_validity(&self) -> Result<(), TimestampError> {
        let signer = self.signer_certificate()?;
        let (from, until) = signer.valid;
        if (from..=until).contains(&(self.info.time.value() / NANOS)) {
            Ok(())
        } else {
            Err(TimestampError::Expired(signer.subject_text()))
        }
    }

    fn check_chain(&self, roots: &TimestampRoots) -> Result<(), TimestampError> {
        self.check_validity()?;
        let signer = self.signer_certificate()?;
        let at = self.info.time.value() / NANOS;
        let anchors: Vec<TrustAnchor<'_>> = roots
            .certificates
            .iter()
            .filter(|root| {
                let valid = Certificate::parse(root).map(|root| root.valid);
                valid.is_ok_and(|(from, until)| (from..=until).contains(&at))
            })
            .filter_map(|root| anchor_from_trusted_cert(root).ok())
            .collect();
        let der = CertificateDer::from(signer.whole);
        let others: Vec<CertificateDer<'_>> = self
            .certificates
            .iter()
            .filter(|certificate| certificate.whole != signer.whole)
            .map(|certificate| CertificateDer::from(certificate.whole))
            .collect();
        let certificate = EndEntityCert::try_from(&der)
            .map_err(|_| TimestampError::Malformed("the signer's certificate"))?;
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(at));
        let usage = KeyUsage::required_if_present(TIME_STAMPING);
        let path = certificate.verify_for_usage(
            &CHAIN_ALGORITHMS,
            &anchors,
            &others,
            time,
            usage,
            None,
            None,
        );
        path.map(|_| ()).map_err(|error| match error {
            webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => {
                TimestampError::Expired(signer.subject_text())
            }
            // A root of the same name whose key is of another kind is not the one that signed.
            webpki::Error::UnknownIssuer
            | webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
                TimestampError::RootNotGiven {
                    authority: signer.subject_text(),
                }
            }
            error => TimestampError::Untrusted {
                authority: signer.subject_text(),
                why: format!("its certificates do not hold ({error})"),
            },
        })
    }
}

/// Checks an ESSCertID or ESSCertIDv2 (RFC 5035): the first names the certificate that signed.
fn check_bound(
    id: ObjectIdentifier,
    value: Element<'_>,
    signer: &Certificate<'_>,
) -> Result<(), TimestampError> {
    let mut certificates = value.elements(ATTRIBUTES).sequence(ATTRIBUTES)?;
    let mut first = certificates.sequence(ATTRIBUTES)?;
    let with = if id == SIGNING_CERTIFICATE {
        // SHA-1 by definition, and it only has to tell certificates apart that share the key.
        &digest::SHA1_FOR_LEGACY_USE_ONLY
    } else {
        match first.take_if(Tag::Sequence)? {
            Some(algorithm) => hash(Algorithm::parse(algorithm.elements(ATTRIBUTES))?.id)?,
            None => &digest::SHA256,
        }
    };
    let found = first.take(Tag::OctetString)?.content;
    if digest(with, signer.whole).as_ref() == found {
        Ok(())
    } else {
        Err(TimestampError::Signature(
            "it is bound to another certificate than the one it carries",
        ))
    }
}

fn hash(id: ObjectIdentifier) -> Result<&'static digest::Algorithm, TimestampError> {
    match id {
        SHA256 => Ok(&digest::SHA256),
        SHA384 => Ok(&digest::SHA384),
        SHA512 => Ok(&digest::SHA512),
        other => Err(TimestampError::Unsupported(other.to_string())),
    }
}

/// The algorithms that a signature may be of, by what the signer says and by the kind of its key.
fn candidates(
    algorithm: &Algorithm<'_>,
    digest: &Algorithm<'_>,
    signer: &Certificate<'_>,
) -> Result<Vec<&'static dyn SignatureVerificationAlgorithm>, TimestampError> {
    let dotted = algorithm.id.to_string();
    let elliptic = signer.key_algorithm.to_string() == EC_KEY;
    let hashed = match dotted.as_str() {
        // rsaEncryption, and a bare ecPublicKey: the digest is the one named before.
        "1.2.840.113549.1.1.1" | EC_KEY => digest.id,
        "1.2.840.113549.1.1.11" | "1.2.840.10045.4.3.2" => SHA256,
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => SHA384,
        "1.2.840.113549.1.1.13" => SHA512,
        "1.2.840.113549.1.1.10" => return Ok(vec![pss(algorithm)?]),
        "1.3.101.112" => return Ok(vec![algorithms::ED25519]),
        _ => return Err(TimestampError::Unsupported(dotted)),
    };
    let unsupported = || TimestampError::Unsupported(format!("{dotted} with {hashed}"));
    Ok(match (elliptic, hashed) {
        (false, SHA256) => vec![algorithms::RSA_PKCS1_2048_8192_SHA256],
        (false, SHA384) => vec![algorithms::RSA_PKCS1_2048_8192_SHA384],
        (false, SHA512) => vec![algorithms::RSA_PKCS1_2048_8192_SHA512],
        (true, SHA256) => vec![algorithms::ECDSA_P256_SHA256, algorithms::ECDSA_P384_SHA256],
        (true, SHA384) => vec![algorithms::ECDSA_P256_SHA384, algorithms::ECDSA_P384_SHA384],
        _ => return Err(unsupported()),
    })
}

/// RSASSA-PSS of RFC 4055: `[0]` names the digest; mask and salt are those that go with it, or it does not verify.
fn pss(
    algorithm: &Algorithm<'_>,
) -> Result<&'static dyn SignatureVerificationAlgorithm, TimestampError> {
    const PSS: &str = "the parameters of RSASSA-PSS";
    let unsupported = |what: &str| TimestampError::Unsupported(format!("RSASSA-PSS with {what}"));
    let parameters = algorithm.parameters.ok_or_else(|| unsupported("SHA-1"))?;
    let mut fields: Elements<'_> = parameters.elements(PSS);
    let named = fields.take_if(super::element::explicit(0))?;
    let named = named.ok_or_else(|| unsupported("SHA-1"))?;
    match Algorithm::parse(named.elements(PSS).sequence(PSS)?)?.id {
        SHA256 => Ok(algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY),
        SHA384 => Ok(algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY),
        SHA512 => Ok(algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY),
        other => Err(unsupported(&other.to_string())),
    }
}
