//! Filters: which entries somebody asks for, or whose payloads they may see.

use super::{entry::Entry, position::UnixNanos};

/// Selects entries by their fields. Every field that is given must fit; an empty list fits everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// These event types, any of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_types: Vec<String>,
    /// These sources, any of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// These subjects, any of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// Recorded at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_from: Option<UnixNanos>,
    /// Recorded before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_before: Option<UnixNanos>,
}

impl Filter {
    /// Whether it selects every entry.
    pub fn selects_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it selects this entry.
    pub fn selects(&self, entry: &Entry<'_>) -> bool {
        let any =
            |wanted: &[String], text: &str| wanted.is_empty() || wanted.iter().any(|w| w == text);
        any(&self.event_types, entry.event_type)
            && any(&self.sources, entry.source)
            && any(&self.subjects, entry.subject)
            && self
                .recorded_from
                .is_none_or(|from| entry.recorded_at >= from)
            && self
                .recorded_before
                .is_none_or(|before| entry.recorded_at < before)
    }
}
