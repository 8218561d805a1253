//! What one round with each server came to, as it is printed.

use std::{
    io::{self, Write},
    path::Path,
};

use serde_json::json;

use super::{
    super::{
        exit::Exit,
        output::Render,
        text::{counted, grouped, markdown, paint, safe, style},
        verify::advice,
    },
    watched::{Outcome, Watched, verdict},
};
use crate::ledger::finding::FindingKind;

/// One round with each server.
pub(super) struct Shown<'a> {
    pub(super) watched: &'a [Watched],
    /// Whether what the ledger itself admits is a negative verdict, too.
    pub(super) strict: bool,
    /// Where the positions are kept.
    pub(super) state: &'a Path,
}

/// What to do about a finding of a monitor, which has a memory of its own.
pub(super) fn advice_of(kind: FindingKind, state: &Path) -> String {
    let forget = format!("`exhibit pins forget NAME --pins {}`", state.display());
    match kind {
        FindingKind::Recreated => format!(
            "this is another ledger under the old name: ask where the old one is; only if its end was announced, {forget}"
        ),
        FindingKind::RolledBack => format!(
            "entries that existed are gone: keep what you have, and ask for the ledger as of the position; only if the \
             operator explains it, {forget} begins anew"
        ),
        _ => advice(kind).to_owned(),
    }
}

fn headline(server: &Watched) -> (&'static str, anstyle::Style, String) {
    match &server.last {
        Some(Ok(outcome)) if outcome.findings.total > 0 => (
            "DOES NOT VERIFY",
            style::BAD,
            format!(
                "{} of {}, verified up to {} of {} entries",
                server.url(),
                outcome.origin,
                grouped(outcome.verified),
                grouped(outcome.size)
            ),
        ),
        Some(Ok(outcome)) => {
            let mut about = format!(
                "{} of {}: {}, {} new",
                server.url(),
                outcome.origin,
                counted(outcome.verified, "entry", "entries"),
                grouped(outcome.counts.entries)
            );
            if outcome.breaks == 0 {
                return ("VERIFIED", style::GOOD, about);
            }
            let breaks = counted(outcome.breaks, "thing is", "things are");
            about.push_str(&format!("; {breaks} wrong, and confirmed in the ledger"));
            ("VERIFIED, WITH CONFIRMED BREAKS", style::DOUBTFUL, about)
        }
        Some(Err(error)) => (
            "NOT KNOWN",
            style::DOUBTFUL,
            format!("{}: {error}", server.url()),
        ),
        None => ("NOT KNOWN", style::DOUBTFUL, server.url().to_string()),
    }
}

/// The verdict as `exhibit verify` names it.
const fn verdict_name(outcome: &Outcome) -> &'static str {
    match outcome {
        outcome if outcome.findings.total > 0 => "altered",
        outcome if outcome.verified == 0 => "incomplete",
        outcome if outcome.breaks > 0 => "verified_with_confirmed_breaks",
        _ => "verified",
    }
}

impl Render for Shown<'_> {
    const FORMAT: &'static str = "exhibit-monitor/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for server in self.watched {
            let (word, style, about) = headline(server);
            writeln!(out, "{}  {}", paint(style, word), safe(&about))?;
            if let Some(Err(error)) = &server.last {
                for (label, text) in error.lines().iter().skip(1) {
                    writeln!(out, "  {label}: {}", safe(text))?;
                }
            }
            for finding in server
                .findings()
                .iter()
                .flat_map(|findings| &findings.listed)
            {
                writeln!(out, "  {}", safe(&finding.to_string()))?;
                let advice = advice_of(finding.kind, self.state);
                writeln!(out, "    advice  {}", safe(&advice))?;
            }
        }
        Ok(())
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        for server in self.watched {
            let (word, _, about) = headline(server);
            writeln!(out, "- **{word}** {}", markdown(&about))?;
            for finding in server
                .findings()
                .iter()
                .flat_map(|findings| &findings.listed)
            {
                writeln!(out, "  - {}", markdown(&finding.to_string()))?;
            }
        }
        Ok(())
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        let servers = self.watched.iter().map(|server| match &server.last {
            Some(Ok(outcome)) => json!({
                "server": server.url().to_string(),
                "origin": outcome.origin,
                "tree_size": outcome.size,
                "verified": outcome.verified,
                "verdict": verdict_name(outcome),
                "breaks": outcome.breaks,
                "counts": outcome.counts,
                "findings": outcome.findings,
            }),
            failed => json!({
                "server": server.url().to_string(),
                "error": failed.as_ref().and_then(|failed| failed.as_ref().err()).map(ToString::to_string),
            }),
        });
        let exit: Exit = verdict(self.watched, self.strict);
        Ok(json!({ "servers": servers.collect::<Vec<_>>(), "exit_code": exit.code() }))
    }
}
