//! Which key is trusted, and why.

use super::{
    super::{
        error::{CliError, say},
        pins::Pins,
    },
    target::Target,
};
use crate::{
    ledger::note::VerifierKey,
    pack::{Report, Verdict},
};

/// The trusted key, and where it comes from.
#[derive(Debug)]
pub(super) enum Trust {
    /// It was given.
    Given(VerifierKey),
    /// It was remembered from an earlier time.
    Remembered(VerifierKey),
    /// It came with what is verified, for the first time: nobody has vouched for it.
    FirstUse(VerifierKey, Pins),
}

impl Trust {
    /// Decides which key to trust.
    pub(super) fn decide(given: Option<VerifierKey>, target: &Target) -> Result<Self, CliError> {
        if let Some(key) = given {
            return Ok(Self::Given(key));
        }
        let pins = Pins::read()?;
        let claims = target.claims();
        let known = claims.origin.as_ref().and_then(|origin| pins.find(origin));
        if let Some(known) = known {
            if claims.key.as_ref().is_some_and(|key| key != known) {
                say(
                    "warning",
                    format!(
                        "the key of {} has changed: checking with the one remembered in {}, not with the one that came along",
                        known.name(),
                        pins.path().display()
                    ),
                );
            }
            return Ok(Self::Remembered(known.clone()));
        }
        match claims.key {
            Some(key) => Ok(Self::FirstUse(key, pins)),
            None => Err(CliError::failed("there is no key to verify with").with_help(
                "give the ledger's verifier key with --vkey VKEY or --vkey @FILE; its operator publishes it",
            )),
        }
    }

    /// The trusted key.
    pub(super) const fn key(&self) -> &VerifierKey {
        match self {
            Self::Given(key) | Self::Remembered(key) | Self::FirstUse(key, _) => key,
        }
    }

    /// Where it comes from, as JSON has it.
    pub(super) const fn source(&self) -> &'static str {
        match self {
            Self::Given(_) => "given",
            Self::Remembered(_) => "remembered",
            Self::FirstUse(..) => "first_use",
        }
    }

    /// Where it comes from, in words.
    pub(super) const fn words(&self) -> &'static str {
        match self {
            Self::Given(_) => "the key was given",
            Self::Remembered(_) => "the key was remembered from its first use",
            Self::FirstUse(..) => "NONE YET: the key came with what was verified",
        }
    }

    /// Remembers a key at its first use, if what came with it holds.
    pub(super) fn remember(&mut self, report: &Report) -> Result<(), CliError> {
        let Self::FirstUse(key, pins) = self else {
            return Ok(());
        };
        say(
            "warning",
            format!(
                "no --vkey was given, so this only shows that the evidence agrees with itself; compare the key with \
                 one that the ledger's operator published: {key}"
            ),
        );
        let signed = report.more.checkpoints > 0;
        if report.verdict == Verdict::Altered || !signed {
            return Ok(());
        }
        pins.add(key)?;
        say(
            "note",
            format!(
                "from now on only this key is accepted for {}; it is remembered in {}",
                key.name(),
                pins.path().display()
            ),
        );
        Ok(())
    }
}
