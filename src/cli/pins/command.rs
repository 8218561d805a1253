//! `exhibit pins`: what is remembered, and forgetting it.

use std::io::{self, Write};

use clap::Subcommand;
use serde_json::json;

use super::{
    super::{
        args,
        error::CliError,
        exit::Exit,
        output::{Output, Render},
        text::{grouped, safe},
    },
    Pin, PinArgs, Pins,
};
use crate::ledger::note::KeyName;

/// Show or forget the keys and checkpoints that were remembered (offline)
///
/// `exhibit verify` remembers each ledger's key, the largest checkpoint it accepted and the first entry, and demands
/// next time that history went on from there.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct PinsCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List what is remembered
    List {
        #[command(flatten)]
        pins: PinArgs,
    },
    /// Forget a ledger: the next verification takes whatever it is shown
    Forget {
        /// The ledger's name
        #[arg(value_name = "NAME", value_parser = args::origin)]
        origin: KeyName,
        #[command(flatten)]
        pins: PinArgs,
    },
}

impl PinsCommand {
    pub(in crate::cli) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        match self.action {
            Action::List { pins } => {
                output.print(&Listed(&pins.read()?))?;
            }
            Action::Forget { origin, pins } => {
                let mut pins = pins.read()?;
                let known = pins.find(&origin).cloned().ok_or_else(|| {
                    CliError::failed(format!(
                        "{origin} is not remembered in {}",
                        pins.path().display()
                    ))
                    .with_help("`exhibit pins list` shows what is")
                })?;
                if !pins.forget(&origin)? {
                    return Err(CliError::failed(format!(
                        "what is remembered of {origin} has changed at this moment"
                    ))
                    .with_help("look at it with `exhibit pins list`, and try again"));
                }
                output.print(&Forgotten(&known))?;
            }
        }
        Ok(Exit::Done)
    }
}

fn as_json(pin: &Pin) -> serde_json::Value {
    json!({
        "origin": pin.key.name().as_str(),
        "key": pin.key.to_string(),
        "tree_size": pin.checkpoint.as_ref().map(|_| pin.size().value()),
        "root": pin.checkpoint.as_ref().map(|signed| signed.checkpoint().root.to_string()),
        "checkpoint": pin.checkpoint.as_ref().map(|signed| signed.note().to_string()),
        "first_leaf": pin.first_leaf.map(|leaf| leaf.to_string()),
    })
}

fn in_words(pin: &Pin) -> String {
    match &pin.checkpoint {
        Some(signed) => format!(
            "{} entries, root {}, key {}",
            grouped(pin.size().value()),
            signed.checkpoint().root,
            pin.key
        ),
        None => format!("no checkpoint yet, key {}", pin.key),
    }
}

struct Listed<'a>(&'a Pins);

impl Render for Listed<'_> {
    const FORMAT: &'static str = "exhibit-pin-list/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for pin in self.0.all() {
            writeln!(
                out,
                "{}  {}",
                safe(pin.key.name().as_str()),
                safe(&in_words(pin))
            )?;
        }
        Ok(())
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        for pin in self.0.all() {
            writeln!(
                out,
                "- {}: {}",
                safe(pin.key.name().as_str()),
                safe(&in_words(pin))
            )?;
        }
        Ok(())
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        let ledgers: Vec<_> = self.0.all().iter().map(as_json).collect();
        Ok(json!({ "file": self.0.path().display().to_string(), "ledgers": ledgers }))
    }
}

struct Forgotten<'a>(&'a Pin);

impl Render for Forgotten<'_> {
    const FORMAT: &'static str = "exhibit-pin-forgotten/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let name = safe(self.0.key.name().as_str());
        writeln!(out, "forgotten  {name}: {}", safe(&in_words(self.0)))
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        self.text(out)
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        Ok(as_json(self.0))
    }
}
