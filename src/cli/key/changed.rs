//! A change of the ledger's own key, as it is printed: what happened, and what is to be done now.

use std::{
    io::{self, Write},
    path::Path,
};

use super::{
    super::{
        output::{Render, field_table, fields},
        text::safe,
    },
    history::statement_json,
};
use crate::ledger::{
    keys::{KeyChange, Statement},
    note::VerifierKey,
};

/// A change that is stated and recorded.
pub(super) struct Changed<'a> {
    pub(super) statement: &'a Statement,
    /// The data directory, as it is named.
    pub(super) directory: &'a Path,
    /// The ledger's key of today.
    pub(super) own: &'a VerifierKey,
}

impl Changed<'_> {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let statement = self.statement;
        let key = statement.change.key();
        let mut fields = vec![
            ("name", statement.origin.to_string()),
            ("key", format!("{} {}", key.id(), statement.change.word())),
        ];
        match &statement.change {
            KeyChange::Rotated { new, .. } => fields.push(("its successor", new.id().to_string())),
            KeyChange::Retired { .. } => {}
            KeyChange::Compromised { from, .. } => {
                fields.push(("its signatures stand", format!("up to size {from}")));
            }
        }
        fields.push(("tree size", statement.size.to_string()));
        fields.push(("recorded as entry", statement.entry().to_string()));
        if let KeyChange::Rotated { new, .. } = &statement.change {
            fields.push(("verifier key", new.to_string()));
        }
        fields
    }

    /// What is to be done now.
    fn next(&self) -> String {
        let dir = safe(&self.directory.display().to_string()).to_string();
        let id = self.statement.change.key().id();
        match &self.statement.change {
            KeyChange::Rotated { .. } => format!(
                "Publish the new verifier key where you published the first, and give it to everyone who verifies, to witnesses \
                 and monitors. Both keys sign from now on. Keep the directory keys/ secret, and a copy of it safe.\n\
                 When everyone has it: exhibit key retire {dir} --reason TEXT"
            ),
            KeyChange::Retired { .. } => format!(
                "Say where you publish keys that {id} signs no tree larger than {}. Its secret key is not needed any more: \
                 destroy it, and the copies of it.",
                self.statement.size
            ),
            KeyChange::Compromised { .. } => format!(
                "Say where you publish keys that {id} is compromised, and that {} is the ledger's key. Whoever trusts the \
                 compromised key alone can't learn that from it: tell them by another way. Give them a new pack.",
                self.own
            ),
        }
    }
}

impl Render for Changed<'_> {
    const FORMAT: &'static str = "exhibit-key-changed/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        fields(out, &self.fields())?;
        writeln!(out, "\n{}", self.next())
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        field_table(out, &self.fields())
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        Ok(statement_json(self.statement))
    }
}
