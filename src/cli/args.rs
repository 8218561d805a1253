//! Values of flags, read once, and groups of flags that several commands share.

use std::path::PathBuf;
#[cfg(feature = "server")]
use std::time::Duration;

use super::error::CliError;
use crate::{
    ledger::{
        filter::Filter,
        note::{KeyName, KeyType, VerifierKey},
        position::{EntryIndex, UnixNanos},
    },
    pack::report::IndexRange,
};

/// Reads text that must not be empty.
pub(super) fn text(value: &str) -> Result<String, String> {
    if value.trim().is_empty() {
        return Err("it is empty; give a value, or leave the flag out".to_owned());
    }
    Ok(value.to_owned())
}

/// Reads a path that must not be empty.
pub(super) fn path(value: &str) -> Result<PathBuf, String> {
    text(value).map(PathBuf::from)
}

/// Reads an entry index.
pub(super) fn index(value: &str) -> Result<EntryIndex, String> {
    value
        .parse()
        .map(EntryIndex::new)
        .map_err(|_| "an entry index is a number from 0".to_owned())
}

/// Reads a range of entries: `A..B`, without B.
pub(super) fn range(value: &str) -> Result<IndexRange, String> {
    let read = |text: &str| text.parse().ok().map(EntryIndex::new);
    let range = value.split_once("..").and_then(|(start, end)| {
        let (start, end) = (read(start)?, read(end)?);
        (start < end).then_some(IndexRange { start, end })
    });
    range.ok_or_else(|| {
        "write it as 0..256: the first entry, two dots, and the entry after the last one".to_owned()
    })
}

/// Reads how long something may take or lasts: a second to 30 days.
#[cfg(feature = "server")]
pub(super) fn period(value: &str) -> Result<Duration, String> {
    let days = Duration::from_secs(30 * 24 * 3600);
    crate::service::config::duration(value, Duration::from_secs(1)..=days)
}

/// Reads a ledger's name.
pub(super) fn origin(value: &str) -> Result<KeyName, String> {
    value
        .parse()
        .map_err(|error: crate::ledger::note::NoteError| error.to_string())
}

/// Reads a time: RFC 3339 with its offset, or a day, which stands for its beginning in UTC.
pub(super) fn time(value: &str) -> Result<UnixNanos, String> {
    let day = format!("{value}T00:00:00Z");
    let time: jiff::Timestamp = value.parse().or_else(|_| day.parse()).map_err(|_| {
        // Days can be written to the end of 9999, and instants not quite.
        let date = value
            .get(..10)
            .unwrap_or(value)
            .parse::<jiff::civil::Date>();
        if date.is_ok_and(|date| date.year() == 9999) {
            TOO_LATE.to_owned()
        } else {
            "write it as 2026-11-22T09:30:00Z, with an offset, or as 2026-11-22".to_owned()
        }
    })?;
    u64::try_from(time.as_nanosecond())
        .map(UnixNanos::new)
        .map_err(|_| {
            if time < jiff::Timestamp::UNIX_EPOCH {
                "it lies before 1970".to_owned()
            } else {
                TOO_LATE.to_owned()
            }
        })
}

const TOO_LATE: &str =
    "it lies too far in the future: the ledger counts nanoseconds, up to the year 2554";

/// Reads a ledger's verifier key: the key itself, or `@` and the file it stands in.
pub(super) fn verifier_key(value: &str) -> Result<VerifierKey, String> {
    let from_file = value.strip_prefix('@').map(|path| {
        std::fs::read_to_string(path).map_err(|error| format!("can't read {path}: {error}"))
    });
    let read = from_file.transpose()?;
    let text = read.as_deref().unwrap_or(value).trim();
    let key: VerifierKey = text
        .parse()
        .map_err(|error: crate::ledger::note::NoteError| {
            if read.is_none() && std::path::Path::new(value).is_file() {
                format!("{value} is a file: write @{value} for the key that stands in it")
            } else {
                error.to_string()
            }
        })?;
    if key.key_type() == KeyType::CosignatureV1 {
        return Err(format!(
            "this is the key of a witness, {}, with which no ledger signs; give the key that the ledger's operator publishes",
            key.name()
        ));
    }
    Ok(key)
}

/// Consecutive entries.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct RangeArgs {
    /// The first entry
    #[arg(long, value_name = "INDEX", value_parser = index, default_value = "0", help_heading = "Which entries")]
    pub(super) start: EntryIndex,
    /// The entry after the last one; without it, to the end of the ledger as it is now
    #[arg(long, value_name = "INDEX", value_parser = index, help_heading = "Which entries")]
    pub(super) end: Option<EntryIndex>,
}

impl RangeArgs {
    /// Refuses a range without any entry. Over the network an end of 0 would say the end of the ledger.
    pub(super) fn refuse_empty(self) -> Result<(), CliError> {
        match self.end {
            Some(end) if end <= self.start => Err(CliError::usage(
                format!("there is no entry from {} on and before {end}", self.start),
                "--end is the entry after the last one; leave it out for the end of the ledger",
            )),
            _ => Ok(()),
        }
    }
}

/// Which entries of a range, by their fields.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct FilterArgs {
    /// Of this event type, such as exhibit.deployment.v1; may be repeated
    #[arg(long = "type", value_name = "TYPE", value_parser = text, help_heading = "Which entries")]
    event_types: Vec<String>,
    /// From this source; may be repeated
    #[arg(long = "source", value_name = "URI", value_parser = text, help_heading = "Which entries")]
    sources: Vec<String>,
    /// About this subject, such as change/CHG-1042; may be repeated
    #[arg(long = "subject", value_name = "SUBJECT", value_parser = text, help_heading = "Which entries")]
    subjects: Vec<String>,
    /// Recorded at this time or later (RFC 3339, or a day in UTC)
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Which entries")]
    recorded_from: Option<UnixNanos>,
    /// Recorded before this time (RFC 3339, or a day in UTC)
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Which entries")]
    recorded_before: Option<UnixNanos>,
}

impl FilterArgs {
    /// The filter they make.
    pub(super) fn filter(&self) -> Filter {
        Filter {
            event_types: self.event_types.clone(),
            sources: self.sources.clone(),
            subjects: self.subjects.clone(),
            recorded_from: self.recorded_from,
            recorded_before: self.recorded_before,
        }
    }
}

/// One entry, by index or by its event.
#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = true)]
pub(super) struct EntryArgs {
    /// The entry's index, or the event's source and id in its place
    #[arg(value_parser = index)]
    pub(super) index: Option<EntryIndex>,
    /// The event's source
    #[arg(long, value_name = "URI", value_parser = text, requires = "event_id", conflicts_with = "index")]
    pub(super) source: Option<String>,
    /// The event's id
    #[arg(long, value_name = "ID", value_parser = text, requires = "source", conflicts_with = "index")]
    pub(super) event_id: Option<String>,
}

/// Which entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selector {
    /// By index.
    Index(EntryIndex),
    /// By its event.
    Event {
        /// The event's source.
        source: String,
        /// The event's id.
        event_id: String,
    },
}

impl EntryArgs {
    /// Which entry they name. Clap has seen to it that they name one.
    pub(super) fn selector(self) -> Selector {
        match (self.source, self.event_id) {
            (Some(source), Some(event_id)) => Selector::Event { source, event_id },
            _ => Selector::Index(self.index.unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_values_are_refused() {
        assert!(text("").is_err());
        assert!(text(" \t").is_err());
        assert!(path("").is_err());
        assert!(origin("").is_err());
    }

    #[test]
    fn times_have_an_offset_or_are_days() {
        assert_eq!(
            time("1970-01-02").unwrap(),
            UnixNanos::new(86_400_000_000_000)
        );
        assert_eq!(
            time("1970-01-01T01:00:00.000000001+01:00").unwrap(),
            UnixNanos::new(1)
        );
        assert!(time("2026-11-22T09:30:00").is_err());
        assert!(time("1969-12-31").is_err());
        assert!(time("yesterday").is_err());
        for late in [
            "2555-01-01",
            "9999-12-31T23:59:59Z",
            "9999-12-30T23:59:59-02:00",
        ] {
            assert_eq!(time(late), Err(TOO_LATE.to_owned()), "{late}");
        }
        assert!(time("9999-12-32").unwrap_err().contains("write it as"));
    }

    #[cfg(feature = "server")]
    #[test]
    fn a_period_has_a_unit_and_bounds() {
        assert_eq!(period("5m").unwrap(), Duration::from_secs(300));
        for wrong in ["", "5", "0s", "-5m", "31d", "500ms", "soon"] {
            assert!(period(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_witness_key_is_no_key_of_a_ledger() {
        use crate::ledger::note::CosigningKey;
        let name = || "witness.example".parse().unwrap();
        let of = |kind| CosigningKey::from_seed(name(), kind, &[7; 32]).unwrap();
        let refused = verifier_key(&of(KeyType::CosignatureV1).verifier().to_string());
        assert!(refused.unwrap_err().contains("the key of a witness"));
        // The second key of a ledger is of the other type.
        let second = of(KeyType::MlDsa44).verifier().to_string();
        assert!(verifier_key(&format!(" {second}\n")).is_ok());
    }
}
