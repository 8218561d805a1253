//! Reading a checkpoint: what it signs, and whether the trusted key signed it.

use super::{VerifyError, bundle::read};
use crate::{
    ledger::{
        checkpoint::{CheckpointError, SignedCheckpoint},
        finding::{Finding, FindingKind},
        note::{NoteError, VerifierKey},
        verify::Findings,
    },
    pack::{
        manifest::CHECKPOINT,
        read::{CHECKPOINT_BYTES_MAX, PackFiles},
        report::Report,
    },
};

/// Reads the checkpoint: what it signs, where it can be read at all.
pub(super) fn read_checkpoint(
    files: &dyn PackFiles,
    key: &VerifierKey,
    findings: &mut Findings,
    report: &mut Report,
) -> Result<Option<SignedCheckpoint>, VerifyError> {
    let mut found = Vec::new();
    let bytes = read(
        files,
        CHECKPOINT,
        CHECKPOINT_BYTES_MAX,
        FindingKind::CheckpointMalformed,
        None,
        &mut found,
    )?;
    findings.extend(found);
    let Some(bytes) = bytes else { return Ok(None) };
    let (signed, finding) = open_checkpoint(&bytes, key);
    report.more.checkpoints = 1;
    match finding {
        Some(finding) => findings.push(finding.in_place(CHECKPOINT)),
        None => {
            report.signed.clone_from(&signed);
            report
                .checked
                .push("the checkpoint's signature, by the trusted key".to_owned());
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
    key: &VerifierKey,
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
    let finding = signed.verify(key).err().map(|error| {
        let kind = match &error {
            CheckpointError::OtherOrigin { .. } => FindingKind::OtherLedger,
            CheckpointError::Note(NoteError::BadSignature(_) | NoteError::NotSignedBy(_)) => {
                FindingKind::CheckpointUntrusted
            }
            _ => FindingKind::CheckpointMalformed,
        };
        Finding::new(kind, format!("a signature by {key}"), error)
    });
    (Some(signed), finding)
}
