// What the page's own checks say of packs, without a browser: `node agree.mjs CASES.json`.
//
// CASES.json is a list of `{ name, pack, key, verdict, findings, breaks }`: a zipped or an unpacked pack, the key to give, and what
// should be found. Prints `ok NAME` or `not ok NAME: why` a line.

import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Malformed } from '../../src/viewer/check/bytes.js';
import { parseKey } from '../../src/viewer/check/note.js';
import { openDirectory, openFile } from '../../src/viewer/check/open.js';
import { gather, judge } from '../../src/viewer/check/verify.js';
import { WORK } from '../../src/viewer/check/work.js';

const work = async (kind, task) => WORK[kind](task);

function files(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((one) => {
    const path = join(directory, one.name);
    return one.isDirectory() ? files(path) : [path];
  });
}

async function open(path) {
  const blob = (file) => new Blob([readFileSync(file)]);
  if (!statSync(path).isDirectory()) return openFile(blob(path), (task) => work('digest', task));
  return openDirectory('a directory', files(path).map((file) => [relative(path, file), blob(file)]));
}

async function judged({ pack, key }) {
  try {
    const { verdict, findings, breaks } = judge(await gather(await open(pack), work, () => {}), parseKey(key));
    return { verdict, findings: findings.listed.map(({ kind, index }) => [kind, index === null ? null : Number(index)]), breaks: breaks.confirmed };
  } catch (error) {
    if (error instanceof Malformed) return { problem: error.message };
    throw error;
  }
}

const order = (findings) => findings?.filter(([kind]) => kind !== 'derived_mismatch').map((one) => JSON.stringify(one)).sort();
/** What is compared. Where only what is derived is wrong, the page does not see it, and says that it did not look. */
function shape({ verdict, findings, breaks, problem }, other) {
  if (problem !== undefined) return 'a problem';
  const unseen = [findings, other.findings].some((all) => all && order(all).length === 0) && [verdict, other.verdict].includes('altered');
  return JSON.stringify({ verdict: unseen ? 'derived' : verdict, findings: order(findings), breaks });
}

let failed = 0;
for (const one of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  let [found, expected] = [];
  try {
    const said = await judged(one);
    [found, expected] = [shape(said, one), shape(one, said)];
  } catch (error) {
    found = error.stack.replaceAll('\n', ' | ');
  }
  if (found === expected) console.log(`ok ${one.name}`);
  else {
    failed += 1;
    console.log(`not ok ${one.name}: expected ${expected}, found ${found}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
