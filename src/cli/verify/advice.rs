//! What to do about a finding: one line a kind.

use crate::ledger::finding::FindingKind;

/// What to do about a finding of this kind.
pub(in crate::cli) const fn advice(kind: FindingKind) -> &'static str {
    use FindingKind as Kind;
    match kind {
        Kind::CheckpointMalformed => {
            "without a checkpoint nothing is signed: ask for a fresh export, and compare it with a receipt or \
             checkpoint you kept"
        }
        Kind::CosignatureInvalid => {
            "ask the witness itself for the checkpoint it cosigned, and find out who put this line there"
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
        Kind::ClockBackwards
        | Kind::ClockImplausible
        | Kind::TimestampMalformed
        | Kind::TimestampAltered
        | Kind::TimestampMismatch
        | Kind::TimestampUntrusted => about_time(kind),
        Kind::PayloadAltered | Kind::PayloadMalformed | Kind::PayloadMissing => {
            about_payloads(kind)
        }
        Kind::TileAltered | Kind::TileMissing => {
            "proofs can't be made from this copy: ask for a fresh export; the entries may still be whole"
        }
        Kind::DuplicateEvent => {
            "count the event once, and report it: a ledger that works never records one twice"
        }
        Kind::ManifestMismatch
        | Kind::DerivedMismatch
        | Kind::ContainerDamaged
        | Kind::CarriedAltered
        | Kind::UnexpectedFile
        | Kind::JournalDamaged
        | Kind::JournalTorn => about_files(kind),
        Kind::ReceiptInvalid => {
            "this receipt proves nothing: get it again from the ledger, or from whoever recorded the event"
        }
        Kind::Forked => {
            "history was rewritten since: keep both versions, and tell everyone who relies on this ledger"
        }
        Kind::RolledBack => {
            "this ends before what was seen: if it is an older pack, look at it with --no-pins; if it is meant to be the ledger \
             of today, entries are gone: keep what you have, and ask for the ledger as of your checkpoint or receipt"
        }
        Kind::CheckpointUntrusted
        | Kind::KeyChanged
        | Kind::KeyHistoryInvalid
        | Kind::KeyHistoryIncomplete
        | Kind::KeyOutOfRange
        | Kind::KeyCompromised => about_keys(kind),
        Kind::Recreated => {
            "this is another ledger under the old name: ask where the old one is; only if its end was announced, \
             `exhibit pins forget NAME`"
        }
    }
}

/// What to do about the keys of a ledger.
const fn about_keys(kind: FindingKind) -> &'static str {
    use FindingKind as Kind;
    match kind {
        Kind::CheckpointUntrusted => {
            "make sure of the key by another way than this pack; if it is right, somebody else signed this, or the ledger with \
             another of its keys: verify a pack of today, or a receipt with --against PACK"
        }
        Kind::KeyChanged => {
            "ask the operator, by another way than this, whether the key was changed and why; if so, give the new one with \
             --vkey, and what was remembered of the history is still demanded. A pack from before a rotation verifies with the \
             key of its time: --vkey OLD --no-pins"
        }
        Kind::KeyHistoryInvalid => {
            "do not trust another key than your own by this history: ask for a fresh export, and ask the operator, by \
             another way than this, which keys the ledger has had"
        }
        Kind::KeyHistoryIncomplete => {
            "somebody left out a change of keys, or put one in: ask for a fresh export, and ask the operator, by another \
             way than this, which keys the ledger has had"
        }
        Kind::KeyOutOfRange => {
            "somebody signed with a key that was not to sign any more: keep this, tell the operator, and rely on what the \
             ledger's present key signed"
        }
        _ => {
            "get the ledger's present key from its operator, by another way than this, and verify with that; what only the \
             compromised key signed, a thief may have made"
        }
    }
}

/// What to do about payloads.
const fn about_payloads(kind: FindingKind) -> &'static str {
    use FindingKind as Kind;
    match kind {
        Kind::PayloadAltered => {
            "the entry holds, its content was changed: get the content from the producer or a backup, and verify again"
        }
        Kind::PayloadMalformed => {
            "the entry holds, its content can't be read here: ask for a fresh export or a backup"
        }
        Kind::PayloadMissing => {
            "the entry holds, its content can't be read here: ask for a fresh export or a backup; where there is none, the \
             operator says so with `exhibit break confirm`"
        }
        _ => "",
    }
}

/// What to do about files around the entries.
const fn about_files(kind: FindingKind) -> &'static str {
    use FindingKind as Kind;
    match kind {
        Kind::ManifestMismatch => {
            "trust the entries, not the manifest, and ask who made this pack and with what"
        }
        Kind::DerivedMismatch => {
            "do not work with this file: it says something else than the evidence beside it"
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
            "entries that the ledger had published were cut off: the server will refuse to start; restore the journal from a \
             backup, and find out whether disk or hand cut it"
        }
        _ => "",
    }
}

/// What to do about a finding about clocks and time stamps.
const fn about_time(kind: FindingKind) -> &'static str {
    use FindingKind as Kind;
    match kind {
        Kind::ClockBackwards => {
            "times from here on can't be relied on to the second: ask the operator about the server's clock"
        }
        Kind::ClockImplausible => {
            "the ledger's clock was ahead or its times were made up: rely on the time stamps, and ask the operator"
        }
        Kind::TimestampMismatch => {
            "this time stamp says nothing about these entries: find out who put it here"
        }
        Kind::TimestampUntrusted => {
            "get the root certificates from the authority itself, and give them all with --tsa-roots; if they are \
             right, somebody else made this time stamp"
        }
        _ => {
            "this time stamp proves nothing; the entries may still be whole: ask for a fresh export"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_finding_has_its_advice() {
        for kind in FindingKind::ALL {
            assert!(advice(*kind).len() > 20, "{kind}");
        }
    }
}
