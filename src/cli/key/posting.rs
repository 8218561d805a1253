//! Entries about keys, which the ledger records of itself: no network, and no producer but the operator at the machine.

use super::{super::error::CliError, no_random};
use crate::{
    evidence::{Custom, CustomPart, Evidence, PostedEvent},
    ledger::{event::Event, keys::KEYS_SOURCE, position::UnixNanos},
    service::{
        convert::SaltSource,
        ledger::{AppendError, Ledger, Recorded},
    },
};

/// What an entry about keys says.
pub(super) struct Announcement<'a> {
    pub(super) event_type: &'static str,
    pub(super) event_id: String,
    pub(super) subject: String,
    /// The body, as JSON.
    pub(super) body: String,
    /// Who did it.
    pub(super) by: Option<&'a str>,
    /// The command, which is the entry's producer.
    pub(super) command: &'static str,
}

/// Records the entry. What the ledger answers is the inner result.
pub(super) fn record(
    ledger: &Ledger,
    announcement: Announcement<'_>,
) -> Result<Result<Recorded, AppendError>, CliError> {
    let event = announcement.into_event()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed("the system refused a runtime").because(error))?;
    Ok(runtime.block_on(ledger.append(event, true)))
}

impl Announcement<'_> {
    fn into_event(self) -> Result<Event, CliError> {
        let by = self.by.iter().map(|by| CustomPart {
            name: "by".to_owned(),
            content_type: "text/plain".to_owned(),
            content: by.as_bytes().to_vec(),
        });
        let mut posted = PostedEvent::new(
            KEYS_SOURCE,
            self.event_id,
            Evidence::Custom(Custom {
                event_type: self.event_type.to_owned(),
                json: self.body.into_bytes(),
                parts: by.collect(),
            }),
        );
        posted.subject = Some(self.subject);
        SaltSource::new()
            .with(|mut salts| posted.into_event(self.command, UnixNanos::now(), &mut salts))
            .map_err(no_random)?
            .map_err(|violations| {
                let said: Vec<String> = violations.iter().map(ToString::to_string).collect();
                CliError::failed("the entry can't be made").because(said.join("; "))
            })
    }
}
