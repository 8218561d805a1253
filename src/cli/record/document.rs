//! Events from files: the JSON that takes the place of a kind's flags.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{
    Serialize,
    de::{DeserializeOwned, Error as _},
};
use serde_json::Value;

use super::super::{args, error::CliError};
use crate::{
    evidence::{Evidence, PostedEvent, check_begins_object},
    ledger::payload::PAYLOAD_BYTES_MAX,
};

/// Where the evidence comes from, if not from flags.
#[derive(Debug, clap::Args)]
pub(super) struct JsonArgs {
    /// Take what happened from a JSON object, in place of the flags under "What happened": the fields of the kind, or a
    /// whole event with source and event_id around them, as in the manual's page on events; - for standard input
    #[arg(long, value_name = "FILE|-")]
    pub(super) json: Option<JsonFile>,
}

/// A file with what happened.
#[derive(Debug, Clone)]
pub(super) struct JsonFile(PathBuf);

impl FromStr for JsonFile {
    type Err = String;

    fn from_str(value: &str) -> Result<Self, String> {
        args::path(value).map(Self)
    }
}

/// What a command records.
#[derive(Debug)]
pub(super) enum Given {
    /// What happened.
    Evidence(Evidence),
    /// A whole event of a file: it says where it comes from, too.
    Whole(Box<PostedEvent>),
}

impl From<Evidence> for Given {
    fn from(evidence: Evidence) -> Self {
        Self::Evidence(evidence)
    }
}

impl JsonFile {
    /// Reads what happened, of one kind, or a whole event of that kind.
    pub(super) fn read<E>(&self, kind: &'static str) -> Result<Given, CliError>
    where
        E: DeserializeOwned + Serialize + Into<Evidence>,
    {
        let json = read(&self.0)?;
        if is_whole(&json) {
            return whole(&self.0, &json, kind, FIELDS);
        }
        object::<E>(&json)
            .map(|evidence| Given::Evidence(evidence.into()))
            .map_err(|error| not_of_the_kind(&self.0, kind, error))
    }
}

/// Whether JSON is an object with something that a whole event has, and that no kind's own fields are named.
fn is_whole(json: &[u8]) -> bool {
    let marks = ["source", "event_id"]
        .into_iter()
        .chain(KINDS.map(|(name, _)| name));
    serde_json::from_slice::<serde_json::Map<String, Value>>(json)
        .is_ok_and(|fields| marks.into_iter().any(|mark| fields.contains_key(mark)))
}

/// Each kind: its name in a whole event, and the command that records it.
const KINDS: [(&str, &str); 5] = [
    ("change", "change"),
    ("approval", "approval"),
    ("test_run", "test-run"),
    ("deployment", "deployment"),
    ("custom", "event"),
];

const fn kind_of(evidence: &Evidence) -> &'static str {
    match evidence {
        Evidence::Change(_) => "change",
        Evidence::Approval(_) => "approval",
        Evidence::TestRun(_) => "test_run",
        Evidence::Deployment(_) => "deployment",
        Evidence::Custom(_) => "custom",
    }
}

/// Reads a whole event, whose kind is to be that of the command. `help` is for what is none.
pub(super) fn whole(
    path: &Path,
    json: &[u8],
    kind: &'static str,
    help: &str,
) -> Result<Given, CliError> {
    let event: PostedEvent = object(json).map_err(|error| {
        CliError::failed(format!("{} is not an event", shown(path)))
            .because(error)
            .with_help(help)
    })?;
    let found = kind_of(&event.evidence);
    if found == kind {
        return Ok(Given::Whole(Box::new(event)));
    }
    let command = KINDS.iter().find(|(name, _)| *name == found);
    let command = command.map_or("event", |(_, command)| command);
    let what = format!(
        "{} is an event with `{found}`, not with `{kind}`",
        shown(path)
    );
    Err(CliError::failed(what).with_help(format!("`exhibit record {command}` records it")))
}

fn not_of_the_kind(path: &Path, kind: &str, error: serde_json::Error) -> CliError {
    CliError::failed(format!(
        "{} is neither the object of a `{kind}` nor a whole event",
        shown(path)
    ))
    .because(error)
    .with_help(FIELDS)
}

const FIELDS: &str = "the manual's page \"Events: the field dictionary\" names every field, with an example of each kind";

/// Reads a message in which every object is one. Serde would take a list, too, for the values of an object without their
/// names.
fn object<E: DeserializeOwned + Serialize>(json: &[u8]) -> serde_json::Result<E> {
    check_begins_object(json).map_err(serde_json::Error::custom)?;
    let read: E = serde_json::from_slice(json)?;
    let (given, meant) = (serde_json::from_slice(json)?, serde_json::to_value(&read)?);
    match list_for_object(&given, &meant, "") {
        None => Ok(read),
        Some(at) => Err(serde_json::Error::custom(format!(
            "{at} is a list, and an object belongs there"
        ))),
    }
}

/// Where a list stands for an object.
fn list_for_object(given: &Value, meant: &Value, at: &str) -> Option<String> {
    match (given, meant) {
        (Value::Array(_), Value::Object(_)) if at.is_empty() => Some("the whole".to_owned()),
        (Value::Array(_), Value::Object(_)) => Some(format!("`{at}`")),
        (Value::Object(given), Value::Object(meant)) => given.iter().find_map(|(name, given)| {
            let at = [at, name].join(if at.is_empty() { "" } else { "." });
            list_for_object(given, meant.get(name)?, &at)
        }),
        (Value::Array(given), Value::Array(meant)) => {
            let pairs = (0..).zip(given.iter().zip(meant));
            pairs
                .map(|(place, (given, meant))| {
                    list_for_object(given, meant, &format!("{at}[{place}]"))
                })
                .find_map(|found: Option<String>| found)
        }
        _ => None,
    }
}

/// Reads a whole file, or standard input for `-`; not more than an event may have.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let limit = PAYLOAD_BYTES_MAX.saturating_mul(2);
    let mut content = Vec::new();
    let mut take = |source: &mut dyn Read| -> io::Result<usize> {
        source
            .take(crate::ledger::position::count(limit).saturating_add(1))
            .read_to_end(&mut content)
    };
    let read = if path == Path::new("-") {
        take(&mut io::stdin().lock())
    } else {
        File::open(path).and_then(|mut file| take(&mut file))
    };
    read.map_err(CliError::read(path))?;
    if content.len() > limit {
        return Err(CliError::failed(format!(
            "{} has over {limit} bytes, more than an event may have",
            shown(path)
        ))
        .with_help("let it name large content by its digest"));
    }
    Ok(content)
}

fn shown(path: &Path) -> String {
    if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Approval;

    #[test]
    fn a_list_is_not_taken_for_an_object() {
        let good =
            r#"{"change_id": "C-1", "decision": "approved", "approver": {"id": "github:ada"}}"#;
        assert!(object::<Approval>(good.as_bytes()).is_ok());
        let approver =
            r#"{"change_id": "C-1", "decision": "approved", "approver": ["github:ada"]}"#;
        assert!(object::<Approval>(approver.as_bytes()).is_err());
        for (given, meant, at) in [
            (r#"[1]"#, r#"{"a": 1}"#, Some("the whole")),
            (r#"{"a": [1]}"#, r#"{"a": {"b": 1}}"#, Some("`a`")),
            (r#"{"a": [{}, []]}"#, r#"{"a": [{}, {}]}"#, Some("`a[1]`")),
            (r#"{"a": {"b": []}}"#, r#"{"a": {"b": {}}}"#, Some("`a.b`")),
            (r#"{"a": []}"#, r#"{"a": []}"#, None),
        ] {
            let [given, meant] = [given, meant].map(|text| serde_json::from_str(text).unwrap());
            assert_eq!(list_for_object(&given, &meant, "").as_deref(), at);
        }
    }
}
