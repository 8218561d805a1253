// When entries were recorded, by type: a bar a stretch of time. A bar is a button that narrows the list to its stretch.

import { h, number, put, s } from './dom.js';

const MINUTE = 60;
const STEPS = [[1, 'second'], [MINUTE, 'minute'], [5 * MINUTE, '5 minutes'], [15 * MINUTE, '15 minutes'], [3600, 'hour'], [6 * 3600, '6 hours'], [86400, 'day'], [7 * 86400, 'week'], [28 * 86400, '4 weeks'], [364 * 86400, 'year']];
const BARS_MAX = 96;
const COLOURS = 5;
const [WIDTH, HEIGHT] = [960, 150];

/** The short name of a type: `exhibit.change.v1` is `change`. */
export const typeName = (type) => type.replace(/^exhibit\.(.+)\.v[0-9]+$/, '$1').replaceAll('_', ' ');

/** The types by how many entries they have, and the colour number of each. */
export function typesOf(rows) {
  const counts = new Map();
  for (const row of rows) counts.set(row.type, (counts.get(row.type) ?? 0) + 1);
  const types = [...counts].sort((a, b) => b[1] - a[1]);
  return types.map(([type, count], at) => ({ type, count, colour: Math.min(at, COLOURS) }));
}

export function showTimeline(rows, types, onPick) {
  if (rows.length === 0) {
    put('timeline', h('p', {}, 'No entry to draw.'));
    return;
  }
  const seconds = (row) => Number(row.recorded / 1_000_000_000n);
  let [first, last] = [Infinity, -Infinity];
  for (const row of rows) {
    first = Math.min(first, seconds(row));
    last = Math.max(last, seconds(row));
  }
  const [step, name] = STEPS.find(([length]) => (last - first) / length < BARS_MAX) ?? [Math.ceil((last - first) / BARS_MAX), 'stretch'];
  const start = Math.floor(first / step) * step;
  const bars = Array.from({ length: Math.floor((last - start) / step) + 1 }, () => new Array(COLOURS + 1).fill(0));
  const colours = new Map(types.map(({ type, colour }) => [type, colour]));
  for (const row of rows) bars[Math.floor((seconds(row) - start) / step)][colours.get(row.type)] += 1;
  const most = Math.max(...bars.map((bar) => bar.reduce((a, b) => a + b)));
  const wide = WIDTH / Math.max(bars.length, 24);
  const label = (at) => new Date((start + at * step) * 1000).toISOString().slice(0, step < MINUTE ? 19 : step < 86400 ? 16 : 10).replace('T', ' ');
  const drawn = bars.map((bar, at) => drawBar(bar, at, { wide, most, title: `${label(at)}: ${number(bar.reduce((a, b) => a + b))} entries` }));
  const pick = (at) => onPick(start + at * step, start + (at + 1) * step, `${label(at)} UTC, one ${name}`);
  drawn.forEach((bar, at) => bar.addEventListener('click', () => pick(at)));
  const svg = s('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT + 22}`, role: 'group', 'aria-label': `Entries recorded, by ${name}; arrow keys move, Enter narrows the list`, class: 'bars' }, drawn,
    s('text', { x: 0, y: HEIGHT + 17 }, label(0)),
    bars.length * wide > 300 && s('text', { x: bars.length * wide, y: HEIGHT + 17, 'text-anchor': 'end' }, label(bars.length - 1)));
  rove(drawn, pick);
  put('timeline', h('p', { class: 'caption' }, `Entries by ${name}, UTC. The tallest bar is ${number(most)}.`), svg, legend(types));
}

function drawBar(bar, at, { wide, most, title }) {
  let y = HEIGHT;
  const pieces = bar.map((count, colour) => {
    const tall = count === 0 ? 0 : Math.max((count / most) * (HEIGHT - 6), 1.5);
    y -= tall;
    return tall > 0 && s('rect', { x: at * wide + 0.75, y, width: Math.max(wide - 1.5, 0.75), height: tall, class: `type-${colour}` });
  });
  const hit = s('rect', { x: at * wide, y: 0, width: wide, height: HEIGHT, class: 'hit' });
  return s('g', { role: 'button', tabindex: '-1', 'aria-label': title, class: 'bar' }, s('title', {}, title), hit, pieces);
}

/** One bar is in the tab order; arrow keys move along. */
function rove(bars, pick) {
  let current = 0;
  bars[0].setAttribute('tabindex', '0');
  bars.forEach((bar, at) => bar.addEventListener('keydown', (event) => {
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: bars.length - 1 }[event.key];
    if (event.key === 'Enter' || event.key === ' ') pick(at);
    else if (to === undefined || !bars[to]) return;
    else {
      bars[current].setAttribute('tabindex', '-1');
      current = to;
      bars[to].setAttribute('tabindex', '0');
      bars[to].focus();
    }
    event.preventDefault();
  }));
}

function legend(types) {
  const shown = types.slice(0, COLOURS);
  const rest = types.slice(COLOURS).reduce((sum, { count }) => sum + count, 0);
  const item = (colour, name, count) => h('li', {}, s('svg', { viewBox: '0 0 12 12', 'aria-hidden': 'true' }, s('rect', { width: 12, height: 12, class: `type-${colour}` })), ` ${name} `, h('span', { class: 'quiet' }, number(count)));
  return h('ul', { class: 'legend', 'aria-label': 'Types' }, shown.map(({ type, colour, count }) => item(colour, typeName(type), count)), rest > 0 && item(COLOURS, 'other', rest));
}
