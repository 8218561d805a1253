// The packs in tests/vectors/packs, each as the page judges it: the same findings and verdict as every other verifier's.

import assert from 'node:assert/strict';
import { parseKey } from '../../../src/viewer/check/note.js';
import { openFile } from '../../../src/viewer/check/open.js';
import { gather, judge } from '../../../src/viewer/check/verify.js';
import { WORK } from '../../../src/viewer/check/work.js';
import { open, table } from './table.mjs';

/** What the page says of a zipped pack. */
export async function judged(bytes, vkey) {
  const pack = await openFile(new Blob([bytes]), (task) => WORK.digest(task));
  return judge(await gather(pack, (kind, task) => WORK[kind](task), () => {}), parseKey(vkey));
}

const EXITS = { verified: 0, verified_with_confirmed_breaks: 0, altered: 1, incomplete: 4 };
const order = (findings) => findings.map((one) => JSON.stringify(one)).sort();

const { packs } = table('packs.json');
for (const { file, vkey, exit, findings, reason } of packs) {
  const report = await judged(open(`packs/${file}`), vkey);
  // The page does not make the listings again, and says so.
  const expected = findings.filter(([kind]) => kind !== 'derived_mismatch');
  assert.deepEqual(order(report.findings.listed.map(({ kind, index }) => [kind, index]).filter(([kind]) => kind !== 'derived_mismatch')), order(expected), `${file}: ${reason}`);
  if (exit !== 1 || expected.length > 0) assert.equal(EXITS[report.verdict], exit, file);
}
console.log(`${packs.length} packs`);
