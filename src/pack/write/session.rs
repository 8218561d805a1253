//! One export, from the checkpoint at its front to the manifest at its end.

use std::{collections::BTreeMap, io::Write, ops::Range};

use super::{
    PackError, PackRequest, Summary,
    bundles::{Bundle, Bundles},
    disclosure::{Disclosure, Tally},
    page::{PageWriter, carries_files},
    prepare::{Listing, Prepared, prepare},
    readme::readme,
    timestamps,
};
use crate::{
    ledger::{
        finding::Finding,
        hash::{FileHash, NodeHash},
        position::{EntryIndex, TreeSize, count},
        tile::{Span, TILE_WIDTH, TileId, decode_tile, encode_tile},
        verify::{Counts, Findings, IdentityKey, LedgerCheck},
    },
    pack::{
        breaks::Breaks,
        carried::{CARRIED, Carried},
        container::{ContainerWriter, Packed, Spool},
        derived::CSV_HEADER,
        manifest::{
            CHECKPOINT, EVENTS_CSV, EVENTS_JSONL, FileDigest, INDEX_HTML, KEY_HISTORY, MANIFEST,
            Manifest, PACK_FORMAT, PackCounts, Period, README, VERIFIER_KEY,
            timestamp::TimestampPath, tool,
        },
        page::carries,
        pipeline,
        report::IndexRange,
        sequence::Sequences,
        source::PackSource,
        tiles::{SignedTree, UpperTiles, other_tiles},
    },
};

pub(super) fn write<W: Write + Send>(
    out: W,
    source: &dyn PackSource,
    request: &PackRequest,
) -> Result<Summary, PackError> {
    let bundles = bundles_of(request)?;
    let key = identity_key()?;
    let disclosure = Disclosure::of(request);
    let mut session = Session::start(out, request, bundles.clone())?;
    let with_page = session.page.carries_files();
    let size = request.checkpoint.checkpoint().size;
    let start = bundles.start.saturating_mul(TILE_WIDTH);
    let mut from = Bundles::new(source.blocks(EntryIndex::new(start)));
    let mut spans = bundles
        .clone()
        .filter_map(|number| Span::of(number, size.value()));
    pipeline::run_between(
        || spans.next().map(|span| from.take(span)).transpose(),
        |bundle: Bundle| prepare(bundle, &disclosure, &key, with_page),
        |prepared| session.take(prepared?),
    )?;
    let unmatched = disclosure.unmatched(&session.tally);
    if !unmatched.is_empty() && !request.allow_unmatched {
        return Err(PackError::Unmatched(unmatched));
    }
    Ok(Summary {
        unmatched,
        ..session.finish(source)?
    })
}

/// The numbers of the bundles that the request touches.
fn bundles_of(request: &PackRequest) -> Result<Range<u64>, PackError> {
    let size = request.checkpoint.checkpoint().size;
    let IndexRange { start, end } = request.range();
    let empty = size == TreeSize::EMPTY && end == start;
    if end > size.next_index() || (start >= end && !empty) {
        return Err(PackError::Range { start, end, size });
    }
    Ok(start.value() / TILE_WIDTH..end.value().div_ceil(TILE_WIDTH))
}

fn identity_key() -> Result<IdentityKey, PackError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(IdentityKey::new(bytes))
}

/// An export under way: what is in the container, and what the manifest will say of it.
struct Session<'a, W> {
    request: &'a PackRequest,
    bundles: Range<u64>,
    container: ContainerWriter<W>,
    check: LedgerCheck,
    tally: Tally,
    breaks: Breaks,
    sequences: Sequences,
    tiles: UpperTiles,
    tiles_written: u64,
    jsonl: Lister,
    csv: Lister,
    page: PageWriter,
    period: Option<Period>,
    files: BTreeMap<String, FileDigest>,
}

/// A listing while it grows.
struct Lister {
    spool: Spool,
    digest: blake3::Hasher,
}

impl Lister {
    fn push(&mut self, listing: &Listing) -> Result<(), PackError> {
        self.digest.update(&listing.text);
        Ok(self.spool.push(&listing.run)?)
    }

    fn digest(&self) -> FileDigest {
        FileDigest {
            bytes: self.spool.length(),
            blake3: FileHash::from_bytes(*self.digest.finalize().as_bytes()),
        }
    }
}

impl<'a, W: Write + Send> Session<'a, W> {
    fn start(out: W, request: &'a PackRequest, bundles: Range<u64>) -> Result<Self, PackError> {
        let first = EntryIndex::new(bundles.start.saturating_mul(TILE_WIDTH));
        let with_page = carries_files(IndexRange {
            start: first,
            end: EntryIndex::new(bundles.end.saturating_mul(TILE_WIDTH)),
        });
        let origin = &request.checkpoint.checkpoint().origin;
        let lister = || {
            Ok::<_, std::io::Error>(Lister {
                spool: Spool::new()?,
                digest: blake3::Hasher::new(),
            })
        };
        let mut session = Self {
            request,
            bundles,
            container: ContainerWriter::new(out),
            check: LedgerCheck::starting_at(first, origin.as_str()),
            tally: Tally::default(),
            breaks: Breaks::default(),
            sequences: Sequences::default(),
            tiles: UpperTiles::default(),
            tiles_written: 0,
            jsonl: lister()?,
            csv: lister()?,
            page: PageWriter::new(with_page)?,
            period: None,
            files: BTreeMap::new(),
        };
        let header = Listing::of(CSV_HEADER.as_bytes().to_vec())?;
        session.csv.push(&header)?;
        session.put_text(CHECKPOINT, request.checkpoint.note().to_string())?;
        session.put_text(VERIFIER_KEY, format!("{}\n", request.key_then()))?;
        let history = request.history.before(request.checkpoint.checkpoint().size);
        if !history.is_empty() {
            session.put_text(KEY_HISTORY, history.to_string())?;
        }
        for carried in CARRIED {
            session.put_carried(carried)?;
        }
        Ok(session)
    }

    /// Whether the pack holds the ledger from its start to the checkpoint.
    fn is_full(&self) -> bool {
        let bundles = self.request.checkpoint.checkpoint().size.value();
        self.bundles == (0..bundles.div_ceil(TILE_WIDTH))
    }

    fn put_text(&mut self, path: &str, text: String) -> Result<(), PackError> {
        self.put_bytes(path, text.into_bytes())
    }

    fn put_bytes(&mut self, path: impl ToString, bytes: Vec<u8>) -> Result<(), PackError> {
        let digest = FileDigest {
            bytes: count(bytes.len()),
            blake3: FileHash::of(&bytes),
        };
        let path = path.to_string();
        self.files.insert(path.clone(), digest);
        let in_page = carries(&path);
        let file = Packed::stored(path, bytes);
        if in_page {
            self.page.file(&file)?;
        }
        Ok(self.container.add(&file)?)
    }

    fn put_carried(&mut self, carried: &Carried) -> Result<(), PackError> {
        self.files.insert(carried.path.to_owned(), carried.digest());
        let file = Packed::deflated(carried.path.to_owned(), carried.bytes)?;
        Ok(self.container.add(&file)?)
    }

    fn put_tile(&mut self, id: TileId, hashes: &[NodeHash]) -> Result<(), PackError> {
        self.tiles_written = self.tiles_written.saturating_add(1);
        let file = Packed::stored(id.to_string(), encode_tile(hashes));
        self.page.file(&file)?;
        Ok(self.container.add(&file)?)
    }

    fn take(&mut self, mut prepared: Prepared) -> Result<(), PackError> {
        self.container.add(&prepared.entries)?;
        self.container.add(&prepared.payloads)?;
        if let Some(elements) = &prepared.page {
            self.page.elements(elements)?;
        }
        let leaves: Vec<NodeHash> = prepared
            .report
            .leaves
            .iter()
            .map(|leaf| NodeHash::from(*leaf))
            .collect();
        let number = prepared.report.first.value() / TILE_WIDTH;
        if let Some(span) = Span::of(
            number,
            number
                .saturating_mul(TILE_WIDTH)
                .saturating_add(count(leaves.len())),
        ) {
            self.put_tile(TileId { level: 0, span }, &leaves)?;
        }
        if let Some(root) = prepared.report.tile_root.filter(|_| self.is_full()) {
            for (id, hashes) in self.tiles.push(root) {
                self.put_tile(id, &hashes)?;
            }
        }
        for line in prepared.report.lines.iter().flatten() {
            let sequence = line.sequence.as_ref();
            self.sequences
                .take(sequence.map(|(source, number)| (source.as_str(), *number)));
        }
        if let Some((first, last)) = prepared.recorded {
            let first = self.period.take().map_or(first, |period| period.first);
            self.period = Some(Period { first, last });
        }
        self.tally.join(std::mem::take(&mut prepared.tally));
        self.breaks
            .take(std::mem::take(&mut prepared.report.breaks));
        self.check.absorb(prepared.report);
        self.jsonl.push(&prepared.jsonl)?;
        self.csv.push(&prepared.csv)
    }

    fn finish(mut self, source: &dyn PackSource) -> Result<Summary, PackError> {
        if self.is_full() {
            for (id, hashes) in std::mem::take(&mut self.tiles).into_partial() {
                self.put_tile(id, &hashes)?;
            }
        } else {
            self.copy_tiles(source)?;
        }
        self.put_timestamps(source)?;
        let (counts, range) = (*self.check.counts(), self.range());
        self.refuse_damage()?;
        for (path, lister) in [(EVENTS_JSONL, self.jsonl), (EVENTS_CSV, self.csv)] {
            self.files.insert(path.to_owned(), lister.digest());
            self.container.add_spool(path, lister.spool)?;
        }
        let from_start = range.start == EntryIndex::default();
        let signed = self.request.checkpoint.checkpoint();
        let mut manifest = Manifest {
            format: PACK_FORMAT.to_owned(),
            tool: tool().to_owned(),
            origin: signed.origin.to_string(),
            key: self.request.key_then().to_string(),
            tree_size: signed.size,
            root: signed.root,
            checkpoint: self.request.checkpoint.note().to_string(),
            requested: self.request.range(),
            range,
            recorded: self.period,
            filter: (!self.request.filter.selects_all()).then(|| self.request.filter.clone()),
            withhold_parts: self.request.withhold_parts.clone(),
            counts: PackCounts::of(&counts, self.tiles_written),
            sources: self.sequences.statement(from_start),
            files: self.files,
            container: FileHash::from_bytes([0; 32]),
        };
        let text = readme(&manifest);
        let file = Packed::stored(README.to_owned(), text.clone().into_bytes());
        self.container.add(&file)?;
        let digest = FileDigest {
            bytes: count(text.len()),
            blake3: FileHash::of(text.as_bytes()),
        };
        manifest.files.insert(README.to_owned(), digest);
        let page = self.page.finish(&manifest, &mut self.container)?;
        manifest.files.insert(INDEX_HTML.to_owned(), page);
        manifest.container = FileHash::from_bytes(*self.container.digest().as_bytes());
        let file = Packed::stored(MANIFEST.to_owned(), manifest.to_bytes());
        self.container.add(&file)?;
        Ok(Summary {
            size: signed.size,
            root: signed.root,
            requested: self.request.range(),
            range,
            counts,
            disclosed: self.tally.into_disclosed(counts.parts_withheld),
            unmatched: Vec::new(),
            bytes: self.container.finish()?,
        })
    }

    /// Puts in the time stamps that cover entries of the range, and how their trees lead to the signed one.
    fn put_timestamps(&mut self, source: &dyn PackSource) -> Result<(), PackError> {
        let (range, signed) = (self.range(), self.request.checkpoint.checkpoint());
        for stamped in timestamps::of_range(&self.request.timestamps, range, signed.size) {
            let size = stamped.checkpoint.checkpoint().size;
            let note = stamped.checkpoint.note().to_string();
            self.put_bytes(TimestampPath::Checkpoint(size), note.into_bytes())?;
            if !self.is_full() && size < signed.size {
                let proof = timestamps::consistency(source, size, signed)?;
                self.put_bytes(TimestampPath::Consistency(size), proof.into_bytes())?;
            }
            for (number, answer) in &stamped.answers {
                self.put_bytes(TimestampPath::Answer(size, *number), answer.clone())?;
            }
        }
        Ok(())
    }

    /// The entries that are in the container.
    fn range(&self) -> IndexRange {
        let start = EntryIndex::new(self.bundles.start.saturating_mul(TILE_WIDTH));
        IndexRange {
            start,
            end: self.check.expected(),
        }
    }

    /// Copies the tiles that the range's own entries do not give.
    fn copy_tiles(&mut self, source: &dyn PackSource) -> Result<(), PackError> {
        let signed = self.request.checkpoint.checkpoint();
        let read = |id: TileId| {
            let hashes = decode_tile(&source.tile(id).ok()?)?;
            (count(hashes.len()) == u64::from(id.span.width)).then_some(hashes)
        };
        let tree = SignedTree::open(signed.size, signed.root, read);
        for id in other_tiles(vec![self.bundles.clone()], signed.size) {
            let bytes = source.tile(id).map_err(PackError::Source)?;
            let hashes = decode_tile(&bytes)
                .filter(|hashes| tree.vouches_for(id, hashes).is_ok())
                .ok_or_else(|| PackError::Damaged(format!("{id} is not of the signed tree")))?;
            self.put_tile(id, &hashes)?;
        }
        Ok(())
    }

    /// Refuses to finish a pack that would not verify.
    fn refuse_damage(&mut self) -> Result<(), PackError> {
        let signed = self.request.checkpoint.checkpoint();
        let fresh = LedgerCheck::starting_at(EntryIndex::default(), signed.origin.as_str());
        let check = std::mem::replace(&mut self.check, fresh);
        let root = check.tree().map(|tree| (tree.size(), tree.root()));
        let (mut findings, _): (Findings, Counts) = check.finish();
        self.breaks.cover(&mut findings);
        if let Some(finding) = findings.listed.first() {
            return Err(PackError::Damaged(Finding::to_string(finding)));
        }
        match root {
            Some(found) if self.is_full() && found != (signed.size, signed.root) => {
                Err(PackError::Damaged(
                    "the entries do not have the root that the checkpoint signs".to_owned(),
                ))
            }
            _ => Ok(()),
        }
    }
}
