// One verification of a pack: src/manual/pack-format.md, "How to verify".
//
// `gather` reads and hashes, which takes time and is done once. `judge` puts the results in order and reaches a
// verdict; it is quick, and is done again whenever another key is given.

import { LIMITS, Malformed, load, text } from './bytes.js';
import { read } from './chunk.js';
import { Findings, finding } from './findings.js';
import { Keyring, readHistory } from './keys.js';
import { bundlesOf, filesOf, isExtra, isTimestamp, layout, runsOf, unexpected } from './layout.js';
import { compareManifest, parseManifest } from './manifest.js';
import { parseCheckpoint, parseKey } from './note.js';
import { Run } from './run.js';
import { WIDTH, otherTiles, spanOf, tilePath } from './tree.js';

/** Reads the small files and has every bundle checked, and every other file hashed, by `work`, which spreads both over the cores. */
export async function gather(pack, work, progress) {
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
  const keys = await readHistory(pack, checkpoint?.size ?? null);
  const size = manifest?.tree_size ?? checkpoint?.size ?? null;
  const paths = [...pack.files.keys()];
  const spans = layout(paths, size);
  const bundles = bundlesOf(spans);
  problems.push(...unexpected(paths, spans, bundles, size, manifest));
  const total = spans.reduce((sum, span) => sum + span.width, 0);
  let done = 0;
  progress(0, total);
  const checks = Promise.all(spans.map(async (span) => {
    const tileSpan = (size !== null && spanOf(span.number, size)) || span;
    const files = filesOf(pack, span, tileSpan);
    const report = await work('check', { span, tileSpan, files });
    done += span.width;
    progress(done, total);
    return { ...report, files };
  }));
  // What nobody waits for to see is behind it in the queue.
  const hashed = digestFiles(pack, manifest, work);
  const reports = await checks;
  const upper = await readTiles(pack, spans, size);
  const digests = await hashed;
  const containerDigest = await pack.containerDigest;
  return { pack, problems, checkpoint, unreadable, manifest, ownKey, keys, size, spans, bundles, reports, upper, digests, containerDigest };
}

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

/** The tiles above level 0, and the one at the right edge of level 0. */
async function readTiles(pack, spans, size) {
  const tiles = new Map();
  if (size === null || spans.length === 0) return tiles;
  for (const { level, span } of otherTiles(runsOf(spans), size)) {
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

/** BLAKE3 of the files that the manifest has digests of, as far as they are here: a digest, or what is wrong with the file. */
async function digestFiles(pack, manifest, work) {
  const digests = new Map();
  const paths = [...manifest?.files.keys() ?? []].filter((path) => path !== 'manifest.json' && pack.files.has(path));
  await Promise.all(paths.map(async (path) => digests.set(path, await work('hash', { file: pack.files.get(path), most: manifest.files.get(path).bytes }))));
  return digests;
}

/** Puts everything in order, under a trusted key or, without one, under the key that the pack has itself. */
export function judge(gathered, trusted) {
  const { checkpoint, manifest, bundles, reports, size, pack, keys } = gathered;
  const key = trusted ?? gathered.ownKey;
  const ring = key && new Keyring(key, keys.history);
  const findings = new Findings();
  findings.addAll(gathered.problems.map((one) => ({ ...one })));
  const checked = [];
  const signed = checkSigner(gathered, ring, trusted, findings, checked);
  const run = new Run(gathered, key?.name ?? checkpoint?.origin ?? '', findings);
  run.checkUpperTiles(signed);
  reports.forEach((report) => run.take(report));
  run.settleTiles();
  findDuplicates(reports, findings);
  run.checkExtent();
  run.checkRoot(checked);
  run.order.finish();
  const range = { start: bundles.start * WIDTH, end: run.order.next };
  const sources = run.sequences.statement(bundles.start === 0);
  const history = run.judgeHistory(ring);
  run.breaks.cover(findings);
  if (manifest) findings.addAll(compareManifest(gathered, ring, run, range, sources, findings));
  findings.settle();
  run.breaks.coverGaps(sources.listed);
  const breaks = run.breaks.statement(range);
  const report = { key, ring, trusted: Boolean(trusted), signed, findings, breaks, history, checked, notChecked: [], incomplete: [], counts: run.counts, tiles: run.tiles, range, sources, unconfirmed: run.sequences.missing - run.breaks.missing, size, pack, recorded: run.recorded, places: run.places };
  remarks(gathered, report);
  report.verdict = verdict(report);
  return report;
}

function verdict(report) {
  const { counts, sources, unconfirmed, incomplete, breaks } = report;
  if (counts.entries === 0) incomplete.push('there is no entry, so nothing was verified');
  if (unconfirmed > 0n) incomplete.push(`${unconfirmed} ${unconfirmed === 1n ? 'event' : 'events'} that producers counted never arrived`);
  if (sources.truncated) incomplete.push('the producers\' counts of all sources: at most 100,000 sources and gaps are followed, and there are more');
  if (sources.repeated > 0) incomplete.push(`${sources.repeated} events carry a number that their source had used before`);
  if (report.findings.total > 0) return 'altered';
  if (incomplete.length > 0) return 'incomplete';
  if (!report.trusted) return 'unconfirmed';
  return breaks.confirmed > 0 ? 'verified_with_confirmed_breaks' : 'verified';
}

/** Checks who signed the checkpoint; gives whose signature it is, of the keys that trust reaches, or `null`. */
function checkSigner({ checkpoint, unreadable }, ring, trusted, findings, checked) {
  if (unreadable !== null) findings.add(finding('checkpoint_malformed', null, 'a signed checkpoint', unreadable, 'checkpoint'));
  if (!checkpoint) return null;
  if (checkpoint.extended) {
    findings.add(finding('checkpoint_malformed', null, 'the one form of a checkpoint', 'another form', 'checkpoint'));
    return null;
  }
  const { wrong, by } = ring?.verify(checkpoint) ?? { wrong: ['checkpoint_untrusted', 'there is no key to check it with'] };
  if (wrong) {
    const reached = ring?.spans.length > 1 ? ', or by a key that it leads to, in its time' : '';
    findings.add(finding(wrong[0], null, ring ? `a signature by ${ring.trusted.vkey}${reached}` : 'a signature', wrong[1], 'checkpoint'));
    return null;
  }
  const own = trusted ? 'the key that you gave' : 'the key that came with the pack';
  const isOwn = checkpoint.note.signatures.some((line) => line.name === ring.trusted.name && line.id === ring.trusted.id);
  checked.push(`the checkpoint's signature, by ${isOwn ? own : `the key ${by.id}, which ${own} leads to`}`);
  return by;
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
const many = (count, one, all = `${one}s`) => `${number(count)} ${count === 1 ? one : all}`;

/** Says what was looked at and what was not. */
function remarks({ manifest, pack, size, checkpoint, containerDigest }, report) {
  const { counts, checked, notChecked, range } = report;
  checked.push(
    `${many(counts.entries, 'entry', 'entries')}: form, place, clock, chain and leaf of each`,
    `${many(counts.whole, 'payload')}, every part`,
    ...(counts.partial > 0 ? [`${many(counts.partial, 'payload')} as far as disclosed`] : []),
    `${many(counts.disclosed, 'disclosed part')}, by commitment`,
    `${many(report.tiles, 'hash tile')}, every hash`,
    'that no event was recorded twice',
  );
  if (manifest) checked.push('what the manifest says of range, counts, times and sources, against the entries');
  if (manifest && !pack.embedded) checked.push(`${many(manifest.files.size, 'other file')}, against the manifest's digests`);
  if (containerDigest) checked.push("every byte of the zip before its manifest, against the manifest's digest");
  aboutKeys(report);
  if (!report.trusted) notChecked.push('whose key this is: no key was given but the one inside the pack, and that one proves nothing');
  if (checkpoint && !report.signed) notChecked.push('the hash tiles above the bundles: no trusted key signed the checkpoint');
  if (counts.withheld > 0) notChecked.push(`the content of ${many(counts.withheld, 'withheld or erased part')}: only commitments are here`);
  if (counts.absent > 0) notChecked.push(`${many(counts.absent, 'payload')}, not here`);
  if (size !== null && (range.start > 0 || range.end < size)) {
    notChecked.push(`the entries of the ledger outside ${number(range.start)} to ${number(range.end)}: it has ${number(size)}, and they are not in this pack`);
  }
  if (manifest?.filter) notChecked.push('that the filter in the manifest is why payloads are withheld: nobody signs the manifest');
  aboutFiles(manifest, pack, notChecked);
  if (pack.embedded) notChecked.push('the zip file around this page: this page saw the copy of the data inside itself, and a page can lie');
  aboutSignatures(checkpoint, report);
  notChecked.push('that nobody else was shown another history: compare with a receipt or checkpoint kept elsewhere');
}

/** What the history of the ledger's keys says, as far as it could be held against anything. */
function aboutKeys({ ring, history, checked, notChecked }) {
  const { statements, unrooted, unseen, wrong } = history;
  if (statements === 0) return;
  if (!wrong) checked.push(`${statements} statements about the ledger's keys: signatures and order`);
  for (const { by, to, number: which, size } of ring?.steps ?? []) {
    checked.push(`that the key ${by.id} leads to ${to.id}: statement ${which}, at size ${size}, is signed by both`);
  }
  if (unrooted.length > 0) notChecked.push(`that statements ${unrooted.join(', ')} about keys were made over this tree: what would prove it is not here`);
  if (unseen.length > 0) notChecked.push(`the entries that record statements ${unseen.join(', ')} about keys: they were not looked at`);
}

function aboutFiles(manifest, pack, notChecked) {
  const paths = [...pack.files.keys()];
  const extra = [...manifest?.files.keys() ?? []].filter(isExtra);
  const shown = extra.slice(0, 20).map((path) => JSON.stringify(path)).join(', ');
  const more = extra.length > 20 ? ` and ${extra.length - 20} more files` : '';
  if (extra.length > 0) notChecked.push(`${shown}${more}: only the digest of each was checked, against the manifest`);
  const stamps = paths.filter((path) => isTimestamp(path) && path.endsWith('.tsr')).length;
  if (stamps > 0) notChecked.push(`${stamps} time stamps, of which only the files' digests were looked at: \`exhibit verify\` checks who stamped what, and when`);
  notChecked.push('events.jsonl and events.csv, line by line: `exhibit verify` makes them again and compares');
  if (!pack.embedded && manifest) notChecked.push('README.txt, verify.py and index.html in the pack, but for their digests in the manifest, which nobody signs: `exhibit verify` knows what they should be');
}

/** Whose signatures on the checkpoint this page does not check. */
function aboutSignatures(checkpoint, { ring, signed, notChecked }) {
  const known = [ring?.trusted, ...ring?.spans.map(({ key }) => key) ?? []].filter(Boolean);
  const others = (checkpoint?.note.signatures ?? []).filter((line) => !known.some((key) => key.name === line.name && key.id === line.id));
  for (const line of others.filter(({ name }) => name === checkpoint.origin)) {
    const kind = line.signature.length === 8 + 2420 ? ', by its length of ML-DSA-44,' : '';
    notChecked.push(`a signature${kind} by another key of the ledger's name, ${line.id}: this page checks Ed25519 alone, and under the keys above; \`exhibit verify --vkey\` with that key checks it`);
  }
  const witnesses = [...new Set(others.map(({ name }) => name).filter((name) => name !== checkpoint.origin))];
  const names = `${witnesses.slice(0, 10).join(', ')}${witnesses.length > 10 ? ' and others' : ''}`;
  if (witnesses.length > 0) notChecked.push(`the cosignatures in the name of ${names}: \`exhibit verify --policy\` checks those of witnesses`);
  if (signed && witnesses.length === 0) notChecked.push('any witness: the checkpoint carries no cosignature');
}
