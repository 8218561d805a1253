//! A kept receipt against a later pack, data directory or server.

use std::path::Path;

use super::{
    check,
    target::{Known, Target, open_pack},
    trust::Trust,
};
use crate::{
    cli::error::CliError,
    ledger::receipt::Receipt,
    pack::{
        LATER, Report, Verdict, VerifyOptions, read::PackFiles, verify_receipt_against,
        verify_receipt_of,
    },
};

/// Verifies a receipt against a later state of its ledger.
pub(super) fn verify_against(
    target: &Target,
    named: &str,
    trust: &Trust,
    options: VerifyOptions,
) -> Result<Report, CliError> {
    let Target::Receipt { path, bytes } = target else {
        return Err(CliError::usage(
            "only a receipt is verified against something else",
            "verify the later pack or server itself: `exhibit verify PACK --receipt FILE --checkpoint FILE`",
        ));
    };
    let mut report = if super::target::is_url(named) {
        over_http(bytes, named, trust, &options)?
    } else {
        match Target::find(named, Known::default())? {
            Target::Pack(later) => in_pack(bytes, &later, trust, &options)?,
            later @ Target::DataDirectory(_) => in_directory(bytes, &later, trust, options)?,
            _ => {
                return Err(CliError::usage(
                    format!("{named} can't hold what a receipt proves"),
                    "give --against an audit pack, a data directory or the URL of a server",
                ));
            }
        }
    };
    report.path = Some(format!("{} against {named}", path.display()));
    Ok(report)
}

/// What proofs alone can't answer is refused rather than left out.
fn compared(
    bytes: &[u8],
    files: &dyn PackFiles,
    trust: &Trust,
    options: &VerifyOptions,
) -> Result<Report, CliError> {
    if !options.trusted.is_empty() || !options.receipts.is_empty() || options.expected.is_some() {
        return Err(CliError::usage(
            "a receipt against a pack or server is about one entry: --checkpoint, --receipt, --expect-full and --range are not",
            "leave them out, or give them when verifying the pack or server itself",
        ));
    }
    super::refuse_roots(options)?;
    let remembered = options.remembered.as_ref();
    Ok(verify_receipt_against(
        bytes,
        trust.key(),
        files,
        remembered,
    ))
}

fn in_pack(
    bytes: &[u8],
    later: &Path,
    trust: &Trust,
    options: &VerifyOptions,
) -> Result<Report, CliError> {
    let files = open_pack(later).map_err(CliError::read(later))?;
    let files = files.ok_or_else(|| {
        CliError::failed(format!("{} is not an audit pack", later.display()))
            .with_help("name the .zip file, or the directory it was unpacked to")
    })?;
    compared(bytes, files.as_ref(), trust, options)
}

/// The journal has no tiles, so it is gone through; it is at hand.
fn in_directory(
    bytes: &[u8],
    later: &Target,
    trust: &Trust,
    mut options: VerifyOptions,
) -> Result<Report, CliError> {
    let Target::DataDirectory(path) = later else {
        return check(later, trust.key(), &options);
    };
    let alone = verify_receipt_of(bytes, trust.key(), path);
    let alone = alone.map_err(super::unverifiable)?;
    if alone.findings.total > 0 {
        return Ok(alone);
    }
    super::refuse_roots(&options)?;
    options.receipts.extend(Receipt::parse(bytes).ok());
    let whole = check(later, trust.key(), &options)?;
    Ok(of_receipt(alone, whole))
}

/// What the whole of the later ledger says about the receipt. That its producers' counts have gaps is not about it.
fn of_receipt(mut report: Report, whole: Report) -> Report {
    report.not_checked.retain(|line| line != LATER);
    report.checked.push(format!(
        "that the receipt's tree is the beginning of the later one of {} entries, and entry {} stands there: all of them \
         were gone through",
        whole.counts.entries,
        report.range.map_or(0, |range| range.start.value()),
    ));
    if whole.findings.total > 0 {
        report.verdict = Verdict::Altered;
    }
    report.findings = whole.findings;
    report
}

#[cfg(feature = "server")]
fn over_http(
    bytes: &[u8],
    named: &str,
    trust: &Trust,
    options: &VerifyOptions,
) -> Result<Report, CliError> {
    let files = super::target::open_log(named)?;
    let report = compared(bytes, &files, trust, options)?;
    super::target::complete(&files)?;
    Ok(report)
}

#[cfg(not(feature = "server"))]
fn over_http(_: &[u8], named: &str, _: &Trust, _: &VerifyOptions) -> Result<Report, CliError> {
    Err(super::target::no_network(named))
}
