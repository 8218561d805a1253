//! Reading a checkpoint: what it signs, and whether the trusted key signed it.

use super::{VerifyError, bundle::read};
use crate::{
    ledger::{
        checkpoint::{CheckpointError, SignedCheckpoint},
        finding::{Finding, FindingKind},
        keys::Keyring,
        verify::Findings,
    },
    pack::{
        manifest::CHECKPOINT,
        read::{CHECKPOINT_BYTES_MAX, PackFiles},
        report::Report,
    },
};

/// Reads the checkpoint: what it signs, where it can be read at all. Where a trusted key signed it, the report has it.
pub(super) fn read_checkpoint(
    files: &dyn PackFiles,
    keys: &Keyring,
    findings: &mut Findings,
    report: &mut Report,
) -> Result<Option<SignedCheckpoint>, VerifyError> {
    let mut found = Vec::new();
    let bytes = read(
        Vec::new(),
        files,
        CHECKPOINT,
        CHECKPOINT_BYTES_MAX,
        FindingKind::CheckpointMalformed,
        None,
        &mut found,
    )?;
    findings.extend(found);
    let Some(bytes) = bytes else { return Ok(None) };
    let (signed, finding) = open_checkpoint(&bytes, keys);
    report.more.checkpoints = 1;
    match finding {
        Some(finding) => findings.push(finding.in_place(CHECKPOINT)),
        None => {
            report.signed.clone_from(&signed);
            report.checked.push(by_whom(keys, signed.as_ref()));
        }
    }
    if let Some(signed) = &signed {
        report.size = Some(signed.checkpoint().size);
        report.root = Some(signed.checkpoint().root);
    }
    Ok(signed)
}

/// Reads a checkpoint, and says what is wrong with it. One by another key is still read: its numbers help to say what
/// else is wrong.
pub(super) fn open_checkpoint(
    bytes: &[u8],
    keys: &Keyring,
) -> (Option<SignedCheckpoint>, Option<Finding>) {
    let signed = match SignedCheckpoint::parse(bytes) {
        Ok(signed) => signed,
        Err(error) => {
            let kind = FindingKind::CheckpointMalformed;
            return (None, Some(Finding::new(kind, "a signed checkpoint", error)));
        }
    };
    if signed.note().to_string().as_bytes() != bytes
        || signed.checkpoint().to_text() != signed.note().text()
    {
        let kind = FindingKind::CheckpointMalformed;
        let finding = Finding::new(kind, "the one form of a checkpoint", "another form");
        return (Some(signed), Some(finding));
    }
    let error = keys.verify(&signed).err();
    let finding = error.map(|error| untrusted(keys, &error));
    (Some(signed), finding)
}

/// What is wrong with a checkpoint that no trusted key vouches for.
pub(super) fn untrusted(keys: &Keyring, error: &CheckpointError) -> Finding {
    Finding::new(error.finding(), signature_by(keys), error)
}

/// What is expected of a checkpoint.
pub(super) fn signature_by(keys: &Keyring) -> String {
    let trusted = keys.trusted();
    match keys.spans().len() {
        0 | 1 => format!("a signature by {trusted}"),
        _ => format!("a signature by {trusted}, or by a key that it leads to, in its time"),
    }
}

/// Says that a checkpoint's signature was checked, and whose it is.
pub(super) fn by_whom(keys: &Keyring, signed: Option<&SignedCheckpoint>) -> String {
    let by_trusted = signed.is_none_or(|signed| signed.note().names(keys.trusted()));
    let other = keys
        .spans()
        .iter()
        .rev()
        .find(|span| signed.is_some_and(|signed| signed.note().names(&span.key)));
    match other.filter(|_| !by_trusted) {
        Some(span) => format!(
            "the checkpoint's signature, by the key {}, which the trusted key {} leads to",
            span.key.id(),
            keys.trusted().id()
        ),
        None => "the checkpoint's signature, by the trusted key".to_owned(),
    }
}
