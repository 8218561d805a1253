//! What to do about a finding: one line a kind.

use crate::ledger::finding::FindingKind;

/// What to do about a finding of this kind.
pub(super) const fn advice(kind: FindingKind) -> &'static str {
    use FindingKind as Kind;
    match kind {
        Kind::CheckpointMalformed => {
            "without a checkpoint nothing is signed: ask for a fresh export, and compare it with a receipt or \
             checkpoint you kept"
        }
        Kind::CheckpointUntrusted => {
            "make sure of the key by another way than this pack; if it is right, somebody else signed this"
        }
        Kind::OtherLedger => "check that you asked for the right ledger, and gave its key",
        Kind::CheckpointBehind => {
            "the entries beyond the checkpoint are not signed: ask for an export under the latest checkpoint"
        }
        Kind::RootMismatch => {
            "the entries are not those that were signed: do not rely on any of them until the first altered one is found"
        }
        Kind::EntryMalformed | Kind::EntryAltered => {
            "keep this copy as it is; compare the entry with a receipt, an earlier pack or a backup of the journal"
        }
        Kind::MissingEntries => {
            "keep this copy as it is; ask for a fresh export, and find out who could delete from the first one"
        }
        Kind::EntryInserted => {
            "keep this copy as it is; an entry that was never signed was put in, so find out who could write here"
        }
        Kind::EntryRepeated | Kind::EntriesReordered => {
            "ask for a fresh export; if it shows the same, compare with an earlier pack or a backup of the journal"
        }
        Kind::ChainBroken => {
            "what comes before or after this entry was changed: compare both with receipts, earlier packs or a backup"
        }
        Kind::ClockBackwards => {
            "times from here on can't be relied on to the second: ask the operator about the server's clock"
        }
        Kind::PayloadAltered => {
            "the entry holds, its content was changed: get the content from the producer or a backup, and verify again"
        }
        Kind::PayloadMalformed | Kind::PayloadMissing => {
            "the entry holds, its content can't be read here: ask for a fresh export or a backup"
        }
        Kind::TileAltered | Kind::TileMissing => {
            "proofs can't be made from this copy: ask for a fresh export; the entries may still be whole"
        }
        Kind::DuplicateEvent => {
            "count the event once, and report it: a ledger that works never records one twice"
        }
        Kind::ManifestMismatch => {
            "trust the entries, not the manifest, and ask who made this pack and with what"
        }
        Kind::DerivedMismatch => {
            "do not work with this file of the pack: events.csv, events.jsonl or index.html says something else than the entries"
        }
        Kind::ContainerDamaged => {
            "get the file again as it was exported: packing it anew, or sending it through another program, breaks it"
        }
        Kind::CarriedAltered => {
            "do not run or open it, and do not believe what it printed: whoever changed it wanted it to say something else"
        }
        Kind::UnexpectedFile => "do not open it: nothing vouches for it",
        Kind::JournalDamaged => {
            "stop the server, keep a copy of the data directory, and restore the journal from a backup"
        }
        Kind::JournalTorn => {
            "a write was cut off, such as by a power cut: the server cuts the rest off at its next start"
        }
        Kind::ReceiptInvalid => {
            "this receipt proves nothing: get it again from the ledger, or from whoever recorded the event"
        }
        Kind::Forked => {
            "history was rewritten since: keep both versions, and tell everyone who relies on this ledger"
        }
        Kind::RolledBack => {
            "entries that existed are gone: keep what you have, and ask for the ledger as of your checkpoint or receipt"
        }
    }
}
