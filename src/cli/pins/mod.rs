//! What this user remembers of each ledger: its key, and the largest checkpoint that was accepted.
//!
//! With it the next verification demands that history went on from there: an operator who holds key and disk can't
//! rewrite, cut short or begin anew what somebody has verified once. What must always be true:
//!
//! - A pin is only ever replaced by one whose history was shown to contain it, by a verification that found nothing
//!   wrong; its size never falls, and its first leaf never changes.
//! - Replacing is compare-and-swap under a lock, so of two verifications at a time the second to finish sees that the
//!   pin is no longer the one it compared with, and does not touch it.
//! - The file is replaced whole and synced, or not at all.

mod command;
mod file;

use std::path::PathBuf;

pub(super) use self::command::PinsCommand;
use super::{args, error::CliError};
#[cfg(feature = "server")]
use crate::ledger::tree::Frontier;
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        hash::{LeafHash, NodeHash},
        note::{KeyName, VerifierKey},
        position::TreeSize,
    },
    pack::Remembered,
};

/// Where pins are kept.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct PinArgs {
    /// The file in which keys and checkpoints are remembered, instead of the user's own
    #[arg(long, value_name = "FILE", value_parser = args::path, env = "EXHIBIT_PINS", hide_env_values = true, help_heading = "What is remembered")]
    pub(super) pins: Option<PathBuf>,
}

/// Whether pins are used, and where they are kept.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct OptionalPinArgs {
    #[command(flatten)]
    place: PinArgs,
    /// Remember nothing, and compare with nothing that was remembered
    #[arg(
        long,
        env = "EXHIBIT_NO_PINS",
        hide_env_values = true,
        help_heading = "What is remembered"
    )]
    no_pins: bool,
}

impl OptionalPinArgs {
    /// The pins; `None` where none are wanted, or where there is no place for them.
    pub(super) fn read(&self) -> Result<Option<Pins>, CliError> {
        if self.no_pins || (self.place.pins.is_none() && file::default_path(PINS).is_none()) {
            return Ok(None);
        }
        self.place.read().map(Some)
    }
}

impl PinArgs {
    pub(super) fn read(&self) -> Result<Pins, CliError> {
        let path = match &self.pins {
            Some(path) => path.clone(),
            None => file::default_path(PINS).ok_or_else(file::no_place)?,
        };
        Pins::read(path)
    }
}

/// The user's own file, below `$XDG_STATE_HOME/exhibit`.
const PINS: &str = "pins.json";
/// The monitor's, which is further back where payloads are still to be looked at.
#[cfg(feature = "server")]
pub(super) const MONITORED: &str = "monitored.json";

/// What is remembered of one ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pin {
    /// Its key.
    pub(super) key: VerifierKey,
    /// The largest checkpoint that was accepted, signed by the key that was trusted then.
    pub(super) checkpoint: Option<SignedCheckpoint>,
    /// The leaf of its first entry, where that was seen.
    pub(super) first_leaf: Option<LeafHash>,
    /// How many entries somebody has come to, where that is less than the checkpoint covers. They were shown to be its
    /// beginning.
    pub(super) verified: Option<TreeSize>,
    /// The subtrees at the right edge of the tree of those entries, where somebody goes on from there.
    pub(super) subtrees: Vec<NodeHash>,
    /// How many things are wrong up to there that the ledger itself admits.
    pub(super) breaks: u64,
}

impl Pin {
    /// How many entries the checkpoint covers.
    pub(super) fn size(&self) -> TreeSize {
        let signed = self.checkpoint.as_ref();
        signed.map_or(TreeSize::EMPTY, |signed| signed.checkpoint().size)
    }

    /// How many entries are verified.
    #[cfg(feature = "server")]
    pub(super) fn verified(&self) -> TreeSize {
        self.verified.unwrap_or_else(|| self.size())
    }

    /// The tree to go on from, if the pin holds all that takes.
    #[cfg(feature = "server")]
    pub(super) fn tree(&self) -> Option<Frontier> {
        let tree = Frontier::resume(self.verified(), self.subtrees.clone())?;
        let signed = self.checkpoint.as_ref()?;
        let whole = self.verified.is_none();
        (!whole || tree.root() == signed.checkpoint().root).then_some(tree)
    }

    /// What the history at hand must continue.
    pub(super) fn remembered(&self) -> Option<Remembered> {
        Some(Remembered {
            checkpoint: self.checkpoint.as_ref()?.checkpoint().clone(),
            first_leaf: self.first_leaf,
        })
    }
}

/// All pins of one file, as it was when it was read.
#[derive(Debug)]
pub(super) struct Pins {
    path: PathBuf,
    all: Vec<Pin>,
}

impl Pins {
    /// Reads a file; none is as good as an empty one.
    pub(super) fn read(path: PathBuf) -> Result<Self, CliError> {
        let all = file::read(&path)?;
        Ok(Self { path, all })
    }

    /// Where the monitor keeps its own.
    #[cfg(feature = "server")]
    pub(super) fn monitored(path: Option<PathBuf>) -> Result<Self, CliError> {
        let path = match path {
            Some(path) => path,
            None => file::default_path(MONITORED)
                .ok_or_else(|| file::no_place().with_help("name a file with --state FILE"))?,
        };
        Self::read(path).map_err(|error| {
            error.with_help(
                "restore it from a backup, or name another file with --state; everything is then verified again",
            )
        })
    }

    /// What is remembered under a name.
    pub(super) fn find(&self, origin: &KeyName) -> Option<&Pin> {
        self.all.iter().find(|pin| pin.key.name() == origin)
    }

    /// Every pin.
    pub(super) fn all(&self) -> &[Pin] {
        &self.all
    }

    /// Where they are kept.
    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Replaces the pin of a ledger, if it is still the one that was read; `false` when somebody else was faster.
    pub(super) fn replace(&mut self, new: Pin) -> Result<bool, CliError> {
        let origin = new.key.name().clone();
        self.change(&origin, |all| all.push(new))
    }

    /// Forgets a ledger, if its pin is still the one that was read.
    pub(super) fn forget(&mut self, origin: &KeyName) -> Result<bool, CliError> {
        self.change(origin, |_| {})
    }

    fn change(
        &mut self,
        origin: &KeyName,
        add: impl FnOnce(&mut Vec<Pin>),
    ) -> Result<bool, CliError> {
        let _lock = file::lock(&self.path)?;
        let mut now = Self::read(self.path.clone())?;
        if now.find(origin) != self.find(origin) {
            self.all = now.all;
            return Ok(false);
        }
        now.all.retain(|pin| pin.key.name() != origin);
        add(&mut now.all);
        now.all
            .sort_by(|one, other| one.key.name().as_str().cmp(other.key.name().as_str()));
        file::write(&self.path, &now.all)?;
        self.all = now.all;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{checkpoint::Checkpoint, hash::RootHash, note::SigningKey};

    fn pin(name: &str, size: u64) -> Pin {
        let key = SigningKey::from_seed(name.parse().unwrap(), &[7; 32]);
        let checkpoint = Checkpoint {
            origin: name.parse().unwrap(),
            size: TreeSize::new(size),
            root: RootHash::from_bytes([size.to_le_bytes()[0]; 32]),
        };
        Pin {
            key: key.verifier().clone(),
            checkpoint: Some(checkpoint.sign(&key)),
            first_leaf: Some(LeafHash::from_bytes([1; 32])),
            verified: (size > 100).then_some(TreeSize::new(100)),
            subtrees: vec![NodeHash::from_bytes([2; 32])],
            breaks: size % 2,
        }
    }

    #[test]
    fn what_is_remembered_is_read_again_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/pins.json");
        let mut pins = Pins::read(path.clone()).unwrap();
        assert!(pins.replace(pin("b.example", 7)).unwrap());
        assert!(pins.replace(pin("a.example", 3)).unwrap());
        assert!(pins.replace(pin("b.example", 9)).unwrap());
        let again = Pins::read(path).unwrap();
        assert_eq!(again.all(), [pin("a.example", 3), pin("b.example", 9)]);
    }

    #[test]
    fn of_two_verifications_at_a_time_the_second_does_not_overwrite_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pins.json");
        let mut one = Pins::read(path.clone()).unwrap();
        let mut other = Pins::read(path.clone()).unwrap();
        assert!(one.replace(pin("a.example", 9)).unwrap());
        assert!(!other.replace(pin("a.example", 5)).unwrap());
        assert_eq!(
            Pins::read(path.clone()).unwrap().all(),
            [pin("a.example", 9)]
        );
        // Another ledger's is its own matter.
        assert!(other.replace(pin("b.example", 1)).unwrap());
        assert_eq!(Pins::read(path).unwrap().all().len(), 2);
    }

    #[test]
    fn threads_that_remember_different_ledgers_lose_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pins.json");
        std::thread::scope(|scope| {
            for number in 0..8 {
                let path = path.clone();
                scope.spawn(move || {
                    let mut pins = Pins::read(path).unwrap();
                    assert!(pins.replace(pin(&format!("{number}.example"), 1)).unwrap());
                });
            }
        });
        assert_eq!(Pins::read(path).unwrap().all().len(), 8);
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pins.json");
        let mut pins = Pins::read(path.clone()).unwrap();
        pins.replace(pin("a.example", 300)).unwrap();
        let good = std::fs::read_to_string(&path).unwrap();
        let whole = |change: &dyn Fn(&str) -> String| change(&good);
        let damaged: [String; 7] = [
            whole(&|text| text.replacen("exhibit-pins/1", "exhibit-pins/2", 1)),
            whole(&|text| text.replacen("\\n300\\n", "\\n299\\n", 1)),
            whole(&|text| text.replacen("0101", "01", 1)),
            whole(&|text| text.replacen("\"verified\": 100", "\"verified\": 300", 1)),
            whole(&|text| text.replacen("\"verified\": 100", "\"verified\": 0", 1)),
            whole(&|text| text.chars().take(text.len() / 2).collect()),
            whole(&|_| String::new()),
        ];
        for text in damaged {
            assert_ne!(text, good);
            std::fs::write(&path, &text).unwrap();
            assert!(Pins::read(path.clone()).is_err(), "{text}");
            assert!(pins.forget(&"a.example".parse().unwrap()).is_err());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
