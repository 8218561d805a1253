//! Policies of [C2SP tlog-policy](https://c2sp.org/tlog-policy): which witnesses must have seen a checkpoint.
//!
//! ```text
//! log <vkey> [<url>]
//! witness <name> <vkey> [<url>]
//! group <name> all|any|<k> <member>...
//! quorum <name>|none
//! ```
//!
//! One statement a line, lines end in a newline alone, and words are separated by spaces and tabs. A line whose first
//! word begins with `#` is a comment; a `#` further on is part of its word. The file is one of octets: those beyond
//! ASCII may stand in names, URLs and comments, UTF-8 or not, and names are the same only if their octets are. A group's members are witnesses and groups
//! defined before it, each used in one group at most. There is exactly one quorum. No public key stands there twice,
//! whatever its name: one witness must not be able to make a quorum of two. A policy says who must have signed, not
//! when: how old a cosignature may be is the reader's business.

use std::{collections::HashMap, fmt::Write as _, str::FromStr};

use super::{
    checkpoint::SignedCheckpoint,
    note::{CosignedAt, KeyType, NoteError, VerifierKey},
    position::{decimal, length},
};

/// The most bytes of a policy file.
pub const POLICY_BYTES_MAX: usize = 1 << 20;
/// The most logs, witnesses and groups, of each.
pub const POLICY_NAMES_MAX: usize = 1024;

/// A policy: logs, witnesses, and which of them must agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    quorum: Option<Member>,
}

/// A log that the policy speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLog {
    /// Its key; the key's name is its origin.
    pub key: VerifierKey,
    /// Where it is, if the policy says.
    pub url: Option<String>,
}

/// A witness that the policy knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWitness {
    /// What the policy calls it, fit to be shown: octets that are not UTF-8 are replaced.
    pub name: String,
    /// The key that its cosignatures verify with.
    pub key: VerifierKey,
    /// Where checkpoints are submitted to it, if the policy says. Octets that are not UTF-8 are percent-encoded.
    pub url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    needed: usize,
    members: Vec<Member>,
}

/// A line of a policy that is not one, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the policy: {problem}")]
pub struct InvalidPolicy {
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// What a checkpoint's cosignatures come to under a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyOutcome {
    /// For each witness of the policy, in order, what its signature is worth.
    pub witnesses: Vec<(String, Witnessed)>,
    /// Whether the quorum is reached.
    pub met: bool,
}

/// What one witness's signature is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Witnessed {
    /// It saw the checkpoint, at the latest time that it signed for.
    At(CosignedAt),
    /// It did not sign.
    Missing,
    /// A line with its key's name and id does not verify: somebody made it up, or damaged it.
    Bad(NoteError),
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// Names the line that is not as it should be.
    pub fn parse(file: &[u8]) -> Result<Self, InvalidPolicy> {
        if file.len() > POLICY_BYTES_MAX {
            return Err(InvalidPolicy {
                line: 0,
                problem: format!("it has over {POLICY_BYTES_MAX} bytes"),
            });
        }
        let mut reader = Reader::default();
        for (line, number) in file.split(|byte| *byte == b'\n').zip(1..) {
            let statement = reader.statement(line);
            statement.map_err(|problem| InvalidPolicy {
                line: number,
                problem,
            })?;
        }
        reader.finish()
    }

    /// The logs, in order.
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The witnesses, in order.
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// Whether any witness is needed at all: `quorum none` asks for none.
    pub fn needs_witnesses(&self) -> bool {
        self.quorum.is_some()
    }

    /// Whether the witnesses at these places of [`Policy::witnesses`] make the quorum.
    pub fn is_met_by(&self, signed: impl Fn(usize) -> bool) -> bool {
        let mut met: Vec<bool> = Vec::with_capacity(self.groups.len());
        let counts = |member: &Member, met: &[bool]| match member {
            Member::Witness(place) => signed(*place),
            Member::Group(place) => met.get(*place).copied().unwrap_or(false),
        };
        for group in &self.groups {
            let members = group.members.iter();
            let agreeing = members.filter(|member| counts(member, &met)).count();
            met.push(agreeing >= group.needed);
        }
        self.quorum.is_none_or(|quorum| counts(&quorum, &met))
    }

    /// Checks the cosignatures of a checkpoint. The log's own signature is not looked at.
    pub fn check(&self, checkpoint: &SignedCheckpoint) -> PolicyOutcome {
        let judged = self.witnesses.iter().map(|witness| {
            let seen = match checkpoint.note().cosigned_at(&witness.key) {
                Ok(at) => Witnessed::At(at),
                Err(NoteError::NotSignedBy(_)) => Witnessed::Missing,
                Err(error) => Witnessed::Bad(error),
            };
            (witness.name.clone(), seen)
        });
        let witnesses: Vec<(String, Witnessed)> = judged.collect();
        let signed = |place: usize| {
            let witness = witnesses.get(place);
            witness.is_some_and(|(_, seen)| matches!(seen, Witnessed::At(_)))
        };
        PolicyOutcome {
            met: self.is_met_by(signed),
            witnesses,
        }
    }
}

impl FromStr for Policy {
    type Err = InvalidPolicy;

    fn from_str(text: &str) -> Result<Self, InvalidPolicy> {
        Self::parse(text.as_bytes())
    }
}

/// A policy that is being read.
#[derive(Default)]
struct Reader {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    /// Names that are taken, octet by octet, and whether they are in a group already.
    names: HashMap<Vec<u8>, (Member, bool)>,
    quorum: Option<Option<Member>>,
}

impl Reader {
    fn statement(&mut self, line: &[u8]) -> Result<(), String> {
        let control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
        if let Some(other) = line.iter().copied().find(control) {
            return Err(format!(
                "it has the control character {:?}; remove it (lines end in \\n alone)",
                char::from(other)
            ));
        }
        let words: Vec<&[u8]> = line
            .split(|byte| matches!(byte, b' ' | b'\t'))
            .filter(|word| !word.is_empty())
            .collect();
        match words.as_slice() {
            [] => Ok(()),
            [comment, ..] if comment.starts_with(b"#") => Ok(()),
            [b"log", key] => self.log(key, None),
            [b"log", key, url] => self.log(key, Some(url)),
            [b"witness", name, key] => self.witness(name, key, None),
            [b"witness", name, key, url] => self.witness(name, key, Some(url)),
            [b"group", name, needed, members @ ..] if !members.is_empty() => {
                self.group(name, needed, members)
            }
            [b"quorum", name] => self.set_quorum(name),
            [first @ (b"log" | b"witness" | b"group" | b"quorum"), ..] => Err(format!(
                "a `{}` line has another number of words; write `{}`, and comments on lines of their own",
                shown(first),
                form(first)
            )),
            [first, ..] => Err(format!(
                "{:?} begins no statement; a line begins with log, witness, group or quorum",
                shown(first)
            )),
        }
    }

    fn log(&mut self, key: &[u8], url: Option<&[u8]>) -> Result<(), String> {
        let key = read_key(key)?;
        if key.key_type() == KeyType::CosignatureV1 {
            return Err("this is a cosigner's key (0x04), not a log's".to_owned());
        }
        if let Some(other) = self.logs.iter().find(|other| other.key.is_same_key(&key)) {
            let other = other.key.name();
            return Err(format!(
                "this is the key of the log {other} too; a policy names a key once"
            ));
        }
        room("logs", self.logs.len())?;
        let url = url.map(check_url).transpose()?;
        self.logs.push(PolicyLog { key, url });
        Ok(())
    }

    fn witness(&mut self, name: &[u8], key: &[u8], url: Option<&[u8]>) -> Result<(), String> {
        let key = read_key(key)?;
        if !key.key_type().is_timed() {
            return Err(format!(
                "{key} is an Ed25519 key (0x01), which does not cosign; give the witness's key of type 0x04 or 0x06"
            ));
        }
        if let Some(other) = self.witnesses.iter().find(|w| w.key.is_same_key(&key)) {
            return Err(format!(
                "this is the key of {} too; one witness counts once",
                other.name
            ));
        }
        room("witnesses", self.witnesses.len())?;
        self.take_name(name, Member::Witness(self.witnesses.len()))?;
        let url = url.map(check_url).transpose()?;
        self.witnesses.push(PolicyWitness {
            name: shown(name),
            key,
            url,
        });
        Ok(())
    }

    fn group(&mut self, name: &[u8], needed: &[u8], members: &[&[u8]]) -> Result<(), String> {
        let needed = match needed {
            b"all" => members.len(),
            b"any" => 1,
            number => needed_of(number, members.len())?,
        };
        room("groups", self.groups.len())?;
        let mut found = Vec::with_capacity(members.len());
        for member in members {
            let Some((place, used)) = self.names.get_mut(*member) else {
                return Err(undefined(member));
            };
            if std::mem::replace(used, true) {
                return Err(format!("{:?} is in a group already", shown(member)));
            }
            found.push(*place);
        }
        self.take_name(name, Member::Group(self.groups.len()))?;
        self.groups.push(Group {
            needed,
            members: found,
        });
        Ok(())
    }

    fn set_quorum(&mut self, name: &[u8]) -> Result<(), String> {
        let quorum = match name {
            b"none" => None,
            name => {
                let defined = self.names.get(name);
                Some(defined.ok_or_else(|| undefined(name))?.0)
            }
        };
        if self.quorum.replace(quorum).is_some() {
            return Err("there is a second quorum; a policy has exactly one".to_owned());
        }
        Ok(())
    }

    fn take_name(&mut self, name: &[u8], member: Member) -> Result<(), String> {
        if name == b"none" {
            return Err("\"none\" is not a name: it stands for no quorum".to_owned());
        }
        match self.names.insert(name.to_owned(), (member, false)) {
            None => Ok(()),
            Some(_) => Err(format!(
                "the name {:?} is taken; choose another",
                shown(name)
            )),
        }
    }

    fn finish(self) -> Result<Policy, InvalidPolicy> {
        let quorum = self.quorum.ok_or(InvalidPolicy {
            line: 0,
            problem: "there is no quorum; add a line `quorum NAME`, or `quorum none`".to_owned(),
        })?;
        Ok(Policy {
            logs: self.logs,
            witnesses: self.witnesses,
            groups: self.groups,
            quorum,
        })
    }
}

fn form(statement: &[u8]) -> &'static str {
    match statement {
        b"log" => "log VKEY [URL]",
        b"witness" => "witness NAME VKEY [URL]",
        b"group" => "group NAME all|any|K MEMBER...",
        _ => "quorum NAME|none",
    }
}

/// A word, for people.
fn shown(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}

fn undefined(name: &[u8]) -> String {
    format!(
        "{:?} is no witness and no group defined above this line",
        shown(name)
    )
}

/// A key's name is text, so its word is UTF-8 where others need not be.
fn read_key(word: &[u8]) -> Result<VerifierKey, String> {
    let text = str::from_utf8(word).map_err(|_| {
        format!(
            "{:?} is not a verifier key: a key's name is UTF-8 text",
            shown(word)
        )
    })?;
    text.parse().map_err(|error: NoteError| error.to_string())
}

fn needed_of(number: &[u8], members: usize) -> Result<usize, String> {
    let number = shown(number);
    decimal(&number)
        .map(length)
        .filter(|needed| (1..=members).contains(needed))
        .ok_or_else(|| {
            format!(
                "{number:?} is not how many of {members} members must sign; write all, any, or 1 to {members}"
            )
        })
}

fn room(what: &str, have: usize) -> Result<(), String> {
    if have < POLICY_NAMES_MAX {
        Ok(())
    } else {
        Err(format!("there are over {POLICY_NAMES_MAX} {what}"))
    }
}

fn check_url(word: &[u8]) -> Result<String, String> {
    let mut url = String::with_capacity(word.len());
    for chunk in word.utf8_chunks() {
        url.push_str(chunk.valid());
        for octet in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(url, "%{octet:02X}");
        }
    }
    if url.starts_with("http://") || url.starts_with("https://") {
        Ok(url.trim_end_matches('/').to_owned())
    } else {
        Err(format!(
            "{url:?} is not a URL; write it as https://HOST/PATH"
        ))
    }
}

#[cfg(test)]
mod tests;
