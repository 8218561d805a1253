// One entry, in full: its fields, its payload in readable form, its hashes, and its proof.

import { hex, rfc3339, same } from '../check/bytes.js';
import { openEntry } from '../check/chunk.js';
import { isJson } from '../check/entry.js';
import { KINDS } from '../check/findings.js';
import { parse as parseJson } from '../check/json.js';
import { tileReader } from '../check/run.js';
import { prove } from '../check/tree.js';
import { h, hash, number, put, $ } from './dom.js';
import { drawProof } from './proof.js';
import { typeName } from './timeline.js';

export async function showEntry(row, gathered, report, focus) {
  const { entry, parts, leaf, chain, problem } = await openEntry(row.report, row.place);
  const heading = h('h3', { id: 'entry-title', tabindex: '-1' }, `Entry ${number(row.at)}`, entry && `: ${typeName(entry.type)}`);
  const wrong = report.findings.listed.filter((one) => one.index === row.at);
  put('entry',
    heading,
    wrong.map((one) => h('p', { class: 'alarm' }, h('strong', {}, 'Finding: '), KINDS[one.kind]?.[0] ?? one.kind, '. ', h('a', { href: '#findings' }, 'See findings'))),
    broken(report, row.at).map((one) => h('p', { class: 'alarm' }, h('strong', {}, 'Confirmed break: '), one.what, '. ', h('a', { href: '#findings' }, 'See who confirmed it, and why'))),
    problem && h('p', { class: 'alarm' }, `It can’t be read: ${problem}.`),
    entry && h('dl', { class: 'fields' }, fields(entry)),
    h('h4', {}, 'Payload'),
    parts?.length === 0 ? h('p', {}, 'It was lost, and nothing of it is here. The entry commits to it all the same: whoever still has it can be checked against this.') : parts ? parts.map((part, at) => showPart(part, at)) : h('p', {}, 'It is not here, or can’t be read.'),
    h('h4', {}, 'Hashes'),
    h('dl', { class: 'fields' }, pairs([
      ['Leaf', hash(hex(leaf), 'the leaf hash')],
      ['Chain hash', chain && hash(hex(chain), 'the chain hash')],
      ['Previous', entry && hash(hex(entry.previous), 'the previous chain hash')],
      ['Commitment', entry && hash(hex(entry.commitment), 'the payload commitment')],
    ])),
    h('h4', {}, 'Proof of inclusion'),
    proof(row, leaf, gathered));
  $('entry').hidden = false;
  if (focus) heading.focus();
}

const broken = ({ breaks }, index) => breaks.listed.filter((one) => one.found.some((known) => known.index === index));

const pairs = (rows) => rows.filter(([, value]) => value).map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]);

const fields = (entry) => pairs([
  ['Type', h('code', {}, entry.type)],
  ['Subject', entry.subject],
  ['Source', entry.source],
  ['Event id', entry.eventId],
  ['Count of the source', entry.sequence > 0n ? number(entry.sequence) : 'not counted'],
  ['Recorded', rfc3339(entry.recorded)],
  ['Occurred', entry.occurred > 0n ? `${rfc3339(entry.occurred)}, says the producer` : 'the producer did not say'],
  ['Posted by', entry.producer],
]);

function showPart(part, at) {
  if (part.withheld) {
    return h('section', { class: 'part withheld' }, h('h5', {}, at === 0 ? 'body' : `part ${at + 1}`, ': withheld or erased'),
      h('p', {}, 'Its content is not here. The entry commits to it all the same: whoever shows it later can be checked against this.'),
      hash(hex(part.commitment), 'the commitment'));
  }
  const value = isJson(part.contentType) ? parse(part.text) : undefined;
  return h('section', { class: 'part' },
    h('h5', {}, part.name, ' ', h('span', { class: 'quiet' }, part.contentType)),
    value === undefined ? h('p', { class: 'verbatim' }, part.text) : [readable(value), h('details', {}, h('summary', {}, 'As it was recorded'), h('pre', { tabindex: '0' }, part.text))]);
}

/** The JSON of a part, its numbers as they are written; `undefined` where it is none, or can be read in two ways. */
function parse(content) {
  try {
    return parseJson(content, (digits) => digits);
  } catch {
    return undefined;
  }
}

/** Where a member of a JSON object is a word of ours, its name is made readable; values stay as they are. */
const label = (name) => (/^[a-z][a-z0-9_]*$/.test(name) ? `${name[0].toUpperCase()}${name.slice(1).replaceAll('_', ' ')}` : name);

function readable(value) {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : h('ul', { class: 'values' }, value.map((one) => h('li', {}, readable(one))));
  if (value instanceof Map) {
    return h('dl', { class: 'fields' }, [...value].map(([name, one]) => [h('dt', {}, label(name)), h('dd', {}, readable(one))]));
  }
  return String(value);
}

function proof(row, leaf, gathered) {
  const { checkpoint, size } = gathered;
  if (!checkpoint || checkpoint.size !== size || row.at >= checkpoint.size) return h('p', {}, 'It can’t be made: the checkpoint does not cover this entry.');
  const made = prove(tileReader(gathered), checkpoint.size, row.at, leaf);
  if (!made) return h('p', {}, 'It can’t be made: a hash tile is missing.');
  return drawProof(made, row.at, checkpoint, same(made.root, checkpoint.root));
}
