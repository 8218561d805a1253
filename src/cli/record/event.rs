//! Flags about the event around what happened: where it comes from, its id, when it was.

use std::fmt;

use super::{
    super::{args, error::CliError},
    ABOUT,
};
use crate::{
    evidence::{Evidence, Link, PostedEvent},
    ledger::position::UnixNanos,
};

/// The most events that a source is believed to have posted: one a second for thirty years, and less than the seconds
/// since 1970, or the numbers of runs that pipelines are given.
const COUNT_MAX: u64 = 1_000_000_000;

/// What every event has.
#[derive(Debug, clap::Args)]
pub(super) struct EventArgs {
    /// URI of the pipeline or system the event comes from
    #[arg(long, value_name = "URI", value_parser = args::text, env = "EXHIBIT_SOURCE", hide_env_values = true, help_heading = ABOUT)]
    source: String,
    /// Unique within the source; without it, a random one, which is printed
    #[arg(long, value_name = "ID", value_parser = args::text, env = "EXHIBIT_EVENT_ID", hide_env_values = true, help_heading = ABOUT)]
    event_id: Option<String>,
    /// What the event is about; without it, made of what happened, such as change/CHG-1042
    #[arg(long, value_parser = args::text, env = "EXHIBIT_SUBJECT", hide_env_values = true, help_heading = ABOUT)]
    subject: Option<String>,
    /// When it happened (RFC 3339, or a day in UTC); without it, not said
    #[arg(long, value_name = "TIME", value_parser = args::time, env = "EXHIBIT_OCCURRED_AT", hide_env_values = true, help_heading = ABOUT)]
    occurred_at: Option<UnixNanos>,
    /// Your own count of this source's events, from 1 without gaps: it shows whether any are missing
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..), env = "EXHIBIT_SOURCE_SEQUENCE", hide_env_values = true, help_heading = ABOUT)]
    source_sequence: Option<u64>,
    /// Take a --source-sequence that is too large to be a count from 1, such as a time or the number of a run
    #[arg(long, requires = "source_sequence", help_heading = ABOUT)]
    allow_large_sequence: bool,
    /// Where to find out more, such as pipeline-run=https://ci.example.com/runs/7; may be repeated
    #[arg(long = "link", value_name = "REL=URI", value_parser = link, env = "EXHIBIT_LINK", hide_env_values = true, help_heading = ABOUT)]
    links: Vec<Link>,
}

impl EventArgs {
    /// The event.
    pub(super) fn event(self, evidence: Evidence) -> Result<PostedEvent, CliError> {
        if let Some(number) = self.source_sequence
            && number > COUNT_MAX
            && !self.allow_large_sequence
        {
            return Err(CliError::usage(
                format!(
                    "--source-sequence {number} is no count of this source's events from 1, but rather a time or an id: all \
                     numbers below it would be missing, for ever"
                ),
                "count from 1, leave it out, or add --allow-large-sequence if the source did post that many",
            ));
        }
        let event_id = match self.event_id {
            Some(id) => id,
            None => RandomId::fresh()?.to_string(),
        };
        Ok(PostedEvent {
            source: self.source,
            event_id,
            subject: self.subject,
            occurred_at: self.occurred_at,
            source_sequence: self.source_sequence,
            links: self.links,
            evidence,
        })
    }
}

fn link(value: &str) -> Result<Link, String> {
    match value.split_once('=') {
        Some((rel, href)) if !rel.is_empty() && !href.is_empty() => Ok(Link {
            rel: rel.to_owned(),
            href: href.to_owned(),
        }),
        _ => Err("write it as REL=URI, such as ticket=https://tickets.example.com/7".to_owned()),
    }
}

/// 122 random bits in the form of a version 4 UUID.
struct RandomId([u8; 16]);

impl RandomId {
    fn fresh() -> Result<Self, CliError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            CliError::failed("the system gives no random bytes for an event id")
                .because(error)
                .with_help("give one with --event-id")
        })?;
        let mut id = u128::from_be_bytes(bytes);
        id = id & !(0xf << 76) | (0x4 << 76);
        id = id & !(0x3 << 62) | (0x2 << 62);
        Ok(Self(id.to_be_bytes()))
    }
}

impl fmt::Display for RandomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, byte) in self.0.iter().enumerate() {
            if matches!(position, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_ids_are_version_4_uuids_and_differ() {
        let (one, other) = (RandomId::fresh().unwrap(), RandomId::fresh().unwrap());
        let text = one.to_string();
        assert_eq!(text.len(), 36);
        assert_eq!(&text[14..15], "4");
        assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"));
        assert_ne!(text, other.to_string());
    }
}
