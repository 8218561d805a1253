//! `README.txt`: what a pack proves and what it does not, for someone who has never seen one.

use std::fmt::Write as _;

use crate::pack::{
    carried::CARRIED,
    counted::{counted, grouped},
    manifest::Manifest,
};

/// The text for this pack.
pub(in crate::pack) fn readme(manifest: &Manifest) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = numbers(manifest, &mut text);
    text.push_str(PROOF);
    text.push_str(LIMITS);
    text.push_str(FILES);
    for carried in CARRIED {
        let _ = writeln!(text, "{:<16} {}", carried.path, carried.about);
    }
    text
}

fn numbers(manifest: &Manifest, text: &mut String) -> std::fmt::Result {
    let (counts, range) = (&manifest.counts, &manifest.range);
    writeln!(text, "AUDIT PACK of the ledger {}\n", manifest.origin)?;
    writeln!(
        text,
        "Entries      {}..{} (without the last number) of {}: {}",
        range.start,
        range.end,
        manifest.tree_size,
        counted(counts.entries, "entry", "entries")
    )?;
    if manifest.requested != manifest.range {
        writeln!(
            text,
            "             asked for: {}..{}; entries come in bundles of 256; of those around the range no payload is disclosed",
            manifest.requested.start, manifest.requested.end
        )?;
    }
    if let Some(recorded) = &manifest.recorded {
        writeln!(text, "Recorded     {} to {}", recorded.first, recorded.last)?;
    }
    writeln!(
        text,
        "Payloads     {} disclosed in full, {} with parts withheld or erased ({})",
        grouped(counts.payloads_whole),
        grouped(counts.payloads_partial),
        counted(counts.parts_withheld, "part", "parts")
    )?;
    let lost = counts
        .entries
        .saturating_sub(counts.payloads_whole)
        .saturating_sub(counts.payloads_partial);
    if lost > 0 {
        writeln!(
            text,
            "Lost         {}, which the ledger itself says in an entry: verification shows which, why, and who says so",
            counted(lost, "payload", "payloads")
        )?;
    }
    let sources = &manifest.sources;
    writeln!(
        text,
        "Producers    {} of their events: {} missing, {} repeated, {} late; {} uncounted",
        counted(sources.counting, "source keeps count", "sources keep count"),
        counted(sources.missing, "number", "numbers"),
        grouped(sources.repeated),
        grouped(sources.late),
        counted(sources.uncounted, "event", "events"),
    )?;
    writeln!(text, "Root         {}", manifest.root)?;
    writeln!(text, "Key          {}", manifest.key)?;
    writeln!(text, "Written by   {}\n", manifest.tool)
}

const PROOF: &str = "\
WHAT THIS PROVES

The ledger's operator signed the root above. Every entry of the range is here, and nothing in it can be changed, left
out, put in or moved without the root, and so the signature, being wrong. Every payload that is here is the one its
entry committed to when it was recorded; of what is withheld, the commitment is here, and it can be disclosed later and
checked then. So this pack proves what the ledger said, in which order, and that the operator stands by it.

HOW TO VERIFY

Open `index.html` in a browser for a first look: it checks and shows this pack, without any network. A page can lie, so rest
nothing on it.

1. Get the ledger's key from someone other than whoever gave you this pack, and compare it with the one above.
2. Offline, on any machine, with the program `exhibit`, from its publisher, of the version above or a later one:

       exhibit verify <this file> --vkey <the key you trust>

3. Or with Python 3.8 or later and nothing else, by another program that shares no code with the first:

       python3 verify.py <this file> <the key you trust>

   Take `verify.py` out of this pack and read it before you run it: it is written to be read. Whoever made this pack could
   have changed it. `exhibit verify` says so if they did; its publisher has the right one.

";

const LIMITS: &str = "\
WHAT THIS DOES NOT PROVE

- That what producers reported is true. The ledger proves what was said, when, and that it was not changed since.
- That everything was reported. Where producers count their events, the numbers above say what never arrived.
- That the clock was right. Entries are in the order in which they were recorded; times are the ledger's own. Time stamps of
  authorities, if there are any in `timestamps/`, say until when entries existed (`exhibit verify --tsa-roots`).
- That nobody else was shown another history. Compare with a receipt or checkpoint that was kept elsewhere
  (`--receipt`, `--checkpoint`), or look for witnesses' signatures in `checkpoint`.
- That the filter in `manifest.json` is why payloads are withheld. Nobody signs the manifest.

";

const FILES: &str = "\
FILES

manifest.json    what this pack says it is
index.html       this pack in a browser
checkpoint       the signed size and root of the ledger
log.vkey         the ledger's key, for comparison; trust the one you got elsewhere
tile/entries/    the entries, 256 to a file
tile/0/ ...      the hashes of the tree
payload/         the payloads, 256 to a file
timestamps/      checkpoints with time stamps of authorities, where there are any
events.jsonl     the same for programs, a line an entry
events.csv       the same for spreadsheets, a row an entry; an apostrophe stands before text that a
                 spreadsheet would take for a formula
";
