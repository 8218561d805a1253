// An inclusion proof as a tree: the entry's leaf at the bottom, the signed root at the top, and beside each step the
// hash that it is put together with. The same as a list below, for those who do not see it.

import { hex } from '../check/bytes.js';
import { copy, h, hash, number, s } from './dom.js';

const STEP = 62;
const [WIDE, TALL] = [168, 42];
const BESIDE = 188;

const entries = ([from, until]) => (until - from === 1 ? `entry ${number(from)}` : `entries ${number(from)} to ${number(until - 1)}`);

export function drawProof({ leaf, steps, root }, index, checkpoint, good) {
  // The path goes straight up; each sibling stands on its own side, so that left is left and right is right.
  const nodes = [{ hash: leaf, x: 0, kind: 'leaf', about: `leaf of entry ${number(index)}` }];
  const siblings = [];
  for (const { side, sibling, beside, hash: made, made: over } of steps) {
    siblings.push({ hash: sibling, x: side === 'left' ? -BESIDE : BESIDE, kind: 'sibling', about: entries(beside) });
    nodes.push({ hash: made, x: 0, kind: 'path', about: entries(over) });
  }
  Object.assign(nodes.at(-1), good ? { kind: 'root', about: 'root, as it is signed' } : { kind: 'root wrong', about: 'another root than is signed' });
  const reach = (side) => (steps.some((step) => step.side === side) ? BESIDE : 0) + WIDE / 2 + 4;
  const [left, width] = [-reach('left'), reach('left') + reach('right')];
  const height = steps.length * STEP + TALL + 8;
  const y = (level) => height - TALL - 4 - level * STEP;
  const lines = siblings.map((sibling, level) => {
    const joint = y(level) - (STEP - TALL) / 2;
    return [
      s('path', { d: `M0 ${y(level)}V${y(level + 1) + TALL}`, class: 'edge' }),
      s('path', { d: `M${sibling.x} ${y(level)}V${joint}H0`, class: 'edge' }),
    ];
  });
  const svg = s('svg', { viewBox: `${left} 0 ${width} ${height}`, role: 'group', 'aria-label': 'The proof as a tree, root first; Enter copies a hash', class: 'proof', width, height },
    lines,
    // From the root down, as it is read and as the focus goes.
    nodes.map((node, level) => [box(node, y(level)), siblings[level] && box(siblings[level], y(level))]).reverse());
  return [
    h('p', {}, good
      ? `${number(steps.length)} hashes lead from this entry to the root that the checkpoint signs over ${number(checkpoint.size)} entries. Each box on the path is made of the two below it; dashed ones are what the proof adds.`
      : 'These hashes do not lead to the root that the checkpoint signs: the entry or a tile was changed.'),
    h('div', { class: 'scroll whole', role: 'region', 'aria-label': 'Proof', tabindex: '0' }, svg),
    h('details', {}, h('summary', {}, 'The proof as a list'),
      h('ol', { class: 'steps' }, h('li', {}, 'leaf ', hash(hex(leaf), 'the leaf hash')),
        steps.map(({ side, sibling, beside }) => h('li', {}, `with the ${side} sibling over ${entries(beside)} `, hash(hex(sibling), 'the sibling'))),
        h('li', {}, 'root ', hash(hex(root), 'the root')))),
  ];
}

function box({ hash: value, x, kind, about }, y) {
  const full = hex(value);
  const short = `${full.slice(0, 8)}…${full.slice(-6)}`;
  const act = () => copy(full);
  return s('g', { class: `node ${kind}`, role: 'button', tabindex: '0', onclick: act, onkeydown: (event) => event.key === 'Enter' && act() },
    s('title', {}, `${short} ${about}: ${full}. Copy`),
    s('rect', { x: x - WIDE / 2, y, width: WIDE, height: TALL, rx: kind.startsWith('root') || kind === 'leaf' ? TALL / 2 : 4 }),
    s('text', { x, y: y + 18, 'text-anchor': 'middle' }, short),
    s('text', { x, y: y + 34, 'text-anchor': 'middle', class: 'about' }, about));
}
