// `manifest.json`: read strictly, in the one form that src/pack/manifest.rs writes, and compared with what is there.

import { Malformed, exact, hex, rfc3339, text, utf8 } from './bytes.js';
import { finding } from './findings.js';
import { fileHash } from './hashes.js';
import { parse, plain, write } from './json.js';
import { KEY_HISTORY } from './layout.js';
import { WIDTH } from './tree.js';

const FORMAT = 'exhibit-pack/1';
/** What was made from the entries: where it differs from its digest, this page does not make it again to say which is wrong. */
const LISTINGS = ['events.jsonl', 'events.csv'];
/** The files that every manifest names. */
const ALWAYS = ['checkpoint', 'log.vkey', 'events.jsonl', 'events.csv', 'README.txt'];

const string = (value) => typeof value === 'string';
const number = (value) => typeof value === 'number' || typeof value === 'bigint';
const flag = (value) => typeof value === 'boolean';
const hash = (value) => string(value) && /^[0-9a-f]{64}$/.test(value);
const nullable = (form) => (value) => value === null || form(value);
const list = (form, least = 0) => (value) => Array.isArray(value) && value.length >= least && value.every(form);
const pair = (value) => list(number)(value) && value.length === 2;

/** An object of these members in this order; those in `optional` may be left out. */
const object = (members, optional = []) => (value) => {
  if (!(value instanceof Map)) return false;
  const names = Object.keys(members).filter((name) => value.has(name) || !optional.includes(name));
  return names.length === value.size && [...value].every(([name, one], at) => name === names[at] && members[name](one));
};
/** An object of any members, sorted by the bytes of their names. */
const sorted = (form) => (value) => value instanceof Map
  && [...value.values()].every(form)
  && [...value.keys()].every((name, at, names) => at === 0 || compareUtf8(names[at - 1], name) < 0);

const range = object({ start: number, end: number });
const FILTER = { event_types: list(string, 1), sources: list(string, 1), subjects: list(string, 1), recorded_from: number, recorded_before: number };
const isManifest = object({
  format: string,
  tool: string,
  origin: string,
  key: string,
  tree_size: number,
  root: hash,
  checkpoint: string,
  requested: range,
  range,
  recorded: nullable(object({ first: string, last: string })),
  filter: nullable(object(FILTER, Object.keys(FILTER))),
  withhold_parts: list(string),
  counts: object({ entries: number, payloads_whole: number, payloads_partial: number, parts_disclosed: number, parts_withheld: number, tiles: number }),
  sources: object({
    counting: number, events: number, uncounted: number, missing: number, repeated: number, late: number, truncated: flag,
    listed: list(object({ source: string, events: number, first: number, last: number, missing: number, repeated: number, late: number, gaps: list(pair) })),
  }),
  files: sorted(object({ bytes: number, blake3: hash })),
  container: hash,
});

/** The order of UTF-8 bytes, which is that of code points. */
export function compareUtf8(a, b) {
  const [x, y] = [Array.from(a, (c) => c.codePointAt(0)), Array.from(b, (c) => c.codePointAt(0))];
  for (let at = 0; at < Math.min(x.length, y.length); at += 1) if (x[at] !== y[at]) return x[at] - y[at];
  return x.length - y.length;
}

/** Reads a manifest; its files stay a `Map`. Throws `Malformed`. */
export function parseManifest(bytes) {
  const written = text(bytes);
  const read = parse(written);
  const format = read instanceof Map ? read.get('format') : undefined;
  if (format !== FORMAT) throw new Malformed(`its format is not "${FORMAT}"`);
  if (!isManifest(read)) throw new Malformed('its members are not those of the format, each of its type and in its place');
  if (`${write(read, 2)}\n` !== written) throw new Malformed('it is not written in its one form');
  return { ...plain(read), files: new Map([...read.get('files')].map(([path, said]) => [path, plain(said)])) };
}

/** What in the manifest is not so. `run` and the rest is what was found in the pack. */
export function compareManifest({ manifest, checkpoint, pack, digests, containerDigest }, ring, run, range, sources, findings) {
  const found = [];
  const differ = (field, expected, said) => {
    const [a, b] = [write(expected), write(said)];
    if (a !== b) found.push(finding('manifest_mismatch', null, a, b, `manifest.json, ${field}`));
  };
  if (ring) {
    differ('origin', ring.trusted.name, manifest.origin);
    // A key of the history that trust does not reach is a finding of its own.
    if (!ring.isBeyond(manifest.key)) differ('key', ring.current.vkey, manifest.key);
  }
  if (checkpoint) {
    differ('tree_size', checkpoint.size, manifest.tree_size);
    differ('root', hex(checkpoint.root), manifest.root);
    differ('checkpoint', checkpoint.note.whole, manifest.checkpoint);
  }
  differ('range', edgesWhole(manifest), manifest.range);
  if (findings.total === 0) {
    const { counts } = run;
    differ('range', range, manifest.range);
    differ('counts', { entries: counts.entries, payloads_whole: counts.whole, payloads_partial: counts.partial, parts_disclosed: counts.disclosed, parts_withheld: counts.withheld, tiles: run.tiles }, manifest.counts);
    differ('recorded', run.recorded && { first: rfc3339(run.recorded[0]), last: rfc3339(run.recorded[1]) }, manifest.recorded);
    differ('sources', sources, manifest.sources);
  }
  for (const path of [...ALWAYS, ...(pack.files.has(KEY_HISTORY) ? [KEY_HISTORY] : [])]) {
    if (!manifest.files.has(path)) found.push(finding('manifest_mismatch', null, 'a digest in the manifest', 'none', path));
  }
  if (manifest.files.has('manifest.json')) found.push(finding('manifest_mismatch', null, 'no digest of itself', 'one', 'manifest.json'));
  for (const [path, said] of manifest.files) {
    const there = digests.get(path);
    if (there?.problem) found.push(finding('container_damaged', null, 'a readable file', there.problem, path));
    else if (there && (said.bytes !== there.bytes || said.blake3 !== there.blake3)) found.push(finding(LISTINGS.includes(path) ? 'derived_mismatch' : 'manifest_mismatch', null, write(said), write(there), path));
    else if (there && path === 'log.vkey' && there.blake3 !== hex(fileHash(utf8(`${manifest.key}\n`)))) found.push(finding('manifest_mismatch', null, `the key ${manifest.key}`, 'another text', path));
    else if (!there && path !== 'manifest.json' && !pack.embedded) found.push(finding('manifest_mismatch', null, 'the file', 'it is not there', path));
  }
  if (containerDigest && containerDigest !== manifest.container) {
    found.push(finding('container_damaged', null, `a zip with the digest ${manifest.container}`, containerDigest, 'the zip before its manifest'));
  }
  return found;
}

/** The range that was asked for, with the bundles on its edges whole. */
function edgesWhole({ requested, tree_size: size }) {
  const width = BigInt(WIDTH);
  const end = exact((BigInt(requested.end) + width - 1n) / width * width);
  return { start: exact(BigInt(requested.start) / width * width), end: end < size ? end : size };
}
