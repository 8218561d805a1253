//! Tampering with a zipped pack.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::BufWriter,
    path::Path,
};

use super::{
    Expected, TamperError, Tampering,
    forged::{Forged, another, forger},
};
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        hash::{FileHash, LeafHash, NodeHash},
        note::SigningKey,
        position::{EntryIndex, TreeSize, count, length},
        tile::{
            Span, TILE_HEIGHT, TILE_WIDTH, TileId, decode_entry_bundle, encode_tile, perfect_root,
            push_entry,
        },
        verify::{Chunk, IdentityKey, LedgerCheck, check_chunk_with},
    },
    pack::{
        container::{ContainerWriter, Packed},
        derived::{CSV_HEADER, CsvRows, JsonLines},
        manifest::{
            CHECKPOINT, EVENTS_CSV, EVENTS_JSONL, FileDigest, INDEX_HTML, MANIFEST, Manifest,
            PackCounts, Period, README,
        },
        page,
        read::{PackFiles, ZipFiles},
        sequence::Sequences,
        write::{page::PageWriter, readme::readme},
    },
};

/// The files of a pack, in memory.
struct Files(BTreeMap<String, Vec<u8>>);

pub(super) fn apply(
    tampering: Tampering,
    pack: &Path,
    at: EntryIndex,
    key: &SigningKey,
) -> Result<Expected, TamperError> {
    let mut files = Files::read(pack)?;
    let mut ledger = files.ledger()?;
    let size = ledger.size();
    let expected = ledger.tamper(tampering, at)?;
    let origin = key.verifier().name();
    match tampering {
        Tampering::TileAltered => files.alter_tile(at)?,
        Tampering::CheckpointOfAnother => {
            let other = another(origin)?;
            let checkpoint = ledger.sign(size, &other, &forger(&other));
            files.set_checkpoint(&checkpoint, false)?;
        }
        Tampering::CheckpointForged => {
            let checkpoint = ledger.sign(size, origin, &forger(origin));
            files.set_checkpoint(&checkpoint, false)?;
        }
        Tampering::CheckpointOlder => {
            let older = expected.index.unwrap_or(at);
            let checkpoint = ledger.sign(TreeSize::new(older.value()), origin, key);
            files.set_checkpoint(&checkpoint, false)?;
        }
        Tampering::HistoryRewritten | Tampering::RolledBack => {
            let checkpoint = ledger.sign(ledger.size(), origin, key);
            files.set_tiles(&ledger);
            files.set_checkpoint(&checkpoint, true)?;
            files.set_ledger(&ledger)?;
        }
        Tampering::EntryRehashed => {
            files.set_tiles(&ledger);
            files.set_ledger(&ledger)?;
        }
        _ => files.set_ledger(&ledger)?,
    }
    files.write(pack)?;
    Ok(expected)
}

impl Files {
    fn read(pack: &Path) -> Result<Self, TamperError> {
        let zip = ZipFiles::open(File::open(pack)?)?.ok_or("this is not a zip")?;
        let mut files = BTreeMap::new();
        for path in zip.paths() {
            let content = zip.read(&path, u64::MAX)?;
            files.insert(path, content);
        }
        Ok(Self(files))
    }

    fn manifest(&self) -> Result<Manifest, TamperError> {
        let bytes = self.0.get(MANIFEST).ok_or("there is no manifest")?;
        Ok(Manifest::from_bytes(bytes)?)
    }

    fn ledger(&self) -> Result<Forged, TamperError> {
        let manifest = self.manifest()?;
        let mut ledger = Forged::default();
        for span in Span::cover(manifest.range.end.value()) {
            let file = |path: String| self.0.get(&path).ok_or(format!("there is no {path}"));
            let entries = file(span.entries_path())?;
            let entries = decode_entry_bundle(entries, usize::from(span.width))?;
            ledger.add(&entries, file(span.payload_path())?)?;
        }
        Ok(ledger)
    }

    /// Puts the entries and payloads in, makes both listings again, and lets the manifest say so.
    fn set_ledger(&mut self, ledger: &Forged) -> Result<(), TamperError> {
        self.0
            .retain(|path, _| !path.starts_with("tile/entries/") && !path.starts_with("payload/"));
        let mut manifest = self.manifest()?;
        let key = IdentityKey::new([0; 32]);
        let mut check = LedgerCheck::starting_at(EntryIndex::default(), &manifest.origin);
        let mut sequences = Sequences::default();
        let (mut lines, mut rows) = (JsonLines::default(), CsvRows::default());
        let (mut jsonl, mut csv) = (Vec::new(), CSV_HEADER.as_bytes().to_vec());
        let mut times = Vec::new();
        for span in Span::cover(ledger.size().value()) {
            let range =
                length(span.first())..length(span.first().saturating_add(span.width.into()));
            let entries = ledger.entries.get(range.clone()).unwrap_or_default();
            let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
            let payloads = ledger.payloads.get(range).unwrap_or_default().concat();
            let chunk = Chunk {
                first: EntryIndex::new(span.first()),
                entries: &entries,
                payloads: Some(&payloads),
            };
            let report = check_chunk_with(chunk, &key, |seen| {
                if let (Some(entry), Some(parts)) = (seen.entry, seen.parts) {
                    lines.line(entry, &seen.leaf, parts, &mut jsonl);
                    rows.row(entry, parts, &mut csv);
                }
            });
            for line in report.lines.iter().flatten() {
                let sequence = line.sequence.as_ref();
                sequences.take(sequence.map(|(source, number)| (source.as_str(), *number)));
                times.push(line.recorded_at);
            }
            check.absorb(report);
            let mut bundle = Vec::new();
            for entry in entries {
                push_entry(&mut bundle, entry)?;
            }
            self.0.insert(span.entries_path(), bundle);
            self.0.insert(span.payload_path(), payloads);
        }
        self.0.insert(EVENTS_JSONL.to_owned(), jsonl);
        self.0.insert(EVENTS_CSV.to_owned(), csv);
        manifest.range.end = ledger.size().next_index();
        manifest.requested = manifest.range;
        manifest.counts = PackCounts::of(check.counts(), manifest.counts.tiles);
        manifest.sources = sequences.statement(true);
        manifest.recorded = times.first().zip(times.last()).map(|(first, last)| Period {
            first: first.to_rfc3339(),
            last: last.to_rfc3339(),
        });
        self.0.insert(MANIFEST.to_owned(), manifest.to_bytes());
        Ok(())
    }

    /// Puts a checkpoint in; the manifest says so, and where it is `meant` the manifest is all about it.
    fn set_checkpoint(
        &mut self,
        checkpoint: &SignedCheckpoint,
        meant: bool,
    ) -> Result<(), TamperError> {
        let note = checkpoint.note().to_string();
        let mut manifest = self.manifest()?;
        manifest.checkpoint.clone_from(&note);
        manifest.root = checkpoint.checkpoint().root;
        if meant {
            manifest.tree_size = checkpoint.checkpoint().size;
            let tiles = self.0.keys().filter(|path| path.parse::<TileId>().is_ok());
            manifest.counts.tiles = count(tiles.count());
        }
        self.0.insert(CHECKPOINT.to_owned(), note.into_bytes());
        self.0.insert(MANIFEST.to_owned(), manifest.to_bytes());
        Ok(())
    }

    /// Makes all hash tiles anew.
    fn set_tiles(&mut self, ledger: &Forged) {
        self.0.retain(|path, _| path.parse::<TileId>().is_err());
        let leaves = ledger.entries.iter();
        let mut nodes: Vec<NodeHash> = leaves
            .map(|entry| LeafHash::of_entry(entry).into())
            .collect();
        for level in 0..TILE_HEIGHT {
            let tiles = nodes.chunks(length(TILE_WIDTH));
            for (span, tile) in Span::cover(count(nodes.len())).zip(tiles.clone()) {
                let id = TileId { level, span };
                self.0.insert(id.to_string(), encode_tile(tile));
            }
            let full = nodes.chunks_exact(length(TILE_WIDTH));
            nodes = full
                .filter_map(|tile| perfect_root(tile.to_vec()))
                .collect();
        }
    }

    /// Changes one hash of the level-0 tile over an entry.
    fn alter_tile(&mut self, at: EntryIndex) -> Result<(), TamperError> {
        let size = self.manifest()?.tree_size.value();
        let span = Span::of(at.value() / TILE_WIDTH, size).ok_or("there is no such tile")?;
        let id = TileId { level: 0, span };
        let byte = length((at.value() % TILE_WIDTH).saturating_mul(32));
        let tile = self
            .0
            .get_mut(&id.to_string())
            .and_then(|tile| tile.get_mut(byte));
        *tile.ok_or("there is no such tile")? ^= 1;
        Ok(())
    }

    /// Writes the zip as this program does, with a manifest that knows every file.
    fn write(mut self, pack: &Path) -> Result<(), TamperError> {
        let mut manifest = self.manifest()?;
        self.0
            .insert(README.to_owned(), readme(&manifest).into_bytes());
        for (path, digest) in &mut manifest.files {
            let content = self.0.get(path).ok_or("a file is missing")?;
            *digest = FileDigest {
                bytes: count(content.len()),
                blake3: FileHash::of(content),
            };
        }
        self.0.remove(MANIFEST);
        self.0.remove(INDEX_HTML);
        let mut page = PageWriter::new(true)?;
        let next = pack.with_extension("tampered");
        let mut container = ContainerWriter::new(BufWriter::new(File::create(&next)?));
        for (path, content) in self.0 {
            let file = Packed::deflated(path, &content)?;
            if page::carries(file.path()) {
                page.file(&file)?;
            }
            container.add(&file)?;
        }
        let digest = page.finish(&manifest, &mut container)?;
        manifest.files.insert(INDEX_HTML.to_owned(), digest);
        manifest.container = FileHash::from_bytes(*container.digest().as_bytes());
        container.add(&Packed::stored(MANIFEST.to_owned(), manifest.to_bytes()))?;
        container.finish()?;
        fs::rename(next, pack)?;
        Ok(())
    }
}
