//! Time stamps of a real authority, made once: an RSA one with SHA-1 ESSCertID, an ECDSA one with ESSCertIDv2, both
//! below an intermediate certificate.

use super::*;

const TEXT: &str = include_str!("../../../tests/vectors/timestamps/checkpoint.txt");
const RSA: &[u8] = include_bytes!("../../../tests/vectors/timestamps/rsa.tsr");
const ECDSA: &[u8] = include_bytes!("../../../tests/vectors/timestamps/ec.tsr");
const ROOT: &[u8] = include_bytes!("../../../tests/vectors/timestamps/root.pem");
/// The root of an authority that made neither.
const OTHER_ROOT: &[u8] = include_bytes!("../../../tests/vectors/timestamps/other-root.pem");

fn roots() -> TimestampRoots {
    TimestampRoots::from_pem(ROOT).unwrap()
}

#[test]
fn time_stamps_of_rsa_and_ecdsa_authorities_below_an_intermediate_hold() {
    for (answer, name) in [
        (RSA, "CN=rsa authority, O=Exhibit tests"),
        (ECDSA, "CN=ec authority, O=Exhibit tests"),
    ] {
        let verified = Timestamp::parse(answer)
            .unwrap()
            .verify(TEXT, &roots())
            .unwrap();
        assert_eq!(verified.authority, name);
        assert_eq!(verified.accuracy_nanos, 1_500_000_000);
        assert_eq!(verified.policy, "1.2.3.4.1");
        assert!(
            verified.time.to_rfc3339().starts_with("2026-11-25T12:"),
            "{verified:?}"
        );
        assert_eq!(
            verified.no_later_than().value(),
            verified.time.value() + 1_500_000_000
        );
    }
}

#[test]
fn a_time_stamp_of_another_text_and_one_with_another_nonce_are_refused() {
    let other = TEXT.replace("\n7\n", "\n8\n");
    let timestamp = Timestamp::parse(ECDSA).unwrap();
    let refused = timestamp.verify(&other, &roots()).unwrap_err();
    assert!(
        matches!(refused, TimestampError::OtherImprint { .. }),
        "{refused}"
    );
    let nonce = TimestampNonce::from_random([7; 16]);
    assert_eq!(
        check_answer(ECDSA, TEXT, Some(&nonce)).unwrap_err(),
        TimestampError::OtherNonce
    );
    check_answer(ECDSA, TEXT, None).unwrap();
}

/// Status bytes, and parts of the CMS frame that nobody signs, may change; what is then said may not.
#[test]
fn no_changed_byte_makes_a_time_stamp_say_something_else() {
    for answer in [RSA, ECDSA] {
        let good = Timestamp::parse(answer)
            .unwrap()
            .verify(TEXT, &roots())
            .unwrap();
        let mut accepted = 0;
        for at in 0..answer.len() {
            let mut bad = answer.to_vec();
            bad[at] ^= 0x01;
            let verified = Timestamp::parse(&bad).and_then(|t| t.verify(TEXT, &roots()));
            if let Ok(verified) = verified {
                assert_eq!(verified, good, "byte {at}");
                accepted += 1;
            }
        }
        assert!(accepted < 40, "{accepted} changed bytes make no difference");
    }
}

#[test]
fn answers_that_are_none_are_refused_with_the_authoritys_words() {
    let refused = [
        0x30, 0x12, 0x30, 0x10, 0x02, 0x01, 0x02, 0x30, 0x07, 0x0c, 0x05, b'b', b'u', b's', b'\n',
        b'y', 0x03, 0x02, 0x05, 0x20,
    ];
    assert_eq!(
        Timestamp::parse(&refused).unwrap_err().to_string(),
        "the authority refuses, with status 2: bus y"
    );
    let granted = [0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x00];
    assert_eq!(
        Timestamp::parse(&granted).unwrap_err(),
        TimestampError::NoToken
    );
    for wrong in [
        &b""[..],
        b"0",
        b"<html>",
        &[0x30, 0x80, 0x00, 0x00],
        &ECDSA[..ECDSA.len() - 1],
    ] {
        let error = Timestamp::parse(wrong).unwrap_err();
        assert!(matches!(error, TimestampError::Malformed(_)), "{error}");
    }
    let long = vec![0x30; TIMESTAMP_BYTES_MAX + 1];
    assert!(matches!(
        Timestamp::parse(&long),
        Err(TimestampError::TooLong(_))
    ));
}

#[test]
fn roots_are_certificates_in_pem_and_only_theirs_are_trusted() {
    for wrong in [
        "",
        "no pem",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    ] {
        assert!(
            TimestampRoots::from_pem(wrong.as_bytes()).is_err(),
            "{wrong:?}"
        );
    }
    // Whoever is a root for the verifier vouches, and nobody else does: the intermediate only for who takes it for one, and
    // the root of another authority not at all.
    let timestamp = Timestamp::parse(ECDSA).unwrap();
    let verify = |roots: &[u8]| timestamp.verify(TEXT, &TimestampRoots::from_pem(roots).unwrap());
    assert!(verify(ROOT).is_ok());
    let is_unknown = |judged: Result<VerifiedTimestamp, TimestampError>| {
        matches!(judged, Err(TimestampError::RootNotGiven { .. }))
    };
    // The other authority's root has the same name, and did not sign.
    let is_untrusted = |judged: Result<VerifiedTimestamp, TimestampError>| {
        matches!(judged, Err(TimestampError::Untrusted { .. }))
    };
    let mut vouching = 0;
    for certificate in &timestamp.certificates {
        let judged = verify(&pem(certificate.whole));
        vouching += usize::from(judged.is_ok());
        assert!(judged.is_ok() || is_unknown(judged));
    }
    assert_eq!((timestamp.certificates.len(), vouching), (2, 1));
    assert!(is_untrusted(verify(OTHER_ROOT)));
    assert!(verify(&[OTHER_ROOT, ROOT].concat()).is_ok());
}

fn pem(certificate: &[u8]) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let base64 = STANDARD.encode(certificate).into_bytes();
    let lines = base64.chunks(64).collect::<Vec<_>>().join(&b'\n');
    let frame = |what: &str| format!("-----{what} CERTIFICATE-----\n").into_bytes();
    [frame("BEGIN"), lines, b"\n".to_vec(), frame("END")].concat()
}

#[test]
fn a_query_is_the_der_that_the_standard_has() {
    let nonce = TimestampNonce::from_random([0xff; 16]);
    let query = timestamp_query(TEXT, &nonce);
    assert_eq!(query.len(), usize::from(query[1]) + 2);
    let mut outer = element::Elements::of(&query, "query");
    let mut fields = outer.sequence("query").unwrap();
    assert_eq!(fields.number().unwrap(), 1);
    let mut imprint = fields.sequence("imprint").unwrap();
    let algorithm = token::Algorithm::parse(imprint.sequence("algorithm").unwrap()).unwrap();
    assert_eq!(algorithm.id, token::SHA256);
    let digest = imprint.take(der::Tag::OctetString).unwrap().content;
    assert_eq!(digest, imprint_of(TEXT));
    let number = fields.take(der::Tag::Integer).unwrap().content;
    assert_eq!(number, nonce.as_bytes());
    assert_eq!(number[0], 0x7f);
    assert_eq!(fields.take(der::Tag::Boolean).unwrap().content, [0xff]);
    fields.end().unwrap();
}
