//! Who, what and where: the parts that several events are made of.

use serde::{Deserialize, Serialize};

use super::{
    check::{Check, Path},
    given,
    words::ActorKind,
};

/// A pointer to something outside the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// What it is to the event, such as `pipeline-run`; 1 to 64 bytes.
    pub rel: String,
    /// Its absolute URI, at most 2,048 bytes.
    pub href: String,
}

/// Who did something. Display name and mail are personal and never stand in a stored body.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// A stable identity without personal data, such as `user:4711`; 1 to 255 bytes.
    pub id: String,
    /// In which role, such as `change-authority`; at most 64 bytes.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub role: Option<String>,
    /// Whether it is a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ActorKind>,
    /// The name people know them by, at most 255 bytes. Personal.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub display_name: Option<String>,
    /// Mail address, at most 255 bytes. Personal.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub mail: Option<String>,
}

/// A thing that is built, tested and deployed, named by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Its name, at most 1,024 bytes.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub name: Option<String>,
    /// Its digest, `sha256:<64 hex digits>` or `sha512:<128 hex digits>`, in lower case.
    pub digest: String,
    /// The version people call it by, at most 255 bytes.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub version: Option<String>,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// The repository's absolute URI, at most 2,048 bytes.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub repository: Option<String>,
    /// The commit id, 40 or 64 hex digits in lower case.
    pub commit: String,
    /// The branch or tag, at most 255 bytes; `ref` in JSON.
    #[serde(
        default,
        rename = "ref",
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub reference: Option<String>,
}

impl Actor {
    /// An actor of whom only the id is known.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            ..Self::default()
        }
    }

    /// Takes what is personal out of the actor, as the content of a part; `None` where nothing is.
    pub(super) fn take_personal(&mut self) -> Result<Option<Vec<u8>>, serde_json::Error> {
        let person = Person {
            display_name: self.display_name.take(),
            mail: self.mail.take(),
        };
        if person == Person::default() {
            return Ok(None);
        }
        serde_json::to_vec(&person).map(Some)
    }

    /// Puts back what [`Actor::take_personal`] took.
    pub(super) fn restore_personal(&mut self, part: &[u8]) -> Result<(), serde_json::Error> {
        let person: Person = serde_json::from_slice(part)?;
        self.display_name = person.display_name;
        self.mail = person.mail;
        Ok(())
    }

    pub(super) fn check(&self, at: Path<'_>, check: &mut Check) {
        if *self == Self::default() {
            check.refuse(at, "is empty; say who it was, at least by `id`");
            return;
        }
        check.line(at.field("id"), &self.id, 255);
        check.given_line(at.field("role"), self.role.as_deref(), 64);
        check.given_line(at.field("display_name"), self.display_name.as_deref(), 255);
        check.given_line(at.field("mail"), self.mail.as_deref(), 255);
        let Some(mail) = self.mail.as_deref() else {
            return;
        };
        if !matches!(mail.split_once('@'), Some((local, domain)) if !local.is_empty() && !domain.is_empty())
        {
            check.refuse(
                at.field("mail"),
                "is not a mail address such as `jo@example.com`",
            );
        } else if self
            .id
            .to_ascii_lowercase()
            .contains(&mail.to_ascii_lowercase())
        {
            check.refuse(
                at.field("id"),
                "holds the mail address, which is personal; name the account, such as `user:4711`",
            );
        }
    }
}

impl Artifact {
    /// An artifact of which only the digest is known.
    pub fn new(digest: impl Into<String>) -> Self {
        Self {
            digest: digest.into(),
            ..Self::default()
        }
    }

    pub(super) fn check(&self, at: Path<'_>, check: &mut Check) {
        check.given_line(at.field("name"), self.name.as_deref(), 1024);
        check.digest(at.field("digest"), &self.digest);
        check.given_line(at.field("version"), self.version.as_deref(), 255);
    }
}

impl Revision {
    pub(super) fn check(&self, at: Path<'_>, check: &mut Check) {
        if let Some(repository) = &self.repository {
            check.uri(at.field("repository"), repository, 2048);
        }
        check.commit(at.field("commit"), &self.commit);
        check.given_line(at.field("ref"), self.reference.as_deref(), 255);
    }
}

impl Link {
    pub(super) fn check(&self, at: Path<'_>, check: &mut Check) {
        check.line(at.field("rel"), &self.rel, 64);
        check.uri(at.field("href"), &self.href, 2048);
    }
}

/// What is personal in an actor: the content of the part named after the actor's role in the event.
#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    display_name: Option<String>,
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    mail: Option<String>,
}
