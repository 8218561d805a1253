//! Stored payloads, read back for display.
//!
//! Only what this program would write itself is read: bytes that mean the same in another form are refused, since
//! they are not what a ledger of this version holds.

use serde::de::DeserializeOwned;

use super::{
    APPROVAL_TYPE, CHANGE_TYPE, Custom, CustomPart, DEPLOYMENT_TYPE, Evidence, Link,
    OWN_TYPE_PREFIX, TEST_RUN_TYPE,
    posted::{COMMENT, LINKS},
};
use crate::ledger::payload::{BODY, DisclosedPart, Part};

/// A payload that is not the one its entry's type promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableBody {
    /// Of the ledger's own types, but none that this version knows.
    #[error("{0:?} is not an event type this version knows; read it with a newer one")]
    UnknownType(String),
    /// Not the JSON of that type.
    #[error("the part {part:?} is not what an entry of type {event_type} has there: {problem}")]
    Malformed {
        /// The part's name.
        part: String,
        /// The entry's type.
        event_type: String,
        /// What is wrong.
        problem: String,
    },
    /// The body was withheld or erased.
    #[error("the body was withheld or erased; its commitment is all that is left")]
    Withheld,
}

impl Evidence {
    /// Reads the body of a stored payload, without what is personal in it.
    ///
    /// # Errors
    /// Refuses an unknown type of the ledger's own, and bytes that [`PostedEvent::into_event`] would not have written.
    ///
    /// [`PostedEvent::into_event`]: super::PostedEvent::into_event
    pub fn from_body(event_type: &str, body: &[u8]) -> Result<Self, UnreadableBody> {
        let read = match event_type {
            CHANGE_TYPE => read(event_type, body).map(Self::Change)?,
            APPROVAL_TYPE => read(event_type, body).map(Self::Approval)?,
            TEST_RUN_TYPE => read(event_type, body).map(Self::TestRun)?,
            DEPLOYMENT_TYPE => read(event_type, body).map(Self::Deployment)?,
            other if other.starts_with(OWN_TYPE_PREFIX) => {
                return Err(UnreadableBody::UnknownType(other.to_owned()));
            }
            other => {
                return Ok(Self::Custom(Custom {
                    event_type: other.to_owned(),
                    json: body.to_vec(),
                    parts: Vec::new(),
                }));
            }
        };
        let mut bare = read.clone();
        for (_, actor) in bare.actors().into_iter().flatten() {
            actor.display_name = None;
            actor.mail = None;
        }
        if let Some(comment) = bare.comment() {
            *comment = None;
        }
        let same = bare.into_body().is_ok_and(|again| again == body);
        same.then_some(read).ok_or_else(|| {
            let problem = "it says the same, or something personal, in another form";
            malformed(event_type, BODY, problem)
        })
    }

    /// Reads a stored payload: its body, with what the disclosed parts add to it, and its links.
    ///
    /// # Errors
    /// Refuses a withheld body and parts that [`PostedEvent::into_event`] would not have written.
    ///
    /// [`PostedEvent::into_event`]: super::PostedEvent::into_event
    pub fn from_payload(
        event_type: &str,
        parts: &[Part<'_>],
    ) -> Result<(Self, Vec<Link>), UnreadableBody> {
        let Some((Part::Disclosed(body), beside)) = parts.split_first() else {
            return Err(UnreadableBody::Withheld);
        };
        let mut evidence = Self::from_body(event_type, body.content)?;
        let mut links = Vec::new();
        for part in beside {
            let Part::Disclosed(part) = part else {
                continue;
            };
            if part.name == LINKS {
                links = serde_json::from_slice(part.content)
                    .map_err(|error| malformed(event_type, LINKS, &error.to_string()))?;
            } else {
                evidence
                    .restore(part)
                    .map_err(|problem| malformed(event_type, part.name, &problem))?;
            }
        }
        Ok((evidence, links))
    }

    /// Puts back what a part beside the body holds.
    fn restore(&mut self, part: &DisclosedPart<'_>) -> Result<(), String> {
        if let Self::Custom(custom) = self {
            custom.parts.push(CustomPart {
                name: part.name.to_owned(),
                content_type: part.content_type.to_owned(),
                content: part.content.to_vec(),
            });
            return Ok(());
        }
        if part.name == COMMENT
            && let Some(comment) = self.comment()
        {
            let text = std::str::from_utf8(part.content).map_err(|error| error.to_string())?;
            *comment = Some(text.to_owned());
            return Ok(());
        }
        let named = self.actors().into_iter().flatten();
        let actor = named
            .filter(|(name, _)| *name == part.name)
            .map(|(_, actor)| actor)
            .next()
            .ok_or_else(|| "it has no such part".to_owned())?;
        actor
            .restore_personal(part.content)
            .map_err(|error| error.to_string())
    }
}

fn read<T: DeserializeOwned>(event_type: &str, body: &[u8]) -> Result<T, UnreadableBody> {
    serde_json::from_slice(body).map_err(|error| malformed(event_type, BODY, &error.to_string()))
}

fn malformed(event_type: &str, part: &str, problem: &str) -> UnreadableBody {
    UnreadableBody::Malformed {
        part: part.to_owned(),
        event_type: event_type.to_owned(),
        problem: problem.to_owned(),
    }
}
