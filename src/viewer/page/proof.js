// An inclusion proof as a tree: the entry's leaf at the bottom, the signed root at the top, and beside each step the
// hash that it is put together with. The same as a list below, for those who do not see it.

import { hex } from '../check/bytes.js';
import { copy, h, hash, number, s } from './dom.js';

const STEP = 44;
const [WIDE, TALL] = [132, 26];
const BESIDE = 156;

export function drawProof({ leaf, steps, root }, index, checkpoint, good) {
  // The path goes straight up; each sibling stands on its own side, so that left is left and right is right.
  const nodes = [{ hash: leaf, x: 0, what: `leaf of entry ${number(index)}` }];
  const siblings = [];
  for (const { side, sibling, hash: made } of steps) {
    siblings.push({ hash: sibling, x: side === 'left' ? -BESIDE : BESIDE, what: `${side} sibling` });
    nodes.push({ hash: made, x: 0, what: 'made of the two below' });
  }
  nodes.at(-1).what = good ? 'root, as it is signed' : 'root, and another than the signed one';
  const left = -BESIDE - WIDE / 2 - 4;
  const width = -2 * left;
  const height = steps.length * STEP + TALL + 8;
  const y = (level) => height - TALL - 4 - level * STEP;
  const lines = siblings.map((sibling, level) => {
    const joint = y(level) - (STEP - TALL) / 2;
    return [
      s('path', { d: `M0 ${y(level)}V${y(level + 1) + TALL}`, class: 'edge' }),
      s('path', { d: `M${sibling.x} ${y(level)}V${joint}H0`, class: 'edge' }),
    ];
  });
  const svg = s('svg', { viewBox: `${left} 0 ${width} ${height}`, role: 'group', 'aria-label': 'The proof as a tree; Enter copies a hash', class: 'proof', width, height },
    lines,
    nodes.map((node, level) => box(node, y(level), level === 0 ? 'leaf' : level === nodes.length - 1 ? (good ? 'root' : 'root wrong') : 'path')),
    siblings.map((sibling, level) => box(sibling, y(level), 'sibling')));
  return [
    h('p', {}, good
      ? `${number(steps.length)} hashes lead from this entry to the root that the checkpoint signs over ${number(checkpoint.size)} entries.`
      : 'These hashes do not lead to the root that the checkpoint signs: the entry or a tile was changed.'),
    h('div', { class: 'scroll', role: 'region', 'aria-label': 'Proof', tabindex: '0' }, svg),
    h('details', {}, h('summary', {}, 'The proof as a list'),
      h('ol', { class: 'steps' }, h('li', {}, 'leaf ', hash(hex(leaf), 'the leaf hash')),
        steps.map(({ side, sibling }) => h('li', {}, `with the ${side} sibling `, hash(hex(sibling), 'the sibling'))),
        h('li', {}, 'root ', hash(hex(root), 'the root')))),
  ];
}

function box({ hash: value, x, what }, y, kind) {
  const full = hex(value);
  const short = full.slice(0, 14);
  const act = () => copy(full);
  return s('g', { class: `node ${kind}`, role: 'button', tabindex: '0', 'aria-label': `${short} ${what}: ${full}. Copy`, onclick: act, onkeydown: (event) => event.key === 'Enter' && act() },
    s('rect', { x: x - WIDE / 2, y, width: WIDE, height: TALL, rx: kind.startsWith('root') || kind === 'leaf' ? 13 : 3 }),
    s('text', { x, y: y + 17, 'text-anchor': 'middle' }, short));
}
