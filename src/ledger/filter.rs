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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sample;

    #[test]
    fn a_filter_selects_what_fits_every_field_that_is_given() {
        let batch = sample::ledger(3);
        let entry = Entry::decode(&batch.entries[1]).unwrap();
        let at = |nanos| Some(UnixNanos::new(nanos));
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let source = "https://ci.example.com";
        for (filter, selects) in [
            (Filter::default(), true),
            (
                Filter {
                    sources: texts(&["other", source]),
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    sources: texts(&["other"]),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    sources: texts(&["https://ci.example"]),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    event_types: texts(&["exhibit.deployment.v1"]),
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    event_types: texts(&["exhibit.change.v1"]),
                    sources: texts(&[source]),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    subjects: texts(&[""]),
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    subjects: texts(&["x"]),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    recorded_from: at(1_000_000_001),
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    recorded_from: at(1_000_000_002),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    recorded_before: at(1_000_000_001),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    recorded_before: at(1_000_000_002),
                    ..Filter::default()
                },
                true,
            ),
        ] {
            assert_eq!(filter.selects(&entry), selects, "{filter:?}");
            assert_eq!(filter.selects_all(), filter == Filter::default());
        }
    }

    #[test]
    fn an_unknown_field_is_refused_rather_than_ignored() {
        assert!(serde_json::from_str::<Filter>(r#"{"source": ["x"]}"#).is_err());
        assert_eq!(
            serde_json::from_str::<Filter>("{}").unwrap(),
            Filter::default()
        );
    }
}
