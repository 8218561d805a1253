//! Which of the things that were kept to compare with can't be used.

use std::path::PathBuf;

use super::{VerifyError, VerifyOptions, kept::Kept};
use crate::ledger::keys::Keyring;

/// Takes what the caller kept.
///
/// # Errors
/// When the trusted key does not vouch for a checkpoint or receipt: says which.
pub(super) fn open_kept(options: &VerifyOptions, keys: &Keyring) -> Result<Kept, VerifyError> {
    Kept::open(options, keys)
        .map_err(|error| unusable(options, keys).map_or(error, VerifyError::Evidence))
}

/// The first that the keys do not vouch for, and why: by its file where that is known, else by what it says.
fn unusable(options: &VerifyOptions, keys: &Keyring) -> Option<String> {
    let named = |files: &[PathBuf], number, what: String| {
        let file: Option<&PathBuf> = files.get(number);
        file.map_or(what, |file| file.display().to_string())
    };
    for (number, kept) in options.trusted.iter().enumerate() {
        if let Err(error) = keys.verify(kept) {
            let says = kept.checkpoint();
            let what = format!("the checkpoint of size {} of {}", says.size, says.origin);
            let what = named(&options.trusted_files, number, what);
            return Some(format!("{what}: {error}"));
        }
    }
    for (number, kept) in options.receipts.iter().enumerate() {
        if let Err(error) = kept.verify_with(keys) {
            let origin = &kept.checkpoint.checkpoint().origin;
            let what = format!("the receipt for entry {} of {origin}", kept.index);
            let what = named(&options.receipt_files, number, what);
            return Some(format!("{what}: {error}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{
        note::SigningKey,
        sample::{key, ledger},
    };

    #[test]
    fn what_the_key_does_not_vouch_for_is_named() {
        let stranger = SigningKey::from_seed(key().verifier().name().clone(), &[99; 32]);
        let mut options = VerifyOptions {
            trusted: vec![
                ledger(3).checkpoint.sign(&key()),
                ledger(4).checkpoint.sign(&stranger),
            ],
            ..VerifyOptions::default()
        };
        let ring = Keyring::alone(key().verifier());
        let said = |options: &VerifyOptions| match open_kept(options, &ring) {
            Ok(_) => panic!("a stranger's checkpoint is taken"),
            Err(error) => error.to_string(),
        };
        let without = said(&options);
        assert!(
            without.contains("the checkpoint of size 4 of "),
            "{without}"
        );
        options.trusted_files = vec!["good".into(), "bad\u{1b}".into()];
        let with = said(&options);
        assert!(
            with.contains(": bad\u{1b}: the note is not signed by"),
            "{with}"
        );
        assert!(with.contains("leave it out"), "{with}");
    }
}
