// One verification of a pack: src/manual/pack-format.md, "How to verify".
//
// `gather` reads and hashes, which takes time and is done once. `judge` puts the results in order and reaches a
// verdict; it is quick, and is done again whenever another key is given.

import { LIMITS, Malformed, hex, load, text } from './bytes.js';
import { read } from './chunk.js';
import { Findings, finding } from './findings.js';
import { fileHash } from './hashes.js';
import { compareManifest, parseManifest } from './manifest.js';
import { checkSignature, parseCheckpoint, parseKey } from './note.js';
import { Run } from './run.js';
import { WIDTH, holdsTile, otherTiles, parseSpan, parseTile, spanOf, spanPath, tilePath } from './tree.js';

const NAMED = ['checkpoint', 'log.vkey', 'events.jsonl', 'events.csv', 'README.txt', 'manifest.json', 'keys/history'];
const entrySpan = (path) => (path.startsWith('tile/entries/') ? parseSpan(path.slice(13)) : null);

/** Reads the small files and has every bundle checked by `check`, which spreads them over the cores. */
export async function gather(pack, check, progress) {
  const problems = [...pack.problems];
  const note = await read(pack.files.get('checkpoint'), 'checkpoint', LIMITS.text, 'checkpoint_malformed', null, problems);
  let checkpoint = null;
  let unreadable = null;
  try {
    checkpoint = note && parseCheckpoint(note);
  } catch (error) {
    unreadable = error.message;
  }
  const manifest = await readManifest(pack, problems);
  const ownKey = await readKey(pack);
  const size = manifest?.tree_size ?? checkpoint?.size ?? null;
  const spans = layout([...pack.files.keys()], size);
  const bundles = spans.length === 0 ? { start: 0, end: 0 } : { start: spans[0].number, end: spans.at(-1).number + 1 };
  problems.push(...unexpected(pack, spans, bundles, size, manifest));
  const total = spans.reduce((sum, span) => sum + span.width, 0);
  let done = 0;
  progress(0, total);
  const reports = await Promise.all(spans.map(async (span) => {
    const tileSpan = (size !== null && spanOf(span.number, size)) || span;
    const files = filesOf(pack, span, tileSpan);
    const report = await check({ span, tileSpan, files });
    done += span.width;
    progress(done, total);
    return { ...report, files };
  }));
  const upper = await readTiles(pack, bundles, size);
  const digests = await digestFiles(pack, manifest);
  const containerDigest = await pack.containerDigest;
  return { pack, problems, checkpoint, unreadable, manifest, ownKey, size, spans, bundles, reports, upper, digests, containerDigest };
}

export const filesOf = (pack, span, tileSpan) => ({
  entries: pack.files.get(`tile/entries/${spanPath(span)}`),
  payload: pack.files.get(`payload/${spanPath(span)}`),
  tile: pack.files.get(tilePath(0, tileSpan)),
});

async function readKey(pack) {
  try {
    return parseKey(text(await load(pack.files.get('log.vkey'), LIMITS.text)).trim());
  } catch {
    return null;
  }
}

async function readManifest(pack, problems) {
  const bytes = await read(pack.files.get('manifest.json'), 'manifest.json', LIMITS.manifest, 'manifest_mismatch', null, problems);
  if (!bytes) return null;
  try {
    return parseManifest(bytes);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    problems.push(finding('manifest_mismatch', null, 'a manifest', error.message, 'manifest.json'));
    return null;
  }
}

/** The entry bundles in order; where there are two of one number, the one that a tree of this size has is meant. */
function layout(paths, size) {
  const spans = new Map();
  for (const path of paths) {
    const span = entrySpan(path);
    if (!span || !Number.isSafeInteger(span.first)) continue;
    const meant = size === null ? null : spanOf(span.number, size)?.width;
    const kept = spans.get(span.number) ?? span;
    const better = kept.width !== meant && (span.width === meant || span.width > kept.width);
    spans.set(span.number, better ? span : kept);
  }
  return [...spans.values()].sort((a, b) => a.number - b.number);
}

/** The files that are not of this layout and not in the manifest. */
function unexpected(pack, spans, bundles, size, manifest) {
  const widths = new Map(spans.map((span) => [span.number, span.width]));
  const belongs = (path) => {
    if (NAMED.includes(path) || manifest?.files.has(path)) return true;
    const span = entrySpan(path) ?? (path.startsWith('payload/') ? parseSpan(path.slice(8)) : null);
    if (span) return widths.get(span.number) === span.width;
    const tile = parseTile(path);
    if (!tile) return false;
    return size === null || holdsTile(tile, bundles, size) || (tile.level === 0 && widths.get(tile.span.number) === tile.span.width);
  };
  return [...pack.files.keys()].filter((path) => !belongs(path)).map((path) => finding('unexpected_file', null, 'no such file', 'a file', path));
}

/** The tiles above level 0, and the one at the right edge of level 0. */
async function readTiles(pack, bundles, size) {
  const tiles = new Map();
  if (size === null || bundles.end === bundles.start) return tiles;
  for (const { level, span } of otherTiles(bundles, size)) {
    const path = tilePath(level, span);
    try {
      tiles.set(path, await load(pack.files.get(path), LIMITS.tile));
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      tiles.set(path, new Uint8Array());
    }
  }
  return tiles;
}

/** BLAKE3 of the small files that the manifest has digests of, as far as they are here. */
async function digestFiles(pack, manifest) {
  const digests = new Map();
  for (const path of manifest?.files.keys() ?? []) {
    if (['events.jsonl', 'events.csv', 'index.html', 'manifest.json'].includes(path) || !pack.files.has(path)) continue;
    try {
      const bytes = await load(pack.files.get(path), 64 << 20);
      digests.set(path, { bytes: bytes.length, blake3: hex(fileHash(bytes)) });
    } catch {
      digests.set(path, { bytes: 0, blake3: 'unreadable' });
    }
  }
  return digests;
}

/** Puts everything in order, under a trusted key or, without one, under the key that the pack has itself. */
export function judge(gathered, trusted) {
  const { checkpoint, manifest, bundles, reports, size, pack } = gathered;
  const key = trusted ?? gathered.ownKey;
  const findings = new Findings();
  findings.add(...gathered.problems.map((one) => ({ ...one })));
  const checked = [];
  const signed = checkSigner(gathered, key, trusted, findings, checked);
  const run = new Run(gathered, key?.name ?? checkpoint?.origin ?? '', findings);
  run.checkUpperTiles();
  reports.forEach((report) => run.take(report));
  run.settleTiles();
  findDuplicates(reports, findings);
  run.checkExtent();
  run.checkRoot(checked);
  run.order.finish();
  const range = { start: bundles.start * WIDTH, end: run.order.next };
  const sources = run.sequences.statement(bundles.start === 0);
  run.breaks.cover(findings);
  if (manifest) findings.add(...compareManifest(gathered, key, run, range, sources, findings));
  findings.sort();
  run.breaks.coverGaps(sources.listed);
  const breaks = run.breaks.statement(range);
  const report = { key, trusted: Boolean(trusted), signed, findings, breaks, checked, notChecked: [], incomplete: [], counts: run.counts, tiles: run.tiles, range, sources, size, pack, recorded: run.recorded, places: run.places };
  remarks(gathered, report);
  report.verdict = verdict(report);
  return report;
}

function verdict(report) {
  const { counts, sources, incomplete, breaks } = report;
  if (counts.entries === 0) incomplete.push('there is no entry, so nothing was verified');
  const missing = BigInt(sources.missing) - BigInt(breaks.missing_confirmed);
  if (missing > 0n) incomplete.push(`${missing} events that producers counted never arrived`);
  if (sources.repeated > 0) incomplete.push(`${sources.repeated} events carry a number that their source had used before`);
  if (report.findings.total > 0) return 'altered';
  if (incomplete.length > 0) return 'incomplete';
  if (!report.trusted) return 'unconfirmed';
  return breaks.confirmed > 0 ? 'verified_with_confirmed_breaks' : 'verified';
}

function checkSigner({ checkpoint, unreadable }, key, trusted, findings, checked) {
  const whose = key ? `a signature by ${key.vkey}` : 'a signature';
  if (unreadable !== null) findings.add(finding('checkpoint_malformed', null, 'a signed checkpoint', unreadable, 'checkpoint'));
  if (!checkpoint) return false;
  if (checkpoint.extended) {
    findings.add(finding('checkpoint_malformed', null, 'the one form of a checkpoint', 'another form', 'checkpoint'));
    return false;
  }
  const wrong = key ? checkSignature(checkpoint, key) : ['checkpoint_untrusted', 'there is no key to check it with'];
  if (wrong) findings.add(finding(wrong[0], null, whose, wrong[1], 'checkpoint'));
  else checked.push(trusted ? "the checkpoint's signature, by the key that you gave" : "the checkpoint's signature, by the key that came with the pack");
  return !wrong;
}

/** Finds events that were recorded twice: one (source, event id) in two entries. */
function findDuplicates(reports, findings) {
  const seen = new Map();
  for (const report of reports) {
    for (const line of report.lines ?? []) {
      if (!line) continue;
      let ids = seen.get(line.source);
      if (!ids) seen.set(line.source, (ids = new Map()));
      const first = ids.get(line.eventId);
      if (first === undefined) ids.set(line.eventId, line.index);
      else if (first !== line.index) findings.add(finding('duplicate_event', line.index, `no second entry for the event of entry ${first}`, `entry ${line.index}`));
    }
  }
}

const number = (value) => value.toLocaleString('en');

/** Says what was looked at and what was not. */
function remarks({ manifest, pack, size, checkpoint, containerDigest }, report) {
  const { counts, checked, notChecked, range } = report;
  checked.push(
    `${number(counts.entries)} entries: form, place, clock, chain and leaf of each`,
    `${number(counts.whole)} payloads, every part`,
    `${number(counts.partial)} payloads as far as they are disclosed`,
    `${number(counts.disclosed)} disclosed parts, against their commitments`,
    `${number(report.tiles)} hash tiles, every hash`,
    'that no event was recorded twice',
  );
  if (manifest) checked.push('what the manifest says of range, counts, times and sources, against the entries');
  if (containerDigest) checked.push("every byte of the zip before its manifest, against the manifest's digest");
  if (!report.trusted) notChecked.push('whose key this is: no key was given but the one inside the pack, and that one proves nothing');
  if (counts.withheld > 0) notChecked.push(`the content of ${number(counts.withheld)} withheld or erased parts: only their commitments are here`);
  if (counts.absent > 0) notChecked.push(`${number(counts.absent)} payloads: they are not here`);
  if (size !== null && (range.start > 0 || range.end < size)) {
    notChecked.push(`the entries of the ledger outside ${number(range.start)} to ${number(range.end)}: it has ${number(size)}, and they are not in this pack`);
  }
  if (manifest?.filter) notChecked.push('that the filter in the manifest is why payloads are withheld: nobody signs the manifest');
  if (manifest?.files.has('keys/history')) {
    notChecked.push('the history of the ledger\'s keys: this page takes the key of today alone; `exhibit verify` and verify.py also lead there from an older key, and hold the history against the entries');
  }
  notChecked.push('events.jsonl and events.csv, line by line: `exhibit verify` makes them again and compares');
  if (pack.embedded) notChecked.push('the zip file around this page: this page saw the copy of the data inside itself, and a page can lie');
  const others = (checkpoint?.note.signatures.length ?? 0) - (report.signed ? 1 : 0);
  if (others > 0) notChecked.push(`${others} more ${others === 1 ? 'signature' : 'signatures'} on the checkpoint, such as witnesses': \`exhibit verify\` checks those under a policy`);
  notChecked.push('that nobody else was shown another history: compare with a receipt or checkpoint kept elsewhere');
}
