//! What one round with each server came to, as it is printed.

use std::io::{self, Write};

use serde_json::json;

use super::{
    super::{
        exit::Exit,
        output::Render,
        text::{counted, grouped, markdown, paint, safe, style},
        verify::advice,
    },
    round::Watched,
    verdict,
};

/// One round with each server.
pub(super) struct Shown<'a>(pub(super) &'a [Watched]);

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
        Some(Ok(outcome)) => (
            "VERIFIED",
            style::GOOD,
            format!(
                "{} of {}: {}, {} new",
                server.url(),
                outcome.origin,
                counted(outcome.verified, "entry", "entries"),
                grouped(outcome.counts.entries)
            ),
        ),
        Some(Err(error)) => (
            "NOT KNOWN",
            style::DOUBTFUL,
            format!("{}: {error}", server.url()),
        ),
        None => ("NOT KNOWN", style::DOUBTFUL, server.url().to_string()),
    }
}

impl Render for Shown<'_> {
    const FORMAT: &'static str = "exhibit-monitor/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for server in self.0 {
            let (word, style, about) = headline(server);
            writeln!(out, "{}  {}", paint(style, word), safe(&about))?;
            for finding in server
                .findings()
                .iter()
                .flat_map(|findings| &findings.listed)
            {
                writeln!(out, "  {}", safe(&finding.to_string()))?;
                writeln!(out, "    advice  {}", advice(finding.kind))?;
            }
        }
        Ok(())
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        for server in self.0 {
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
        let servers = self.0.iter().map(|server| match &server.last {
            Some(Ok(outcome)) => json!({
                "server": server.url().to_string(),
                "origin": outcome.origin,
                "tree_size": outcome.size,
                "verified": outcome.verified,
                "counts": outcome.counts,
                "findings": outcome.findings,
            }),
            failed => json!({
                "server": server.url().to_string(),
                "error": failed.as_ref().and_then(|failed| failed.as_ref().err()).map(ToString::to_string),
            }),
        });
        let exit: Exit = verdict(self.0);
        Ok(json!({ "servers": servers.collect::<Vec<_>>(), "exit_code": exit.code() }))
    }
}
