//! Which key is trusted, and why; and what is remembered of the ledger.

use super::{
    super::{
        error::{CliError, say},
        pins::{Pin, Pins},
    },
    target::Target,
};
use crate::{
    ledger::{
        finding::{Finding, FindingKind},
        note::VerifierKey,
    },
    pack::{Remembered, Report, Verdict},
};

/// The trusted key, where it comes from, and what the history must continue.
#[derive(Debug)]
pub(super) struct Trust {
    key: VerifierKey,
    origin: Origin,
    /// The key that came along, where another one was remembered.
    other: Option<VerifierKey>,
    pins: Option<Pins>,
    pin: Option<Pin>,
}

/// Where a key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// It was given.
    Given,
    /// It was remembered from an earlier time.
    Remembered,
    /// It came with what is verified, for the first time: nobody has vouched for it.
    FirstUse,
}

impl Trust {
    /// Decides which key to trust.
    pub(super) fn decide(
        given: Option<VerifierKey>,
        pins: Option<Pins>,
        target: &Target,
    ) -> Result<Self, CliError> {
        let find = |name| pins.as_ref().and_then(|pins| pins.find(name)).cloned();
        if let Some(key) = given {
            let pin = find(key.name());
            return Ok(Self {
                key,
                origin: Origin::Given,
                other: None,
                pins,
                pin,
            });
        }
        let claims = target.claims();
        if let Some(pin) = claims.origin.as_ref().and_then(find) {
            let other = claims.key.filter(|key| *key != pin.key);
            return Ok(Self {
                key: pin.key.clone(),
                origin: Origin::Remembered,
                other,
                pins,
                pin: Some(pin),
            });
        }
        match claims.key {
            Some(key) => Ok(Self {
                key,
                origin: Origin::FirstUse,
                other: None,
                pins,
                pin: None,
            }),
            None => Err(CliError::failed("there is no key to verify with").with_help(
                "give the ledger's verifier key with --vkey VKEY or --vkey @FILE; its operator publishes it",
            )),
        }
    }

    /// The trusted key.
    pub(super) const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// What the history must continue.
    pub(super) fn remembered(&self) -> Option<Remembered> {
        self.pin.as_ref()?.remembered()
    }

    /// Where the key comes from, as JSON has it.
    pub(super) const fn source(&self) -> &'static str {
        match self.origin {
            Origin::Given => "given",
            Origin::Remembered => "remembered",
            Origin::FirstUse => "first_use",
        }
    }

    /// Where the key comes from, in words.
    pub(super) const fn words(&self) -> &'static str {
        match self.origin {
            Origin::Given => "the key was given",
            Origin::Remembered => "the key was remembered from an earlier verification",
            Origin::FirstUse => "NONE YET: the key came with what was verified",
        }
    }

    /// Says that the key has changed, where that is what a bad signature comes from; where the remembered key leads to it
    /// by the history of keys, that it was rotated.
    pub(super) fn explain(&self, report: &mut Report) {
        if self.origin == Origin::FirstUse {
            for line in &mut report.checked {
                *line = line.replace("the trusted key", "the key that came with it");
            }
            let whose =
                "whose key this is: it came with what was verified, and that one proves nothing";
            report.not_checked.insert(0, whose.to_owned());
        }
        let name = self.key.name();
        if self.origin == Origin::Remembered
            && let Some(now) = self.rotated_to(report)
        {
            let told = format!(
                "the key of {name} was rotated: the remembered key {} leads to {}, which is remembered from now on",
                self.key.id(),
                now.id()
            );
            say("note", told);
        } else if let (Some(_), Some(pins)) = (&self.other, &self.pins) {
            let told = format!(
                "the key of {name} has changed: checked with the one remembered in {}, not with the one that came along",
                pins.path().display()
            );
            say("warning", told);
        }
        if let Some(other) = self
            .other
            .as_ref()
            .filter(|_| report.has(FindingKind::CheckpointUntrusted))
        {
            let expected = format!("the key that was remembered, {}", self.key);
            let finding = Finding::new(FindingKind::KeyChanged, expected, other);
            report.findings.push(finding);
            report.findings.sort();
        }
    }

    /// The key that the trusted one leads to, where that is another and the checkpoint is signed by it.
    fn rotated_to<'a>(&self, report: &'a Report) -> Option<&'a VerifierKey> {
        let signed = report.signed.as_ref()?;
        let now = report.current_key.as_ref()?;
        let good = *now != self.key && report.verdict != Verdict::Altered;
        (good && signed.verify(now).is_ok()).then_some(now)
    }

    /// Remembers the key and what was verified, if it holds and goes on from what was remembered.
    pub(super) fn remember(&mut self, report: &Report) -> Result<(), CliError> {
        let first_use = self.origin == Origin::FirstUse;
        if first_use {
            say(
                "warning",
                format!(
                    "no --vkey was given, so this only shows that the evidence agrees with itself; compare the key with \
                     one that the ledger's operator published: {}",
                    self.key
                ),
            );
        }
        let Some(pin) = self.next(report) else {
            return Ok(());
        };
        let Some(pins) = &mut self.pins else {
            return Ok(());
        };
        if self.pin.as_ref() == Some(&pin) {
            return Ok(());
        }
        match pins.replace(pin) {
            Ok(true) if first_use => say(
                "note",
                format!(
                    "from now on only this key is accepted for {}; it is remembered in {}",
                    self.key.name(),
                    pins.path().display()
                ),
            ),
            Ok(true) => {}
            Ok(false) => say(
                "warning",
                format!(
                    "what is remembered of {} was changed by another verification meanwhile; verify again to compare with that",
                    self.key.name()
                ),
            ),
            Err(error) if first_use => return Err(error),
            // The verdict stands; that it can't be remembered is another matter.
            Err(error) => say(
                "warning",
                format!("this verification is not remembered: {error}"),
            ),
        }
        Ok(())
    }

    /// What is to be remembered from now on; `None` where nothing is.
    fn next(&self, report: &Report) -> Option<Pin> {
        if report.verdict == Verdict::Altered {
            return None;
        }
        let signed = report.signed.clone()?;
        let size = signed.checkpoint().size;
        let known = self.pin.as_ref();
        let has_checkpoint = known.is_some_and(|pin| pin.checkpoint.is_some());
        if has_checkpoint && report.more.remembered_checkpoints == 0 {
            return None;
        }
        let known_leaf = known.and_then(|pin| pin.first_leaf);
        let now = self.rotated_to(report).unwrap_or(&self.key);
        // A checkpoint of before the trusted key can't be remembered under it.
        signed.verify(now).ok()?;
        Some(Pin {
            key: now.clone(),
            checkpoint: (size.value() > 0).then_some(signed),
            first_leaf: known_leaf.or(report.first_leaf),
            verified: None,
            subtrees: Vec::new(),
            breaks: 0,
        })
    }
}
