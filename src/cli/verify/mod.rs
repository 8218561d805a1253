//! `exhibit verify`: whether somebody else's evidence holds.
//!
//! The verdict comes first, then what it rests on. The key that is trusted comes from the command line, or was
//! remembered at first use; the key inside what is verified is never trusted by itself.

use std::{fs, path::PathBuf};

use super::{
    args,
    error::CliError,
    exit::Exit,
    output::Output,
    pins::{OptionalPinArgs, Pins},
    progress::Progress,
};
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint, note::VerifierKey, policy::Policy, receipt::Receipt,
        timestamp::TimestampRoots,
    },
    pack::{
        Expected, Report, Verdict, VerifyError, VerifyOptions, judge_witnesses, report::IndexRange,
        verify_data_directory, verify_pack, verify_receipt,
    },
};

#[cfg(feature = "server")]
use crate::pack::verify_log;

mod advice;
mod against;
mod breaks;
mod shown;
mod target;
mod trust;

#[cfg(feature = "server")]
pub(super) use advice::advice;
use against::verify_against;
pub(in crate::cli) use breaks::lines_of;
use shown::Shown;
pub(super) use target::open_pack;
use target::{Known, Target};
use trust::Trust;

/// Verify an audit pack, a data directory, a receipt, or a running ledger (offline, except for a URL)
///
/// Exit code 0: everything verifies, but for damage that the ledger itself admits, which is shown (see --strict). 1: something
/// was altered, deleted, put in or rewritten; the findings say where. 3: nothing could be checked. 4: what was checked verifies, but it is not everything, or there was nothing to check.
#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// An audit pack, the directory one was unpacked to, a data directory, a receipt, or the URL of a server
    #[arg(value_name = "PACK|DIR|RECEIPT|URL", value_parser = args::text)]
    target: String,
    /// After the word `receipt`: the receipt
    #[arg(value_name = "FILE", value_parser = args::text)]
    file: Option<String>,
    /// What a receipt is compared with: does the entry stand there, and is that history the receipt's continuation?
    ///
    /// Proven with a few hash tiles; the ledger is not fetched. A data directory is gone through whole.
    #[arg(long, value_name = "PACK|DIR|URL", value_parser = args::text)]
    against: Option<String>,
    /// The ledger's verifier key, or @ and the file it stands in; without it, the key is remembered at first use
    #[arg(long, value_name = "VKEY|@FILE", value_parser = args::verifier_key, env = "EXHIBIT_VKEY", hide_env_values = true)]
    vkey: Option<VerifierKey>,
    /// A receipt that was kept: its entry must still be there; may be repeated
    #[arg(long = "receipt", value_name = "FILE", value_parser = args::path)]
    receipts: Vec<PathBuf>,
    /// A checkpoint that was kept: history must be its continuation; may be repeated
    #[arg(long = "checkpoint", value_name = "FILE", value_parser = args::path)]
    checkpoints: Vec<PathBuf>,
    /// Root certificates of time stamping authorities you trust, in PEM: says until when entries existed; may be repeated
    #[arg(long = "tsa-roots", value_name = "FILE", value_parser = args::path)]
    timestamp_roots: Vec<PathBuf>,
    /// The whole ledger must be here, up to the checkpoint: a pack of a range is incomplete (exit code 4)
    #[arg(long, conflicts_with = "range")]
    expect_full: bool,
    /// At least these entries must be here, from A up to B without B: a pack that lacks some is incomplete (exit code 4)
    #[arg(long, value_name = "A..B", value_parser = args::range)]
    range: Option<IndexRange>,
    /// A witness policy (c2sp.org/tlog-policy): the checkpoint must carry the cosignatures that its quorum asks for
    #[arg(long, value_name = "FILE", value_parser = args::path)]
    policy: Option<PathBuf>,
    /// Damage that the ledger itself admits, in a confirmed break, is no success either (exit code 1)
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    pins: OptionalPinArgs,
}

impl Verify {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let mut options = self.kept()?;
        let policy = self.policy()?;
        let pins = self.pins.read()?;
        let target = self.find(pins.as_ref())?;
        let mut trust = Trust::decide(self.vkey.clone(), pins, &target)?;
        options.remembered = trust.remembered();
        let mut report = match &self.against {
            Some(named) => verify_against(&target, named, &trust, options)?,
            None => check(&target, trust.key(), &options)?,
        };
        if let Some(policy) = &policy {
            judge_witnesses(&mut report, policy);
        }
        trust.explain(&mut report);
        trust.remember(&report)?;
        let exit = self.exit(report.verdict);
        output.print(&Shown {
            report: &report,
            trust: &trust,
            exit,
        })?;
        Ok(exit)
    }

    /// The verdict as scripts see it.
    const fn exit(&self, verdict: Verdict) -> Exit {
        match verdict {
            Verdict::VerifiedWithConfirmedBreaks if self.strict => Exit::Negative,
            Verdict::Verified | Verdict::VerifiedWithConfirmedBreaks => Exit::Done,
            Verdict::Altered => Exit::Negative,
            Verdict::Incomplete => Exit::Incomplete,
        }
    }

    fn find(&self, pins: Option<&Pins>) -> Result<Target, CliError> {
        match (self.target.as_str(), &self.file) {
            (_, None) => Target::find(&self.target, Known::new(self.vkey.as_ref(), pins)),
            ("receipt", Some(file)) => Target::receipt(file),
            (first, Some(file)) => Err(CliError::usage(
                format!("{first} and {file} are two things to verify"),
                "verify one at a time; `receipt FILE` says that the file is a receipt",
            )),
        }
    }

    fn policy(&self) -> Result<Option<Policy>, CliError> {
        let Some(path) = &self.policy else {
            return Ok(None);
        };
        let file = fs::read(path).map_err(CliError::read(path))?;
        let policy = Policy::parse(&file).map_err(|error| {
            CliError::failed(format!("{} is not a witness policy", path.display())).because(error)
        })?;
        if policy.needs_witnesses() {
            Ok(Some(policy))
        } else {
            Err(CliError::usage(
                format!("{} asks for no witness: its quorum is none", path.display()),
                "a policy that nothing can fail checks nothing; name a quorum, or leave --policy out",
            ))
        }
    }

    /// What was kept to compare with.
    fn kept(&self) -> Result<VerifyOptions, CliError> {
        let all = self.expect_full.then_some(Expected::All);
        let mut options = VerifyOptions {
            expected: all.or(self.range.map(Expected::Range)),
            ..VerifyOptions::default()
        };
        for path in &self.receipts {
            let bytes = fs::read(path).map_err(CliError::read(path))?;
            let receipt = Receipt::parse(&bytes).map_err(|error| {
                CliError::failed(format!("{} is not a receipt", path.display())).because(error)
            })?;
            options.receipts.push(receipt);
            options.receipt_files.push(path.clone());
        }
        for path in &self.checkpoints {
            let bytes = fs::read(path).map_err(CliError::read(path))?;
            let checkpoint = SignedCheckpoint::parse(&bytes).map_err(|error| {
                CliError::failed(format!("{} is not a checkpoint", path.display())).because(error)
            })?;
            options.trusted.push(checkpoint);
            options.trusted_files.push(path.clone());
        }
        options.timestamp_roots = self.timestamp_roots()?;
        Ok(options)
    }

    fn timestamp_roots(&self) -> Result<Option<TimestampRoots>, CliError> {
        let mut all: Option<TimestampRoots> = None;
        for path in &self.timestamp_roots {
            let pem = fs::read(path).map_err(CliError::read(path))?;
            let roots = TimestampRoots::from_pem(&pem).map_err(|error| {
                CliError::failed(format!("{} can't be used", path.display()))
                    .because(error)
                    .with_help("give the authority's root certificates as a PEM file")
            })?;
            match &mut all {
                Some(all) => all.join(roots),
                None => all = Some(roots),
            }
        }
        Ok(all)
    }
}

fn check(target: &Target, key: &VerifierKey, options: &VerifyOptions) -> Result<Report, CliError> {
    let progress = Progress::entries();
    let step = |done: u64, total: u64| progress.set_of(done, total);
    let report = match target {
        Target::Pack(path) => verify_pack(path, key, options, &step),
        Target::DataDirectory(path) => verify_data_directory(path, key, options, &step),
        Target::Receipt { bytes, path } => {
            if !options.trusted.is_empty() || !options.receipts.is_empty() {
                return Err(CliError::usage(
                    "a receipt can't be compared with other receipts or checkpoints",
                    "compare it with a pack or a server: --against PACK|DIR|URL",
                ));
            }
            if options.expected.is_some() {
                return Err(CliError::usage(
                    "a receipt is about one entry, so no others can be expected of it",
                    "leave --expect-full and --range out, or verify a pack",
                ));
            }
            refuse_roots(options)?;
            verify_receipt(bytes, key).map(|report| Report {
                path: Some(path.display().to_string()),
                ..report
            })
        }
        #[cfg(feature = "server")]
        Target::Log(files) => {
            let report = verify_log(files.as_ref(), key, options, &step);
            target::complete(files)?;
            report.map(|report| Report {
                path: Some(files.address().to_owned()),
                ..report
            })
        }
        #[cfg(feature = "server")]
        Target::Fetched { url, file } => {
            // It was asked for whole.
            let options = VerifyOptions {
                expected: options.expected.or(Some(Expected::All)),
                ..options.clone()
            };
            // The temporary file's name means nothing to anybody.
            verify_pack(file.path(), key, &options, &step).map(|report| Report {
                path: Some(url.to_string()),
                ..report
            })
        }
    };
    report.map_err(unverifiable)
}

/// Roots of authorities that would not be looked at are refused rather than left out.
fn refuse_roots(options: &VerifyOptions) -> Result<(), CliError> {
    match options.timestamp_roots {
        None => Ok(()),
        Some(_) => Err(CliError::usage(
            "a receipt holds no time stamps, so --tsa-roots has nothing to check",
            "leave it out, or verify a pack or data directory: their time stamps say until when entries existed",
        )),
    }
}

fn unverifiable(error: VerifyError) -> CliError {
    CliError::failed("nothing could be checked").because(error)
}
