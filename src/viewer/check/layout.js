// Which files a pack has, and which of them have no business there: the rules of src/pack/verify/layout.rs.

import { integer } from './bytes.js';
import { finding } from './findings.js';
import { holdsTile, parseSpan, parseTile, spanOf, spanPath, tilePath } from './tree.js';

export const KEY_HISTORY = 'keys/history';
/** Files of every pack, or of any that has such a thing. */
const FIXED = ['checkpoint', 'log.vkey', 'events.jsonl', 'events.csv', 'README.txt', 'manifest.json', KEY_HISTORY];
/** Files that a pack may have, named in its manifest. */
const NAMED = ['index.html', 'verify.py'];

export function isTimestamp(path) {
  const [, size, answer] = /^timestamps\/([0-9]+)\/(?:checkpoint|consistency|([0-9]+)\.tsr)$/.exec(path) ?? [];
  const isNumber = (digits, most) => integer(digits) !== null && integer(digits) <= most;
  return size !== undefined && isNumber(size, 2n ** 64n) && (answer === undefined || isNumber(answer, 0xffffffff));
}
const isTree = (path) => /^(tile|payload)\//.test(path);
/** Whether the form of a pack knows nothing of a file, and only its digest can be checked. */
export const isExtra = (path) => !FIXED.includes(path) && !NAMED.includes(path) && !isTree(path) && !isTimestamp(path);

/** Whether a name is one everywhere: of plain characters, in parts that are not empty and don't end in a dot. */
const isStrict = (path) => path.split('/').every((part) => /^[A-Za-z0-9._-]*[A-Za-z0-9_-]$/.test(part));
const folded = (path) => path.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

const entrySpan = (path) => (path.startsWith('tile/entries/') ? parseSpan(path.slice(13)) : null);

/** The entry bundles in order; where there are two of one number, the one that a tree of this size has is meant. */
export function layout(paths, size) {
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

/** The numbers of the bundles, as runs of consecutive ones. */
export function runsOf(spans) {
  const runs = [];
  for (const { number } of spans) {
    if (runs.at(-1)?.end === number) runs.at(-1).end = number + 1;
    else runs.push({ start: number, end: number + 1 });
  }
  return runs;
}

/** The files that are not of this layout, of a tree of this size, and no extra files of the manifest either. */
export function unexpected(paths, spans, bundles, size, manifest) {
  const widths = new Map(spans.map((span) => [span.number, span.width]));
  const times = new Map();
  for (const path of paths) times.set(folded(path), (times.get(folded(path)) ?? 0) + 1);
  const belongs = (path) => {
    if (FIXED.includes(path)) return true;
    if (!isTree(path)) return Boolean(manifest?.files.has(path)) && (!isExtra(path) || (isStrict(path) && times.get(folded(path)) === 1));
    const span = entrySpan(path) ?? (path.startsWith('payload/') ? parseSpan(path.slice(8)) : null);
    if (span) return widths.get(span.number) === span.width;
    const tile = parseTile(path);
    if (!tile) return false;
    return size === null || holdsTile(tile, bundles, size) || (tile.level === 0 && widths.get(tile.span.number) === tile.span.width);
  };
  return paths.filter((path) => !belongs(path)).map((path) => finding('unexpected_file', null, 'no such file', 'a file', path));
}

export const filesOf = (pack, span, tileSpan) => ({
  entries: pack.files.get(`tile/entries/${spanPath(span)}`),
  payload: pack.files.get(`payload/${spanPath(span)}`),
  tile: pack.files.get(tilePath(0, tileSpan)),
});

/** The numbers of the first bundle and behind the last. */
export const bundlesOf = (spans) => (spans.length === 0 ? { start: 0, end: 0 } : { start: spans[0].number, end: spans.at(-1).number + 1 });
