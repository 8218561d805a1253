//! One verification of a receipt.

use super::{
    checkpoint::{by_whom, signature_by},
    outcome::{conclude, empty_report, reach_verdict},
};
use crate::{
    ledger::{
        checkpoint::CheckpointError,
        finding::{Finding, FindingKind},
        hash::RootHash,
        keys::Keyring,
        position::count,
        receipt::{Receipt, ReceiptError},
    },
    pack::report::{IndexRange, Report, Subject},
};

pub(super) fn verify(bytes: &[u8], keys: &Keyring) -> Report {
    let (mut report, compromised) = verify_for_comparison(bytes, keys);
    report.findings.extend(compromised);
    reach_verdict(&mut report);
    report
}

/// Verifies a receipt that is to be compared with a later state of its ledger. That its key is compromised is given apart,
/// where that is all that is wrong: the later state may vouch for the entry by itself.
pub(super) fn verify_for_comparison(bytes: &[u8], keys: &Keyring) -> (Report, Option<Finding>) {
    let mut report = empty_report(Subject::Receipt, keys.trusted());
    let mut compromised = None;
    match Receipt::parse(bytes) {
        Ok(receipt) => match problem(&receipt, bytes, keys) {
            Some(finding) if finding.kind != FindingKind::KeyCompromised => {
                describe(&receipt, &mut report);
                report.findings.push(finding);
            }
            found => {
                describe(&receipt, &mut report);
                accept(&receipt, keys, found.is_none(), &mut report);
                compromised = found;
            }
        },
        Err(error) => report.findings.push(Finding::new(
            FindingKind::ReceiptInvalid,
            "a receipt",
            error,
        )),
    }
    conclude(&mut report);
    (report, compromised)
}

fn describe(receipt: &Receipt, report: &mut Report) {
    let signed = receipt.checkpoint.checkpoint();
    report.size = Some(signed.size);
    report.root = Some(RootHash::from_bytes(*signed.root.as_bytes()));
    report.range = Some(IndexRange {
        start: receipt.index,
        end: receipt.index.plus(1),
    });
    report.more.checkpoints = 1;
}

/// What is wrong with a receipt. A compromised key is named only where nothing else is wrong.
fn problem(receipt: &Receipt, bytes: &[u8], keys: &Keyring) -> Option<Finding> {
    if receipt.to_string().as_bytes() != bytes {
        let kind = FindingKind::ReceiptInvalid;
        let (expected, found) = ("the one form of a receipt", "another form");
        return Some(Finding::at(kind, receipt.index, expected, found));
    }
    let signature = keys.verify(&receipt.checkpoint);
    let proven = receipt.proven().err();
    let error = match signature {
        Err(error @ CheckpointError::KeyCompromised { .. }) => {
            proven.unwrap_or(ReceiptError::Checkpoint(error))
        }
        Err(error) => ReceiptError::Checkpoint(error),
        Ok(()) => proven?,
    };
    let expected = format!("a receipt with {}", signature_by(keys));
    Some(Finding::at(kind_of(&error), receipt.index, expected, error))
}

fn accept(receipt: &Receipt, keys: &Keyring, by_trusted: bool, report: &mut Report) {
    report.counts.entries = 1;
    report.counts.payloads_absent = 1;
    report.counts.bytes = count(receipt.entry.len());
    report.more.receipts = 1;
    if by_trusted {
        report.signed = Some(receipt.checkpoint.clone());
        report
            .checked
            .push(by_whom(keys, Some(&receipt.checkpoint)));
    }
    report.checked.push(format!(
        "that entry {} stands in the signed tree",
        receipt.index
    ));
    report.not_checked.extend([
        "the entry's payload: a receipt holds the commitment to it".to_owned(),
        LATER.to_owned(),
    ]);
}

/// What a receipt alone can't say.
pub const LATER: &str = "whether the ledger still has the entry, and whether its key was retired or compromised since: compare with a pack or with the ledger";

fn kind_of(error: &ReceiptError) -> FindingKind {
    let of_checkpoint = match error {
        ReceiptError::Checkpoint(error) => error.finding(),
        _ => FindingKind::ReceiptInvalid,
    };
    match of_checkpoint {
        FindingKind::CheckpointMalformed => FindingKind::ReceiptInvalid,
        kind => kind,
    }
}
