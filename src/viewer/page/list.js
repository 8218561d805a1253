// The list of entries: only the rows in sight are elements, so 100,000 entries scroll as well as ten.

import { rfc3339 } from '../check/bytes.js';
import { h, number, shortTime, $ } from './dom.js';
import { typeName } from './timeline.js';

const ROW = 38;
/** Browsers give up on elements much taller than this; beyond it, the list scrolls in larger steps. */
const TALLEST = 8_000_000;

export class List {
  #box = $('list');
  #space = $('list-space');
  #rows = [];
  #current = 0;
  #open;

  /** `open` shows an entry. */
  constructor(open) {
    this.#open = open;
    this.#box.addEventListener('scroll', () => requestAnimationFrame(() => this.#draw()));
    this.#box.addEventListener('keydown', (event) => this.#key(event));
    new ResizeObserver(() => this.#draw()).observe(this.#box);
  }

  show(rows, marked) {
    this.#rows = rows;
    this.marked = marked;
    this.#current = Math.min(this.#current, Math.max(rows.length - 1, 0));
    this.#space.style.height = `${Math.min(rows.length * ROW, TALLEST)}px`;
    this.#draw();
  }

  get rows() {
    return this.#rows;
  }

  /** Moves to the row of an entry, where it is in the list. */
  reveal(index) {
    const at = this.#rows.findIndex((row) => row.at === index);
    if (at >= 0) this.#moveTo(at);
  }

  #scale() {
    const inSight = this.#box.clientHeight;
    const real = this.#rows.length * ROW - inSight;
    const drawn = Math.min(this.#rows.length * ROW, TALLEST) - inSight;
    return real > 0 && drawn > 0 ? real / drawn : 1;
  }

  #draw() {
    const scale = this.#scale();
    const top = this.#box.scrollTop;
    const from = Math.max(Math.floor((top * scale) / ROW) - 4, 0);
    const until = Math.min(from + Math.ceil(this.#box.clientHeight / ROW) + 9, this.#rows.length);
    const shift = top - top * scale;
    const drawn = [];
    for (let at = from; at < until; at += 1) {
      const row = this.#row(this.#rows[at], at);
      row.style.transform = `translateY(${at * ROW + shift}px)`;
      drawn.push(row);
    }
    this.#space.replaceChildren(...drawn);
    if (this.#rows.length > 0 && this.#current >= from && this.#current < until) this.#box.setAttribute('aria-activedescendant', `row-${this.#current}`);
    else this.#box.removeAttribute('aria-activedescendant');
  }

  #row(row, at) {
    const wrong = this.marked.has(row.at);
    const option = h('div', {
      id: `row-${at}`, role: 'option', class: `row${wrong ? ' wrong' : ''}`, 'aria-selected': String(at === this.#current),
      'aria-posinset': at + 1, 'aria-setsize': this.#rows.length,
    },
    h('span', { class: 'num' }, number(row.at)),
    h('span', { class: 'when' }, shortTime(rfc3339(row.recorded))),
    h('span', {}, typeName(row.type)),
    h('span', {}, row.subject || row.eventId),
    h('span', { class: 'quiet' }, row.source),
    h('span', { class: 'marks' }, wrong && h('b', {}, 'finding'), row.withheld > 0 && 'withheld'));
    option.addEventListener('click', () => {
      this.#current = at;
      this.#draw();
      this.#open(row);
    });
    return option;
  }

  #moveTo(at) {
    this.#current = at;
    const scale = this.#scale();
    const top = (at * ROW) / scale;
    const inSight = this.#box.clientHeight;
    if (top < this.#box.scrollTop) this.#box.scrollTop = top;
    else if (top + ROW > this.#box.scrollTop + inSight) this.#box.scrollTop = top + ROW - inSight + 1;
    this.#draw();
  }

  #key(event) {
    if (this.#rows.length === 0) return;
    const page = Math.max(Math.floor(this.#box.clientHeight / ROW) - 1, 1);
    const last = this.#rows.length - 1;
    const to = { ArrowDown: this.#current + 1, ArrowUp: this.#current - 1, PageDown: this.#current + page, PageUp: this.#current - page, Home: 0, End: last }[event.key];
    if (event.key === 'Enter' || event.key === ' ') this.#open(this.#rows[this.#current], true);
    else if (to === undefined) return;
    else this.#moveTo(Math.min(Math.max(to, 0), last));
    event.preventDefault();
  }
}
