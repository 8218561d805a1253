//! One verification of a receipt.

use super::outcome::{conclude, empty_report};
use crate::{
    ledger::{
        checkpoint::CheckpointError,
        finding::{Finding, FindingKind},
        hash::RootHash,
        note::{NoteError, VerifierKey},
        position::count,
        receipt::{Receipt, ReceiptError},
    },
    pack::report::{IndexRange, Report, Subject},
};

pub(super) fn verify(bytes: &[u8], key: &VerifierKey) -> Report {
    let mut report = empty_report(Subject::Receipt, key);
    match Receipt::parse(bytes) {
        Ok(receipt) => check(&receipt, bytes, key, &mut report),
        Err(error) => report.findings.push(Finding::new(
            FindingKind::ReceiptInvalid,
            "a receipt",
            error,
        )),
    }
    conclude(&mut report);
    report
}

fn check(receipt: &Receipt, bytes: &[u8], key: &VerifierKey, report: &mut Report) {
    let signed = receipt.checkpoint.checkpoint();
    report.size = Some(signed.size);
    report.root = Some(RootHash::from_bytes(*signed.root.as_bytes()));
    report.range = Some(IndexRange {
        start: receipt.index,
        end: receipt.index.plus(1),
    });
    let problem = if receipt.to_string().as_bytes() == bytes {
        receipt.verify(key).err().map(|error| {
            let kind = kind_of(&error);
            Finding::at(kind, receipt.index, format!("a receipt by {key}"), error)
        })
    } else {
        let kind = FindingKind::ReceiptInvalid;
        Some(Finding::at(
            kind,
            receipt.index,
            "the one form of a receipt",
            "another form",
        ))
    };
    report.more.checkpoints = 1;
    if let Some(problem) = problem {
        report.findings.push(problem);
        return;
    }
    report.signed = Some(receipt.checkpoint.clone());
    report.counts.entries = 1;
    report.counts.payloads_absent = 1;
    report.counts.bytes = count(receipt.entry.len());
    report.more.receipts = 1;
    report.checked.extend([
        "the checkpoint's signature, by the trusted key".to_owned(),
        format!("that entry {} stands in the signed tree", receipt.index),
    ]);
    report.not_checked.extend([
        "the entry's payload: a receipt holds the commitment to it".to_owned(),
        "whether the ledger still has the entry: compare with a pack or with the ledger".to_owned(),
    ]);
}

fn kind_of(error: &ReceiptError) -> FindingKind {
    match error {
        ReceiptError::Checkpoint(CheckpointError::OtherOrigin { .. }) => FindingKind::OtherLedger,
        ReceiptError::Checkpoint(CheckpointError::Note(
            NoteError::BadSignature(_) | NoteError::NotSignedBy(_),
        )) => FindingKind::CheckpointUntrusted,
        _ => FindingKind::ReceiptInvalid,
    }
}
