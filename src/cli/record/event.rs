//! Flags about the event around what happened: where it comes from, its id, when it was.

use std::fmt;

use clap::{ArgMatches, Args, FromArgMatches, parser::ValueSource};

use super::{
    super::{args, error::CliError},
    ABOUT,
    document::Given,
};
use crate::{
    evidence::{Link, PostedEvent},
    ledger::position::UnixNanos,
};

/// The most events that a source is believed to have posted: one a second for thirty years, and less than the seconds
/// since 1970, or the numbers of runs that pipelines are given.
const COUNT_MAX: u64 = 1_000_000_000;

/// What every event has.
#[derive(Debug, clap::Args)]
struct EventArgs {
    /// URI of the pipeline or system the event comes from; needed unless a whole event says it
    #[arg(long, value_name = "URI", value_parser = args::text, env = "EXHIBIT_SOURCE", hide_env_values = true, required_unless_present = "json", help_heading = ABOUT)]
    source: Option<String>,
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
    #[arg(long, help_heading = ABOUT)]
    allow_large_sequence: bool,
    /// Where to find out more, such as pipeline-run=https://ci.example.com/runs/7; may be repeated
    #[arg(long = "link", value_name = "REL=URI", value_parser = link, env = "EXHIBIT_LINK", hide_env_values = true, help_heading = ABOUT)]
    links: Vec<Link>,
}

/// The flags, and which of their fields the command line gives: what a variable says does not count against a file.
#[derive(Debug)]
pub(super) struct EventFlags {
    args: EventArgs,
    on_command_line: Vec<Field>,
}

/// A field of an event that a flag gives, too.
#[derive(Debug, Clone, Copy)]
struct Field {
    /// Of the argument.
    id: &'static str,
    flag: &'static str,
    name: &'static str,
    /// Whether an event has it.
    stands: fn(&PostedEvent) -> bool,
}

const FIELDS: [Field; 6] = [
    field("source", "--source", "source", |_| true),
    field("event_id", "--event-id", "event_id", |_| true),
    field("subject", "--subject", "subject", |event| {
        event.subject.is_some()
    }),
    field("occurred_at", "--occurred-at", "occurred_at", |event| {
        event.occurred_at.is_some()
    }),
    field(
        "source_sequence",
        "--source-sequence",
        "source_sequence",
        |event| event.source_sequence.is_some(),
    ),
    field("links", "--link", "links", |event| !event.links.is_empty()),
];

const fn field(
    id: &'static str,
    flag: &'static str,
    name: &'static str,
    stands: fn(&PostedEvent) -> bool,
) -> Field {
    Field {
        id,
        flag,
        name,
        stands,
    }
}

impl FromArgMatches for EventFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given =
            |field: &Field| matches.value_source(field.id) == Some(ValueSource::CommandLine);
        Ok(Self {
            args: EventArgs::from_arg_matches(matches)?,
            on_command_line: FIELDS.into_iter().filter(given).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for EventFlags {
    fn augment_args(command: clap::Command) -> clap::Command {
        EventArgs::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        EventArgs::augment_args_for_update(command)
    }
}

/// An event that is to be sent.
pub(super) struct ToSend {
    pub(super) event: PostedEvent,
    /// Whether its id was made here, so that nobody else knows it.
    pub(super) fresh_id: bool,
}

impl EventFlags {
    /// The event.
    pub(super) fn event(self, given: Given) -> Result<ToSend, CliError> {
        let allow_large = self.args.allow_large_sequence;
        let to_send = match given {
            Given::Evidence(evidence) => {
                let source = self.args.source.ok_or_else(no_source)?;
                let fresh_id = self.args.event_id.is_none();
                let event_id = match self.args.event_id {
                    Some(id) => id,
                    None => RandomId::fresh()?.to_string(),
                };
                let event = PostedEvent {
                    source,
                    event_id,
                    subject: self.args.subject,
                    occurred_at: self.args.occurred_at,
                    source_sequence: self.args.source_sequence,
                    links: self.args.links,
                    evidence,
                };
                ToSend { event, fresh_id }
            }
            Given::Whole(event) => ToSend {
                event: self.completed(*event)?,
                fresh_id: false,
            },
        };
        match to_send.event.source_sequence {
            Some(number) if number > COUNT_MAX && !allow_large => Err(no_count(number)),
            _ => Ok(to_send),
        }
    }

    /// A whole event, with what the flags say and it does not.
    fn completed(self, event: PostedEvent) -> Result<PostedEvent, CliError> {
        let mut twice = self.on_command_line.iter();
        if let Some(Field { flag, name, .. }) = twice.find(|field| (field.stands)(&event)) {
            return Err(CliError::usage(
                format!("{flag} is given, and the whole event of --json says its own `{name}`"),
                format!("leave {flag} out, or correct `{name}` in the event"),
            ));
        }
        Ok(PostedEvent {
            subject: event.subject.or(self.args.subject),
            occurred_at: event.occurred_at.or(self.args.occurred_at),
            source_sequence: event.source_sequence.or(self.args.source_sequence),
            links: if event.links.is_empty() {
                self.args.links
            } else {
                event.links
            },
            ..event
        })
    }
}

fn no_source() -> CliError {
    CliError::usage(
        "--source is missing",
        "give it, set EXHIBIT_SOURCE, or let the JSON be a whole event, with `source` and `event_id`",
    )
}

fn no_count(number: u64) -> CliError {
    CliError::usage(
        format!(
            "the source sequence {number} is no count of this source's events from 1, but rather a time or an id: all \
             numbers below it would be missing, for ever"
        ),
        "count from 1, leave it out, or add --allow-large-sequence if the source did post that many",
    )
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
