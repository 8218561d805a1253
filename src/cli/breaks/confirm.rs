//! `exhibit break confirm`: an entry that says that a damage is known.

use std::{
    collections::HashSet,
    io::{self, Write},
    path::PathBuf,
};

use super::{
    super::{
        args,
        error::{CliError, say},
        exit::Exit,
        output::{Output, Render, field_table, fields},
        reading::directory_error,
        text::{counted, safe},
    },
    verify_directory,
};
use crate::{
    evidence::{Custom, CustomPart, Evidence, PostedEvent},
    ledger::{
        breaks::{
            BREAK_BY, BREAK_FINDINGS_MAX, BREAK_PRODUCER, BREAK_SOURCE, BREAK_TYPE, BreakBody,
            Known, KnownKind, confirmable,
        },
        event::Event,
        finding::{Finding, FindingKind},
        position::{EntryIndex, UnixNanos},
    },
    pack::{Report, breaks::ConfirmedBreak},
    service::{
        convert::SaltSource,
        ledger::{AppendError, Ledger, LedgerOptions},
    },
    store::{
        directory::DataDirectory,
        journal::{JournalOptions, LostPayloads},
    },
};

/// The most bytes of what one confirmation names, well within a payload's.
const FINDINGS_BYTES_MAX: usize = 512 << 10;

/// Record in the ledger that a damage is known: what happened, why, and who says so (offline)
///
/// The server must be stopped. The data directory is verified first; what is named must be among what is found, and only
/// damage that leaves the signed history whole can be confirmed: a payload that was lost or changed, a step of the clock,
/// an event recorded twice, a gap in a source's numbers. From then on `exhibit verify` reports it as a confirmed break, with
/// this entry beside it, and a ledger with a lost payload starts, records and exports again. Nothing is repaired and nothing
/// is hidden. Without --finding, --index and --source, it only shows what could be confirmed. Run again, it finishes what was
/// interrupted.
#[derive(Debug, clap::Args)]
pub(super) struct Confirm {
    /// The ledger's data directory
    #[arg(value_parser = args::path)]
    dir: PathBuf,
    /// What happened; it stands in the ledger for good
    #[arg(long, value_name = "TEXT", value_parser = args::text)]
    what: String,
    /// Why it happened, as far as is known; it stands in the ledger for good
    #[arg(long, value_name = "TEXT", value_parser = args::text)]
    why: String,
    /// Who confirms it; kept in a part of its own that can be withheld or erased
    #[arg(long, value_name = "NAME", value_parser = args::text)]
    by: String,
    /// Confirm findings of this kind, such as payload_missing; may be repeated
    #[arg(long = "finding", value_name = "KIND", value_parser = args::text)]
    findings: Vec<String>,
    /// Confirm findings at this entry; may be repeated
    #[arg(long = "index", value_name = "INDEX", value_parser = args::index)]
    indexes: Vec<EntryIndex>,
    /// Confirm gaps in the numbers of this source; may be repeated
    #[arg(long = "source", value_name = "URI", value_parser = args::text)]
    sources: Vec<String>,
}

impl Confirm {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let directory = DataDirectory::open(&self.dir).map_err(directory_error)?;
        let kinds = self.kinds()?;
        let report = verify_directory(&directory, directory.verifier())?;
        refuse_broken(&report)?;
        let found = Found::of(&report);
        if self.findings.is_empty() && self.indexes.is_empty() && self.sources.is_empty() {
            output.print(&found)?;
            return Ok(Exit::Done);
        }
        let named: Vec<Known> = found
            .open
            .iter()
            .filter(|known| self.names(&kinds, known))
            .cloned()
            .collect();
        if named.is_empty() {
            return self.nothing(&kinds, &found, output);
        }
        let recorded = self.record(&directory, &report, named)?;
        output.print(&recorded)?;
        Ok(Exit::Done)
    }

    /// The kinds that were named.
    fn kinds(&self) -> Result<Vec<KnownKind>, CliError> {
        let find = |name: &String| {
            if let Some(kind) = KnownKind::ALL.iter().find(|kind| kind.name() == name) {
                return Ok(*kind);
            }
            let Some(kind) = FindingKind::ALL.iter().find(|kind| kind.name() == name) else {
                let all: Vec<&str> = KnownKind::ALL.iter().map(|kind| kind.name()).collect();
                return Err(CliError::usage(
                    format!("{name} is no kind of finding"),
                    format!("what can be confirmed is {}", all.join(", ")),
                ));
            };
            confirmable(*kind).map_err(|reason| never(name, reason))
        };
        self.findings.iter().map(find).collect()
    }

    /// Whether the operator named this.
    fn names(&self, kinds: &[KnownKind], known: &Known) -> bool {
        let source = |source: &String| known.expected.ends_with(&format!(" of {source}"));
        let kind = kinds.is_empty() || kinds.contains(&known.kind);
        if known.kind == KnownKind::SequenceGap {
            let asked = !kinds.is_empty() || !self.sources.is_empty();
            let named = self.sources.is_empty() || self.sources.iter().any(source);
            return kind && asked && named && self.indexes.is_empty();
        }
        let indexed = known
            .index
            .is_some_and(|index| self.indexes.contains(&index));
        kind && (indexed || (self.indexes.is_empty() && self.sources.is_empty()))
    }

    /// Nothing of what was named is open: it was confirmed before, or is not there.
    fn nothing(
        &self,
        kinds: &[KnownKind],
        found: &Found,
        output: &mut Output,
    ) -> Result<Exit, CliError> {
        let before = found
            .confirmed
            .iter()
            .find(|(_, known)| self.names(kinds, known));
        if let Some((entry, known)) = before {
            say(
                "note",
                format!("nothing was added: entry {entry} confirms this already: {known}"),
            );
            output.print(found)?;
            return Ok(Exit::Done);
        }
        Err(CliError::failed("nothing of what was named is found, and only what is found can be confirmed")
            .with_help("run the command without --finding, --index and --source to see what could be confirmed"))
    }

    /// Records what is named in as many entries as it takes.
    fn record(
        &self,
        directory: &DataDirectory,
        report: &Report,
        named: Vec<Known>,
    ) -> Result<Recorded, CliError> {
        let bodies: Vec<BreakBody> = portions(named)
            .into_iter()
            .map(|findings| BreakBody {
                findings,
                what: self.what.clone(),
                why: self.why.clone(),
            })
            .collect();
        let events = bodies.iter().map(|body| self.event(body));
        let events = events.collect::<Result<Vec<_>, _>>()?;
        let options = LedgerOptions {
            journal: JournalOptions {
                lost_payloads: LostPayloads::All,
                ..JournalOptions::default()
            },
            ..LedgerOptions::default()
        };
        let (ledger, opened) = Ledger::open(directory, options).map_err(|error| {
            CliError::failed(format!("can't open the ledger in {}", self.dir.display()))
                .because(error)
                .with_help(
                    "stop its server first; `exhibit verify DIR` checks all that can be read",
                )
        })?;
        let verified = report.range.map(|range| range.end);
        let answer = if verified == Some(opened.size.next_index()) {
            append(&ledger, events)
        } else {
            Err(CliError::failed("the ledger went on while it was verified")
                .with_help("stop its server, and run the command again"))
        };
        ledger.close();
        Ok(Recorded {
            confirmations: answer?.into_iter().zip(bodies).collect(),
        })
    }

    fn event(&self, body: &BreakBody) -> Result<Event, CliError> {
        body.check()
            .map_err(|error| CliError::failed("the entry can't be made").because(error))?;
        let by = CustomPart {
            name: BREAK_BY.to_owned(),
            content_type: "text/plain".to_owned(),
            content: self.by.clone().into_bytes(),
        };
        // The same findings have the same id, so what was interrupted is not recorded twice.
        let id = blake3::hash(&serde_json::to_vec(&body.findings).unwrap_or_default()).to_hex();
        let mut posted = PostedEvent::new(
            BREAK_SOURCE,
            format!("break-{id}"),
            Evidence::Custom(Custom {
                event_type: BREAK_TYPE.to_owned(),
                json: body.to_bytes(),
                parts: vec![by],
            }),
        );
        posted.subject = Some(counted(
            crate::ledger::position::count(body.findings.len()),
            "thing that is known to be wrong",
            "things that are known to be wrong",
        ));
        SaltSource::new()
            .with(|mut salts| posted.into_event(BREAK_PRODUCER, UnixNanos::now(), &mut salts))
            .map_err(|error| CliError::failed("the system gives no random bytes").because(error))?
            .map_err(|violations| {
                let said: Vec<String> = violations.iter().map(ToString::to_string).collect();
                CliError::failed("the entry can't be made").because(said.join("; "))
            })
    }
}

/// What one confirmation after the other names.
fn portions(named: Vec<Known>) -> Vec<Vec<Known>> {
    let mut portions: Vec<Vec<Known>> = Vec::new();
    let mut room = 0usize;
    for known in named {
        let bytes = serde_json::to_vec(&known).unwrap_or_default().len();
        match portions.last_mut() {
            Some(last) if last.len() < BREAK_FINDINGS_MAX && bytes <= room => {
                room = room.saturating_sub(bytes);
                last.push(known);
            }
            _ => {
                room = FINDINGS_BYTES_MAX.saturating_sub(bytes);
                portions.push(vec![known]);
            }
        }
    }
    portions
}

/// Appends the events one after the other, and gives their entries.
fn append(ledger: &Ledger, events: Vec<Event>) -> Result<Vec<EntryIndex>, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed("the system refused a runtime").because(error))?;
    let append = |event| match runtime.block_on(ledger.append(event, false)) {
        Ok(recorded) => Ok(recorded.index),
        Err(AppendError::AlreadyExists { index }) => Ok(index),
        Err(error) => Err(
            CliError::failed("not everything that was named is confirmed")
                .because(error)
                .with_help("run the command again"),
        ),
    };
    events.into_iter().map(append).collect()
}

/// Refuses to confirm anything on top of a history that does not hold.
fn refuse_broken(report: &Report) -> Result<(), CliError> {
    let broken = report.findings.held().find_map(|finding: &Finding| {
        let reason = match confirmable(finding.kind) {
            Ok(_) => Known::of(finding).is_none().then_some(
                "it is not about one payload of an entry: see all that is wrong with `exhibit verify DIR`",
            ),
            Err(reason) => Some(reason),
        };
        reason.map(|reason| (finding, reason))
    });
    match broken {
        Some((finding, reason)) => Err(never(&finding.to_string(), reason)),
        None => Ok(()),
    }
}

fn never(what: &str, reason: &'static str) -> CliError {
    let (why, help) = reason
        .split_once(": ")
        .unwrap_or((reason, "see the manual's page on confirmed breaks"));
    CliError::failed(format!("this can never be confirmed: {what}"))
        .because(why.to_owned())
        .with_help(help)
}

/// What a verification found that can be confirmed, and what is.
struct Found {
    open: Vec<Known>,
    confirmed: Vec<(EntryIndex, Known)>,
}

impl Found {
    fn of(report: &Report) -> Self {
        let of_break = |said: &ConfirmedBreak| {
            let entry = said.entry;
            said.found
                .iter()
                .map(move |known| (entry, known.clone()))
                .collect::<Vec<_>>()
        };
        let confirmed: Vec<(EntryIndex, Known)> =
            report.breaks.listed.iter().flat_map(of_break).collect();
        let gaps = report.sources.listed.iter().flat_map(|source| {
            source
                .gaps
                .iter()
                .map(|gap| Known::gap(&source.source, *gap))
        });
        let admitted: HashSet<&Known> = confirmed.iter().map(|(_, known)| known).collect();
        let open = report.findings.held().filter_map(Known::of).chain(gaps);
        Self {
            open: open.filter(|known| !admitted.contains(known)).collect(),
            confirmed,
        }
    }
}

impl Render for Found {
    const FORMAT: &'static str = "exhibit-breaks-found/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.open.is_empty() {
            writeln!(out, "nothing is found that is not confirmed")?;
        }
        for known in &self.open {
            writeln!(out, "not confirmed: {}", safe(&known.to_string()))?;
        }
        for (entry, known) in &self.confirmed {
            writeln!(
                out,
                "confirmed by entry {entry}: {}",
                safe(&known.to_string())
            )?;
        }
        Ok(())
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        for known in &self.open {
            writeln!(
                out,
                "- not confirmed: {}",
                super::super::text::markdown(&known.to_string())
            )?;
        }
        for (entry, known) in &self.confirmed {
            let known = known.to_string();
            writeln!(
                out,
                "- confirmed by entry {entry}: {}",
                super::super::text::markdown(&known)
            )?;
        }
        Ok(())
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        let confirmed = self
            .confirmed
            .iter()
            .map(|(entry, known)| serde_json::json!({ "entry": entry, "finding": known }));
        Ok(serde_json::json!({
            "not_confirmed": self.open,
            "confirmed": confirmed.collect::<Vec<_>>(),
        }))
    }
}

/// The confirmations, as recorded.
struct Recorded {
    confirmations: Vec<(EntryIndex, BreakBody)>,
}

impl Recorded {
    fn known(&self) -> impl Iterator<Item = &Known> {
        self.confirmations
            .iter()
            .flat_map(|(_, body)| &body.findings)
    }

    fn entries(&self) -> impl Iterator<Item = EntryIndex> {
        self.confirmations.iter().map(|(entry, _)| *entry)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let entries = self
            .entries()
            .map(|entry| ("confirmed by entry", entry.to_string()));
        let said = self.confirmations.first();
        let said = said.map(|(_, body)| [("what", body.what.clone()), ("why", body.why.clone())]);
        let known = self.known().map(|known| ("known", known.to_string()));
        entries
            .chain(said.into_iter().flatten())
            .chain(known)
            .collect()
    }
}

impl Render for Recorded {
    const FORMAT: &'static str = "exhibit-break-confirmed/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        fields(out, &self.fields())?;
        writeln!(
            out,
            "\nEvery verification shows this from now on, with its entry. Next: exhibit verify DIR"
        )
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        field_table(out, &self.fields())
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        let said = self.confirmations.first();
        Ok(serde_json::json!({
            "entry": self.entries().next(),
            "entries": self.entries().collect::<Vec<_>>(),
            "what": said.map(|(_, body)| &body.what),
            "why": said.map(|(_, body)| &body.why),
            "findings": self.known().collect::<Vec<_>>(),
        }))
    }
}
